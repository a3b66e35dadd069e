/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * Pools of shells: domains built ahead, for configurations of one shape. A shape is all of a
 * configuration but what a launch gives: name, command line, UUID, actions, interfaces.
 */
#ifndef SPRAT_TOOLSTACK_POOL_H
#define SPRAT_TOOLSTACK_POOL_H

#include <stdbool.h>

#include "config.h"
#include "fail.h"

#define POOL_MAX 4096

struct guest;
struct host;
struct json_out;

/**
 * Have `size` shells of this shape ready from now on; 0 ends the pool. They are built and removed
 * by pool_work().
 *
 * @param low  it is filled up again when fewer than this are left: from 1 to size.
 */
int pool_set(const struct config *config, unsigned size, unsigned low, struct fail *fail);

/** Take a shell of this shape, if there is one. Afterwards it is the caller's. */
struct guest *pool_take(struct host *host, const struct config *config);

/**
 * Build or remove one shell, if that is to be done.
 *
 * @return whether there is more to do. A pool that cannot be filled rests until its next
 * pool_set() or
 *         pool_take(), and says why on stderr and in pool_report().
 */
bool pool_work(struct host *host);

/** A shell ended by somebody else's hand. It is no longer in its pool. */
void pool_lose(struct guest *guest);

/** Write the pools as an array. */
void pool_report(struct json_out *out, const char *key);

/** Remove all shells. */
void pool_close(struct host *host);

#endif
