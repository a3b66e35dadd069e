/* SPDX-License-Identifier: BSD-2-Clause */
/** A command that is being done. Commands return 0, or -errno when the store can't be written. */
#ifndef KV_CALL_H
#define KV_CALL_H

#include "command.h"

#define MS_PER_S 1000

struct call {
    struct command_context *context;
    const struct command *command;
    const struct resp_request *request;
    struct resp_out *out;
};

static inline const struct resp_word *call_word(const struct call *call, unsigned i)
{
    return &call->request->words[i];
}

/** Answer that something is wrong; the text begins with a word for programs. @return 0 */
int call_error(struct call *call, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

int call_syntax_error(struct call *call);
int call_no_integer(struct call *call);
int call_wrong_number(struct call *call); /**< of words */
int call_bad_expiry(struct call *call);
int call_unknown_option(struct call *call); /**< its first word behind the name is not known */

int call_ok(struct call *call);

/** The value of a key, until the next one is read. @return bytes, -ENOENT, -errno. */
int64_t call_get(struct call *call, const struct resp_word *key, char **value);

/** Answer with the value of a key. */
void call_value(struct call *call, const struct resp_word *key);

/** When a key expires: ms since 1970, 0 never, -1 when there is none. */
int64_t call_expiry(struct call *call, const struct resp_word *key);

/** May it be a key's name? If not, the answer says so. */
bool call_allows_key(struct call *call, const struct resp_word *key);

/** @return 0; 1 when it was refused, and the answer says so; -errno. */
int call_set(struct call *call, const struct resp_word *key, const struct resp_word *value,
             int64_t expires_ms);

/** @return 1, 0 when there was no such key, -errno. */
int call_delete(struct call *call, const struct resp_word *key);

/**
 * A time that is told in units of so many ms.
 *
 * @param since_ms  what it counts from.
 * @return false when there can't be such a time.
 */
bool call_time(int64_t n, int64_t unit_ms, int64_t since_ms, int64_t *ms);

#endif
