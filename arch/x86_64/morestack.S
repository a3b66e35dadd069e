/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Application code is compiled with -fsplit-stack, for the compare in each function's prologue
 * alone: when the stack would pass the limit in cpu_local, the function calls __morestack instead
 * of going on. No stack is ever split here; the guest ends with a report while there is stack left
 * to make it. (An access to the guard page itself ends in Xen: it can't push an exception frame on
 * an unmapped stack.)
 *
 * On entry: return address in the function, then the function's own return address; r10 the bytes
 * wanted.
 */
    .section .text.morestack, "ax"
    .globl __morestack
    .type __morestack, @function
__morestack:
    pop     %rdi
    push    %rbp
    mov     %rsp, %rbp
    mov     %rbp, %rsi
    mov     %r10, %rdx
    and     $~15, %rsp
    call    kernel_stack_overflow
    ud2
    .size __morestack, . - __morestack

    /* alloca and variable-length arrays ask here when the stack can't hold them: rdi bytes. */
    .globl __morestack_allocate_stack_space
    .type __morestack_allocate_stack_space, @function
__morestack_allocate_stack_space:
    mov     %rdi, %rdx
    pop     %rdi
    mov     %rbp, %rsi
    and     $~15, %rsp
    call    kernel_stack_overflow
    ud2
    .size __morestack_allocate_stack_space, . - __morestack_allocate_stack_space

    .section .note.GNU-stack, "", @progbits
