/* SPDX-License-Identifier: BSD-2-Clause */
/* From the kernel to main(), and from main() back. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <sprat/app.h>
#include <sprat/compiler.h>
#include <sprat/option.h>
#include <sprat/port.h>
#include <sprat/shutdown.h>

#include "lock.h"

extern void (*const _init_array[])(void);
extern void (*const _init_array_end[])(void);

int main(int argc, char **argv, char **env);

void app_start(int argc, char **argv, char **env)
{
    environ = env;
    /* Registered first, so called last: see lock.h. */
    atexit(lock_end_of_waiting);
    for (void (*const *init)(void) = _init_array; init < _init_array_end; init++)
        (*init)();
    option_refuse_rest();
    exit(main(argc, argv, env));
}

void app_terminate(void)
{
    raise(SIGTERM);
    /* A handler that returns has the last word: it may have told main() to end. */
}

SPRAT_API void _exit(int status)
{
    shutdown_exit(status);
}

SPRAT_API pid_t getpid(void)
{
    return 1;
}

/*
 * What a signal does that the program does not handle. There is one process and nobody to send it one
 * but itself and the host (SIGTERM, from control/shutdown).
 */
SPRAT_API int kill(pid_t pid, int signal)
{
    (void)pid;
    switch (signal) {
    case 0:
        return 0;
    case SIGTERM:
        exit(EXIT_SUCCESS);
    case SIGABRT:
        port_panic("abort() was called");
    default:
        port_panic("signal %d", signal);
    }
}

SPRAT_API void abort(void)
{
    raise(SIGABRT);
    port_panic("abort() was called"); /* its handler returned */
}
