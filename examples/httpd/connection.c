/* SPDX-License-Identifier: BSD-2-Clause */
#include "connection.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sys/socket.h>

static struct connection *of(http_parser *parser)
{
    return parser->data;
}

static int on_begin(http_parser *parser)
{
    struct connection *connection = of(parser);

    connection->url_len = connection->name_len = 0;
    connection->name_ended = connection->has_host = connection->complete = false;
    connection->header = HEADER_NONE;
    connection->deadline_s = connection->now_s + REQUEST_S;
    for (int i = 0; i < HEADERS; i++)
        connection->values[i][0] = '\0';
    return 0;
}

static int on_url(http_parser *parser, const char *at, size_t len)
{
    struct connection *connection = of(parser);

    if (len > URL_MAX - connection->url_len) {
        connection->url_len = URL_MAX + 1; /* told when the request is complete */
        return 1;
    }
    memcpy(connection->url + connection->url_len, at, len);
    connection->url_len += len;
    return 0;
}

static int on_name(http_parser *parser, const char *at, size_t len)
{
    struct connection *connection = of(parser);

    if (connection->name_ended) {
        connection->name_len = 0;
        connection->name_ended = false;
    }
    size_t room = sizeof(connection->name) - connection->name_len;
    size_t part = len < room ? len : room;
    memcpy(connection->name + connection->name_len, at, part);
    connection->name_len += part;
    return 0;
}

static bool name_is(const struct connection *connection, const char *name)
{
    return connection->name_len == strlen(name) &&
           strncasecmp(connection->name, name, connection->name_len) == 0;
}

static int on_value(http_parser *parser, const char *at, size_t len)
{
    struct connection *connection = of(parser);

    if (!connection->name_ended) {
        connection->name_ended = true;
        connection->header = name_is(connection, "range")           ? HEADER_RANGE
                             : name_is(connection, "if-range")      ? HEADER_IF_RANGE
                             : name_is(connection, "if-none-match") ? HEADER_IF_NONE_MATCH
                                                                    : HEADER_NONE;
        connection->values[connection->header][0] = '\0';
        connection->has_host |= name_is(connection, "host");
    }
    if (connection->header == HEADER_NONE)
        return 0;
    char *value = connection->values[connection->header];
    size_t have = strlen(value);
    if (len > VALUE_MAX - have) {
        value[0] = '\0';
        connection->header = HEADER_NONE;
        return 0;
    }
    memcpy(value + have, at, len);
    value[have + len] = '\0';
    return 0;
}

/* What is no request for a file is refused before the rest of it has come. */
static int on_headers(http_parser *parser)
{
    return parser->method == HTTP_GET || parser->method == HTTP_HEAD ? 0 : -1;
}

static int on_complete(http_parser *parser)
{
    struct connection *connection = of(parser);

    connection->complete = true;
    connection->keep_alive = http_should_keep_alive(parser) && !connection->is_last;
    http_parser_pause(parser, 1); /* the next request waits until this one is answered */
    return 0;
}

static const http_parser_settings settings = {
    .on_message_begin = on_begin,
    .on_url = on_url,
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_headers_complete = on_headers,
    .on_message_complete = on_complete,
};

struct connection *connection_new(int fd, time_t now_s)
{
    struct connection *connection = malloc(sizeof(*connection));

    if (!connection)
        return NULL;
    memset(connection, 0, offsetof(struct connection, out));
    connection->fd = fd;
    connection->deadline_s = now_s + IDLE_S;
    http_parser_init(&connection->parser, HTTP_REQUEST);
    connection->parser.data = connection;
    return connection;
}

void connection_free(struct connection *connection)
{
    free(connection);
}

/* Parse what is there, up to one request's end. */
static void parse(struct connection *connection)
{
    http_parser *parser = &connection->parser;

    connection->complete = false; /* what is no request at all never begins one */
    size_t used = http_parser_execute(parser, &settings, connection->in + connection->in_at,
                                      connection->in_len - connection->in_at);
    connection->in_at += used;
    enum http_errno error = HTTP_PARSER_ERRNO(parser);
    if (connection->complete) {
        http_parser_pause(parser, 0);
        answer_request(connection);
        return;
    }
    if (error == HPE_OK)
        return;
    int status = error == HPE_CB_url                ? 414
                 : error == HPE_CB_headers_complete ? 405
                 : error == HPE_HEADER_OVERFLOW     ? 431
                 : error == HPE_INVALID_METHOD      ? 501
                 : error == HPE_INVALID_VERSION     ? 505
                                                    : 400;
    answer_error(connection, status);
}

/* @return false when nothing came. *over when nothing will. */
static bool fill(struct connection *connection, bool *over)
{
    ssize_t len = recv(connection->fd, connection->in, sizeof(connection->in), 0);

    *over = len == 0 || (len < 0 && errno != EAGAIN);
    if (len <= 0)
        return false;
    connection->in_at = 0;
    connection->in_len = (size_t)len;
    return true;
}

/* @return 1 when all is sent, 0 when there is no room, -1 when the client is gone. */
static int send_some(struct connection *connection)
{
    while (connection->out_at < connection->out_len || connection->body_len) {
        struct iovec parts[2] = {
            {connection->out + connection->out_at, connection->out_len - connection->out_at},
            {(void *)(uintptr_t)connection->body, connection->body_len},
        };
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
        ssize_t len = sendmsg(connection->fd, &message, 0);
        if (len < 0)
            return errno == EAGAIN ? 0 : -1;
        size_t head = parts[0].iov_len < (size_t)len ? parts[0].iov_len : (size_t)len;
        connection->out_at += head;
        connection->body += (size_t)len - head;
        connection->body_len -= (size_t)len - head;
    }
    return 1;
}

static time_t time_for(const struct connection *connection)
{
    return (time_t)(IDLE_S + (connection->out_len + connection->body_len) / RATE_MIN);
}

bool connection_work(struct connection *connection, time_t now_s, short *events)
{
    bool over;

    connection->now_s = now_s;
    for (;;) {
        if (connection->answering) {
            int sent = send_some(connection);
            if (sent < 0)
                return false;
            *events = POLLOUT;
            if (!sent)
                return true;
            connection->answering = false;
            connection->deadline_s = now_s + IDLE_S;
            if (!connection->keep_alive)
                return false;
        }
        if (connection->in_at == connection->in_len && !fill(connection, &over)) {
            *events = POLLIN;
            return !over;
        }
        parse(connection);
        if (connection->answering)
            connection->deadline_s = now_s + time_for(connection);
    }
}
