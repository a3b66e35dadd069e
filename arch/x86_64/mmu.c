/* SPDX-License-Identifier: BSD-2-Clause */
#include <sprat/mmu.h>

#include <assert.h>
#include <errno.h>

#include <xen/xen.h>

#include <sprat/arch.h>
#include <sprat/hypercall.h>
#include <sprat/layout.h>

#include "init.h"

#define PTE_PRESENT    (1ull << 0)
#define PTE_WRITE      (1ull << 1)
#define PTE_USER       (1ull << 2) /* a PV guest's kernel runs in ring 3 */
#define PTE_ACCESSED   (1ull << 5)
#define PTE_DIRTY      (1ull << 6)
#define PTE_NO_EXECUTE (1ull << 63)
#define PTE_RO         (PTE_PRESENT | PTE_USER | PTE_ACCESSED | PTE_NO_EXECUTE)
#define PTE_RW         (PTE_RO | PTE_WRITE | PTE_DIRTY)
#define PTE_TABLE      (PTE_PRESENT | PTE_USER | PTE_ACCESSED | PTE_WRITE | PTE_DIRTY)
#define PTE_FRAME(pte) (((pte)&0x000ffffffffff000) >> PAGE_BITS)

#define TABLE_ENTRIES   512
#define LARGE_PAGE_BITS 21 /* what a level 2 entry maps */
#define LEVELS          4
#define MAP_MAX         64

extern char _virt_base[];

static struct {
    const unsigned long *p2m; /* pfn -> mfn, made by the builder */
    uint64_t *root;           /* level 4, mapped read-only like all tables */
    pfn_t n_pages;
    pfn_t first_unmapped;
} mmu;

static unsigned long base(void)
{
    return (unsigned long)_virt_base;
}

void *mmu_va(pfn_t pfn)
{
    return (void *)(base() + pfn * PAGE_BYTES);
}

pfn_t mmu_pfn(const void *va)
{
    return ((unsigned long)va - base()) / PAGE_BYTES;
}

mfn_t mmu_mfn(const void *va)
{
    pfn_t pfn = mmu_pfn(va);
    assert(pfn < mmu.n_pages);
    return mmu.p2m[pfn];
}

pfn_t mmu_pfn_of_mfn(mfn_t mfn)
{
    return machine_to_phys_mapping[mfn];
}

static uint64_t *table_at(uint64_t pte)
{
    return mmu_va(mmu_pfn_of_mfn(PTE_FRAME(pte)));
}

static unsigned index_at(unsigned long va, int level)
{
    return va >> (PAGE_BITS + 9 * (level - 1)) & (TABLE_ENTRIES - 1);
}

/*
 * Walk down to the entry for `va` at `level`, or to the first table above it that is not there.
 * @param found  receives the level of the entry.
 * @return the entry; *machine its machine address.
 */
static const uint64_t *walk(unsigned long va, int level, int *found, uint64_t *machine)
{
    uint64_t *table = mmu.root;
    int at = LEVELS;

    while (at > level && table[index_at(va, at)] & PTE_PRESENT) {
        table = table_at(table[index_at(va, at)]);
        at--;
    }
    *found = at;
    *machine = mmu_mfn(table) * PAGE_BYTES + index_at(va, at) * sizeof(uint64_t);
    return &table[index_at(va, at)];
}

unsigned mmu_init(const struct start_info *si, struct mmu_update *no_execute)
{
    mmu.p2m = (const unsigned long *)si->mfn_list;
    mmu.root = (uint64_t *)si->pt_base;
    mmu.n_pages = si->nr_pages;
    mmu_publish();

    unsigned n = 0;
    unsigned long va = base();
    unsigned long end = base() + si->nr_pages * PAGE_BYTES;
    uint64_t last_l2e = 0;
    while (va < end && n < MMU_FIRST_TABLES_MAX) {
        int level;
        uint64_t machine;
        const uint64_t *l2e = walk(va, 2, &level, &machine);
        if (level != 2 || !(*l2e & PTE_PRESENT))
            break;
        last_l2e = *l2e;
        no_execute[n++] = (struct mmu_update){machine, last_l2e | PTE_NO_EXECUTE};
        va = (va | (TABLE_ENTRIES * PAGE_BYTES - 1)) + 1;
    }
    if (va > end)
        va = end;
    /* The builder may have stopped short of the last table's end. */
    const uint64_t *l1 = table_at(last_l2e);
    while (!(l1[index_at(va - PAGE_BYTES, 1)] & PTE_PRESENT))
        va -= PAGE_BYTES;
    mmu.first_unmapped = (va - base()) / PAGE_BYTES;
    return n;
}

pfn_t mmu_first_unmapped(void)
{
    return mmu.first_unmapped;
}

/*
 * Make a page a table: fill it through `fill`, take our own write access away, hook it in. Xen
 * checks every entry when it is hooked in.
 */
static int hook_table(uint64_t *page, uint64_t parent_machine)
{
    int level;
    uint64_t own_machine;
    walk((unsigned long)page, 1, &level, &own_machine);
    struct mmu_update requests[] = {
        {own_machine, mmu_mfn(page) * PAGE_BYTES | PTE_RO},
        {parent_machine, mmu_mfn(page) * PAGE_BYTES | PTE_TABLE},
    };
    return hypercall_mmu_update(requests, ARRAY_LEN(requests), NULL, DOMID_SELF);
}

static void clear_table(uint64_t *page)
{
    for (int i = 0; i < TABLE_ENTRIES; i++)
        page[i] = 0;
}

int mmu_map(pfn_t first, size_t count, void *(*new_table)(void))
{
    assert(count <= MAP_MAX && first + count <= mmu.n_pages);
    unsigned long va = (unsigned long)mmu_va(first);

    for (;;) {
        int level;
        uint64_t machine;
        walk(va, 1, &level, &machine);
        if (level == 1) {
            struct mmu_update requests[MAP_MAX];
            for (size_t i = 0; i < count; i++)
                requests[i] = (struct mmu_update){machine + i * sizeof(uint64_t),
                                                  mmu.p2m[first + i] * PAGE_BYTES | PTE_RW};
            return hypercall_mmu_update(requests, (unsigned)count, NULL, DOMID_SELF);
        }

        uint64_t *page = new_table();
        if (!page)
            return -ENOMEM;
        clear_table(page);
        if (level == 2)
            for (size_t i = 0; i < count; i++)
                page[index_at(va, 1) + i] = mmu.p2m[first + i] * PAGE_BYTES | PTE_RW;
        int error = hook_table(page, machine);
        if (error || level == 2)
            return error;
    }
}

int mmu_protect(void *va, enum mmu_access access)
{
    static const uint64_t flags[] = {
        [MMU_NONE] = 0, [MMU_READ_ONLY] = PTE_RO, [MMU_READ_WRITE] = PTE_RW};
    uint64_t pte = access == MMU_NONE ? 0 : mmu_mfn(va) * PAGE_BYTES | flags[access];
    return hypercall_update_va_mapping((unsigned long)va, pte, UVMF_INVLPG | UVMF_LOCAL);
}

/* Nothing but the machine's frame and what Xen made of it stands behind these addresses. */
static int map_alien(unsigned long va, uint64_t machine)
{
    return hypercall_update_va_mapping(va, machine ? machine | PTE_RW : 0,
                                       UVMF_INVLPG | UVMF_LOCAL);
}

static unsigned long slot_address(unsigned slot)
{
    assert(slot < MMU_SHARED_SLOTS);
    return TEXT_BASE + TEXT_WINDOW_SIZE - (MMU_SHARED_SLOTS - slot) * PAGE_BYTES;
}

void *mmu_map_shared(unsigned slot, mfn_t mfn)
{
    unsigned long va = slot_address(slot);
    return map_alien(va, mfn * PAGE_BYTES) ? NULL : (void *)va;
}

void mmu_unmap_shared(unsigned slot)
{
    map_alien(slot_address(slot), 0);
}

int mmu_map_shared_info(uint64_t machine)
{
    return map_alien((unsigned long)&shared_info, machine);
}

/*
 * libxenguest takes the entries of the level 2 table that map the list for as many as there are
 * between its first and its last, less one, when they are more than one. A guest for which that is
 * too few would be saved in part: it shows no list, and is not saved.
 * Source: tools/libs/guest/xg_sr_save_x86_pv.c of Xen, map_p2m_list(), the check at level 2.
 */
static bool list_is_readable(void)
{
    unsigned long first = (unsigned long)mmu.p2m;
    unsigned long last = first + ROUND_UP(mmu.n_pages * sizeof(*mmu.p2m), PAGE_BYTES) - 1;
    unsigned long more = (last >> LARGE_PAGE_BITS) - (first >> LARGE_PAGE_BITS);

    return !more || mmu.n_pages * sizeof(*mmu.p2m) <= more << LARGE_PAGE_BITS;
}

void mmu_publish(void)
{
    struct arch_shared_info *arch = &shared_info.arch;

    if (!list_is_readable())
        return;
    arch->max_pfn = mmu.n_pages;
    arch->p2m_vaddr = (unsigned long)mmu.p2m;
    arch->p2m_cr3 = mmu_mfn(mmu.root) << PAGE_BITS;
}

struct mmu_rights mmu_rights(unsigned long va)
{
    struct mmu_rights rights = {true, true, true};
    const uint64_t *table = mmu.root;

    if (va >= HYPERVISOR_VIRT_START || va >> 47)
        return (struct mmu_rights){false, false, false};
    for (int level = LEVELS; level >= 1; level--) {
        uint64_t pte = table[index_at(va, level)];
        if (!(pte & PTE_PRESENT))
            return (struct mmu_rights){false, false, false};
        rights.write &= !!(pte & PTE_WRITE);
        rights.execute &= !(pte & PTE_NO_EXECUTE);
        if (level > 1)
            table = table_at(pte);
    }
    return rights;
}
