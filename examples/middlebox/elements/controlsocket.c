/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ControlSocket, ChatterSocket's sibling: says where the engine's handlers are to be reached. The
 * protocol is in engine/control.c; whoever owns a network stack looks for this element and listens.
 * As Click's, without PROXY and LLRPC.
 */
#include "../engine/element.h"

struct controlsocket {
    struct element e;
    uint8_t type;
    struct str where;
    bool readonly, verbose, localhost, warnings;
    uint32_t retries;
};

static int configure(struct element *e, struct conf *c)
{
    const struct controlsocket *s = (const struct controlsocket *)e;
    struct str port = s->where;
    uint64_t v;

    if (port.len && port.s[port.len - 1] == '+')
        port.len--;
    if (s->type % 2 == 0 && (!value_uint(port, &v) || v > 65535))
        return conf_error(c, (struct str){NULL, 0}, "'%.*s' is not a port", (int)s->where.len,
                          s->where.s);
    return 0;
}

static const char *const type_words[] = {"TCP", "UNIX", "tcp", "unix", "\"TCP\"", "\"UNIX\"", NULL};

static const struct field fields[] = {
    FIELD(struct controlsocket, type, "TYPE", T_WORD, F_POS | F_REQ, .words = type_words),
    FIELD(struct controlsocket, where, "PORT", T_STR, F_POS | F_REQ | F_RD),
    FIELD(struct controlsocket, readonly, "READONLY", T_BOOL, F_KEY | F_RD),
    FIELD(struct controlsocket, verbose, "VERBOSE", T_BOOL, F_KEY),
    FIELD(struct controlsocket, localhost, "LOCALHOST", T_BOOL, F_KEY | F_RD),
    FIELD(struct controlsocket, retries, "RETRIES", T_U32, F_KEY),
    FIELD(struct controlsocket, warnings, "RETRY_WARNINGS", T_BOOL, F_KEY, .def = 1),
    {0},
};

const struct element_class class_ControlSocket = {
    .name = "ControlSocket",
    .ports = "0/0",
    .processing = "a/a",
    .size = sizeof(struct controlsocket),
    .fields = fields,
    .configure = configure,
};
