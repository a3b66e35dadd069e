/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * The guest's address space. Read by C, by the assembler and by the linker script.
 *
 *     0 .. 2 MiB             nothing: a NULL pointer and its neighbourhood fault
 *     TEXT_BASE .. +2 MiB    the text window: text (r-x), read-only data (r--), the hypercall page
 *                            (r-x), shared_info (rw-); at its end the grant table (rw-)
 *     SPRAT_VIRT_BASE .. all of the guest's memory, page after page (rw-): the image's data first,
 *                            then what Xen's domain builder put there, then free pages. The pages
 *                            that the text window shows are not mapped here (two are, read-only).
 *
 * SPRAT_VIRT_BASE is 4 MiB + 0, 1, 2 or 3 MiB. The builder maps an image up to the next multiple of
 * 4 MiB and wants the guest to have that much memory, so an image that is linked 1 MiB below such a
 * border starts with memory=1. No-execute is set once, in the level 2 entries of this range; that
 * is why text is mapped elsewhere, and why making the image W^X costs one page table and no walk
 * over all memory.
 */
#ifndef SPRAT_LAYOUT_H
#define SPRAT_LAYOUT_H

#define TEXT_BASE        0x200000
#define TEXT_WINDOW_SIZE 0x200000 /* what one level 1 page table maps */

#define MMU_SHARED_SLOTS 64 /* pages at the window's end for what Xen shares with the guest */

/* Offsets in struct cpu_local that the compilers know. */
#define CPU_LOCAL_CANARY      0x28 /* -fstack-protector */
#define CPU_LOCAL_STACK_LIMIT 0x70 /* -fsplit-stack */

#endif
