/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dies in the way that its argument names, to show what a guest's end looks like from the host:
 *
 *     scripts/sprat run crash -- null-write
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The compilers see through each of these crimes: they may not know what they are about to
 * commit. */
#define HIDE(pointer) __asm__ volatile("" : "+r"(pointer))

static void null_read(void)
{
    volatile int *nowhere = NULL;
    HIDE(nowhere);
    printf("read %d\n", *nowhere);
}

static void null_write(void)
{
    volatile int *nowhere = NULL;
    HIDE(nowhere);
    nowhere[2] = 1;
}

static void null_call(void)
{
    void (*nowhere)(void) = NULL;
    HIDE(nowhere);
    nowhere();
}

static void text_write(void)
{
    volatile char *text = (volatile char *)(uintptr_t)null_read;
    HIDE(text);
    *text = 0;
}

static void rodata_write(void)
{
    static const char constant[] = "constant";
    volatile char *data = (volatile char *)(uintptr_t)constant;
    HIDE(data);
    *data = 0;
}

static const unsigned char machine_code[] = {0xc3}; /* ret */

static void data_execute(void)
{
    static unsigned char copy[sizeof(machine_code)];
    memcpy(copy, machine_code, sizeof(copy));
    void (*code)(void) = (void (*)(void))(uintptr_t)copy;
    HIDE(code);
    code();
}

static void rodata_execute(void)
{
    void (*code)(void) = (void (*)(void))(uintptr_t)machine_code;
    HIDE(code);
    code();
}

static void heap_execute(void)
{
    unsigned char *copy = malloc(sizeof(machine_code));
    memcpy(copy, machine_code, sizeof(machine_code));
    void (*code)(void) = (void (*)(void))(uintptr_t)copy;
    HIDE(code);
    code();
}

static void stack_execute(void)
{
    unsigned char copy[sizeof(machine_code)];
    memcpy(copy, machine_code, sizeof(copy));
    void (*code)(void) = (void (*)(void))(uintptr_t)copy;
    HIDE(code);
    code();
}

static int recurse(int depth)
{
    volatile char frame[256];
    int more = 1;
    HIDE(more);
    frame[0] = (char)depth;
    return more ? recurse(depth + 1) + frame[0] : 0;
}

static void stack_overflow(void)
{
    printf("%d\n", recurse(0));
}

/* Past every check, as code that is not compiled for Sprat would: Xen itself must end the guest. */
static void stack_guard(void)
{
    __asm__ volatile("1: push %%rax; jmp 1b" ::: "memory");
}

static __attribute__((noinline)) void fill(char *bytes, size_t len)
{
    HIDE(bytes);
    memset(bytes, 'x', len);
}

static __attribute__((noinline)) void stack_smash(void)
{
    char small[16];
    fill(small, 64);
}

static void heap_overflow(void)
{
    char *block = malloc(20);
    fill(block, 21);
    free(block);
}

static void heap_overflow_large(void)
{
    char *block = malloc(10000);
    fill(block, 10001);
    free(block);
}

static void double_free(void)
{
    void *block = malloc(100);
    HIDE(block);
    void *again = block;
    HIDE(again);
    free(block);
    free(again);
}

static void wild_free(void)
{
    char *block = malloc(100);
    block += 16;
    HIDE(block);
    free(block);
}

static void static_free(void)
{
    static char bytes[64];
    char *block = bytes;
    HIDE(block);
    free(block);
}

static void failed_assert(void)
{
    int two = 2;
    HIDE(two);
    assert(two + two == 5);
}

static void divide(void)
{
    int zero = 0;
    HIDE(zero);
    printf("%d\n", 1000 / zero);
}

/* Not crashes. */

static void leave(void)
{
    exit(3);
}

/* Shows that the canary differs between boots. */
static void show_canary(void)
{
    uint64_t canary;
    __asm__("mov %%fs:0x28, %0" : "=r"(canary));
    printf("canary %016llx\n", (unsigned long long)canary);
    exit(EXIT_SUCCESS);
}

static const struct {
    const char *name;
    void (*die)(void);
} ways[] = {
    {"null-read", null_read},
    {"null-write", null_write},
    {"null-call", null_call},
    {"text-write", text_write},
    {"rodata-write", rodata_write},
    {"data-execute", data_execute},
    {"rodata-execute", rodata_execute},
    {"heap-execute", heap_execute},
    {"stack-execute", stack_execute},
    {"stack-overflow", stack_overflow},
    {"stack-guard", stack_guard},
    {"stack-smash", stack_smash},
    {"heap-overflow", heap_overflow},
    {"heap-overflow-large", heap_overflow_large},
    {"double-free", double_free},
    {"wild-free", wild_free},
    {"static-free", static_free},
    {"assert", failed_assert},
    {"abort", abort},
    {"divide", divide},
    {"exit", leave},
    {"canary", show_canary},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 2 && i < sizeof(ways) / sizeof(ways[0]); i++) {
        if (strcmp(argv[1], ways[i].name) == 0) {
            ways[i].die();
            printf("crash: %s did no harm\n", argv[1]);
            return EXIT_FAILURE;
        }
    }
    printf("crash: say how, one of:");
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
        printf(" %s", ways[i].name);
    printf("\n");
    return 2;
}
