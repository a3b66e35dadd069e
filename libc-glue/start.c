/* SPDX-License-Identifier: BSD-2-Clause */
/* From the kernel to main(), and from main() back. */
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

SPRAT_API void _exit(int status)
{
    fs_unmount_all();
    shutdown_exit(status);
}
