/* SPDX-License-Identifier: BSD-2-Clause */
#include <sprat/cpu.h>

#include <cpuid.h>

#define RDRAND_TRIES 10 /* Intel's advice: ten failures in a row mean a broken generator */

bool cpu_random(uint64_t *out)
{
    unsigned eax, ebx, ecx, edx;

    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & bit_RDRND))
        return false;
    for (int i = 0; i < RDRAND_TRIES; i++) {
        unsigned char ok;
        __asm__ volatile("rdrand %0; setc %1" : "=r"(*out), "=qm"(ok)::"cc");
        if (ok)
            return true;
    }
    return false;
}

__attribute__((no_stack_protector)) void cpu_seed_canary(uint64_t seed)
{
    /* A zero byte first in memory stops overflows by string functions from writing the rest. */
    cpu_local.canary = seed & ~0xffull;
}
