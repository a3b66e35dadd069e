/* SPDX-License-Identifier: BSD-2-Clause */
/** Commands about the connection itself. */
#ifndef KV_CONNECTION_H
#define KV_CONNECTION_H

#include "call.h"

int connection_ping(struct call *call);
int connection_echo(struct call *call);
int connection_select(struct call *call);
int connection_auth(struct call *call);
int connection_hello(struct call *call);
int connection_client(struct call *call);
int connection_quit(struct call *call);

#endif
