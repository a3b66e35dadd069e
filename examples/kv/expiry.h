/* SPDX-License-Identifier: BSD-2-Clause */
/** Commands about when keys expire. */
#ifndef KV_EXPIRY_H
#define KV_EXPIRY_H

#include "call.h"

int expiry_expire(struct call *call);
int expiry_pexpire(struct call *call);
int expiry_expireat(struct call *call);
int expiry_pexpireat(struct call *call);
int expiry_persist(struct call *call);
int expiry_ttl(struct call *call);
int expiry_pttl(struct call *call);
int expiry_expiretime(struct call *call);
int expiry_pexpiretime(struct call *call);

#endif
