/* SPDX-License-Identifier: BSD-2-Clause */
/** The guest's memory and what the domain builder puts there. */
#ifndef FAKE_MACHINE_H
#define FAKE_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What the toolstack gives the guest. Zeros are good defaults. */
struct fake_guest {
    size_t n_pages;  /**< 0: 1024 */
    size_t n_mapped; /**< by the builder, a multiple of 64; 0: 256, or all when there are fewer */
    size_t n_image;  /**< pages of image before what the builder adds; 0: 16 */
    const char *cmdline;
    bool no_console, no_xenstore, rings_last;
};

/** Build the guest, with an honest xenstored and console daemon at its rings. Once in a test. */
void fake_build(const struct fake_guest *guest);
bool fake_built(void);

struct start_info *fake_start_info(void);

/** The rings' pages, as the other side sees them. */
struct xenstore_domain_interface *fake_xenstore_page(void);
struct xencons_interface *fake_console_page(void);

/** Is this address in the guest's memory and mapped with this access? */
bool fake_readable(uintptr_t address);
bool fake_writable(uintptr_t address);

/**
 * The lowest mapped address of the run of mapped pages that ends at `top`; 0 outside the memory.
 */
uintptr_t fake_stack_bottom(uintptr_t top);

/** Pages that the guest had to give for page tables. */
size_t fake_n_tables(void);

/** Slots that hold a page which Xen shares with the guest. */
unsigned fake_n_shared(void);

/** mmu_map() after `after` good ones fails with `error`. */
void fake_map_fails(unsigned after, int error);
/** mmu_protect() likewise. */
void fake_protect_fails(unsigned after, int error);

/** What cpu_random() gives next; 0: the CPU has no RDRAND. */
void fake_random(uint64_t value);

#endif
