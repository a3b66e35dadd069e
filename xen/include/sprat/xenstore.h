/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * xenstore: the tree of names and values that the host and its guests share.
 *
 * Paths are absolute ("/local/domain/5/name") or relative to the guest's own directory ("name").
 * Functions that ask and wait return 0 or more, or a negative errno:
 *
 *     -ENOENT, -EACCES, -EAGAIN, ...   what xenstored answered
 *     -ETIMEDOUT                       it did not answer within XENSTORE_TIMEOUT_NS
 *     -EIO                             it broke the protocol; it is not asked again
 *     -E2BIG                           the answer did not fit the caller's buffer
 *     -EINVAL                          the request does not fit the protocol (4096 bytes)
 */
#ifndef SPRAT_XENSTORE_H
#define SPRAT_XENSTORE_H

#include <stddef.h>
#include <stdint.h>

#include <sprat/compiler.h>

/* A host that starts a thousand guests keeps xenstored busy for this long, seen from one of
 * them. */
#define XENSTORE_TIMEOUT_NS 60000000000ull
#define XENSTORE_WARN_NS    5000000000ull

typedef uint32_t xenstore_tx_t; /**< a transaction; XENSTORE_NO_TX is none */
#define XENSTORE_NO_TX 0

/**
 * Connect.
 *
 * @param page  shared with xenstored; NULL when the guest has no xenstore: all calls give -ENOSYS.
 * @param port  its event channel.
 * @return 0 or -errno of evtchn_bind().
 */
int xenstore_init(void *page, uint32_t port);

/**
 * Read a value.
 *
 * @param value  receives it, with a NUL behind it; values may hold NULs of their own.
 * @param size  of the buffer, the NUL included.
 * @return the value's length.
 */
SPRAT_API int xenstore_read(xenstore_tx_t tx, const char *path, char *value, size_t size);

/** Read a value that is a decimal number, and nothing else. @return 0; -EINVAL for other text. */
SPRAT_API int xenstore_read_u64(xenstore_tx_t tx, const char *path, uint64_t *value);

/** One of several paths that are read or written together. */
struct xenstore_item {
    const char *path;
    char *value; /**< read: receives it, as in xenstore_read(); write: what is written */
    size_t size; /**< read: of the buffer */
    int result;  /**< of this one: what xenstore_read() or xenstore_write() would return */
};

#define XENSTORE_ITEMS_MAX 16

/**
 * Ask about several paths at once, for the price of one wait.
 *
 * @param n  at most XENSTORE_ITEMS_MAX.
 * @return 0 when all were answered, be it with an error of their own; else -ETIMEDOUT, -EIO,
 * -ENOSYS.
 */
SPRAT_API int xenstore_read_items(xenstore_tx_t tx, struct xenstore_item *items, size_t n);
SPRAT_API int xenstore_write_items(xenstore_tx_t tx, struct xenstore_item *items, size_t n);

/** Write a value, making the path. */
SPRAT_API int xenstore_write(xenstore_tx_t tx, const char *path, const char *value);

/** The same for any bytes, NULs too. */
SPRAT_API int xenstore_write_bytes(xenstore_tx_t tx, const char *path, const void *bytes,
                                   size_t len);

/** Write a number in decimal. */
SPRAT_API int xenstore_write_u64(xenstore_tx_t tx, const char *path, uint64_t value);

/** Remove a path and all below it. */
SPRAT_API int xenstore_remove(xenstore_tx_t tx, const char *path);

/**
 * List what is directly below a path.
 *
 * @param names  receives the names, each with a NUL behind it.
 * @return the length of all of them; walk them with xenstore_next_name().
 */
SPRAT_API int xenstore_list(xenstore_tx_t tx, const char *path, char *names, size_t size);

/** The name after `name` in a list that ends at `end`; the first for NULL; NULL after the last. */
SPRAT_API const char *xenstore_next_name(const char *list, size_t len, const char *name);

/**
 * Write "folder/key" into a buffer; too small a one is a bug.
 * @return path
 */
SPRAT_API char *xenstore_join(char *path, size_t size, const char *folder, const char *key);

/** Begin a transaction: reads see one moment, writes happen together or not at all. */
SPRAT_API int xenstore_begin(xenstore_tx_t *tx);

/**
 * End it. @param commit  false drops what was written.
 * @return -EAGAIN when somebody else wrote what this one used: do it all again.
 */
SPRAT_API int xenstore_end(xenstore_tx_t tx, int commit);

/** A path that is watched. */
struct xenstore_watch {
    const char *path; /**< owned by the caller, like the struct, until xenstore_unwatch() */

    /**
     * Something at or below the path changed (and once right after the watch was set). Runs like an
     * event handler: it must not wait; wake a thread to read what is there now.
     * @param changed  the path that changed, as xenstored wrote it.
     */
    void (*handler)(struct xenstore_watch *watch, const char *changed);

    struct xenstore_watch *next; /**< of xenstore.c */
    uint32_t token;
};

/** Set a watch and wait until it is set. */
SPRAT_API int xenstore_watch(struct xenstore_watch *watch);

/**
 * Ask for a watch without waiting for the answer; a refusal is logged. For the guest's start, which
 * must not wait for the host.
 */
int xenstore_watch_async(struct xenstore_watch *watch);

/**
 * Wait until no question is open and no transaction: then another xenstored takes nothing away.
 *
 * @return 0, -ETIMEDOUT.
 */
int xenstore_quiet(uint64_t deadline_ns);

/**
 * Connect to another xenstored, which knows nothing of this guest, and set all watches again.
 *
 * @param page, port  as for xenstore_init(), after xenstore_quiet().
 */
void xenstore_restart(void *page, uint32_t port);

/** Remove it. The handler is not called any more, whatever the answer. */
SPRAT_API int xenstore_unwatch(struct xenstore_watch *watch);

#endif
