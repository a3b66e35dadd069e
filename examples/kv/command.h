/* SPDX-License-Identifier: BSD-2-Clause */
/** What requests do: the commands. */
#ifndef KV_COMMAND_H
#define KV_COMMAND_H

#include <stdbool.h>

#include "resp.h"
#include "store.h"

/** What INFO tells besides the store's figures. */
struct command_stats {
    unsigned long long n_commands, n_connections;
    unsigned n_clients;
    int64_t started_ms;
};

struct command_context {
    struct store *store;
    struct command_stats *stats;
    int64_t now_ms;
    bool quit; /**< set: the client wants to go */
};

/**
 * Do what a request says, and put the answer into `out`.
 *
 * @return 0, or -errno when the store could not be written: nothing may be answered any more.
 */
int command_run(struct command_context *context, const struct resp_request *request,
                struct resp_out *out);

#endif
