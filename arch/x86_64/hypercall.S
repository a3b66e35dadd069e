/* SPDX-License-Identifier: BSD-2-Clause */
/* <sprat/hypercall.h>. The fourth argument travels in r10 to Xen and in rcx in C. */

.macro hypercall name, number
    .section .text.hypercall_\name, "ax"
    .globl  hypercall_\name
    .type   hypercall_\name, @function
hypercall_\name:
    mov     %rcx, %r10
    jmp     hypercall_page + \number * 32
    .size   hypercall_\name, . - hypercall_\name
.endm

    hypercall set_trap_table, 0
    hypercall mmu_update, 1
    hypercall memory_op, 12
    hypercall multicall, 13
    hypercall update_va_mapping, 14
    hypercall set_timer_op, 15
    hypercall xen_version, 17
    hypercall console_io, 18
    hypercall grant_table_op, 20
    hypercall vcpu_op, 24
    hypercall mmuext_op, 26
    hypercall sched_op, 29
    hypercall suspend, 29
    hypercall event_channel_op, 32

    .section .note.GNU-stack, "", @progbits
