/* SPDX-License-Identifier: BSD-2-Clause */
/* From a request to an answer. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/stat.h>

#include "connection.h"

#define TAG_BYTES    24
#define HOST_FOLLOWS "http://" /* RFC 9112, 3.2.2: to be accepted, whatever the host */
#define PAGES        128       /* targets that are kept with what they lead to */
#define URL_KEPT     64        /* longer ones are not */

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    {200, "OK"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {414, "URI Too Long"},
    {416, "Range Not Satisfiable"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
};

static const struct {
    const char *suffix, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".json", "application/json"},
    {".txt", "text/plain; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".jpeg", "image/jpeg"},
    {".gif", "image/gif"},
    {".webp", "image/webp"},
    {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},
    {".pdf", "application/pdf"},
    {".wasm", "application/wasm"},
    {".xml", "application/xml"},
};

static const char *reason_of(int status)
{
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Error";
}

static const char *type_of(const char *path)
{
    const char *dot = strrchr(path, '.');

    for (size_t i = 0; dot && i < sizeof(types) / sizeof(types[0]); i++)
        if (strcasecmp(dot, types[i].suffix) == 0)
            return types[i].type;
    return "application/octet-stream";
}

/* The Date header's value, made once a second. */
static const char *date(void)
{
    static char text[40];
    static time_t made;
    time_t now = time(NULL);
    struct tm utc;

    if (now != made)
        strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &utc));
    made = now;
    return text;
}

/* What does not fit is left out; the room is enough for every answer that is made here. */
static void add(struct connection *connection, const char *text, size_t len)
{
    if (len > sizeof(connection->out) - connection->out_len)
        return;
    memcpy(connection->out + connection->out_len, text, len);
    connection->out_len += len;
}

/* Most texts are written here, and their lengths known when this is compiled. */
static inline __attribute__((always_inline)) void add_text(struct connection *connection,
                                                           const char *text)
{
    add(connection, text, strlen(text));
}

static void add_number(struct connection *connection, size_t number)
{
    char digits[20], *at = digits + sizeof(digits);

    do
        *--at = (char)('0' + number % 10);
    while (number /= 10);
    add(connection, at, (size_t)(digits + sizeof(digits) - at));
}

static void begin(struct connection *connection, int status)
{
    connection->answering = true;
    connection->out_at = connection->out_len = 0;
    connection->body = "";
    connection->body_len = 0;
    add_text(connection, "HTTP/1.1 ");
    add_number(connection, (size_t)status);
    add_text(connection, " ");
    add_text(connection, reason_of(status));
    add_text(connection, "\r\nServer: sprat\r\nDate: ");
    add_text(connection, date());
    if (!connection->keep_alive)
        add_text(connection, "\r\nConnection: close");
    else if (connection->parser.http_minor == 0)
        add_text(connection, "\r\nConnection: keep-alive");
    add_text(connection, "\r\n");
}

/* The last header: an empty line follows. */
static void add_length(struct connection *connection, size_t len)
{
    add_text(connection, "Content-Length: ");
    add_number(connection, len);
    add_text(connection, "\r\n\r\n");
}

/* An answer without a file: its reason is its page. */
static void answer_status(struct connection *connection, int status)
{
    begin(connection, status);
    if (status == 405)
        add_text(connection, "Allow: GET, HEAD\r\n");
    const char *reason = reason_of(status);
    add_text(connection, "Content-Type: text/plain\r\n");
    add_length(connection, strlen(reason) + 1);
    if (connection->parser.method != HTTP_HEAD) {
        add_text(connection, reason);
        add_text(connection, "\n");
    }
}

void answer_error(struct connection *connection, int status)
{
    connection->keep_alive = false;
    answer_status(connection, status);
}

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Undo %XX and cut host and query, in place. @return false for what is no path. */
static bool decode_path(char *path)
{
    const char *from = path;
    char *to = path;

    if (strncasecmp(path, HOST_FOLLOWS, strlen(HOST_FOLLOWS)) == 0) {
        from += strlen(HOST_FOLLOWS);
        from += strcspn(from, "/?#");
        if (*from != '/')
            *to++ = '/';
    } else if (*path != '/') {
        return false;
    }
    for (; *from && *from != '?' && *from != '#'; from++) {
        if (*from != '%') {
            *to++ = *from;
            continue;
        }
        int high = hex(from[1]), low = high < 0 ? -1 : hex(from[2]);
        if (low < 0 || high * 16 + low == 0)
            return false;
        *to++ = (char)(high * 16 + low);
        from += 2;
    }
    *to = '\0';
    return true;
}

/*
 * A file that was asked for. Files do not change while the guest runs, so what was found for a
 * target is found again without a look into the file system.
 */
struct page {
    char url[URL_KEPT];
    size_t url_len; /* 0: none is kept here */
    const char *bytes, *type;
    size_t size;
    char tag[TAG_BYTES];
};

static struct page pages[PAGES];

static struct page *page_of(const char *url, size_t len)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)url[i]) * 16777619u;
    return &pages[hash % PAGES];
}

/* The ETag, from what is in the file. */
static void make_tag(struct page *page)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t hash = 0xcbf29ce484222325; /* FNV-1a */
    char *to = page->tag;

    for (size_t i = 0; i < page->size; i++)
        hash = (hash ^ (unsigned char)page->bytes[i]) * 0x100000001b3;
    hash += page->size;
    *to++ = '"';
    for (int shift = 60; shift >= 0; shift -= 4)
        *to++ = digits[hash >> shift & 15];
    *to++ = '"';
    *to = '\0';
}

struct range {
    size_t first, last;
};

enum range_kind { RANGE_NONE, RANGE_GOOD, RANGE_OUTSIDE };

static bool parse_number(const char **text, size_t *number)
{
    char *end;

    if (**text < '0' || **text > '9')
        return false;
    *number = strtoul(*text, &end, 10);
    *text = end;
    return true;
}

/* One range; a list of several is answered with the whole file, as RFC 9110 allows. */
static enum range_kind parse_range(const char *text, size_t size, struct range *range)
{
    if (strncmp(text, "bytes=", 6) != 0)
        return RANGE_NONE;
    text += 6;
    if (*text == '-') {
        size_t len;
        text++;
        if (!parse_number(&text, &len) || *text)
            return RANGE_NONE;
        if (!len || !size)
            return RANGE_OUTSIDE;
        range->first = len < size ? size - len : 0;
        range->last = size - 1;
        return RANGE_GOOD;
    }
    if (!parse_number(&text, &range->first) || *text++ != '-')
        return RANGE_NONE;
    range->last = size - 1;
    if (*text && (!parse_number(&text, &range->last) || *text || range->last < range->first))
        return RANGE_NONE;
    if (range->first >= size)
        return RANGE_OUTSIDE;
    if (range->last >= size)
        range->last = size - 1;
    return RANGE_GOOD;
}

/* Is the tag in a list of them ("a", W/"b", or *)? */
static bool tag_matches(const char *list, const char *tag)
{
    return strcmp(list, "*") == 0 || strstr(list, tag);
}

static void answer_page(struct connection *connection, const struct page *page)
{
    const char *if_range = connection->values[HEADER_IF_RANGE];
    struct range range = {0, page->size - 1};
    enum range_kind kind = RANGE_NONE;
    const char *bytes = page->bytes;
    size_t size = page->size;

    if (tag_matches(connection->values[HEADER_IF_NONE_MATCH], page->tag)) {
        begin(connection, 304);
        add_text(connection, "ETag: ");
        add_text(connection, page->tag);
        add_text(connection, "\r\n\r\n");
        return;
    }
    if (connection->values[HEADER_RANGE][0] && (!*if_range || strcmp(if_range, page->tag) == 0))
        kind = parse_range(connection->values[HEADER_RANGE], size, &range);
    if (kind == RANGE_OUTSIDE) {
        begin(connection, 416);
        add_text(connection, "Content-Range: bytes */");
        add_number(connection, size);
        add_text(connection, "\r\n");
        add_length(connection, 0);
        return;
    }
    begin(connection, kind == RANGE_GOOD ? 206 : 200);
    if (kind == RANGE_GOOD) {
        add_text(connection, "Content-Range: bytes ");
        add_number(connection, range.first);
        add_text(connection, "-");
        add_number(connection, range.last);
        add_text(connection, "/");
        add_number(connection, size);
        add_text(connection, "\r\n");
        bytes += range.first;
        size = range.last - range.first + 1;
    }
    add_text(connection, "ETag: ");
    add_text(connection, page->tag);
    add_text(connection, "\r\nAccept-Ranges: bytes\r\nContent-Type: ");
    add_text(connection, page->type);
    add_text(connection, "\r\n");
    add_length(connection, size);
    if (connection->parser.method == HTTP_HEAD)
        return;
    connection->body = bytes;
    connection->body_len = size;
}

/* @param page  where it may be kept. */
static void answer_path(struct connection *connection, char *path, struct page *page)
{
    static struct page once;
    struct stat st;
    size_t len = strlen(path);

    if (stat(path, &st)) {
        answer_status(connection, 404);
        return;
    }
    if (S_ISDIR(st.st_mode)) {
        if (path[len - 1] != '/') {
            begin(connection, 301);
            add_text(connection, "Location: ");
            add_text(connection, connection->url);
            add_text(connection, "/\r\n");
            add_length(connection, 0);
            return;
        }
        strcpy(path + len, "index.html");
    }
    int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        answer_status(connection, fd < 0 && S_ISDIR(st.st_mode) ? 403 : 404);
        if (fd >= 0)
            close(fd);
        return;
    }
    const char *bytes =
        st.st_size ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : "";
    close(fd); /* the mapping stays */
    if (bytes == MAP_FAILED) {
        answer_error(connection, 503);
        return;
    }
    if (connection->url_len > URL_KEPT)
        page = &once;
    else
        memcpy(page->url, connection->url, connection->url_len);
    page->url_len = connection->url_len;
    page->bytes = bytes;
    page->size = (size_t)st.st_size;
    page->type = type_of(path);
    make_tag(page);
    answer_page(connection, page);
}

void answer_request(struct connection *connection)
{
    static char path[URL_MAX + sizeof("index.html")];
    const http_parser *parser = &connection->parser;
    struct page *page = page_of(connection->url, connection->url_len);

    connection->url[connection->url_len] = '\0';
    bool is_known = page->url_len && page->url_len == connection->url_len &&
                    memcmp(page->url, connection->url, page->url_len) == 0;
    bool is_well_made = (parser->http_minor == 0 || connection->has_host) &&
                        (is_known || decode_path(strcpy(path, connection->url)));
    if (parser->http_major != 1)
        answer_error(connection, 505);
    else if (!is_well_made)
        answer_error(connection, 400);
    else if (parser->method != HTTP_GET && parser->method != HTTP_HEAD)
        answer_error(connection, 405);
    else if (is_known)
        answer_page(connection, page);
    else
        answer_path(connection, path, page);
}
