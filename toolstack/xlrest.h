/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * What is left of what xl knew of guests that are gone: files, see xlfile.h; what it has set below
 * /vm/UUID in xenstore; devices that it was giving them. xl removes nothing of a guest of the
 * launcher's.
 */
#ifndef SPRAT_TOOLSTACK_XLREST_H
#define SPRAT_TOOLSTACK_XLREST_H

#include <stdint.h>

struct guest;
struct host;

/**
 * A guest that xl knows is to go. Its files go at once, or when libxl lets their lock go; its nodes
 * within two seconds, with those of other guests.
 *
 * @param mark  what its domain bears by now as its handle.
 */
void xlrest_leave(const struct guest *guest, const uint8_t mark[16]);

/** Look for what is left of domains that are not there, and remove it. */
void xlrest_find(struct host *host);

/** Remove what is due. @return when there is more, or UINT64_MAX. */
uint64_t xlrest_work(struct host *host, uint64_t now_ns);

/** Remove all but files that libxl has the lock of: the launcher ends. */
void xlrest_end(struct host *host);

#endif
