/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands that run in dom0, each for the session of a port. */
#ifndef LAB_AGENT_COMMAND_H
#define LAB_AGENT_COMMAND_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "channel.h"

enum {
    MAX_COMMANDS = 62, /* running, and those that are being ended */
    N_STREAMS = 3,
    COMMAND_FDS = MAX_COMMANDS * (N_STREAMS + 1),
};

/** Start a command on `port`. @return 0 or -errno. */
int command_start(struct port *port, const char *folder, char **argv, char **envp);

/** @return the process of the session's command. */
uint32_t command_pid(const struct command *command);

/** Give a command more input. @return false: it is more than there was credit for. */
bool command_input(struct command *command, const uint8_t *data, size_t n);

/** Close a command's input once it has taken all that came. */
void command_input_end(struct command *command);

/** Send a signal to a command and its children. */
void command_signal(struct command *command, int number);

/** Its client has gone: end a command. SIGTERM now, SIGKILL later. */
void command_abandon(struct command *command);

/** What all commands wait for: @return how many of `fds` (COMMAND_FDS at least) were filled. */
nfds_t commands_poll(struct pollfd *fds);

/** Move what the descriptors that commands_poll() gave are ready for. */
void commands_move(const struct pollfd *fds, nfds_t n);

/** Pass on the ends of those that have ended. */
void commands_reap(void);

/** Kill what outlived its client and SIGTERM. @return ms until the next is due, or -1. */
int commands_kill_overdue(void);

#endif
