/* SPDX-License-Identifier: BSD-2-Clause */
/* What a C program may count on whatever it does: signals, floating point, destructors, W^X. */
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#include "check.h"

/* Signals. */

static int caught;

static void catch (int number)
{
    caught = number;
}

static void a_signal_that_the_program_sends_itself_is_handled(void)
{
    signal(SIGTERM, catch);
    CHECK(kill(getpid(), SIGTERM) == 0);
    CHECK(caught == SIGTERM);
    signal(SIGUSR1, catch);
    CHECK(kill(0, SIGUSR1) == 0 && caught == SIGUSR1);
    signal(SIGUSR1, SIG_IGN);
    CHECK(kill(-1, SIGUSR1) == 0);
    CHECK(kill(getpid(), 0) == 0);
}

static void nobody_else_can_be_sent_one(void)
{
    CHECK_FAILS(kill(77, SIGTERM), ESRCH);
    CHECK_FAILS(kill(-77, 0), ESRCH);
    CHECK_FAILS(kill(getpid(), NSIG), EINVAL);
    CHECK_FAILS(kill(getpid(), -1), EINVAL);
}

static void *catch_here(void *arg)
{
    signal(SIGUSR2, catch);
    return arg;
}

static void *raise_here(void *arg)
{
    raise(SIGUSR2);
    return arg;
}

static void *in_thread(void *(*function)(void *))
{
    pthread_t thread;
    void *result;

    CHECK(pthread_create(&thread, NULL, function, &caught) == 0);
    CHECK(pthread_join(thread, &result) == 0);
    return result;
}

static void handlers_are_the_programs_not_a_threads(void)
{
    in_thread(catch_here);
    raise(SIGUSR2);
    CHECK(caught == SIGUSR2);
    caught = 0;
    signal(SIGUSR2, catch);
    in_thread(raise_here);
    CHECK(caught == SIGUSR2);
}

/* Floating point: how to round is a thread's own affair. */

static uint32_t mxcsr(void)
{
    uint32_t value;
    __asm__ volatile("stmxcsr %0" : "=m"(value));
    return value;
}

static uint16_t x87_control(void)
{
    uint16_t value;
    __asm__ volatile("fnstcw %0" : "=m"(value));
    return value;
}

static void *round_to_zero(void *arg)
{
    const uint32_t mxcsr_zero = 0x7f80;
    const uint16_t x87_zero = 0xf7f;

    if (mxcsr() != 0x1f80 || x87_control() != 0x37f)
        return NULL;
    __asm__ volatile("ldmxcsr %0" ::"m"(mxcsr_zero));
    __asm__ volatile("fldcw %0" ::"m"(x87_zero));
    usleep(1000); /* the others run */
    return mxcsr() >> 13 == 3 && x87_control() == x87_zero ? arg : NULL;
}

static void a_threads_way_to_round_is_its_own(void)
{
    const uint32_t up = 0x5f80, nearest = 0x1f80;

    CHECK(mxcsr() == nearest && x87_control() == 0x37f);
    __asm__ volatile("ldmxcsr %0" ::"m"(up));
    CHECK(in_thread(round_to_zero));
    CHECK(mxcsr() == up && x87_control() == 0x37f);
    __asm__ volatile("ldmxcsr %0" ::"m"(nearest));
}

/* Memory: a walk of the guest's own page tables. */

#define PRESENT    (1ul << 0)
#define WRITE      (1ul << 1)
#define FRAME_MASK 0xffffffffff000ul
#define M2P        ((const uint64_t *)0xffff800000000000) /* frame -> page, by Xen */
#define DATA_START 0x400000                               /* text and read-only data are below */

static uintptr_t memory_base;
static unsigned n_rx, n_rw, n_wx, n_stray;

static const uint64_t *table_at(uint64_t entry)
{
    return (const uint64_t *)(memory_base + M2P[(entry & FRAME_MASK) >> 12] * 4096);
}

static void walk(const uint64_t *table, int level, uintptr_t base, bool write, bool execute)
{
    for (unsigned i = 0; i < (level == 4 ? 256 : 512); i++) { /* above is Xen's half */
        uintptr_t va = base | (uintptr_t)i << (12 + 9 * (level - 1));
        if (!(table[i] & PRESENT))
            continue;
        bool writable = write && table[i] & WRITE, executable = execute && !(table[i] >> 63);
        if (level > 1) {
            walk(table_at(table[i]), level - 1, va, writable, executable);
            continue;
        }
        n_wx += writable && executable;
        n_rw += writable && !executable;
        n_rx += executable && !writable;
        n_stray += executable && va >= DATA_START;
    }
}

/* The builder's start_info is in the pages behind the stack: it names the tables. */
static const uint64_t *start_info(void)
{
    uintptr_t at = (uintptr_t)&at & ~4095ul;

    do
        at += 4096;
    while (memcmp((const void *)at, "xen-3.0-x86_64", 14) != 0);
    return (const uint64_t *)at;
}

static void no_page_is_writable_and_executable(void)
{
    const uint64_t *info = start_info();
    const uint64_t *root = (const uint64_t *)info[11], *p2m = (const uint64_t *)info[13];

    /* The root's own page tells where memory begins: one of four places. */
    for (memory_base = 0x400000; memory_base < 0x800000; memory_base += 0x100000) {
        uintptr_t page = ((uintptr_t)root - memory_base) / 4096;
        if (table_at(root[0]) == root + 512 && M2P[p2m[page]] == page)
            break;
    }
    CHECK(memory_base < 0x800000);
    CHECK(malloc(3 << 20 >> 1)); /* some that the guest mapped itself */
    walk(root, 4, 0, true, true);
    CHECK(n_wx == 0 && n_stray == 0);
    CHECK(n_rx > 2 && n_rw > 384); /* it did see text and memory */
}

/* Destructors: after main() and what atexit() registered. */

static void at_exit(void)
{
    caught = 77;
}

__attribute__((destructor)) static void destroy(void)
{
    printf(caught == 77 ? "all passed\n" : "FAILED: atexit() is behind a destructor\n");
}

int main(void)
{
    RUN(a_signal_that_the_program_sends_itself_is_handled);
    RUN(nobody_else_can_be_sent_one);
    RUN(handlers_are_the_programs_not_a_threads);
    RUN(a_threads_way_to_round_is_its_own);
    RUN(no_page_is_writable_and_executable);
    atexit(at_exit);
    return EXIT_SUCCESS;
}
