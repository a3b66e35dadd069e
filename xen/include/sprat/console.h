/* SPDX-License-Identifier: BSD-2-Clause */
/** The PV console: a ring to xenconsoled, each way. Nothing here waits. */
#ifndef SPRAT_CONSOLE_H
#define SPRAT_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * Connect to the console that the toolstack gave the guest.
 *
 * @param page  the shared page; NULL when the guest has no console: output is then thrown away.
 * @param port  its event channel.
 * @param on_event  called when the other side read or wrote something.
 * @return 0 or -errno of evtchn_bind().
 */
int console_init(void *page, uint32_t port, void (*on_event)(void));

/** The other side has another event channel, and has not seen what waits: after a restore. */
void console_restart(uint32_t port);

/**
 * Write what fits and tell the other side. A line feed goes out as carriage return and line feed,
 * as a terminal wants it, and whole or not at all.
 *
 * @return bytes taken; 0 when the ring is full.
 */
size_t console_write(const char *bytes, size_t len);

/** Read what was typed. @return bytes, 0 when there is nothing. */
size_t console_read(char *bytes, size_t len);

/** Is there something typed that console_read() would give? */
bool console_readable(void);

/** Has the other side read all that was written? */
bool console_drained(void);

/** The event channel, for a wait outside the scheduler (panic). 0 when there is none. */
uint32_t console_port(void);

#endif
