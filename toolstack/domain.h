/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * An empty domain, which a guest is built into.
 */
#ifndef SPRAT_TOOLSTACK_DOMAIN_H
#define SPRAT_TOOLSTACK_DOMAIN_H

#include <stdint.h>

#include "config.h"
#include "fail.h"

struct guest;
struct host;

/** Make a handle that tells of a domain that it is not, or no longer, a guest: see GUEST_MARK. */
void domain_mark(uint8_t handle[16]);

/**
 * Make a domain that bears the mark, with a CPU and its event channels.
 *
 * @param guest  has its image; receives domid and ports, on success only.
 * @return 0 or -errno; then there is none.
 */
int domain_make(struct host *host, struct guest *guest, const struct config *config,
                struct fail *fail);

#endif
