/* SPDX-License-Identifier: BSD-2-Clause */
/** What requests do: the commands. */
#ifndef KV_COMMAND_H
#define KV_COMMAND_H

#include <stdbool.h>

#include "resp.h"
#include "store.h"

#define COMMAND_NAME_MAX 64 /**< bytes of a client's name */

/** What INFO tells besides the store's figures. */
struct command_stats {
    unsigned long long n_commands, n_connections;
    unsigned n_clients;
    int64_t started_ms;
};

/** What a client has told of itself. */
struct command_client {
    int64_t id;
    char name[COMMAND_NAME_MAX];
    size_t name_len;
};

struct command_context {
    struct store *store;
    struct command_stats *stats;
    struct command_client *client;
    int64_t now_ms;
    bool quit; /**< set: the client wants to go */
};

struct call;

struct command {
    const char *name;     /**< in lower case */
    unsigned least, most; /**< words, the name too */
    bool writes;
    int first_key, last_key, key_step; /**< of the words; 0: none; -1: the last one */
    int (*run)(struct call *call);
};

unsigned command_count(void);
const struct command *command_at(unsigned i);

/** The command that a word names, in whatever case; NULL: none. */
const struct command *command_find(const struct resp_word *name);

/**
 * Do what a request says, and put the answer into `out`: one, or none where there were no words.
 *
 * @return 0, or -errno when the store could not be written: nothing may be answered any more.
 */
int command_run(struct command_context *context, const struct resp_request *request,
                struct resp_out *out);

#endif
