/* SPDX-License-Identifier: BSD-2-Clause */
/** newlib's, with limits. */
#include_next <sys/resource.h>

#ifndef _SPRAT_SYS_RESOURCE_H
#define _SPRAT_SYS_RESOURCE_H

#define RLIMIT_CPU     0
#define RLIMIT_FSIZE   1
#define RLIMIT_DATA    2 /**< the guest's memory, in bytes */
#define RLIMIT_STACK   3 /**< the calling thread's stack, in bytes */
#define RLIMIT_CORE    4 /**< 0: a crash is told on the console */
#define RLIMIT_RSS     5 /**< the guest's memory */
#define RLIMIT_NPROC   6 /**< 1 */
#define RLIMIT_NOFILE  7 /**< descriptors */
#define RLIMIT_MEMLOCK 8 /**< the guest's memory */
#define RLIMIT_AS      9 /**< the guest's memory */
#define RLIM_NLIMITS   10

#define RLIM_INFINITY (~0ul)

typedef unsigned long rlim_t;

struct rlimit {
    rlim_t rlim_cur; /**< the limit */
    rlim_t rlim_max; /**< what it may be raised to; it stays what it is */
};

int getrlimit(int resource, struct rlimit *limit);

/**
 * A guest's limits are what it is made of: 0 for what is so; -1 with EPERM for more than there is,
 * EINVAL for less, which nobody would keep to. But the number of descriptors can be limited.
 */
int setrlimit(int resource, const struct rlimit *limit);

#define PRIO_PROCESS 0
#define PRIO_PGRP    1
#define PRIO_USER    2

/** 0 it is; -1 with EPERM for another. */
int getpriority(int which, id_t who);
int setpriority(int which, id_t who, int priority);

#endif
