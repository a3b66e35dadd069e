/* SPDX-License-Identifier: BSD-2-Clause */
#include "ask.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fail.h"

#define ANSWER_GRACE_S 120 /* beyond a request's own time limit; the daemon is dead then */

static struct {
    int fd;
    char *in;
    size_t n_in, in_size;
    bool show_json;
    double timeout_s;
} connection;

void ask_die(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("spratctl: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

bool ask_shows_json(void)
{
    return connection.show_json;
}

void ask_open(const char *path, bool show_json, double timeout_s)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (snprintf(address.sun_path, sizeof(address.sun_path), "%s", path) >=
        (int)sizeof(address.sun_path))
        ask_die("the socket's path is too long: %s", path);
    connection.show_json = show_json;
    connection.timeout_s = timeout_s;
    connection.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection.fd < 0 ||
        connect(connection.fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        ask_die("no spratd at %s (%s); start spratd first", path, strerror(errno));
}

/* The next answer; the caller frees it. */
static struct json *receive(void)
{
    struct fail fail;
    struct json *answer;
    char *end;

    while (!(end = memchr(connection.in, '\n', connection.n_in))) {
        struct pollfd poll_fd = {.fd = connection.fd, .events = POLLIN};
        if (connection.in_size - connection.n_in < 65536) {
            connection.in_size = connection.in_size * 2 + 65536;
            connection.in = realloc(connection.in, connection.in_size);
            if (!connection.in)
                ask_die("no memory");
        }
        if (poll(&poll_fd, 1, (int)((connection.timeout_s + ANSWER_GRACE_S) * 1000)) == 0)
            ask_die("spratd does not answer");
        ssize_t n = recv(connection.fd, connection.in + connection.n_in,
                         connection.in_size - connection.n_in, 0);
        if (n <= 0)
            ask_die("spratd closed the connection");
        connection.n_in += (size_t)n;
    }
    size_t len = (size_t)(end - connection.in);
    if (connection.show_json)
        printf("%.*s\n", (int)len, connection.in);
    if (json_parse(connection.in, len, &answer, &fail) < 0)
        ask_die("spratd's answer is no JSON: %s", fail.text);
    connection.n_in -= len + 1;
    memmove(connection.in, end + 1, connection.n_in);
    return answer;
}

void ask_begin(struct json_out *out, const char *op)
{
    json_open(out, NULL, '{');
    json_put_string(out, "op", op);
}

/* Show an answer that has failed. @return whether it has not. */
static bool succeeded(const struct json *answer)
{
    if (json_get_bool(answer, "ok", false))
        return true;
    if (connection.show_json)
        return false;
    fflush(stdout);
    fprintf(stderr, "spratctl: %s\n", json_get_string(answer, "error", "no reason given"));
    const char *console = json_get_string(answer, "console", "");
    if (*console)
        fprintf(stderr, "Its console says:\n%s\n", console);
    return false;
}

/* spratd has closed the connection: it may have said why. */
static _Noreturn void die_of_refusal(void)
{
    struct json *answer = receive();

    succeeded(answer);
    json_free(answer);
    exit(1);
}

static void send_request(struct json_out *out)
{
    json_close(out, '}');
    json_end_line(out);
    if (out->failed)
        ask_die("no memory");
    for (size_t sent = 0; sent < out->len;) {
        ssize_t n = send(connection.fd, out->text + sent, out->len - sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EPIPE)
            die_of_refusal();
        if (n < 0)
            ask_die("cannot ask spratd: %s", strerror(errno));
        sent += (size_t)n;
    }
    out->len = 0;
}

struct json *ask(struct json_out *out)
{
    send_request(out);
    struct json *answer = receive();
    if (!succeeded(answer))
        exit(1);
    return answer;
}

struct json *ask_quietly(struct json_out *out)
{
    bool show_json = connection.show_json;

    connection.show_json = false;
    struct json *answer = ask(out);
    connection.show_json = show_json;
    return answer;
}

static void take_answer(struct ask_pipeline *pipeline)
{
    struct json *answer = receive();

    if (!succeeded(answer))
        pipeline->n_failed++;
    else if (!connection.show_json && pipeline->show)
        pipeline->show(answer);
    json_free(answer);
    pipeline->n_under_way--;
}

void ask_send(struct ask_pipeline *pipeline, struct json_out *out)
{
    while (pipeline->n_under_way >= pipeline->most_under_way)
        take_answer(pipeline);
    send_request(out);
    pipeline->n_under_way++;
}

int ask_finish(struct ask_pipeline *pipeline)
{
    while (pipeline->n_under_way)
        take_answer(pipeline);
    return pipeline->n_failed ? 1 : 0;
}
