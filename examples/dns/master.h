/* SPDX-License-Identifier: BSD-2-Clause */
/** Zone files: RFC 1035, 5 ("master files"), with $TTL (RFC 2308). */
#ifndef DNS_MASTER_H
#define DNS_MASTER_H

#include "zone.h"

/**
 * Read a zone file.
 *
 * @param origin  what names are relative to until the file says $ORIGIN, or NULL.
 * @return the zone, which zone_free() ends, or NULL with *error filled in.
 */
struct zone *master_read(const char *text, size_t len, const struct name *origin,
                         struct zone_error *error);

#endif
