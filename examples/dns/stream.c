/* SPDX-License-Identifier: BSD-2-Clause */
#include "stream.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <sys/socket.h>

#define PREFIX 2 /* bytes of length before each message */

struct stream *stream_new(int fd, time_t now_s)
{
    struct stream *stream = calloc(1, sizeof(*stream));

    if (stream) {
        stream->fd = fd;
        stream->active_s = now_s;
    }
    return stream;
}

void stream_free(struct stream *stream)
{
    free(stream->out);
    free(stream);
}

/* @return 1 when all is sent, 0 when there is no room, -1 when the client is gone. */
static int send_kept(struct stream *stream)
{
    while (stream->out_at < stream->out_len) {
        ssize_t len =
            send(stream->fd, stream->out + stream->out_at, stream->out_len - stream->out_at, 0);
        if (len < 0)
            return errno == EAGAIN ? 0 : -1;
        stream->out_at += (size_t)len;
    }
    free(stream->out);
    stream->out = NULL;
    stream->out_at = stream->out_len = 0;
    return 1;
}

/* @return false when the client is gone, or there is no memory for what it does not take. */
static bool send_or_keep(struct stream *stream, const uint8_t *bytes, size_t len)
{
    ssize_t sent = send(stream->fd, bytes, len, 0);

    if (sent < 0 && errno != EAGAIN)
        return false;
    size_t done = sent < 0 ? 0 : (size_t)sent;
    if (done == len)
        return true;
    stream->out = malloc(len - done);
    if (!stream->out)
        return false;
    memcpy(stream->out, bytes + done, len - done);
    stream->out_len = len - done;
    return true;
}

/* Answer the first query that is there as a whole. @return 1, 0: there is none, -1: it is over. */
static int answer_first(struct stream *stream, const struct zones *zones,
                        struct answer_counts *counts)
{
    static uint8_t reply[PREFIX + ANSWER_MAX];

    if (stream->in_len < PREFIX)
        return 0;
    size_t len = (size_t)stream->in[0] << 8 | stream->in[1];
    if (len > STREAM_QUERY_MAX)
        return -1;
    if (stream->in_len < PREFIX + len)
        return 0;
    size_t n = answer_query(zones, stream->in + PREFIX, len, true, reply + PREFIX, counts);
    stream->in_len -= PREFIX + len;
    memmove(stream->in, stream->in + PREFIX + len, stream->in_len);
    if (!n)
        return -1;
    reply[0] = (uint8_t)(n >> 8);
    reply[1] = (uint8_t)n;
    return send_or_keep(stream, reply, PREFIX + n) ? 1 : -1;
}

bool stream_work(struct stream *stream, const struct zones *zones, struct answer_counts *counts,
                 time_t now_s, short *events)
{
    for (;;) {
        int answered = 0, sent = send_kept(stream);
        if (sent > 0)
            answered = answer_first(stream, zones, counts);
        if (sent < 0 || answered < 0)
            return false;
        if (answered)
            stream->active_s = now_s;
        if (!sent || stream->out) {
            *events = POLLOUT; /* nothing is read until it takes its answers */
            return true;
        }
        if (answered)
            continue;
        ssize_t len =
            recv(stream->fd, stream->in + stream->in_len, sizeof(stream->in) - stream->in_len, 0);
        *events = POLLIN;
        if (len <= 0)
            return len < 0 && errno == EAGAIN;
        stream->in_len += (size_t)len;
    }
}
