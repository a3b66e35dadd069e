/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * <sprat/context.h>. A switch is a function call, so only what a callee must keep is saved: six
 * registers, and how the thread wants floating point to round and to trap.
 */

    .section .text.context_switch, "ax"
    .globl context_switch
    .hidden context_switch
    .type context_switch, @function
context_switch:
    push    %rbp
    push    %rbx
    push    %r12
    push    %r13
    push    %r14
    push    %r15
    sub     $8, %rsp
    stmxcsr (%rsp)
    fnstcw  4(%rsp)
    mov     %rsp, (%rdi)
    mov     (%rsi), %rsp
    ldmxcsr (%rsp)
    fldcw   4(%rsp)
    add     $8, %rsp
    pop     %r15
    pop     %r14
    pop     %r13
    pop     %r12
    pop     %rbx
    pop     %rbp
    ret
    .size context_switch, . - context_switch

    /* The first switch to a context "returns" here: r12 the function, r13 its argument. */
    .section .text.context_enter, "ax"
    .globl context_enter
    .hidden context_enter
    .type context_enter, @function
context_enter:
    mov     %r13, %rdi
    xor     %ebp, %ebp
    call    *%r12
    ud2
    .size context_enter, . - context_enter

    .section .note.GNU-stack, "", @progbits
