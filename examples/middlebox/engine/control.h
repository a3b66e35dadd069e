/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file
 * ControlSocket's protocol, version 1.3, over any stream of bytes: one struct control for each
 * connection. Source: Click's ControlSocket documentation.
 */
#ifndef SPRAT_MIDDLEBOX_CONTROL_H
#define SPRAT_MIDDLEBOX_CONTROL_H

#include "router.h"

#define CONTROL_LINE_MAX 4096u       /* a command's line */
#define CONTROL_DATA_MAX (64u << 10) /* what follows a READDATA, ..., unless allowed otherwise */

enum control_state { CONTROL_LINE, CONTROL_DATA, CONTROL_UNTIL, CONTROL_CLOSED };

struct control {
    struct engine *eng;
    bool readonly;
    enum control_state state;
    struct text in;      /* the line or data being received */
    struct text out;     /* what is to be sent; the transport takes it and frees it */
    struct text handler; /* of the command whose data is being received */
    struct text end;     /* READUNTIL, WRITEUNTIL: the terminator */
    bool write;
    bool skip_lf; /* a CR ended the last line: an LF behind it belongs to it */
    uint32_t data_max;
    uint32_t data_left;
    uint32_t line_start; /* CONTROL_UNTIL: where the current line begins in `in` */
};

/** A new connection; puts the greeting into `out`. */
void control_open(struct control *c, struct engine *eng, bool readonly);
/** Bytes arrived. When state is CONTROL_CLOSED afterwards, send `out` and close. */
void control_receive(struct control *c, const void *data, size_t len);
void control_close(struct control *c);

#endif
