/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * The daemon's log: lines on stderr, each with the time.
 */
#ifndef SPRAT_TOOLSTACK_LOG_H
#define SPRAT_TOOLSTACK_LOG_H

#include <stddef.h>

/** Write a line. */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/**
 * Write the last lines of what a guest said. What is no printable ASCII becomes '?': a guest shall
 * not talk to the terminal of who reads the log.
 */
void log_last_words(const char *name, const char *text, size_t len);

#endif
