/* SPDX-License-Identifier: BSD-2-Clause */
#include "plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>

#define SPARE_BYTES  (512ull << 10) /* behind the last element: xen/xen.h, point 7 */
#define REGION_ALIGN (4ull << 20)   /* the initial region ends on a multiple of this: point 2 */
#define PAGE_SHIFT   12
#define LEVEL_BITS   9

/* What one table of a level maps, as a power of two. */
static unsigned table_shift(int level)
{
    return PAGE_SHIFT + LEVEL_BITS * (unsigned)level;
}

static uint64_t tables_for(struct plan *plan, uint64_t first_va, uint64_t last_va, uint64_t pfn)
{
    uint64_t n = 0;

    for (int level = PLAN_LEVELS; level >= 1; level--) {
        unsigned shift = table_shift(level);
        uint64_t from = first_va >> shift, to = last_va >> shift;
        plan->level[level] = (struct plan_level){
            .pfn = pfn + n, .n_tables = to - from + 1, .first_va = from << shift};
        n += to - from + 1;
    }
    return n;
}

static uint64_t pages_for(uint64_t n_bytes)
{
    return (n_bytes + IMAGE_PAGE_BYTES - 1) / IMAGE_PAGE_BYTES;
}

int plan_make(struct plan *plan, const struct image *image, uint64_t ramdisk_bytes,
              uint32_t memory_mib, struct fail *fail)
{
    uint64_t base = image->virt_base, pages_per_mib = (1 << 20) / IMAGE_PAGE_BYTES;
    uint64_t next = image->end / IMAGE_PAGE_BYTES;

    *plan = (struct plan){.n_pages = memory_mib * pages_per_mib};
    plan->ramdisk = next;
    plan->n_ramdisk = pages_for(ramdisk_bytes);
    next += plan->n_ramdisk;
    plan->p2m = next;
    plan->n_p2m = pages_for(plan->n_pages * sizeof(uint64_t));
    next += plan->n_p2m;
    plan->start_info = next++;
    plan->xenstore = next++;
    plan->console = next++;
    plan->tables = next;

    /* The tables are mapped themselves, so their number is found by trying. */
    uint64_t region_end;
    for (;;) {
        uint64_t end_va = base + (plan->tables + plan->n_tables + 1) * IMAGE_PAGE_BYTES;
        region_end = (end_va + SPARE_BYTES + REGION_ALIGN - 1) & ~(REGION_ALIGN - 1);
        if (region_end <= base || region_end >> 47)
            return fail_set(fail, ENOEXEC, "image %s: its VIRT_BASE is out of a guest's reach",
                            image->path);
        uint64_t n_tables = tables_for(plan, base, region_end - 1, plan->tables);
        if (n_tables == plan->n_tables)
            break;
        plan->n_tables = n_tables;
    }
    plan->stack = plan->tables + plan->n_tables;
    plan->end = plan->stack + 1;
    plan->n_mapped = (region_end - base) / IMAGE_PAGE_BYTES;
    if (plan->n_mapped > plan->n_pages)
        return fail_set(fail, ENOMEM,
                        "memory = %" PRIu32 " is too little for %s: it takes %" PRIu64, memory_mib,
                        image->path, (plan->n_mapped + pages_per_mib - 1) / pages_per_mib);
    return 0;
}
