/* SPDX-License-Identifier: BSD-2-Clause */
/** What is written in bulk: a connection's last segment grows by whole pages. */
#ifndef SPRAT_NET_BULK_H
#define SPRAT_NET_BULK_H

#include <sys/types.h>

#include "lwip/tcp.h"

#define BULK_MIN 2048 /**< bytes that are written at once: it is worth it */

/**
 * Copy up to n bytes to the end of what a connection sends, until a segment is full.
 *
 * @return how many, or -errno.
 */
ssize_t bulk_write(struct tcp_pcb *pcb, const char *from, size_t n);

/** That was all: the last segment says so. */
void bulk_end(const struct tcp_pcb *pcb);

#endif
