/* SPDX-License-Identifier: BSD-2-Clause */
/** Commands about keys, whatever their values. */
#ifndef KV_KEYSPACE_H
#define KV_KEYSPACE_H

#include "call.h"

int keyspace_del(struct call *call);
int keyspace_exists(struct call *call);
int keyspace_type(struct call *call);
int keyspace_keys(struct call *call);
int keyspace_dbsize(struct call *call);
int keyspace_flushall(struct call *call);

/** How many keys there are, and how many of them expire. */
void keyspace_count(struct call *call, unsigned long long *n_keys, unsigned long long *n_expire);

#endif
