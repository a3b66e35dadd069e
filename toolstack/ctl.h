/* SPDX-License-Identifier: BSD-2-Clause */
/** spratctl's commands. */
#ifndef SPRAT_TOOLSTACK_CTL_H
#define SPRAT_TOOLSTACK_CTL_H

#include <stdbool.h>

#include "fail.h"

/** What the command line says beside the command and its names; -1 or NULL: it says nothing. */
struct ctl_options {
    const char *socket, *name, *cmdline, *ready;
    long timeout_s, count, first, size, low, parallel;
    bool paused, all, reboot, destroy, end, json;
};

/**
 * Carry a command out; connects to spratd first.
 *
 * @param misuse  receives what is wrong with the command line.
 * @return an exit code: 0 when all was done, 1 when something failed, 2 for a wrong command line.
 */
int ctl_run(const struct ctl_options *options, const char *command, int argc, char **argv,
            struct fail *misuse);

#endif
