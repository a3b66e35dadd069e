/* SPDX-License-Identifier: BSD-2-Clause */
/** Whether a destination can be written to from an address that is the guest's by now. */
#ifndef SPRAT_NET_SOURCE_H
#define SPRAT_NET_SOURCE_H

#include <stdbool.h>

#include "lwip/ip_addr.h"

/** Who waits for a source address. */
struct source_waiter {
    struct source_waiter *next;
    const ip_addr_t *to;
    void (*look)(struct source_waiter *); /**< it is there, or will never be */
};

/**
 * Is the address that packets to there come from still being looked for on its link, and is there
 * no other?
 */
bool source_tentative(const ip_addr_t *to);

/** Have `look` called, once, when it no longer is. `*to` is not copied. */
void source_await(struct source_waiter *waiter);

/** Await it no more. Who does not wait is left as it is. */
void source_forget(struct source_waiter *waiter);

/** Addresses may have changed. */
void source_changed(void);

#endif
