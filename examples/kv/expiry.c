/* SPDX-License-Identifier: BSD-2-Clause */
#include "expiry.h"

#include <errno.h>

/* Write the value again, with another time of expiry, and answer whether there was one. */
static int change(struct call *call, int64_t expires_ms)
{
    const struct resp_word *key = call_word(call, 1);
    char *value;
    int64_t len = call_get(call, key, &value);

    if (len < 0 && len != -ENOENT)
        return call_error(call, "ERR the value can't be read");
    int result =
        len < 0 ? 0 : call_set(call, key, &(struct resp_word){value, (size_t)len}, expires_ms);
    if (!result)
        resp_integer(call->out, len >= 0);
    return result < 0 ? result : 0;
}

static int answer(struct call *call, int result)
{
    if (result >= 0)
        resp_integer(call->out, result);
    return result < 0 ? result : 0;
}

enum {
    IF_NONE = 1,  /* NX: it does not expire yet */
    IF_SOME = 2,  /* XX */
    IF_LATER = 4, /* GT: than it would; what does not expire does so last */
    IF_EARLIER = 8,
};

/* What follows the time. @return false when it is wrong, and the answer says so. */
static bool parse_conditions(struct call *call, unsigned *conditions)
{
    *conditions = 0;
    for (unsigned i = 3; i < call->request->n; i++) {
        const struct resp_word *word = call_word(call, i);
        unsigned one = resp_is(word, "NX")   ? IF_NONE
                       : resp_is(word, "XX") ? IF_SOME
                       : resp_is(word, "GT") ? IF_LATER
                       : resp_is(word, "LT") ? IF_EARLIER
                                             : 0;
        if (!one)
            return call_error(call, "ERR Unsupported option %.*s",
                              (int)(word->len < 64 ? word->len : 64), word->bytes);
        *conditions |= one;
    }
    if (*conditions & IF_NONE && *conditions != IF_NONE)
        return call_error(call, "ERR NX and XX, GT or LT options at the same time are not "
                                "compatible");
    if (*conditions & IF_LATER && *conditions & IF_EARLIER)
        return call_error(call, "ERR GT and LT options at the same time are not compatible");
    return true;
}

static bool are_met(unsigned conditions, int64_t old_ms, int64_t new_ms)
{
    return !(conditions & IF_NONE && old_ms) && !(conditions & IF_SOME && !old_ms) &&
           !(conditions & IF_LATER && (!old_ms || new_ms <= old_ms)) &&
           !(conditions & IF_EARLIER && old_ms && new_ms >= old_ms);
}

static int expire(struct call *call, int64_t unit_ms, int64_t since_ms)
{
    unsigned conditions;
    int64_t n, expires_ms;

    if (!parse_conditions(call, &conditions))
        return 0;
    if (!resp_number(call_word(call, 2), &n))
        return call_no_integer(call);
    if (!call_time(n, unit_ms, since_ms, &expires_ms))
        return call_bad_expiry(call);
    int64_t old_ms = call_expiry(call, call_word(call, 1));
    if (old_ms < 0 || !are_met(conditions, old_ms, expires_ms))
        return answer(call, 0);
    if (expires_ms > call->context->now_ms)
        return change(call, expires_ms);
    return answer(call, call_delete(call, call_word(call, 1)));
}

int expiry_expire(struct call *call)
{
    return expire(call, MS_PER_S, call->context->now_ms);
}

int expiry_pexpire(struct call *call)
{
    return expire(call, 1, call->context->now_ms);
}

int expiry_expireat(struct call *call)
{
    return expire(call, MS_PER_S, 0);
}

int expiry_pexpireat(struct call *call)
{
    return expire(call, 1, 0);
}

int expiry_persist(struct call *call)
{
    return call_expiry(call, call_word(call, 1)) > 0 ? change(call, 0) : answer(call, 0);
}

/* -2 when there is no such key, -1 when it does not expire; halves are rounded up. */
static int tell(struct call *call, int64_t unit_ms, int64_t since_ms)
{
    int64_t expires_ms = call_expiry(call, call_word(call, 1)), left_ms = expires_ms - since_ms;

    resp_integer(call->out, expires_ms < 0 ? -2
                            : expires_ms == 0
                                ? -1
                                : left_ms / unit_ms + (left_ms % unit_ms * 2 >= unit_ms));
    return 0;
}

int expiry_ttl(struct call *call)
{
    return tell(call, MS_PER_S, call->context->now_ms);
}

int expiry_pttl(struct call *call)
{
    return tell(call, 1, call->context->now_ms);
}

int expiry_expiretime(struct call *call)
{
    return tell(call, MS_PER_S, 0);
}

int expiry_pexpiretime(struct call *call)
{
    return tell(call, 1, 0);
}
