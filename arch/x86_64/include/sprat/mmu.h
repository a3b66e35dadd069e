/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * The guest's page tables and its map from pages to machine frames.
 *
 * A pfn counts the guest's own pages from 0; page pfn is always seen at SPRAT_VIRT_BASE + pfn *
 * PAGE_BYTES once it is mapped. The builder maps the first few hundred; the rest is mapped when it
 * is first used, so that booting costs the same whatever memory= says.
 */
#ifndef SPRAT_MMU_H
#define SPRAT_MMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sprat/compiler.h>
#include <sprat/layout.h>

typedef unsigned long pfn_t; /**< a page of this guest, from 0 */
typedef unsigned long mfn_t; /**< a frame of the machine */

enum mmu_access {
    MMU_NONE,       /**< a guard: any access faults */
    MMU_READ_ONLY,  /**< a page table, or data that is final */
    MMU_READ_WRITE, /**< the usual */
};

/** Pages that are mapped when the guest starts, from pfn 0. */
pfn_t mmu_first_unmapped(void);

/** Where a page is seen. The page must be mapped before it is touched. */
void *mmu_va(pfn_t pfn);

/** The page at an address that mmu_va() gave, or inside such a page. */
pfn_t mmu_pfn(const void *va);

/** The machine frame behind an address of the guest's memory (not of the text window). */
SPRAT_API mfn_t mmu_mfn(const void *va);

/** The page that holds a machine frame of this guest: for what start_info names by mfn. */
pfn_t mmu_pfn_of_mfn(mfn_t mfn);

/**
 * Map pages that were never mapped, readable and writable.
 *
 * @param first  a multiple of 64; the run does not cross a multiple of 512 pages of address space.
 * @param count  at most 64.
 * @param new_table  called for a page (mapped, zeroed by the callee is not needed) when a page
 *                   table is missing; the page is never given back. NULL when there is none:
 *                   -ENOMEM.
 * @return 0, -ENOMEM, or what Xen said.
 */
int mmu_map(pfn_t first, size_t count, void *(*new_table)(void));

/** Change how one mapped page of the guest's memory may be accessed. @return 0 or Xen's -errno. */
SPRAT_API int mmu_protect(void *va, enum mmu_access access);

/**
 * Map a machine frame that Xen shares with the guest (the grant table), readable and writable.
 *
 * @param slot  which of the MMU_SHARED_SLOTS pages of address space kept for this; they follow one
 *              another.
 * @return its address, NULL when Xen refuses.
 */
void *mmu_map_shared(unsigned slot, mfn_t mfn);

/** Take it away again. */
void mmu_unmap_shared(unsigned slot);

/** What the page tables say of an address, for a crash report. */
struct mmu_rights {
    bool present, write, execute;
};
struct mmu_rights mmu_rights(unsigned long va);

#endif
