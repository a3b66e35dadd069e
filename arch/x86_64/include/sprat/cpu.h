/* SPDX-License-Identifier: BSD-2-Clause */
/** Single instructions, and the one page of state that %fs points to. */
#ifndef SPRAT_CPU_H
#define SPRAT_CPU_H

#include <stdbool.h>
#include <stdint.h>

#include <sprat/layout.h>

/**
 * The state at %fs: the compilers fix two of its offsets. One vCPU, so one of these; a thread
 * switch writes the new thread's stack limit here and leaves %fs alone (loading it takes a
 * hypercall).
 */
struct cpu_local {
    struct cpu_local *self;
    uint64_t unused_0x08[4];
    uint64_t canary; /**< compared at each protected function's return */
    uint64_t unused_0x30[8];
    uint64_t stack_limit; /**< application code that would go below calls __morestack */
};

extern struct cpu_local cpu_local;

/** Order this CPU's loads and stores as the other side of a shared page must see them. */
static inline void cpu_mb(void)
{
    __asm__ volatile("mfence" ::: "memory");
}

/* x86 keeps loads in order, and stores in order: the compiler alone must be told. */
static inline void cpu_rmb(void)
{
    __asm__ volatile("" ::: "memory");
}

static inline void cpu_wmb(void)
{
    __asm__ volatile("" ::: "memory");
}

/** Time stamp counter, in ticks. */
static inline uint64_t cpu_tsc(void)
{
    uint32_t lo, hi;
    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    return (uint64_t)hi << 32 | lo;
}

/** Set a bit that Xen may be changing at the same time. */
static inline void cpu_atomic_set_bit(volatile unsigned long *word, unsigned bit)
{
    __asm__ volatile("lock btsq %1, %0" : "+m"(*word) : "r"((unsigned long)bit) : "memory", "cc");
}

static inline void cpu_atomic_clear_bit(volatile unsigned long *word, unsigned bit)
{
    __asm__ volatile("lock btrq %1, %0" : "+m"(*word) : "r"((unsigned long)bit) : "memory", "cc");
}

static inline unsigned long cpu_atomic_exchange(volatile unsigned long *word, unsigned long value)
{
    return __atomic_exchange_n(word, value, __ATOMIC_SEQ_CST);
}

/**
 * A random word from the CPU.
 *
 * @return false when the CPU has no RDRAND or it gave nothing: mix other sources then.
 */
bool cpu_random(uint64_t *out);

/** Set the canary from what differs between boots. The caller must never return. */
void cpu_seed_canary(uint64_t seed);

#endif
