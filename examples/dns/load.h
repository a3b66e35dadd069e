/* SPDX-License-Identifier: BSD-2-Clause */
/** Zone files from the file system. */
#ifndef DNS_LOAD_H
#define DNS_LOAD_H

#include "zone.h"

/** What was loaded. */
struct load_sums {
    unsigned n_zones;
    size_t n_names, n_records;
};

/**
 * Load a zone file. Its name without ".zone" is the origin that it begins with. What is wrong is
 * said on the console, with line and column.
 *
 * @return 0 or -1.
 */
int load_file(struct zones *zones, const char *path, struct load_sums *sums);

/** Load all files of a folder whose names end in ".zone". @return 0, or -1 when any is wrong. */
int load_folder(struct zones *zones, const char *path, struct load_sums *sums);

#endif
