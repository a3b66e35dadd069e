/* SPDX-License-Identifier: BSD-2-Clause */
/* examples/httpd: what a request is answered with, on the host's sockets and files. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "../../examples/httpd/connection.h"

#define PAGE "0123456789abcdef"
#define LAST "\r\nHost: a\r\n\r\n"

static char root[] = "/tmp/httpd-XXXXXX";
static bool no_memory; /* mmap() and malloc() fail */

static int client, server;
static struct connection *connection;
static char answer[8192], tag[64];
static bool is_open; /* after the last answer */

/* The linker makes httpd's calls come here (--wrap): its files are those below root. */

int __real_stat(const char *path, struct stat *st);
int __real_open(const char *path, int flags, ...);
void *__real_mmap(void *at, size_t size, int prot, int flags, int fd, off_t offset);
void *__real_malloc(size_t size);
int __wrap_stat(const char *path, struct stat *st);
int __wrap_open(const char *path, int flags, int mode);
void *__wrap_mmap(void *at, size_t size, int prot, int flags, int fd, off_t offset);
void *__wrap_malloc(size_t size);

static const char *below_root(const char *path)
{
    static char whole[URL_MAX + 64];

    snprintf(whole, sizeof(whole), "%s%s", root, path);
    return whole;
}

int __wrap_stat(const char *path, struct stat *st)
{
    return __real_stat(below_root(path), st);
}

int __wrap_open(const char *path, int flags, int mode)
{
    return __real_open(below_root(path), flags, mode);
}

void *__wrap_mmap(void *at, size_t size, int prot, int flags, int fd, off_t offset)
{
    return no_memory ? MAP_FAILED : __real_mmap(at, size, prot, flags, fd, offset);
}

void *__wrap_malloc(size_t size)
{
    return no_memory ? NULL : __real_malloc(size);
}

static void make_file(const char *path, const char *content)
{
    FILE *file = fopen(below_root(path), "w");

    assert_non_null(file);
    fputs(content, file);
    fclose(file);
}

static int make_files(void **state)
{
    (void)state;
    if (!mkdtemp(root) || mkdir(below_root("/sub"), 0700) || mkdir(below_root("/bare"), 0700) ||
        mkdir(below_root("/odd"), 0700) || mkdir(below_root("/odd/index.html"), 0700))
        return -1;
    make_file("/index.html", PAGE);
    make_file("/sub/index.html", "sub");
    make_file("/empty.txt", "");
    make_file("/a b.css", "css");
    make_file("/other", "later");
    return 0;
}

static int remove_files(void **state)
{
    static const char *const paths[] = {
        "/odd/index.html", "/odd",   "/bare",      "/sub/index.html", "/sub",
        "/a b.css",        "/other", "/empty.txt", "/index.html",     ""};

    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        remove(below_root(paths[i]));
    return 0;
}

static int setup(void **state)
{
    int pair[2];

    (void)state;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair))
        return -1;
    client = pair[0];
    server = pair[1];
    connection = connection_new(server, 0);
    return connection ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    connection_free(connection);
    close(client);
    close(server);
    return 0;
}

static void come_anew(void)
{
    teardown(NULL);
    assert_int_equal(setup(NULL), 0);
}

static void say(const char *text)
{
    short events;

    assert_int_equal(send(client, text, strlen(text), 0), strlen(text));
    is_open = connection_work(connection, 0, &events);
}

static void take_answer(void)
{
    ssize_t n = recv(client, answer, sizeof(answer) - 1, 0);

    answer[n > 0 ? n : 0] = '\0';
}

/* @return the status; answer has all of it. */
static int ask(const char *request)
{
    say(request);
    take_answer();
    assert_memory_equal(answer, "HTTP/1.1 ", 9);
    return (int)strtol(answer + 9, NULL, 10);
}

/* GET / with one header. */
static int ask_with(const char *header)
{
    char request[2048];

    snprintf(request, sizeof(request), "GET / HTTP/1.1\r\n%s" LAST, header);
    return ask(request);
}

static const char *body(void)
{
    const char *end = strstr(answer, "\r\n\r\n");

    assert_non_null(end);
    return end + 4;
}

static void assert_says(const char *part)
{
    if (!strstr(answer, part))
        fail_msg("no \"%s\" in: %s", part, answer);
}

static void learn_tag(void)
{
    assert_int_equal(ask("GET / HTTP/1.1" LAST), 200);
    assert_int_equal(sscanf(strstr(answer, "ETag: "), "ETag: %63s", tag), 1);
}

static void a_page_comes_whole_the_second_time_too(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ask("GET / HTTP/1.1" LAST), 200);
        assert_string_equal(body(), PAGE);
        assert_says("Content-Length: 16\r\n");
        assert_says("Content-Type: text/html; charset=utf-8\r\n");
        assert_true(is_open);
    }
    assert_int_equal(ask("HEAD / HTTP/1.1" LAST), 200);
    assert_says("Content-Length: 16\r\n");
    assert_string_equal(body(), "");
}

static void what_a_target_leads_to(void **state)
{
    static const struct {
        const char *target;
        int status;
        const char *says;
    } cases[] = {
        {"/index.html?x#y", 200, PAGE},
        {"/index.html#y", 200, PAGE},
        {"/a%20b.css", 200, "text/css"},
        {"/%61%20b%2eCSS", 404, "Not Found"},
        {"/empty.txt", 200, "Content-Length: 0\r\n"},
        {"/other", 200, "application/octet-stream"},
        {"/sub", 301, "Location: /sub/\r\n"},
        {"/sub/", 200, "sub"},
        {"/bare/", 403, "Forbidden\n"},
        {"/odd/", 404, "Not Found\n"},
        {"/nothing", 404, "Not Found\n"},
        {"/%zz", 400, "Bad Request\n"},
        {"/%4", 400, "Bad Request\n"},
        {"/%", 400, "Bad Request\n"},
        {"/%00", 400, "Bad Request\n"},
        {"/index.html%00.txt", 400, "Bad Request\n"},
        {"http://a/", 200, PAGE},
        {"HTTP://a:80/sub/", 200, "sub"},
        {"http://a?/sub/", 200, PAGE},
        {"https://a/", 400, "Bad Request\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char request[256];
        come_anew();
        snprintf(request, sizeof(request), "GET %s HTTP/1.1" LAST, cases[i].target);
        int status = ask(request);
        if (status != cases[i].status)
            fail_msg("%s: %d", cases[i].target, status);
        assert_says(cases[i].says);
    }
}

static void targets_that_are_kept_are_not_taken_for_one_another(void **state)
{
    char request[256], name[URL_MAX];

    (void)state;
    for (int i = 0; i < 400; i++) { /* more than are kept */
        snprintf(request, sizeof(request), "GET /?%d HTTP/1.1" LAST, i);
        assert_int_equal(ask(request), 200);
        assert_string_equal(body(), PAGE);
        snprintf(request, sizeof(request), "GET /sub/?%d HTTP/1.1" LAST, i);
        assert_int_equal(ask(request), 200);
        assert_string_equal(body(), "sub");
    }
    memset(name, 'x', sizeof(name)); /* too long to be kept */
    for (int i = 0; i < 2; i++) {
        snprintf(request, sizeof(request), "GET /?%.100s HTTP/1.1" LAST, name);
        assert_int_equal(ask(request), 200);
        assert_string_equal(body(), PAGE);
    }
}

static void a_target_may_come_in_pieces_and_have_1024_bytes(void **state)
{
    char target[URL_MAX + 2] = "/";

    (void)state;
    memset(target + 1, 'x', URL_MAX - 1);
    say("GET ");
    for (size_t at = 0; at < URL_MAX; at += 256) {
        char piece[257] = "";
        strncat(piece, target + at, 256);
        say(piece);
    }
    assert_int_equal(ask(" HTTP/1.1" LAST), 404);
    say("GET ");
    say(target);
    assert_int_equal(ask("x HTTP/1.1" LAST), 414);
    assert_false(is_open);
}

static void a_redirection_has_room_for_the_longest_target(void **state)
{
    char target[URL_MAX + 1], request[URL_MAX + 64];

    (void)state;
    memset(target, '/', URL_MAX); /* any number of slashes is one */
    strcpy(target + URL_MAX - 3, "sub");
    snprintf(request, sizeof(request), "GET %s HTTP/1.1" LAST, target);
    assert_int_equal(ask(request), 301);
    assert_says("Content-Length: 0\r\n\r\n");
}

static void ranges(void **state)
{
    static const struct {
        const char *range;
        int status;
        const char *expected;
    } cases[] = {
        {"bytes=0-3", 206, "0123"},  {"bytes=14-", 206, "ef"},
        {"bytes=14-99", 206, "ef"},  {"bytes=-2", 206, "ef"},
        {"bytes=-99", 206, PAGE},    {"bytes=15-15", 206, "f"},
        {"bytes=16-", 416, ""},      {"bytes=-0", 416, ""},
        {"bytes=3-2", 200, PAGE},    {"bytes=0-1,3-4", 200, PAGE},
        {"bytes=-2,3-4", 200, PAGE}, {"bytes=-", 200, PAGE},
        {"bytes=x-2", 200, PAGE},    {"bytes=-x", 200, PAGE},
        {"bytes=1-x", 200, PAGE},    {"bytes=1", 200, PAGE},
        {"bytes=1x", 200, PAGE},     {"bytes=1-2x", 200, PAGE},
        {"lines=0-3", 200, PAGE},    {"bytes=99999999999999999999-", 416, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char header[256];
        snprintf(header, sizeof(header), "Range: %s", cases[i].range);
        int status = ask_with(header);
        if (status != cases[i].status || strcmp(body(), cases[i].expected) != 0)
            fail_msg("%s: %s", cases[i].range, answer);
    }
    assert_int_equal(ask_with("Range: bytes=2-4"), 206);
    assert_says("Content-Range: bytes 2-4/16\r\nETag: ");
    assert_int_equal(ask_with("Range: bytes=16-"), 416);
    assert_says("Content-Range: bytes */16\r\n");
    assert_int_equal(ask("GET /empty.txt HTTP/1.1\r\nRange: bytes=-1" LAST), 416);
    assert_int_equal(ask("GET /empty.txt HTTP/1.1\r\nRange: bytes=0-" LAST), 416);
}

static void what_is_known_is_not_sent_again(void **state)
{
    char header[200];

    (void)state;
    learn_tag();
    snprintf(header, sizeof(header), "If-None-Match: \"b\", W/%s", tag);
    assert_int_equal(ask_with(header), 304);
    assert_string_equal(body(), "");
    assert_says(tag);
    assert_int_equal(ask_with("If-None-Match: *"), 304);
    assert_int_equal(ask_with("If-None-Match: \"b\""), 200);
}

static void a_range_of_another_version_is_the_whole(void **state)
{
    char header[200];

    (void)state;
    learn_tag();
    snprintf(header, sizeof(header), "Range: bytes=0-1\r\nIf-Range: %s", tag);
    assert_int_equal(ask_with(header), 206);
    assert_int_equal(ask_with("If-Range: \"b\"\r\nRange: bytes=0-1"), 200);
}

static void headers_are_known_by_their_whole_names(void **state)
{
    (void)state;
    assert_int_equal(ask_with("rAnGe: bytes=0-1"), 206);
    assert_int_equal(ask_with("Rang: bytes=0-1"), 200);
    assert_int_equal(ask_with("Ranges: bytes=0-1"), 200);
    assert_int_equal(ask_with("Xange: bytes=0-1"), 200);
    assert_int_equal(ask_with("If-Range-And-A-Name-That-Is-Much-Longer: x\r\nRange: bytes=0-1"),
                     206);
    assert_int_equal(ask("GET / HTTP/1.1\r\nRange: bytes=0-1" LAST), 206);
    assert_int_equal(ask("GET / HTTP/1.1" LAST), 200); /* nothing is left of the one before */
}

static void a_header_may_come_byte_by_byte(void **state)
{
    static const char request[] = "GET / HTTP/1.1\r\nAccept: x\r\nRange: bytes=4-6" LAST;

    (void)state;
    for (size_t i = 0; i + 2 < sizeof(request); i++)
        say((char[]){request[i], '\0'});
    assert_int_equal(ask("\n"), 206);
    assert_string_equal(body(), "456");
}

static void a_value_that_is_too_long_is_as_if_it_were_not_there(void **state)
{
    char value[400], header[500];

    (void)state;
    memset(value, ' ', sizeof(value));
    snprintf(header, sizeof(header), "Range: bytes=0-1%.*sx\r\nA: b", VALUE_MAX - 9, value);
    assert_int_equal(ask_with(header), 200);
    memset(value, '0', sizeof(value));
    snprintf(header, sizeof(header), "Range: bytes=%.*s-0", VALUE_MAX - 8, value);
    assert_int_equal(ask_with(header), 206);
    assert_string_equal(body(), "0");
    snprintf(header, sizeof(header), "Range: bytes=%.*s-0", VALUE_MAX - 7, value);
    assert_int_equal(ask_with(header), 200);
    snprintf(header, sizeof(header), "GET / HTTP/1.1\r\nRange: bytes=%.*s", VALUE_MAX - 7, value);
    say(header);
    assert_int_equal(ask("0000-0" LAST), 200); /* nor is its end one */
}

static void who_names_no_host_is_refused_unless_its_http_is_older(void **state)
{
    (void)state;
    assert_int_equal(ask("GET / HTTP/1.1\r\n\r\n"), 400);
    assert_false(is_open);
    come_anew();
    assert_int_equal(ask("GET / HTTP/1.0\r\n\r\n"), 200);
    assert_says("Connection: close\r\n");
    assert_false(is_open);
    come_anew();
    assert_int_equal(ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), 200);
    assert_says("Connection: keep-alive\r\n");
    assert_true(is_open);
    assert_int_equal(ask("GET / HTTP/1.1\r\nConnection: close" LAST), 200);
    assert_says("Connection: close\r\n");
    assert_false(is_open);
}

static void what_is_no_request_is_refused(void **state)
{
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        {"DELETE / HTTP/1.1" LAST, 405},    {"BREW / HTTP/1.1" LAST, 501},
        {"GET / HTTP/2.0" LAST, 505},       {"GET / HTTP/0.9" LAST, 505},
        {"GET / HTTP/x" LAST, 505},         {"GET / HTTP/1.1\r\n\x01: a" LAST, 400},
        {"CONNECT a:1 HTTP/1.1" LAST, 405},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        come_anew();
        int status = ask(cases[i].request);
        if (status != cases[i].status)
            fail_msg("%s: %s", cases[i].request, answer);
    }
    come_anew();
    assert_int_equal(ask("DELETE / HTTP/1.1" LAST), 405);
    assert_says("Allow: GET, HEAD\r\n");
}

/* It is asked for, not demanded: RFC 9110, 7.8. */
static void no_other_protocol_is_spoken(void **state)
{
    (void)state;
    assert_int_equal(ask_with("Upgrade: h2c\r\nConnection: upgrade"), 200);
    say("GET / HTTP/1.1\r\nUpgrade: x\r\nConnection: upgrade\r\nContent-Length: 2" LAST "a");
    assert_int_equal(ask("b"), 200);
}

static void requests_may_come_all_at_once(void **state)
{
    (void)state;
    say("GET /sub/ HTTP/1.1" LAST "GET / HTTP/1.1" LAST "GET /nothing HTTP/1.1" LAST);
    take_answer();
    assert_says("sub");
    assert_says(PAGE);
    assert_says("HTTP/1.1 404");
    assert_true(is_open);
}

static void a_client_that_leaves_ends_it(void **state)
{
    short events;

    (void)state;
    shutdown(client, SHUT_WR);
    assert_false(connection_work(connection, 0, &events));
}

static void without_memory_it_is_said_and_nothing_breaks(void **state)
{
    (void)state;
    no_memory = true;
    struct connection *none = connection_new(server, 0);
    int status = ask("GET /sub/?once HTTP/1.1" LAST);
    no_memory = false;
    assert_null(none);
    assert_int_equal(status, 503);
    assert_false(is_open);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_page_comes_whole_the_second_time_too),
        TEST(what_a_target_leads_to),
        TEST(targets_that_are_kept_are_not_taken_for_one_another),
        TEST(a_target_may_come_in_pieces_and_have_1024_bytes),
        TEST(a_redirection_has_room_for_the_longest_target),
        TEST(ranges),
        TEST(what_is_known_is_not_sent_again),
        TEST(a_range_of_another_version_is_the_whole),
        TEST(headers_are_known_by_their_whole_names),
        TEST(a_header_may_come_byte_by_byte),
        TEST(a_value_that_is_too_long_is_as_if_it_were_not_there),
        TEST(who_names_no_host_is_refused_unless_its_http_is_older),
        TEST(what_is_no_request_is_refused),
        TEST(no_other_protocol_is_spoken),
        TEST(requests_may_come_all_at_once),
        TEST(a_client_that_leaves_ends_it),
        TEST(without_memory_it_is_said_and_nothing_breaks),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
