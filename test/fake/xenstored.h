/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * A xenstored at the guest's real ring page: honest unless told otherwise.
 *
 * It sees requests only when the guest notifies it, and the guest its answers only by its event, so
 * a notification that is forgotten shows. Paths that are relative are below /local/domain/5.
 */
#ifndef FAKE_XENSTORED_H
#define FAKE_XENSTORED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/io/xs_wire.h>

#define FAKE_DOMAIN_PATH "/local/domain/5"

/** How it misbehaves. All zero is an honest one. Tests set this at any time. */
struct fake_xenstored {
    bool dead;         /**< takes nothing and says nothing */
    bool silent;       /**< takes requests, answers none */
    size_t piece;      /**< bytes it moves at a time; 0: as many as fit */
    uint64_t delay_ns; /**< between a request and its answer */
    unsigned hold;     /**< answers kept until this many are there; then the last comes first */

    /** Refuse the next request of this type with this error. */
    uint32_t refuse_type;
    const char *refuse;

    /**
     * Change an answer before it is sent; its payload may grow to 8192. @return how often to send
     * it.
     */
    int (*tamper)(struct xsd_sockmsg *header, char *payload);

    unsigned n_requests; /**< that were taken so far */
};
extern struct fake_xenstored fake_xenstored;

/** Send bytes as they are, behind what waits to be sent. */
void fake_xenstored_send(const void *bytes, size_t len);

/** Send one message. */
void fake_xenstored_say(uint32_t type, uint32_t req_id, const void *payload, size_t len);

/** Send the event of its interrupt, with nothing in the ring. */
void fake_xenstored_ring(void);

/** Write as the host does: watches fire. @param path  absolute or relative to the guest's. */
void fake_xenstored_write(const char *path, const char *value);
void fake_xenstored_write_bytes(const char *path, const void *value, size_t len);

/** Remove as the host does. */
void fake_xenstored_remove(const char *path);

/** What is there; NULL when nothing is. */
const char *fake_xenstored_value(const char *path);

/** How many watches does the guest have, and transactions? */
unsigned fake_xenstored_watches(void);
unsigned fake_xenstored_transactions(void);

#endif
