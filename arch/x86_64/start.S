/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From Xen's entry to C.
 *
 * Xen's builder maps the whole image readable, writable and executable. The first thing the guest
 * does, still running from that mapping, is to build the text window (<sprat/layout.h>) in one
 * hypercall:
 *
 *   1. each page of text and read-only data is unmapped where the builder mapped it, and entered in
 *      a new level 1 table with its final rights. Two pages stay mapped there, read-only, because
 *      the CPU comes back to them from this hypercall: the first one and the hypercall page;
 *   2. the page of that table becomes read-only: it is the guard below the main stack;
 *   3. the table is hooked into the level 2 table.
 *
 * arch_init() then sets no-execute on the builder's mapping as a whole.
 *
 * Registers that last: r15 first tick, r14 start_info, r13 p2m, r12 level 2 table (address),
 * rbp level 2 table (machine address).
 */
#include <sprat/elfnote.h>
#include <sprat/layout.h>

#define PAGE_MASK_LOW 0xfff
#define PTE_RO        0x025 /* present, user, accessed */
#define PTE_RW        0x067 /* present, write, user, accessed, dirty */

/* Offsets in struct start_info; arch.c asserts them. */
#define SI_SHARED_INFO 40
#define SI_PT_BASE     88
#define SI_MFN_LIST    104

#define MACH2PHYS 0xffff800000000000

/* A page table entry becomes the address at which that table is mapped. */
.macro table_address reg
    shl     $12, \reg
    shr     $24, \reg                   /* no-execute and flags go: the frame number */
    movabs  $MACH2PHYS, %rax
    mov     (%rax, \reg, 8), \reg
    shl     $12, \reg
    add     $_virt_base, \reg
.endm

    .section .text.start, "ax"
    .globl _start
    .type _start, @function
_start:
    rdtsc
    shl     $32, %rdx
    or      %rdx, %rax
    mov     %rax, %r15
    mov     %rsi, %r14
    cld

    mov     SI_MFN_LIST(%r14), %r13
    mov     SI_PT_BASE(%r14), %r12
    mov     (%r12), %r12                /* level 4, entry 0: all is below 512 GiB */
    table_address %r12
    mov     (%r12), %r12                /* level 3, entry 0: and below 1 GiB */
    mov     %r12, %rbp
    and     $~PAGE_MASK_LOW, %rbp
    table_address %r12

    /* rdi the next request, rsi the next entry of the new table, rbx the address of the page. */
    mov     $main_stack, %rdi
    mov     $main_stack_guard, %rsi
    mov     $_virt_base, %rbx
    xor     %ecx, %ecx                  /* pfn */
1:
    mov     (%r13, %rcx, 8), %rdx
    shl     $12, %rdx
    or      $PTE_RO, %rdx
    call    entry_address
    mov     %rax, (%rdi)
    mov     %rdx, %rax
    cmp     $_virt_base, %rbx
    je      3f
    cmp     $_low_hypercall, %rbx
    je      3f
    xor     %eax, %eax
3:
    mov     %rax, 8(%rdi)
    add     $16, %rdi

    /* Read-only data may not be executed. */
    lea     _low_to_window(%rbx), %rax
    cmp     $_rodata, %rax
    jb      2f
    cmp     $_hypercall, %rax
    jae     2f
    bts     $63, %rdx
2:
    mov     %rdx, (%rsi)
    add     $8, %rsi
    add     $4096, %rbx
    inc     %ecx
    cmp     $_low_window_end, %rbx
    jb      1b

    /* shared_info follows the window's pages. */
    mov     SI_SHARED_INFO(%r14), %rdx
    or      $PTE_RW, %rdx
    bts     $63, %rdx
    mov     %rdx, (%rsi)

    /* The new table's own page: a page table may be read, but not written. */
    mov     $main_stack_guard, %rbx
    mov     %rbx, %rdx
    sub     $_virt_base, %rdx
    shr     $12, %rdx
    mov     (%r13, %rdx, 8), %rdx
    shl     $12, %rdx
    or      $PTE_RO, %rdx
    call    entry_address
    mov     %rax, (%rdi)
    mov     %rdx, 8(%rdi)
    add     $16, %rdi

    /* Hook it in. */
    lea     (TEXT_BASE >> 21) * 8(%rbp), %rax
    mov     %rax, (%rdi)
    or      $PTE_RW, %rdx
    mov     %rdx, 8(%rdi)
    add     $16, %rdi

    mov     %rdi, %rsi
    mov     $main_stack, %rdi
    sub     %rdi, %rsi
    shr     $4, %rsi                    /* requests */
    xor     %edx, %edx                  /* no count wanted */
    mov     $0x7ff0, %r10d              /* DOMID_SELF */
    mov     $_low_hypercall + 1 * 32, %eax /* mmu_update: a call by distance would miss */
    call    *%rax
    test    %rax, %rax
    jnz     failed
    mov     $in_window, %rax
    jmp     *%rax

    /* rbx: an address; rax: the machine address of the level 1 entry that maps it. */
entry_address:
    mov     %rbx, %rax
    shr     $21, %rax
    mov     (%r12, %rax, 8), %rax
    and     $~PAGE_MASK_LOW, %rax
    btr     $63, %rax
    mov     %rbx, %r8
    shr     $9, %r8
    and     $0xff8, %r8d
    add     %r8, %rax
    ret

    /* Nothing is set up that could say more than that the domain crashed: let Xen say where. */
failed:
    ud2

in_window:
    mov     $main_stack_top, %rsp
    xor     %ebp, %ebp

    /* C finds its canary at %fs from its first function on. */
    xor     %edi, %edi                  /* SEGBASE_FS */
    mov     $cpu_local, %esi
    call    hypercall_page + 25 * 32    /* set_segment_base */

    mov     %r14, %rdi
    mov     %r15, %rsi
    call    arch_init
    call    kernel_main
    ud2
    .size _start, . - _start

.macro note owner, type, value:vararg
    .balign 4
    .long   2f - 1f, 4f - 3f, \type
1:  .asciz  "\owner"
2:  .balign 4
3:  \value
4:  .balign 4
.endm

/* How Xen's domain builder treats the image: <xen/elfnote.h>. */
.macro elfnote type, value:vararg
    note Xen, \type, \value
.endm

    .section .note.Xen, "a", @note
    elfnote 6, .asciz "Sprat"           /* GUEST_OS */
    elfnote 5, .asciz "xen-3.0"         /* XEN_VERSION: of the interface */
    elfnote 8, .asciz "generic"         /* LOADER */
    elfnote 3, .quad _virt_base         /* VIRT_BASE */
    elfnote 4, .quad _virt_base         /* PADDR_OFFSET: load addresses count from VIRT_BASE */
    elfnote 1, .quad _low_start        /* ENTRY */
    elfnote 2, .quad _low_hypercall /* HYPERCALL_PAGE */
    elfnote 9, .asciz "yes"             /* PAE_MODE */
    elfnote 10, .asciz "!writable_page_tables|pae_pgdir_above_4gb" /* FEATURES */
    elfnote 14, .long 1                 /* SUSPEND_CANCEL */
    note    Sprat, SPRAT_ELFNOTE_ONE_CHANNEL

    .section .note.GNU-stack, "", @progbits
