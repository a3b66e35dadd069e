/* SPDX-License-Identifier: BSD-2-Clause */
/** Commands about all keys: KEYS, DBSIZE and FLUSHALL. */
#ifndef KV_KEYSPACE_H
#define KV_KEYSPACE_H

#include "call.h"

int keyspace_keys(struct call *call);
int keyspace_dbsize(struct call *call);
int keyspace_flushall(struct call *call);

#endif
