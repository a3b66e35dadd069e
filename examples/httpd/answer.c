/* SPDX-License-Identifier: BSD-2-Clause */
/* From a request to an answer. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/stat.h>

#include "connection.h"

#define TAG_BYTES 24
#define TAGS      256 /* of files, kept: power of two */

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
    {501, "Not Implemented"},
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

static char *end_of(struct connection *connection)
{
    return connection->out + connection->out_len;
}

static size_t room_of(const struct connection *connection)
{
    return sizeof(connection->out) - connection->out_len;
}

/* What does not fit is left out; the room is enough for every answer that is made here. */
static void advance(struct connection *connection, int len)
{
    if (len > 0 && (size_t)len < room_of(connection))
        connection->out_len += (size_t)len;
}

/* A macro, because clang checks no stack in functions of variable arguments. */
#define add(connection, ...)                                                                       \
    advance(connection, snprintf(end_of(connection), room_of(connection), __VA_ARGS__))

static void begin(struct connection *connection, int status)
{
    connection->answering = true;
    connection->out_at = connection->out_len = 0;
    connection->body = "";
    connection->body_len = 0;
    add(connection, "HTTP/1.1 %d %s\r\nServer: sprat\r\nDate: %s\r\n", status, reason_of(status),
        date());
    if (!connection->keep_alive)
        add(connection, "Connection: close\r\n");
    else if (connection->parser.http_minor == 0)
        add(connection, "Connection: keep-alive\r\n");
}

/* An answer without a file: its reason is its page. */
static void answer_status(struct connection *connection, int status)
{
    begin(connection, status);
    if (status == 405)
        add(connection, "Allow: GET, HEAD\r\n");
    const char *reason = reason_of(status);
    add(connection, "Content-Type: text/plain\r\nContent-Length: %zu\r\n\r\n", strlen(reason) + 1);
    if (connection->parser.method != HTTP_HEAD)
        add(connection, "%s\n", reason);
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

/* Undo %XX and cut the query, in place. @return false for what is no path. */
static bool decode_path(char *path)
{
    char *to = path;

    if (*path != '/')
        return false;
    for (const char *from = path; *from && *from != '?' && *from != '#'; from++) {
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

/* A file's ETag, from what is in it. Files do not change while the guest runs. */
static void tag_of(const char *bytes, size_t len, char tag[TAG_BYTES])
{
    static struct {
        const char *bytes;
        uint64_t hash;
    } known[TAGS];
    size_t slot = ((uintptr_t)bytes >> 2) % TAGS;

    if (known[slot].bytes != bytes) {
        uint64_t hash = 0xcbf29ce484222325; /* FNV-1a */
        for (size_t i = 0; i < len; i++)
            hash = (hash ^ (unsigned char)bytes[i]) * 0x100000001b3;
        known[slot].bytes = bytes;
        known[slot].hash = hash;
    }
    snprintf(tag, TAG_BYTES, "\"%016llx\"", (unsigned long long)known[slot].hash + len);
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

static void answer_file(struct connection *connection, const char *path, const char *bytes,
                        size_t size)
{
    const char *if_range = connection->values[HEADER_IF_RANGE];
    struct range range = {0, size - 1};
    enum range_kind kind = RANGE_NONE;
    char tag[TAG_BYTES];

    tag_of(bytes, size, tag);
    if (tag_matches(connection->values[HEADER_IF_NONE_MATCH], tag)) {
        begin(connection, 304);
        add(connection, "ETag: %s\r\n\r\n", tag);
        return;
    }
    if (connection->values[HEADER_RANGE][0] && (!*if_range || strcmp(if_range, tag) == 0))
        kind = parse_range(connection->values[HEADER_RANGE], size, &range);
    if (kind == RANGE_OUTSIDE) {
        begin(connection, 416);
        add(connection, "Content-Range: bytes */%zu\r\nContent-Length: 0\r\n\r\n", size);
        return;
    }
    begin(connection, kind == RANGE_GOOD ? 206 : 200);
    if (kind == RANGE_GOOD) {
        add(connection, "Content-Range: bytes %zu-%zu/%zu\r\n", range.first, range.last, size);
        bytes += range.first;
        size = range.last - range.first + 1;
    }
    add(connection,
        "ETag: %s\r\nAccept-Ranges: bytes\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n", tag,
        type_of(path), size);
    if (connection->parser.method == HTTP_HEAD)
        return;
    connection->body = bytes;
    connection->body_len = size;
}

static void answer_path(struct connection *connection, char *path)
{
    struct stat st;
    size_t len = strlen(path);

    if (stat(path, &st)) {
        answer_status(connection, 404);
        return;
    }
    if (S_ISDIR(st.st_mode)) {
        if (path[len - 1] != '/') {
            begin(connection, 301);
            add(connection, "Location: %s/\r\nContent-Length: 0\r\n\r\n", connection->url);
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
    answer_file(connection, path, bytes, (size_t)st.st_size);
}

void answer_request(struct connection *connection)
{
    static char path[URL_MAX + sizeof("index.html")];
    const http_parser *parser = &connection->parser;

    connection->url[connection->url_len] = '\0';
    strcpy(path, connection->url);
    if (parser->http_major != 1)
        answer_error(connection, 505);
    else if ((parser->http_minor >= 1 && !connection->has_host) || !decode_path(path))
        answer_error(connection, 400);
    else if (parser->method != HTTP_GET && parser->method != HTTP_HEAD)
        answer_error(connection, 405);
    else
        answer_path(connection, path);
}
