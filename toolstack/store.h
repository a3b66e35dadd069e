/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * A xenstore client that sends many requests before it reads the first answer, which libxenstore
 * does not: creating a guest takes one trip to xenstored and back. Speaks the wire of
 * xen/io/xs_wire.h on xenstored's socket; watch events come by the same descriptor, so there is no
 * thread for them.
 */
#ifndef SPRAT_TOOLSTACK_STORE_H
#define SPRAT_TOOLSTACK_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fail.h"

struct store;

/** A path that changed, below a watch; "@..." for the special ones. */
struct store_event {
    char *path, *token;
};

/** Connect to xenstored. @return 0 or -errno. */
int store_open(struct store **store, struct fail *fail);

void store_close(struct store *store);

/** To be polled for reading; then call store_receive(). */
int store_fd(const struct store *store);

/*
 * Requests. They wait until store_flush(), and are served in order. A failure, of memory too, is
 * reported there.
 */
void store_write(struct store *store, const char *value, const char *path, ...)
    __attribute__((format(printf, 3, 4)));
void store_mkdir(struct store *store, const char *path, ...) __attribute__((format(printf, 2, 3)));
/** Removing what is not there is no failure. */
void store_remove(struct store *store, const char *path, ...) __attribute__((format(printf, 2, 3)));
/** @param permissions  "n0" (the owner; nobody else) and others like "r5", separated by one blank.
 * */
void store_permit(struct store *store, const char *permissions, const char *path, ...)
    __attribute__((format(printf, 3, 4)));
void store_watch(struct store *store, const char *path, const char *token);
/** Ending a watch that is not there is no failure. */
void store_unwatch(struct store *store, const char *path, const char *token);
void store_introduce(struct store *store, uint32_t domid, uint64_t mfn, uint32_t port);
/** Releasing a domain that xenstored does not know is no failure. */
void store_release(struct store *store, uint32_t domid);

/**
 * Send what waits, and read the answers.
 *
 * @return 0, or the first request's -errno that failed, with the request in the text. All others
 * were
 *         tried. -ETIMEDOUT or -EPIPE: xenstored is gone for good.
 */
int store_flush(struct store *store, struct fail *fail);

/** Read a node. @param value receives a string, the caller's to free. @return 0 or -errno. */
int store_read(struct store *store, const char *path, char **value, struct fail *fail);

/** List a node's children. @param names  receives an array ending in NULL: one free() frees all. */
int store_list(struct store *store, const char *path, char ***names, struct fail *fail);

/** What xenstored answers: 0 and a payload that is the store's, with a NUL behind it; or -errno. */
typedef void store_answered(void *context, int error, const char *reply, size_t len);

/**
 * Ask something for a guest, as it is on the wire. It waits like the requests above, and its answer
 * goes to `answered` from within store_flush(), which does not count it as a failure of its own. A
 * store that is gone for good does not answer.
 *
 * @param tx  0, or a transaction's number that an earlier answer gave.
 */
void store_pass_on(struct store *store, uint32_t type, uint32_t tx, const void *payload, size_t len,
                   store_answered *answered, void *context);

/** Take in what has come, without waiting. @return 0 or -EPIPE. */
int store_receive(struct store *store, struct fail *fail);

/** Take the oldest event, to be freed by store_event_free(). @return whether there was one. */
bool store_next_event(struct store *store, struct store_event *event);

void store_event_free(struct store_event *event);

#endif
