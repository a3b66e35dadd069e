/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What lwIP calls for malloc() and free(). A block that nearly fills a page is a packet buffer's
 * page: it can be shown to the backend as it is, and what lies in it beside the packet are packets
 * that the backend has seen before. A word in front of each block tells which it is.
 */
#include "memory.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_MIN 2000 /* bytes: smaller blocks share a page with others */
#define HEADERS    80   /* Ethernet's, IPv6's and TCP's, aligned */
#define OPTIONS    16   /* of a TCP segment with data: the timestamps, aligned */

struct block {
    struct netbuf *buffer; /* NULL: of the heap */
};

static_assert(sizeof(struct block) % MEM_ALIGNMENT == 0, "what is behind it is aligned");
static_assert(sizeof(struct block) + sizeof(struct pbuf) + HEADERS + OPTIONS + MEMORY_CHUNK <=
                  NETBUF_BYTES,
              "a chunk and all that belongs to it fit a page");
static_assert(sizeof(struct block) + sizeof(struct pbuf) + MEMORY_PAGE == NETBUF_BYTES,
              "a page of data and what describes it are a page");

void *net_malloc(size_t size)
{
    struct netbuf *buffer = NULL;
    struct block *block;

    if (size > BUFFER_MIN && size <= NETBUF_BYTES - sizeof(*block)) {
        buffer = netbuf_alloc();
        block = buffer ? (struct block *)buffer->page : NULL;
    } else {
        block = size < SIZE_MAX - sizeof(*block) ? malloc(sizeof(*block) + size) : NULL;
    }
    if (!block)
        return NULL;
    block->buffer = buffer;
    return block + 1;
}

void *net_calloc(size_t n, size_t size)
{
    size_t bytes;
    void *at = __builtin_mul_overflow(n, size, &bytes) ? NULL : net_malloc(bytes);

    return at ? memset(at, 0, bytes) : NULL;
}

void net_free(void *at)
{
    struct block *block = (struct block *)at - 1;

    if (block->buffer)
        netbuf_free(block->buffer);
    else
        free(block);
}

struct netbuf *memory_buffer_of(const struct pbuf *p)
{
    if (p->flags & PBUF_FLAG_IS_CUSTOM ||
        pbuf_get_allocsrc(p) != PBUF_TYPE_ALLOC_SRC_MASK_STD_HEAP ||
        !(p->type_internal & PBUF_TYPE_FLAG_STRUCT_DATA_CONTIGUOUS))
        return NULL;
    return ((const struct block *)p - 1)->buffer;
}
