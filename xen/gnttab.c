/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table is shared with Xen alone, never with another guest, so an unused entry may hold the
 * link to the next unused one.
 */
#include <sprat/gnttab.h>

#include <assert.h>
#include <errno.h>

#include <sprat/compiler.h>
#include <sprat/cpu.h>
#include <sprat/hypercall.h>
#include <sprat/mmu.h>

#define FRAME_ENTRIES (PAGE_BYTES / sizeof(struct grant_entry_v1))
#define NONE          0 /* reserved by Xen's tools, so never on the list */

static_assert(sizeof(struct grant_entry_v1) == 8, "grant table version 1");

static struct {
    volatile struct grant_entry_v1 *table; /* its frames follow one another */
    unsigned n_frames;
    grant_ref_t first_unused;
    unsigned n_used;
} gnttab;

SPRAT_INLINE volatile struct grant_entry_v1 *entry_of(grant_ref_t ref)
{
    assert(ref < gnttab.n_frames * FRAME_ENTRIES);
    return &gnttab.table[ref];
}

SPRAT_INLINE void put_unused(grant_ref_t ref)
{
    gnttab.table[ref].frame = gnttab.first_unused;
    gnttab.first_unused = ref;
}

/* Ask for one more frame. */
static int grow(void)
{
    xen_pfn_t list[MMU_SHARED_SLOTS];
    struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = gnttab.n_frames + 1};

    if (gnttab.n_frames == MMU_SHARED_SLOTS)
        return -ENOSPC;
    set_xen_guest_handle(setup.frame_list, list);
    if (hypercall_grant_table_op(GNTTABOP_setup_table, &setup, 1) || setup.status != GNTST_okay)
        return gnttab.n_frames ? -ENOSPC : -ENOSYS;
    void *frame = mmu_map_shared(gnttab.n_frames, list[gnttab.n_frames]);
    if (!frame)
        return -ENOSYS;

    if (!gnttab.n_frames)
        gnttab.table = frame;
    assert(frame == &gnttab.table[gnttab.n_frames * FRAME_ENTRIES]);
    gnttab.n_frames++;
    grant_ref_t end = gnttab.n_frames * FRAME_ENTRIES;
    grant_ref_t first = end - FRAME_ENTRIES;
    if (first == 0)
        first = GNTTAB_NR_RESERVED_ENTRIES;
    while (end-- > first)
        put_unused(end);
    return 0;
}

int gnttab_grant(domid_t domid, const void *page, bool read_only, grant_ref_t *ref)
{
    assert((uintptr_t)page % PAGE_BYTES == 0);
    if (gnttab.first_unused == NONE) {
        int error = grow();
        if (error)
            return error;
    }
    *ref = gnttab.first_unused;
    volatile struct grant_entry_v1 *entry = entry_of(*ref);
    gnttab.first_unused = entry->frame;
    gnttab.n_used++;

    entry->frame = (uint32_t)mmu_mfn(page);
    entry->domid = domid;
    cpu_wmb(); /* what is granted before that it is */
    entry->flags = GTF_permit_access | (read_only ? GTF_readonly : 0);
    return 0;
}

int gnttab_revoke(grant_ref_t ref)
{
    volatile struct grant_entry_v1 *entry = entry_of(ref);
    uint16_t flags = entry->flags;

    assert(flags & GTF_permit_access); /* it is revoked already */
    /* Xen sets the two bits while the page is mapped: no entry may be taken away under its feet. */
    do {
        if (flags & (GTF_reading | GTF_writing))
            return -EBUSY;
    } while (!__atomic_compare_exchange_n(&entry->flags, &flags, 0, false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST));
    put_unused(ref);
    gnttab.n_used--;
    return 0;
}

bool gnttab_mapped(grant_ref_t ref)
{
    return entry_of(ref)->flags & (GTF_reading | GTF_writing);
}

unsigned gnttab_used(void)
{
    return gnttab.n_used;
}
