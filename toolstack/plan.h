/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * Where everything lies in a new PV guest's memory: arithmetic only. Source: xen/xen.h,
 * "Start-of-day memory layout": image, ramdisk, list of frames, start_info, xenstore's and the
 * console's page, page tables, a stack, 512 KiB to spare, up to a multiple of 4 MiB; all mapped one
 * after the other.
 */
#ifndef SPRAT_TOOLSTACK_PLAN_H
#define SPRAT_TOOLSTACK_PLAN_H

#include <stdint.h>

#include "fail.h"
#include "image.h"

#define PLAN_LEVELS       4
#define PLAN_TABLE_LENGTH 512 /* entries */

/* Tables of one level: a run of pages, which together map [first_va, last_va]. */
struct plan_level {
    uint64_t pfn; /* of the first table */
    uint64_t n_tables;
    uint64_t first_va; /* rounded down to what the first table begins with */
};

struct plan {
    uint64_t n_pages; /* the guest's memory */
    uint64_t ramdisk, n_ramdisk;
    uint64_t p2m, n_p2m;
    uint64_t start_info, xenstore, console; /* pfns */
    uint64_t tables, n_tables;
    struct plan_level level[PLAN_LEVELS + 1]; /* [1] .. [4] */
    uint64_t stack;
    uint64_t end;      /* first pfn that is free */
    uint64_t n_mapped; /* pages that the first page tables map, from pfn 0 */
};

/**
 * Plan a guest's memory.
 *
 * @param ramdisk_bytes  0: there is none.
 * @return 0, or -ENOMEM: it does not fit the memory; the text says how much it takes.
 */
int plan_make(struct plan *plan, const struct image *image, uint64_t ramdisk_bytes,
              uint32_t memory_mib, struct fail *fail);

#endif
