/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ControlSocket: the engine's handlers by TCP. The protocol is in engine/control.c, the sockets are
 * the port's; where that has none, the element says so and does nothing. As Click's, for TCP only
 * (UNIX names a file where nobody could open it), without PROXY and LLRPC. With LOCALHOST no port
 * is open: nobody else runs in a guest.
 */
#include "../engine/element.h"

struct controlsocket {
    struct element e;
    uint8_t type;
    struct str where;
    bool readonly, verbose, localhost, warnings;
    uint32_t retries;
    uint16_t port; /* that is open, or 0 */
};

static bool is_tcp(const struct controlsocket *s)
{
    return s->type % 2 == 0;
}

/* PORT, or PORT+ for the first free one from there on. */
static bool parse_port(const struct controlsocket *s, uint16_t *first, uint16_t *last)
{
    struct str port = s->where;
    bool any = port.len && port.s[port.len - 1] == '+';
    uint64_t v;

    if (any)
        port.len--;
    if (!value_uint(port, &v) || !v || v > 65535)
        return false;
    *first = (uint16_t)v;
    *last = any ? 65535 : (uint16_t)v;
    return true;
}

static int configure(struct element *e, struct conf *c)
{
    const struct controlsocket *s = (const struct controlsocket *)e;
    uint16_t first, last;

    if (is_tcp(s) && !parse_port(s, &first, &last))
        return conf_error(c, (struct str){NULL, 0}, "'%.*s' is not a port", (int)s->where.len,
                          s->where.s);
    return 0;
}

static void start(struct element *e)
{
    struct controlsocket *s = (struct controlsocket *)e;
    uint16_t first, last;

    if (is_tcp(s) && !s->localhost && parse_port(s, &first, &last))
        s->port = port_control_open(first, last, s->readonly);
    if (!s->port && s->warnings)
        element_log(
            e, "%.*s can't be served: taken, or for this host only, or there is no network stack",
            (int)s->where.len, s->where.s);
}

static void cleanup(struct element *e)
{
    const struct controlsocket *s = (const struct controlsocket *)e;

    if (s->port)
        port_control_close(s->port);
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
    .extra = EXTRA(.start = start),
    .fields = fields,
    .configure = configure,
    .cleanup = cleanup,
};
