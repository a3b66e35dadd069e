/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * What a client may ask of the daemon. A request is an object with "op", and "id" if one likes: the
 * answer has the same "id". An answer has "ok"; if that is false, "error" says why.
 *
 *   op        members                                              answer
 *   create    config (text), file (its name), [name], [cmdline],   name, domid, pooled, ns {...}
 *             [paused], [ready (text), [timeout_s]]                [wait_ns]
 *   destroy   name                                                 ns
 *   shutdown  name, [reboot]                                       (when it was asked)
 *   wait      name, ready or "end": true, [timeout_s]              [wait_ns] (one that is not there
 *                                                                  has ended)
 *   log       name                                                 console (the last of it)
 *   list                                                           guests [...], others [names]
 *   pool      config, file, size, [low]                            (it is filled when idle)
 *   fits      config, file                                         count
 *   stats                                                          counts, pools, free memory,
 *                                                                  CPU times
 *   stop      [destroy]                                            (guests stay, or are destroyed)
 *
 * With "ready", the answer comes when that text is on the guest's console. A guest that was asked
 * to shut down is not restarted. Guests that wait to be restarted may be destroyed too.
 *
 * Each of the guests that are listed has name, uuid, state (running, suspended: by itself or for
 * who saves it, ended: kept after its end, waiting: to be restarted) and restarts (in a row, each
 * soon after the start before). Those with a domain have domid, memory_mib, console_bytes,
 * config_crc (CRC-32 of the configuration's text) and ready: a text that was waited for has come,
 * or was lost with an earlier launcher. One that waits has trouble: why the last try failed.
 * "others" are domains that the launcher did not make.
 */
#ifndef SPRAT_TOOLSTACK_COMMAND_H
#define SPRAT_TOOLSTACK_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client;
struct host;
struct json_out;

/**
 * Serve one request. Its answer is given to client_send(), now or later.
 *
 * @param since_ns  when it came; it may be served again, see wait_again().
 */
void command_serve(struct host *host, struct client *client, const char *line, size_t len,
                   uint64_t since_ns);

/** Write an answer that refuses. @param id the request's "id" as JSON, or NULL. */
void command_refuse(struct json_out *out, const char *id, const char *why);

/** Whether "stop" was asked for. */
bool command_stopped(void);

#endif
