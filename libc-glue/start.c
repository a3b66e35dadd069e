/* SPDX-License-Identifier: BSD-2-Clause */
/* From the kernel to main(), and from main() back. */
#include <errno.h>
#include <reent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include <sprat/app.h>
#include <sprat/compiler.h>
#include <sprat/fs.h>
#include <sprat/option.h>
#include <sprat/port.h>
#include <sprat/shutdown.h>

#include "lock.h"

extern void (*const _init_array[])(void);
extern void (*const _init_array_end[])(void);
extern void (*const _fini_array[])(void);
extern void (*const _fini_array_end[])(void);

int main(int argc, char **argv, char **env);

static void run_destructors(void)
{
    for (void (*const *fini)(void) = _fini_array_end; fini > _fini_array;)
        (*--fini)();
}

void app_start(int argc, char **argv, char **env)
{
    environ = env;
    /* Registered first, so called last: see lock.h. */
    atexit(lock_end_of_waiting);
    atexit(run_destructors);
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
    fs_unmount_all();
    shutdown_exit(status);
}

SPRAT_API pid_t getpid(void)
{
    return 1;
}

static bool is_handled(int signal)
{
    const _sig_func_ptr *handlers = _REENT->_sig_func;
    return handlers && handlers[signal] != SIG_DFL;
}

/*
 * There is one process and nobody to send it a signal but itself and the host (SIGTERM, from
 * control/shutdown). newlib's raise() comes here with what the program does not handle.
 */
SPRAT_API int kill(pid_t pid, int signal)
{
    if (signal < 0 || signal >= NSIG || (pid != getpid() && pid != 0 && pid != -1)) {
        errno = signal < 0 || signal >= NSIG ? EINVAL : ESRCH;
        return -1;
    }
    if (is_handled(signal))
        return raise(signal);
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
