/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table is shared with Xen alone, never with another guest, so an unused entry may hold the
 * link to the next unused one.
 */
#include <sprat/gnttab.h>

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <sprat/compiler.h>
#include <sprat/cpu.h>
#include <sprat/hypercall.h>
#include <sprat/mmu.h>
#include <sprat/port.h>
#include <sprat/suspend.h>

#define FRAME_ENTRIES (PAGE_BYTES / sizeof(struct grant_entry_v1))
#define NONE          0 /* reserved by Xen's tools, so never on the list */

static_assert(sizeof(struct grant_entry_v1) == 8, "grant table version 1");

static int save(void);
static void restore(bool restored);

static struct {
    volatile struct grant_entry_v1 *table; /* its frames follow one another */
    unsigned n_frames;
    grant_ref_t first_unused;
    unsigned n_used;
    uint8_t *saved; /* which were used, a bit each */
    struct suspend_part part;
} gnttab = {.part = {.before = save, .after = restore}};

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

/* Have Xen make the table this long, and see the frames from `first` on. */
static bool map_frames(unsigned first, unsigned end)
{
    xen_pfn_t list[MMU_SHARED_SLOTS];
    struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = end};

    set_xen_guest_handle(setup.frame_list, list);
    if (hypercall_grant_table_op(GNTTABOP_setup_table, &setup, 1) || setup.status != GNTST_okay)
        return false;
    for (unsigned i = first; i < end; i++) {
        void *frame = mmu_map_shared(i, list[i]);
        if (!frame)
            return false;
        if (i == 0)
            gnttab.table = frame;
        assert(frame == &gnttab.table[i * FRAME_ENTRIES]);
    }
    return true;
}

/* Ask for one more frame. */
static int grow(void)
{
    if (gnttab.n_frames == MMU_SHARED_SLOTS)
        return -ENOSPC;
    if (!map_frames(gnttab.n_frames, gnttab.n_frames + 1))
        return gnttab.n_frames ? -ENOSPC : -ENOSYS;
    if (!gnttab.n_frames)
        suspend_part_add(&gnttab.part);
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

/* Being saved */

static bool saved_bit(grant_ref_t ref)
{
    return gnttab.saved[ref / 8] >> ref % 8 & 1;
}

static int save(void)
{
    size_t n_bytes = gnttab.n_frames * FRAME_ENTRIES / 8;

    gnttab.saved = port_alloc(n_bytes);
    if (!gnttab.saved)
        return -ENOMEM;
    memset(gnttab.saved, 0, n_bytes);
    for (grant_ref_t ref = GNTTAB_NR_RESERVED_ENTRIES; ref < n_bytes * 8; ref++)
        if (entry_of(ref)->flags)
            gnttab.saved[ref / 8] |= (uint8_t)(1 << ref % 8);
    for (unsigned i = 0; i < gnttab.n_frames; i++)
        mmu_unmap_shared(i);
    return 0;
}

/*
 * Whoever granted a page does not know yet that the table is an empty one, and will take the grant
 * back: until then it is one to nobody.
 */
static void refill(void)
{
    gnttab.first_unused = NONE;
    for (grant_ref_t ref = gnttab.n_frames * FRAME_ENTRIES; ref-- > GNTTAB_NR_RESERVED_ENTRIES;) {
        volatile struct grant_entry_v1 *entry = entry_of(ref);
        if (saved_bit(ref)) {
            entry->domid = DOMID_INVALID;
            entry->flags = GTF_permit_access;
        } else {
            put_unused(ref);
        }
    }
}

static void restore(bool restored)
{
    if (!map_frames(0, gnttab.n_frames))
        port_panic("the restored domain has no room for %u frames of grants: give it the"
                   " max_grant_frames that it had",
                   gnttab.n_frames);
    if (restored)
        refill();
    port_free(gnttab.saved);
}
