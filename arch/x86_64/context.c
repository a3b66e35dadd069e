/* SPDX-License-Identifier: BSD-2-Clause */
#include <sprat/context.h>

void context_enter(void); /* context.S */

/* As Xen starts a vCPU, and as the ABI wants it: all exceptions masked, round to nearest. */
#define MXCSR_START 0x1f80
#define X87_START   0x37f

/** What context_switch() pops, lowest address first. */
struct saved {
    uint32_t mxcsr;
    uint16_t x87_control, unused;
    uint64_t r15, r14, r13, r12, rbx, rbp, rip;
};

void context_init(struct context *context, void *stack_top, void (*entry)(void *), void *arg)
{
    /* context_enter starts with the stack aligned to 16, as at a call's return address less 8. */
    uint64_t top = (uint64_t)stack_top & ~15ull;
    struct saved *saved = (struct saved *)(top - sizeof(struct saved));
    *saved = (struct saved){
        .mxcsr = MXCSR_START,
        .x87_control = X87_START,
        .r12 = (uint64_t)entry,
        .r13 = (uint64_t)arg,
        .rip = (uint64_t)context_enter,
    };
    context->sp = (uint64_t)saved;
}
