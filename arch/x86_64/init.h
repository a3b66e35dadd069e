/* SPDX-License-Identifier: BSD-2-Clause */
/** What the parts of arch tell each other while the guest starts. */
#ifndef SPRAT_ARCH_INIT_H
#define SPRAT_ARCH_INIT_H

#include <stdint.h>

#include <xen/xen.h>

/* The builder maps the image and 512 KiB to the next multiple of 4 MiB. With a text window of 2 MiB
 * and data of at most 1 GiB (one level 2 table), no image needs more. */
#define MMU_FIRST_TABLES_MAX 512

/** Called by start.S. */
void arch_init(const struct start_info *si, uint64_t first_tick);

/**
 * Learn the builder's page tables.
 *
 * @param no_execute  receives the requests that forbid execution in all that the builder mapped.
 * @return how many requests.
 */
unsigned mmu_init(const struct start_info *si, struct mmu_update *no_execute);

/**
 * Tell in shared_info where the list of the guest's frames is: whoever saves it looks there first.
 */
void mmu_publish(void);

/** Map the machine frame at `machine` as shared_info; 0 takes it away. @return 0 or -errno. */
int mmu_map_shared_info(uint64_t machine);

/* entry.S */
extern const char event_upcall[], failsafe_callback[];
extern const char trap_0[], trap_1[], trap_3[], trap_6[], trap_10[], trap_11[], trap_12[],
    trap_13[], trap_14[], trap_16[], trap_17[], trap_19[];

#endif
