/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * What a launcher leaves in xenstore about each of its guests, so that the next one can take it
 * over:
 * the node "sprat" of the domain, its first line numbers and names, the rest the configuration.
 */
#ifndef SPRAT_TOOLSTACK_RECORD_H
#define SPRAT_TOOLSTACK_RECORD_H

#include "fail.h"

struct guest;
struct host;

/** Write a guest's record. The request waits in the store. */
void record_write(struct host *host, struct guest *guest);

/**
 * Remove what a killed launcher left half-made, and take its guests over. Domains without the
 * launcher's mark are left alone.
 *
 * @return 0 or -errno. What cannot be taken over is told on stderr and left as it is.
 */
int record_adopt_all(struct host *host, unsigned *n_removed, unsigned *n_adopted,
                     struct fail *fail);

#endif
