/* SPDX-License-Identifier: BSD-2-Clause */
/* One CPU; threads take turns, without priorities: what asks for others is told so. */
#define _GNU_SOURCE /* cpu_set_t */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <sprat/compiler.h>

#include "fail.h"

#define REAL_TIME_MAX 99 /* priorities from 1 on, as Linux has them */

/* @return 0, ESRCH. */
static int check_pid(pid_t pid)
{
    return pid == 0 || pid == getpid() ? 0 : ESRCH;
}

/* The range of a policy's priorities. @return false when there is no such policy. */
static bool range_of(int policy, int *least, int *most)
{
    bool real_time = policy == SCHED_FIFO || policy == SCHED_RR;

    *least = real_time;
    *most = real_time ? REAL_TIME_MAX : 0;
    return real_time || policy == SCHED_OTHER || policy == SCHED_BATCH || policy == SCHED_IDLE;
}

/* @return 0, EINVAL, EPERM. */
static int check(int policy, const struct sched_param *param)
{
    int least, most;

    if (!range_of(policy, &least, &most) || param->sched_priority < least ||
        param->sched_priority > most)
        return EINVAL;
    return policy == SCHED_OTHER ? 0 : EPERM;
}

static int result_of(int error)
{
    return error ? fail(error) : 0;
}

SPRAT_API int sched_get_priority_min(int policy)
{
    int least, most;

    return range_of(policy, &least, &most) ? least : fail(EINVAL);
}

SPRAT_API int sched_get_priority_max(int policy)
{
    int least, most;

    return range_of(policy, &least, &most) ? most : fail(EINVAL);
}

SPRAT_API int sched_setscheduler(pid_t pid, int policy, const struct sched_param *param)
{
    int error = check_pid(pid);

    return result_of(error ? error : check(policy, param));
}

SPRAT_API int sched_getscheduler(pid_t pid)
{
    int error = check_pid(pid);

    return error ? fail(error) : SCHED_OTHER;
}

SPRAT_API int sched_setparam(pid_t pid, const struct sched_param *param)
{
    return sched_setscheduler(pid, SCHED_OTHER, param);
}

SPRAT_API int sched_getparam(pid_t pid, struct sched_param *param)
{
    memset(param, 0, sizeof(*param));
    return result_of(check_pid(pid));
}

SPRAT_API int pthread_setschedparam(pthread_t thread, int policy, const struct sched_param *param)
{
    (void)thread;
    return check(policy, param);
}

SPRAT_API int pthread_getschedparam(pthread_t thread, int *policy, struct sched_param *param)
{
    (void)thread;
    *policy = SCHED_OTHER;
    memset(param, 0, sizeof(*param));
    return 0;
}

SPRAT_API int pthread_attr_setschedpolicy(pthread_attr_t *attr, int policy)
{
    int least, most;

    (void)attr;
    if (!range_of(policy, &least, &most))
        return EINVAL;
    return policy == SCHED_OTHER ? 0 : ENOTSUP;
}

SPRAT_API int pthread_attr_setschedparam(pthread_attr_t *attr, const struct sched_param *param)
{
    (void)attr;
    return check(SCHED_OTHER, param);
}

SPRAT_API int pthread_attr_setscope(pthread_attr_t *attr, int scope)
{
    (void)attr;
    if (scope != PTHREAD_SCOPE_SYSTEM && scope != PTHREAD_SCOPE_PROCESS)
        return EINVAL;
    return scope == PTHREAD_SCOPE_SYSTEM ? 0 : ENOTSUP;
}

/* CPUs. */

SPRAT_API int sched_getcpu(void)
{
    return 0;
}

SPRAT_API int get_nprocs(void)
{
    return 1;
}

SPRAT_API int get_nprocs_conf(void)
{
    return 1;
}

static int get_affinity(size_t size, cpu_set_t *set)
{
    if (size < sizeof(set->__bits[0]))
        return EINVAL;
    memset(set, 0, size);
    CPU_SET(0, set);
    return 0;
}

static int set_affinity(size_t size, const cpu_set_t *set)
{
    return size >= sizeof(set->__bits[0]) && CPU_ISSET(0, set) ? 0 : EINVAL;
}

SPRAT_API int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
    int error = check_pid(pid);

    return result_of(error ? error : get_affinity(size, set));
}

SPRAT_API int sched_setaffinity(pid_t pid, size_t size, const cpu_set_t *set)
{
    int error = check_pid(pid);

    return result_of(error ? error : set_affinity(size, set));
}

SPRAT_API int pthread_getaffinity_np(pthread_t thread, size_t size, cpu_set_t *set)
{
    (void)thread;
    return get_affinity(size, set);
}

SPRAT_API int pthread_setaffinity_np(pthread_t thread, size_t size, const cpu_set_t *set)
{
    (void)thread;
    return set_affinity(size, set);
}

SPRAT_API int getloadavg(double loads[], int n)
{
    (void)loads;
    (void)n;
    return -1;
}

/* Of the one process. */

static int check_priority(int which, id_t who)
{
    if (which != PRIO_PROCESS && which != PRIO_PGRP && which != PRIO_USER)
        return EINVAL;
    return which == PRIO_USER ? who == getuid() ? 0 : ESRCH : check_pid((pid_t)who);
}

SPRAT_API int getpriority(int which, id_t who)
{
    return result_of(check_priority(which, who));
}

SPRAT_API int setpriority(int which, id_t who, int priority)
{
    int error = check_priority(which, who);

    return result_of(error ? error : priority ? EPERM : 0);
}

SPRAT_API int nice(int more)
{
    return more ? fail(EPERM) : 0;
}
