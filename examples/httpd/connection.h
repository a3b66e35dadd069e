/* SPDX-License-Identifier: BSD-2-Clause */
/** One client: its requests, one after the other, and what is being answered. */
#ifndef HTTPD_CONNECTION_H
#define HTTPD_CONNECTION_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include <http_parser.h>

#define URL_MAX    1024 /* bytes of a request's target; more is 414 */
#define VALUE_MAX  128  /* of a header that matters; a longer one is as if it were not there */
#define IN_BYTES   768  /* at a time */
#define IDLE_S     20   /* between two requests */
#define REQUEST_S  20   /* from a request's first byte to its last */
#define RATE_MIN   1024 /* bytes a second: who takes an answer slower than that is cut off */
#define HEADER_MAX 512  /* of an answer; a redirection's has the target in it as well */

/** The headers that matter. */
enum header { HEADER_NONE, HEADER_RANGE, HEADER_IF_RANGE, HEADER_IF_NONE_MATCH, HEADERS };

struct connection {
    int fd;
    short events;      /**< what is waited for */
    size_t index;      /**< deadlines.c's */
    time_t now_s;      /**< the time of this turn */
    bool is_last;      /**< others wait: the next answer ends the connection */
    time_t deadline_s; /**< it is closed then, whatever it does until */
    http_parser parser;

    /* The request. */
    char in[IN_BYTES];
    size_t in_at, in_len;
    char url[URL_MAX + 1];
    size_t url_len;
    char name[24]; /**< of the header that comes in; longer ones do not matter */
    size_t name_len;
    bool name_ended, has_host;
    enum header header;
    char values[HEADERS][VALUE_MAX + 1];
    bool complete, keep_alive;

    /* The answer. */
    size_t out_at, out_len;
    const char *body;
    size_t body_len;
    bool answering;
    char out[HEADER_MAX + URL_MAX]; /**< last: it needs no zeros at first */
};

/* So that memory in pieces of single pages is enough for it: malloc() puts 8 bytes behind. */
static_assert(sizeof(struct connection) <= 4096 - 8, "a connection is a page");

struct connection *connection_new(int fd, time_t now_s);
void connection_free(struct connection *connection);

/**
 * Read, answer and write what is possible without waiting. Each step that a client takes has its
 * time: a few bytes now and then keep no connection open.
 *
 * @param events  receives what to poll for.
 * @return false when it is over: close it.
 */
bool connection_work(struct connection *connection, time_t now_s, short *events);

/* answer.c */

/** Make the answer to the request that is complete: out, body and keep_alive. */
void answer_request(struct connection *connection);

/** Make an answer that says what is wrong; the connection ends behind it. */
void answer_error(struct connection *connection, int status);

#endif
