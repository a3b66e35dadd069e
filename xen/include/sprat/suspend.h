/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * Being saved and restored.
 *
 * A restored guest has its memory and its threads as they were; event channels, grants, watches and
 * devices are made anew here, without those who use them knowing.
 */
#ifndef SPRAT_SUSPEND_H
#define SPRAT_SUSPEND_H

#include <stdbool.h>

/** What a part of the guest that not every guest has does about it. */
struct suspend_part {
    int (*before)(void);          /**< may be NULL. @return 0, or -errno: the guest goes on */
    void (*after)(bool restored); /**< restored: in another domain */
    struct suspend_part *next;
};

/** From now on this part is asked. It stays for good. */
void suspend_part_add(struct suspend_part *part);

/**
 * Stop here, and return when the guest goes on. Called in the worker (port_work), so that no
 * frontend is in the middle of something.
 *
 * @return 0 in a restored domain; 1 in the same one; -ETIMEDOUT when a question to xenstore stays
 * open; another -errno: it could not be suspended.
 */
int suspend(void);

#endif
