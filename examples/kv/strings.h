/* SPDX-License-Identifier: BSD-2-Clause */
/** Commands about the value of a key, or of several. */
#ifndef KV_STRINGS_H
#define KV_STRINGS_H

#include "call.h"

int strings_get(struct call *call);
int strings_set(struct call *call);
int strings_getset(struct call *call);
int strings_setex(struct call *call);
int strings_psetex(struct call *call);
int strings_setnx(struct call *call);
int strings_getdel(struct call *call);
int strings_mget(struct call *call);
int strings_mset(struct call *call);
int strings_strlen(struct call *call);
int strings_incr(struct call *call);
int strings_decr(struct call *call);
int strings_incrby(struct call *call);
int strings_decrby(struct call *call);

#endif
