/* SPDX-License-Identifier: BSD-2-Clause */
/* What an exception means, and how the guest came there. */
#include <sprat/arch.h>

#include <stdbool.h>

#include <sprat/compiler.h>
#include <sprat/layout.h>
#include <sprat/mmu.h>

#define VECTOR_PAGE_FAULT 14
#define FAULT_PRESENT     (1 << 0)
#define FAULT_WRITE       (1 << 1)
#define FAULT_FETCH       (1 << 4)

static const char *const names[] = {
    [0] = "divide error",
    [1] = "debug exception",
    [3] = "breakpoint",
    [6] = "invalid instruction",
    [10] = "invalid TSS",
    [11] = "segment not present",
    [12] = "stack segment fault",
    [13] = "general protection fault",
    [16] = "x87 floating-point error",
    [17] = "alignment check",
    [19] = "SIMD floating-point error",
};

static const char *page_fault_reason(unsigned long address, uint64_t error)
{
    struct mmu_rights rights = mmu_rights(address);

    if (error & FAULT_FETCH)
        return rights.present ? "page fault: execution of data" : "page fault: jump to nowhere";
    if (address < TEXT_BASE)
        return "page fault: NULL access";
    if (rights.present && error & FAULT_WRITE && !rights.write)
        return rights.execute ? "page fault: text is read-only"
                              : "page fault: the data is read-only";
    return "page fault: nothing is mapped there";
}

struct arch_trap arch_describe_trap(const struct arch_regs *regs)
{
    if (regs->vector == VECTOR_PAGE_FAULT) {
        unsigned long address = shared_info.vcpu_info[0].arch.cr2;
        return (struct arch_trap){
            .reason = page_fault_reason(address, regs->error),
            .access = regs->error & FAULT_FETCH   ? "jump to"
                      : regs->error & FAULT_WRITE ? "write to"
                                                  : "read from",
            .address = address,
        };
    }
    const char *name = regs->vector < ARRAY_LEN(names) ? names[regs->vector] : NULL;
    return (struct arch_trap){.reason = name ? name : "unknown exception"};
}

static bool readable(uint64_t address)
{
    return mmu_rights(address).present;
}

#define CALL_RELATIVE 0xe8
#define CALL_INDIRECT 0xff /* with 2 in the middle bits of the next byte */

/* Does a call instruction end here? */
static bool follows_call(uint64_t address)
{
    static const uint8_t indirect_lengths[] = {2, 3, 4, 6, 7};
    const uint8_t *end = (const uint8_t *)address;

    if (!mmu_rights(address).execute || !mmu_rights(address - 8).execute)
        return false;
    if (end[-5] == CALL_RELATIVE)
        return true;
    for (size_t i = 0; i < sizeof(indirect_lengths); i++) {
        const uint8_t *call = end - indirect_lengths[i];
        if (call[0] == CALL_INDIRECT && (call[1] & 0x38) == 0x10)
            return true;
    }
    return false;
}

size_t arch_backtrace(uint64_t rip, uint64_t rbp, uint64_t rsp, uint64_t *addresses, size_t max)
{
    size_t n = 0;

    if (n < max)
        addresses[n++] = rip;
    if (n < max && rsp && !(rsp & 7) && readable(rsp) && follows_call(*(const uint64_t *)rsp))
        addresses[n++] = *(const uint64_t *)rsp;
    while (n < max && rbp && !(rbp & 7) && readable(rbp) && readable(rbp + 8)) {
        const uint64_t *frame = (const uint64_t *)rbp;
        if (!mmu_rights(frame[1]).execute) /* overwritten, or the first frame */
            break;
        addresses[n++] = frame[1];
        /* Frames lie above their callees'; anything else is not a frame any more. */
        if (frame[0] <= rbp)
            break;
        rbp = frame[0];
    }
    return n;
}
