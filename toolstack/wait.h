/* SPDX-License-Identifier: BSD-2-Clause */
/** What clients wait for: a guest to say something or to end, and requests served again. */
#ifndef SPRAT_TOOLSTACK_WAIT_H
#define SPRAT_TOOLSTACK_WAIT_H

#include <stddef.h>
#include <stdint.h>

#include "fail.h"
#include "json.h"

struct client;
struct guest;
struct host;

/**
 * Answer when a guest's console has `text`, when the guest has ended, or at a deadline, whichever
 * comes first.
 *
 * @param text    NULL: only the guest's end is waited for, and is no failure.
 * @param answer  the answer's beginning, an object not closed yet; taken over.
 * @return 0 or -ENOMEM; then `answer` is still the caller's.
 */
int wait_for(struct client *client, struct guest *guest, const char *text, uint64_t deadline_ns,
             struct json_out *answer, struct fail *fail);

/**
 * Serve a request again in 2 ms: nobody tells when it can be done.
 *
 * @param since_ns  when it came; command_serve() is told.
 * @return 0 or -ENOMEM.
 */
int wait_again(struct client *client, const char *line, size_t len, uint64_t since_ns,
               struct fail *fail);

/** A guest has written on its console. */
void wait_guest_wrote(struct guest *guest);

/** A guest has ended. @param how in a word or two. */
void wait_guest_ended(struct guest *guest, const char *how);

/** Forget all that a client waits for. */
void wait_drop(const struct client *client);

/**
 * Answer those whose deadline has passed, and serve again what is due.
 *
 * @return when more is due, or UINT64_MAX.
 */
uint64_t wait_due(struct host *host, uint64_t now_ns);

#endif
