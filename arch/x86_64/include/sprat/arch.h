/* SPDX-License-Identifier: BSD-2-Clause */
/** What the CPU and Xen's domain builder hand to the rest of the runtime. */
#ifndef SPRAT_ARCH_H
#define SPRAT_ARCH_H

#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>

/** Mapped at boot; written by Xen while the guest runs. */
extern struct shared_info shared_info;

/**
 * What the domain builder tells a new guest. Valid from arch_init() on; its page is never freed.
 */
const struct start_info *arch_start_info(void);

/**
 * Stop, to be saved, and return in the domain that was restored from it; or in this one, when the
 * toolstack only wanted a copy or could not save it.
 *
 * In a restored domain the event channels and grants are gone, shared_info and start_info are new
 * ones, and all frames have other numbers; memory is as it was. The caller has unmapped all that
 * mmu_map_shared() mapped.
 *
 * @return 0 in a restored domain; 1 in this one; -errno when Xen refused.
 */
int arch_suspend(void);

/** Time stamp counter at the guest's first instruction. */
uint64_t arch_first_tick(void);

/** Registers at an exception, or at the call of panic. In the order that entry.S pushes them. */
struct arch_regs {
    uint64_t r15, r14, r13, r12, rbp, rbx, r10, r9, r8, rax, rdx, rsi, rdi;
    uint64_t vector;
    uint64_t rcx, r11, error, rip, cs, rflags, rsp, ss;
};

/** An exception in words. */
struct arch_trap {
    const char *reason; /**< "page fault: NULL access" */
    const char *access; /**< "write to", or NULL when no address belongs to it */
    uint64_t address;
};
struct arch_trap arch_describe_trap(const struct arch_regs *regs);

/**
 * Walk frame pointers.
 *
 * @param rip, rbp  where to start.
 * @param rsp  of an exception; 0 for a walk that begins at a call. A function that needs no stack
 *             has no frame: its caller is then found by the return address on top of the stack.
 * @param addresses  receives up to max return addresses, innermost first, rip being the first.
 * @return how many. Stops at the first frame that is not on a mapped stack.
 */
size_t arch_backtrace(uint64_t rip, uint64_t rbp, uint64_t rsp, uint64_t *addresses, size_t max);

/**
 * Enter the kernel: called by start.S on the main stack, once, with memory protected and exceptions
 * handled. Never returns. The kernel defines it.
 */
void kernel_main(void) __attribute__((noreturn));

/** An exception. Called by entry.S; the kernel defines it and ends the guest. */
void kernel_trap(const struct arch_regs *regs) __attribute__((noreturn));

/**
 * Application code needs more stack than is left. Called by morestack.S; the kernel defines it and
 * ends the guest.
 *
 * @param rip, rbp  of the function that needs it.
 * @param size  bytes that it needs.
 */
void kernel_stack_overflow(uint64_t rip, uint64_t rbp, uint64_t size) __attribute__((noreturn));

#endif
