/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * The line to xenstored, as store.c uses it: requests that were added are sent and answered by
 * store_flush(), in order.
 */
#ifndef SPRAT_TOOLSTACK_STORE_LINE_H
#define SPRAT_TOOLSTACK_STORE_LINE_H

#include "store.h"

/* One that waits, to be sent or to be answered. */
struct store_request {
    uint32_t type;
    bool absent_is_fine;
    store_answered *answered; /* takes the answer, whatever it is; or NULL */
    void *context;
    char about[64]; /* for messages */
};

/**
 * Add a request.
 *
 * @param tx     0, or a transaction's number.
 * @param about  what it is about, for messages.
 * @return it, until the next is added; or NULL, and the failure is noted.
 */
struct store_request *store_line_add(struct store *store, uint32_t type, uint32_t tx,
                                     const char *about, const void *payload, size_t len);

/** Note that a request could not even be made. */
void store_line_fail(struct store *store, int error);

/** The last answer: the caller's to free, and its length without the NUL behind it. */
char *store_line_take_answer(struct store *store, size_t *len);

#endif
