/* SPDX-License-Identifier: BSD-2-Clause */
/* The CPU's trap flag stops a function before each of its instructions. */
#define _GNU_SOURCE /* REG_EFL */
#include "run.h"

#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <ucontext.h>

#include "world.h"

#define TRAP_FLAG 0x100
#define RUNS_MAX  100000

static struct {
    unsigned at, n;
    bool done;
    void (*intrude)(void);
} stepping;

static void trapped(int signal, siginfo_t *info, void *arg)
{
    ucontext_t *context = arg;

    (void)signal;
    (void)info;
    if (stepping.n++ < stepping.at)
        return;
    context->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
    stepping.done = true;
    stepping.intrude();
}

static void trap_flag_on(void)
{
    __asm__ volatile("lea -128(%%rsp), %%rsp\n\t"
                     "pushfq\n\t"
                     "orq %0, (%%rsp)\n\t"
                     "popfq\n\t"
                     "lea 128(%%rsp), %%rsp" ::"i"(TRAP_FLAG)
                     : "memory", "cc");
}

static void trap_flag_off(void)
{
    __asm__ volatile("lea -128(%%rsp), %%rsp\n\t"
                     "pushfq\n\t"
                     "andq %0, (%%rsp)\n\t"
                     "popfq\n\t"
                     "lea 128(%%rsp), %%rsp" ::"i"(~TRAP_FLAG)
                     : "memory", "cc");
}

unsigned fake_interleave(void (*prepare)(void), void (*body)(void), void (*intrude)(void),
                         void (*check)(void))
{
    struct sigaction action = {.sa_sigaction = trapped, .sa_flags = SA_SIGINFO};
    unsigned runs = 0;

    stepping.intrude = intrude;
    sigaction(SIGTRAP, &action, NULL);
    do {
        if (runs == RUNS_MAX)
            fake_fail("%u instructions are too many to step through", runs);
        stepping.at = runs++;
        stepping.n = 0;
        stepping.done = false;
        prepare();
        trap_flag_on();
        body();
        trap_flag_off();
        check();
    } while (stepping.done);
    return runs;
}
