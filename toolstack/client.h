/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * The daemon's clients: a Unix socket, one JSON object a line each way. command.h tells what they
 * may
 * ask.
 */
#ifndef SPRAT_TOOLSTACK_CLIENT_H
#define SPRAT_TOOLSTACK_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "fail.h"
#include "json.h"

struct client;
struct host;

/** Listen. @param path of the socket; a stale one is replaced. @return 0 or -errno. */
int client_listen(struct host *host, const char *path, struct fail *fail);

/** Stop listening, end all connections. */
void client_close_all(struct host *host);

/** The listening socket has a connection. */
void client_accept(struct host *host);

/** A connection can be read or written, or has ended. */
void client_ready(struct host *host, uint32_t number, uint32_t events);

/** Serve one request of each client that has one. @return whether some have more. */
bool client_work(struct host *host);

/** Whether answers wait for client_work(): what ends a wait comes at any time. */
bool client_has_answers(void);

/** Send an answer: a whole line. `out` is empty afterwards. */
void client_send(struct client *client, struct json_out *out);

/** One more thing that it waits for, or one less: it stays as long as there is any. */
void client_hold(struct client *client);
void client_let_go(struct client *client);

/**
 * A turn begins. Do what is due: answer those whose deadline has passed, serve requests again.
 *
 * @return when more is due, or UINT64_MAX.
 */
uint64_t client_deadlines(struct host *host, uint64_t now_ns);

#endif
