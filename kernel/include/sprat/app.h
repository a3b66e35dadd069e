/* SPDX-License-Identifier: BSD-2-Clause */
/** What the kernel needs of the layer above: the application, as the C library starts it. */
#ifndef SPRAT_APP_H
#define SPRAT_APP_H

/** argv[0]: the name in sprat_add_unikernel(). */
extern const char app_name[];

/** Run the application; its end ends the guest. */
void app_start(int argc, char **argv, char **env) __attribute__((noreturn));

/** End the application at the host's request, as SIGTERM would: run what atexit() registered. */
void app_terminate(void);

#endif
