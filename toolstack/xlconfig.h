/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * What xl knows of a guest beside its domain: libxl keeps a configuration in a file that bears the
 * domain's number and UUID, and most of xl's commands refuse a domain without one. A guest of the
 * launcher has such a file from when it bears its UUID until it is to go: see xlfile.h, and
 * xlrest.h for its end.
 */
#ifndef SPRAT_TOOLSTACK_XLCONFIG_H
#define SPRAT_TOOLSTACK_XLCONFIG_H

#include "config.h"

struct guest;
struct host;

/**
 * Write the file of a new guest, which bears its UUID. A guest lives without it: that there is none
 * is told in the log. Two nodes that `xl list -l`, `xl save` and `xl mem-set` want follow within a
 * second, with those of other guests: alone they would cost more than the file.
 */
void xlconfig_write(struct guest *guest, const struct config *config);

/**
 * Take over what an earlier launcher's guest has, and write what it has not.
 *
 * @param config  NULL: it is not known, and no file is written.
 */
void xlconfig_adopt(struct host *host, struct guest *guest, const struct config *config);

/** Write the nodes that are due. @return when the next ones are, or UINT64_MAX. */
uint64_t xlconfig_work(struct host *host, uint64_t now_ns);

#endif
