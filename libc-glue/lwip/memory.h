/* SPDX-License-Identifier: BSD-2-Clause */
/** lwIP's memory: the heap's, and for what is nearly a page, a packet buffer's. */
#ifndef SPRAT_NET_MEMORY_H
#define SPRAT_NET_MEMORY_H

#include "lwip/pbuf.h"

#include <sprat/netbuf.h>

/**
 * Bytes of TCP's data that a page holds beside its descriptions and all headers: what is written in
 * pieces of this size goes to the backend from where lwIP has it.
 */
#define MEMORY_CHUNK 3968

/** The same of a page without headers: the second and further ones of a segment. */
#define MEMORY_PAGE 4064

/** The buffer whose page a pbuf and its data are in. @return NULL: the data is elsewhere. */
struct netbuf *memory_buffer_of(const struct pbuf *p);

#endif
