/* SPDX-License-Identifier: BSD-2-Clause */
#include "control.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include <sprat/netfront.h>
#include <sprat/xenstore.h>

#include "../engine/control.h"
#include "say.h"

#define FOLDER      "data/control"
#define REQUEST_MAX 4096
#define PIECE_BYTES 1024 /* xenstored allows 2048 in a node */
#define PIECES_MAX  1024 /* more than the longest data has */

static void request_changed(struct xenstore_watch *watch, const char *changed);

static struct {
    struct engine *engine;
    struct xenstore_watch watch;
    sem_t requests;
} state = {.watch = {.path = FOLDER "/request", .handler = request_changed}};

static void request_changed(struct xenstore_watch *watch, const char *changed)
{
    (void)watch;
    (void)changed;
    sem_post(&state.requests);
}

static struct text piece_path(const char *what, unsigned n)
{
    struct text path = {0};

    text_addf(&path, FOLDER "/%s/%u", what, n);
    return path;
}

/* Returns 0, or -errno: memory is short, or xenstored takes no more nodes. */
static int write_pieces(const char *s, size_t left, unsigned *n)
{
    int error = 0;

    for (*n = 0; left && !error; ++*n) {
        struct text path = piece_path("reply", *n);
        size_t len = left < PIECE_BYTES ? left : PIECE_BYTES;
        error = path.cut ? -ENOMEM : xenstore_write_bytes(XENSTORE_NO_TX, path.s, s, len);
        text_free(&path);
        s += len;
        left -= len;
    }
    return error;
}

/* @param tag  follows their number */
static void write_reply(const struct text *reply, const struct text *tag)
{
    static const char too_long[] = "520 Answer too long for xenstore\r\n";
    struct text replies = {0};
    unsigned n;

    if (write_pieces(reply->s, reply->len, &n)) {
        xenstore_remove(XENSTORE_NO_TX, FOLDER "/reply");
        write_pieces(too_long, sizeof(too_long) - 1, &n);
    }
    text_addf(&replies, "%u%s", n, tag->len ? tag->s : "");
    if (!replies.cut)
        xenstore_write(XENSTORE_NO_TX, FOLDER "/replies", replies.s);
    text_free(&replies);
}

/* Is it `PIECES n`? */
static bool in_pieces(struct str request, uint64_t *n)
{
    struct str word = str_word(&request);

    return str_is(word, "PIECES") && value_uint(request, n) && *n <= PIECES_MAX;
}

/* Take `TAG word` off a request. */
static void take_tag(struct str *request, struct text *tag)
{
    struct str rest = *request;

    if (!str_is(str_word(&rest), "TAG"))
        return;
    struct str word = str_word(&rest);
    text_addf(tag, " %.*s", (int)word.len, word.s);
    *request = rest;
}

static void receive_pieces(struct control *control, uint64_t n, char *piece)
{
    for (unsigned i = 0; i < n; i++) {
        struct text path = piece_path("request", i);
        int len =
            path.cut ? -ENOMEM : xenstore_read(XENSTORE_NO_TX, path.s, piece, REQUEST_MAX + 1);

        if (len >= 0) {
            control_receive(control, piece, (size_t)len);
            xenstore_remove(XENSTORE_NO_TX, path.s);
        } else if (control->state != CONTROL_CLOSED) {
            text_addf(&control->out, "500 Piece %u can't be read\r\n", i);
            control->state = CONTROL_CLOSED;
        }
        text_free(&path);
    }
}

/*
 * One request, on a connection of its own: nothing of an earlier one can be in its way. A line
 * that is not ended is ended here.
 */
static void serve(char *buffer, size_t len)
{
    struct str request = {buffer, (uint32_t)len};
    struct control control;
    struct text tag = {0};
    uint64_t pieces;

    control_open(&control, state.engine, false);
    control.data_max = TEXT_LIMIT;
    text_free(&control.out); /* the greeting is for terminals */
    take_tag(&request, &tag);
    if (in_pieces(request, &pieces))
        receive_pieces(&control, pieces, buffer);
    else
        control_receive(&control, request.s, request.len);
    if (control.state != CONTROL_DATA)
        control_receive(&control, "\r\n", 2);
    xenstore_remove(XENSTORE_NO_TX, FOLDER "/reply");
    netfront_wake_any(); /* the engine may have work now, or be another one */
    write_reply(&control.out, &tag);
    text_free(&tag);
    control_close(&control);
}

static void *serve_requests(void *arg)
{
    char *request = arg;

    for (;;) {
        sem_wait(&state.requests);
        int n = xenstore_read(XENSTORE_NO_TX, state.watch.path, request, REQUEST_MAX + 1);
        if (n <= 0)
            continue;
        xenstore_write(XENSTORE_NO_TX, state.watch.path, "");
        serve(request, (size_t)n);
    }
    return NULL;
}

void control_start(struct engine *engine)
{
    char *request = malloc(REQUEST_MAX + 1);
    pthread_t thread;

    state.engine = engine;
    sem_init(&state.requests, 0, 0);
    if (!request || pthread_create(&thread, NULL, serve_requests, request))
        say("middlebox: no memory for handlers from the host\n");
    else if (xenstore_watch(&state.watch))
        say("middlebox: xenstore can't be watched: no handlers from the host\n");
}
