/* SPDX-License-Identifier: BSD-2-Clause */
/* The ways into the guest after its start: exceptions, and the event upcall. */

/*
 * Exceptions. Xen pushes rcx, r11, the error code (for some), rip, cs, rflags, rsp, ss. All are
 * fatal, so there is no way back: arch_regs is built on the stack and handed to the kernel.
 */
.macro trap vector, has_error=0
    .globl trap_\vector
    .hidden trap_\vector
trap_\vector:
    .if \has_error
    push    $\vector
    .else
    /* Make room for the missing error code between r11 and rip. */
    sub     $8, %rsp
    mov     8(%rsp), %rcx
    mov     %rcx, (%rsp)
    mov     16(%rsp), %r11
    mov     %r11, 8(%rsp)
    movq    $0, 16(%rsp)
    push    $\vector
    .endif
    jmp     trap_common
.endm

    .section .text.entry, "ax"
    trap    0
    trap    1
    trap    3
    trap    6
    trap    10, 1
    trap    11, 1
    trap    12, 1
    trap    13, 1
    trap    14, 1
    trap    16
    trap    17, 1
    trap    19

trap_common:
    push    %rdi
    push    %rsi
    push    %rdx
    push    %rax
    push    %r8
    push    %r9
    push    %r10
    push    %rbx
    push    %rbp
    push    %r12
    push    %r13
    push    %r14
    push    %r15
    cld
    mov     %rsp, %rdi
    mov     %rsp, %rbp
    and     $~15, %rsp
    xor     %ebp, %ebp
    call    kernel_trap
    ud2

/*
 * The event upcall. Events are enabled only inside hypercall_block() below, so what was interrupted
 * is known: go on there, at the same instruction, on its own stack. Xen has disabled events again.
 * The events themselves are taken by whoever called hypercall_block(). r10 is free there.
 */
    .globl event_upcall
    .hidden event_upcall
    .type event_upcall, @function
event_upcall:
    mov     (%rsp), %rcx
    mov     8(%rsp), %r11
    mov     16(%rsp), %r10              /* rip */
    mov     40(%rsp), %rsp
    jmp     *%r10
    .size event_upcall, . - event_upcall

/* Xen calls this when it could not load a segment register: the guest never changes one. */
    .globl failsafe_callback
    .hidden failsafe_callback
    .type failsafe_callback, @function
failsafe_callback:
    ud2
    .size failsafe_callback, . - failsafe_callback

    .globl hypercall_block
    .hidden hypercall_block
    .type hypercall_block, @function
hypercall_block:
    push    %rbp
    mov     %rsp, %rbp
    mov     $1, %edi                    /* SCHEDOP_block */
    xor     %esi, %esi
    call    hypercall_page + 29 * 32    /* sched_op */
    /* A wake-up without an event leaves events enabled: the upcall may come until here. */
    movb    $1, shared_info + 1         /* vcpu_info[0].evtchn_upcall_mask: arch.c asserts it */
    pop     %rbp
    ret
    .size hypercall_block, . - hypercall_block

    .section .note.GNU-stack, "", @progbits
