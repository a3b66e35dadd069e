/* SPDX-License-Identifier: BSD-2-Clause */
/** newlib's, with what there is to say of one CPU and of threads without priorities. */
#include_next <sched.h>

#ifndef _SPRAT_SCHED_H
#define _SPRAT_SCHED_H

#define SCHED_BATCH 3
#define SCHED_IDLE  5

/** SCHED_OTHER and 0 it is; -1 with EPERM for the real-time policies, as for who may not. */
int sched_setscheduler(pid_t pid, int policy, const struct sched_param *param);
int sched_getscheduler(pid_t pid);
int sched_setparam(pid_t pid, const struct sched_param *param);
int sched_getparam(pid_t pid, struct sched_param *param);
int sched_get_priority_min(int policy);
int sched_get_priority_max(int policy);

#if __GNU_VISIBLE
#define CPU_SETSIZE 1024

typedef struct {
    unsigned long __bits[CPU_SETSIZE / 64];
} cpu_set_t;

#define CPU_ZERO(set)       ((void)(*(set) = (cpu_set_t){{0}}))
#define CPU_SET(cpu, set)   ((void)((set)->__bits[(cpu) / 64] |= 1ul << (cpu) % 64))
#define CPU_CLR(cpu, set)   ((void)((set)->__bits[(cpu) / 64] &= ~(1ul << (cpu) % 64)))
#define CPU_ISSET(cpu, set) ((int)((set)->__bits[(cpu) / 64] >> (cpu) % 64 & 1))
#define CPU_COUNT(set)      __cpu_count(set)

static inline int __cpu_count(const cpu_set_t *set)
{
    int n = 0;

    for (unsigned i = 0; i < CPU_SETSIZE / 64; i++)
        n += __builtin_popcountl(set->__bits[i]);
    return n;
}

int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set);
/** @return 0; -1 with EINVAL when CPU 0, the only one, is not in the set. */
int sched_setaffinity(pid_t pid, size_t size, const cpu_set_t *set);
#endif

#endif
