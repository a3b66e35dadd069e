/* SPDX-License-Identifier: BSD-2-Clause */
/** A command that is being done. Commands return 0, or -errno when the store can't be written. */
#ifndef KV_CALL_H
#define KV_CALL_H

#include "command.h"

struct call {
    struct command_context *context;
    const struct resp_request *request;
    struct resp_out *out;
};

static inline const struct resp_word *call_word(const struct call *call, unsigned i)
{
    return &call->request->words[i];
}

static inline int call_error(struct call *call, const char *text)
{
    resp_error(call->out, text);
    return 0;
}

#endif
