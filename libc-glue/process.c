/* SPDX-License-Identifier: BSD-2-Clause */
/* There is one process, for ever: what asks about others, or wants one, is told so. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sprat/compiler.h>

#include "fail.h"

#define SELF 1

static pid_t self_or_fail(pid_t pid)
{
    return pid == 0 || pid == SELF ? SELF : fail(ESRCH);
}

SPRAT_API pid_t getpid(void)
{
    return SELF;
}

SPRAT_API pid_t getppid(void)
{
    return 0;
}

SPRAT_API pid_t getpgrp(void)
{
    return SELF;
}

SPRAT_API pid_t getpgid(pid_t pid)
{
    return self_or_fail(pid);
}

SPRAT_API pid_t getsid(pid_t pid)
{
    return self_or_fail(pid);
}

/* It leads its group already, so it can't start a session. */
SPRAT_API pid_t setsid(void)
{
    return fail(EPERM);
}

SPRAT_API int setpgid(pid_t pid, pid_t group)
{
    return self_or_fail(pid) < 0 || self_or_fail(group) < 0 ? -1 : 0;
}

SPRAT_API pid_t fork(void)
{
    return fail(ENOSYS);
}

SPRAT_API pid_t vfork(void)
{
    return fail(ENOSYS);
}

SPRAT_API int daemon(int stay_in_folder, int keep_streams)
{
    (void)stay_in_folder;
    (void)keep_streams;
    return fail(ENOSYS);
}

SPRAT_API int execve(const char *path, char *const argv[], char *const env[])
{
    (void)path;
    (void)argv;
    (void)env;
    return fail(ENOSYS);
}

SPRAT_API int execv(const char *path, char *const argv[])
{
    return execve(path, argv, environ);
}

SPRAT_API int execvp(const char *name, char *const argv[])
{
    return execve(name, argv, environ);
}

SPRAT_API int execl(const char *path, const char *arg, ...)
{
    (void)path;
    (void)arg;
    return fail(ENOSYS);
}

SPRAT_API int execlp(const char *name, const char *arg, ...)
{
    (void)name;
    (void)arg;
    return fail(ENOSYS);
}

SPRAT_API pid_t waitpid(pid_t pid, int *status, int options)
{
    (void)pid;
    (void)status;
    (void)options;
    return fail(ECHILD);
}

SPRAT_API pid_t wait(int *status)
{
    return waitpid(-1, status, 0);
}

SPRAT_API FILE *popen(const char *command, const char *mode)
{
    (void)command;
    (void)mode;
    errno = ENOSYS;
    return NULL;
}

SPRAT_API int pclose(FILE *stream)
{
    (void)stream;
    return fail(ECHILD);
}

/* Without a command the question is whether there is a shell. */
SPRAT_API int system(const char *command)
{
    return command ? fail(ENOSYS) : 0;
}
