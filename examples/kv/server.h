/* SPDX-License-Identifier: BSD-2-Clause */
/** Commands about the server. */
#ifndef KV_SERVER_H
#define KV_SERVER_H

#include "call.h"

/** What clients are told: of redis, whose answers these are. */
#define SERVER_VERSION "7.0.0"

int server_info(struct call *call);
int server_config(struct call *call);
int server_command(struct call *call);

#endif
