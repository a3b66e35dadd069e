/* SPDX-License-Identifier: BSD-2-Clause */
/** How the guest ends. */
#ifndef SPRAT_SHUTDOWN_H
#define SPRAT_SHUTDOWN_H

#include <stddef.h>

/**
 * Where the exit status is left for the host: the guest's own directory in xenstore, as a decimal
 * number. Written before the domain shuts down, so it is there when @releaseDomain fires.
 */
#define SHUTDOWN_STATUS_PATH "data/exit-status"

/**
 * End the domain as the application ended: as powered off, or for a reboot when the host asked for
 * one. A status other than 0 is also said on the console.
 */
void shutdown_exit(int status) __attribute__((noreturn));

/** End the domain as crashed. Callable in any state. */
void shutdown_crash(void) __attribute__((noreturn));

/**
 * Listen for the host's wish to shut down (control/shutdown).
 *
 * @param on_request  called in a thread of its own; it ends the application and does not return.
 */
void shutdown_init(void (*on_request)(void));

#endif
