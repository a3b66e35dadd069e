/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * The files that libxl keeps of a domain, which bear its number and UUID. Who changes one holds the
 * domain's lock, a file of the same kind that goes with it. Source: Xen's tools/libs/light,
 * libxl__userdata_path(), libxl__lock_domain_userdata().
 */
#ifndef SPRAT_TOOLSTACK_XLFILE_H
#define SPRAT_TOOLSTACK_XLFILE_H

#include <stdint.h>

#include "hyper.h"

#define XLFILE_FOLDER   "/var/lib/xen"
#define XLFILE_PATH_MAX 128

/** @param kind  "d": what is whole; "n", "s": begun by libxl, by the launcher; "l": a lock. */
void xlfile_path(uint32_t domid, const uint8_t uuid[16], const char *kind, const char *what,
                 char path[XLFILE_PATH_MAX]);

/**
 * Remove the configuration of a domain that libxl will not find by this number and UUID any more,
 * and the locks: libxl leaves those to who ends the domain.
 *
 * @return 0, or -EWOULDBLOCK: libxl has the lock, and may write the file yet. Nothing is removed.
 */
int xlfile_remove(uint32_t domid, const uint8_t uuid[16]);

/** Remove all files of domains that are not there. Those of others are left alone. */
void xlfile_remove_stale(struct hyper *hyper);

#endif
