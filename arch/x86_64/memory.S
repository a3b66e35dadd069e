/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memcpy, memmove and memset of <string.h>, instead of newlib's, which write around the caches:
 * what is copied here is a packet or a block, and read again at once.
 *
 * Up to 32 bytes are moved by words that overlap. All of them are read before one is written, so
 * memcpy and memmove are one function. The direction flag stays clear. Weak: an application may
 * have its own.
 */

.macro begin name
    .weak   \name
    .type   \name, @function
\name:
.endm

    .section .text.memcpy, "ax"
    begin   memcpy
    begin   memmove
    mov     %rdi, %rax
    cmp     $16, %rdx
    jb      copy_under_16
    mov     (%rsi), %r8
    mov     -8(%rsi, %rdx), %r9
    cmp     $32, %rdx
    ja      copy_over_32
    mov     8(%rsi), %r10
    mov     -16(%rsi, %rdx), %r11
    mov     %r8, (%rdi)
    mov     %r10, 8(%rdi)
    mov     %r11, -16(%rdi, %rdx)
    mov     %r9, -8(%rdi, %rdx)
    ret

copy_under_16:
    cmp     $8, %edx
    jb      copy_under_8
    mov     (%rsi), %r8
    mov     -8(%rsi, %rdx), %r9
    mov     %r8, (%rdi)
    mov     %r9, -8(%rdi, %rdx)
    ret

copy_under_8:
    cmp     $4, %edx
    jb      copy_under_4
    mov     (%rsi), %r8d
    mov     -4(%rsi, %rdx), %r9d
    mov     %r8d, (%rdi)
    mov     %r9d, -4(%rdi, %rdx)
    ret

    /* The first, the middle and the last byte. */
copy_under_4:
    test    %edx, %edx
    jz      copied
    movzbl  (%rsi), %r8d
    movzbl  -1(%rsi, %rdx), %r9d
    mov     %edx, %r10d
    shr     %r10d
    movzbl  (%rsi, %r10), %r11d
    mov     %r8b, (%rdi)
    mov     %r11b, (%rdi, %r10)
    mov     %r9b, -1(%rdi, %rdx)
copied:
    ret

    /* Upwards, unless that would overwrite what is still to be read: to aligned words, with the
     * first and the last 8 bytes, in r8 and r9, written at the end. */
copy_over_32:
    mov     %rdi, %rcx
    sub     %rsi, %rcx
    cmp     %rdx, %rcx
    jb      copy_downwards
    lea     -8(%rdi, %rdx), %r10
    mov     %edi, %ecx
    neg     %ecx
    and     $7, %ecx
    add     %rcx, %rdi
    add     %rcx, %rsi
    sub     %rcx, %rdx
    mov     %rdx, %rcx
    shr     $3, %rcx
    rep movsq
    mov     %r8, (%rax)
    mov     %r9, (%r10)
    ret

    /* Words from the end; what is left below the last of them is in r8. */
copy_downwards:
    mov     -8(%rsi, %rdx), %rcx
    mov     %rcx, -8(%rdi, %rdx)
    sub     $8, %rdx
    cmp     $8, %rdx
    ja      copy_downwards
    mov     %r8, (%rdi)
    ret
    .size   memcpy, . - memcpy
    .size   memmove, . - memmove

    .section .text.memset, "ax"
    begin   memset
    mov     %rdi, %r9
    movzbl  %sil, %eax
    mov     $0x0101010101010101, %r8
    imul    %r8, %rax
    cmp     $8, %rdx
    jb      set_under_8
    mov     %rax, (%rdi)
    mov     %rax, -8(%rdi, %rdx)
    lea     7(%rdi), %rcx
    and     $~7, %rcx
    add     %rdi, %rdx
    mov     %rcx, %rdi
    sub     %rcx, %rdx
    mov     %rdx, %rcx
    shr     $3, %rcx
    rep stosq
    mov     %r9, %rax
    ret

set_under_8:
    cmp     $4, %edx
    jb      set_under_4
    mov     %eax, (%rdi)
    mov     %eax, -4(%rdi, %rdx)
    mov     %r9, %rax
    ret

set_under_4:
    mov     %edx, %ecx
    rep stosb
    mov     %r9, %rax
    ret
    .size   memset, . - memset

    .section .note.GNU-stack, "", @progbits
