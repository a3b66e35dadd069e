/* SPDX-License-Identifier: BSD-2-Clause */
/** One client over TCP: queries and answers, each with its length before it (RFC 1035, 4.2.2). */
#ifndef DNS_STREAM_H
#define DNS_STREAM_H

#include <stdbool.h>
#include <time.h>

#include "answer.h"

#define STREAM_QUERY_MAX 1024 /* bytes; no query with a question and OPT comes near it */

struct stream {
    int fd;
    time_t active_s;        /**< when it last brought a whole query, or took an answer */
    uint8_t *out;           /**< what could not be sent yet; malloc()ed */
    size_t out_at, out_len; /**< sent of it; all of it */
    size_t in_len;
    uint8_t in[2 + STREAM_QUERY_MAX];
};

/** @return NULL when there is no memory. */
struct stream *stream_new(int fd, time_t now_s);

/** Frees it; its descriptor is the caller's. */
void stream_free(struct stream *stream);

/**
 * Read, answer and write what is possible without waiting.
 *
 * @param events  receives what to poll for.
 * @return false when it is over: close it.
 */
bool stream_work(struct stream *stream, const struct zones *zones, struct answer_counts *counts,
                 time_t now_s, short *events);

#endif
