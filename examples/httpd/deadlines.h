/* SPDX-License-Identifier: BSD-2-Clause */
/** All connections, by the time at which they are closed: a heap, so that thousands cost little. */
#ifndef HTTPD_DEADLINES_H
#define HTTPD_DEADLINES_H

#include "connection.h"

/** @return false when there is no memory. */
bool deadlines_add(struct connection *connection);
void deadlines_remove(struct connection *connection);

/** Its deadline_s is another. */
void deadlines_changed(struct connection *connection);

/** The one whose time is over first. NULL: there is none. */
struct connection *deadlines_first(void);

size_t deadlines_count(void);

#endif
