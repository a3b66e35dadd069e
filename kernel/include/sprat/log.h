/* SPDX-License-Identifier: BSD-2-Clause */
/** What the guest says: its own log and the application's output, in one order, on the console. */
#ifndef SPRAT_LOG_H
#define SPRAT_LOG_H

#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/** Start to drain to the console. Before, what is written is kept. */
void log_init(void);

/** Write all, waiting while the console and the buffer are full. Not callable from handlers. */
void log_write(const char *bytes, size_t len);

#define LOG_LINE_MAX 256 /**< bytes of a line of the runtime's own, its end included */

/**
 * Make a line of the runtime's own: "sprat: ", the text, cut where it does not fit, a line's end.
 * @return its length; there is no NUL behind it.
 */
size_t log_line(char line[LOG_LINE_MAX], const char *fmt, va_list args);

/** Write what fits without waiting. @return bytes taken, 0 when console and buffer are full. */
size_t log_write_now(const char *bytes, size_t len);

/**
 * Hand out what is kept, waiting for the host at most until the deadline. The scheduler is not
 * used.
 */
void log_flush(uint64_t deadline_ns);

/** Read what was typed, waiting until there is something. @return bytes, at least 1. */
size_t log_read(char *bytes, size_t len);

/** Read what was typed, without waiting. @return bytes, 0 when there is nothing. */
size_t log_read_now(char *bytes, size_t len);

/** Would log_read_now() give something; would log_write_now() take something? */
bool log_readable(void);
bool log_writable(void);

/**
 * Call this (it must not wait) whenever one of these may have become true. One listener at most.
 */
void log_listen(void (*on_change)(void));

#endif
