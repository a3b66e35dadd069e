/* SPDX-License-Identifier: BSD-2-Clause */
/** Requests in the redis protocol (RESP2): arrays of bulk strings, or words on a line, of which
 * those in quotes may hold blanks. */
#ifndef KV_RESP_H
#define KV_RESP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RESP_WORDS_MAX 1024
#define RESP_WORD_MAX  (1u << 20)          /**< bytes of one word */
#define RESP_BYTES_MAX (2 * RESP_WORD_MAX) /**< of a request */

/** A word of a request, inside the bytes that were parsed; not terminated. */
struct resp_word {
    const char *bytes;
    size_t len;
};

struct resp_request {
    struct resp_word words[RESP_WORDS_MAX];
    unsigned n;
};

/**
 * Parse the request that `bytes` begin with. What is in quotes is put in its place without them.
 *
 * @param used  receives its length in bytes; it may hold no words.
 * @return 1; 0 when its end is not here yet; -1 when this is none, and `why` says what is wrong.
 */
int resp_parse(char *bytes, size_t len, struct resp_request *request, size_t *used,
               const char **why);

/** Does the word say this, in whatever case? */
bool resp_is(const struct resp_word *word, const char *text);

/**
 * A decimal number as it is written in one way only: no "+", no "-0", no zeros before it.
 *
 * @return false when it is none, or too large.
 */
bool resp_number(const struct resp_word *word, int64_t *number);

/** Bytes that are waiting to be sent. All zero is empty. */
struct resp_out {
    char *bytes;
    size_t len, sent, max;
    bool failed; /**< there was no memory: what is here is not all */
};

void resp_free(struct resp_out *out);
void resp_bytes(struct resp_out *out, const char *bytes, size_t len);
void resp_simple(struct resp_out *out, const char *text); /**< "+OK" */
void resp_error(struct resp_out *out, const char *text);  /**< "-ERR ...", the dash is added */
void resp_integer(struct resp_out *out, int64_t number);
void resp_bulk(struct resp_out *out, const char *bytes, size_t len);
void resp_null(struct resp_out *out);
void resp_null_array(struct resp_out *out);
void resp_array(struct resp_out *out, size_t n); /**< n replies follow */

#endif
