/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * Packet buffers.
 *
 * A packet is a chain of netbufs, each a piece of it in a page of its own. The descriptions are
 * kept apart from the pages, which other domains see: nothing that this guest relies on is in them.
 */
#ifndef SPRAT_NETBUF_H
#define SPRAT_NETBUF_H

#include <stdint.h>

#include <sprat/compiler.h>

#define NETBUF_BYTES    PAGE_BYTES /**< room in a buffer, headroom included */
#define NETBUF_HEADROOM 256 /**< in front of a new packet's data; a received one may have none */

/** What is known of a packet's checksum. */
enum netbuf_csum {
    NETBUF_CSUM_UNKNOWN, /**< received: look at it; sent: it is filled in */
    NETBUF_CSUM_VALID,   /**< received: the backend has looked at it */
    NETBUF_CSUM_BLANK,   /**< the TCP or UDP checksum field holds only the pseudo-header's sum */
};

enum netbuf_gso {
    NETBUF_GSO_NONE,
    NETBUF_GSO_TCPV4,
    NETBUF_GSO_TCPV6,
};

struct netbuf {
    struct netbuf *piece;  /**< the packet's next piece, NULL at its end */
    struct netbuf *packet; /**< for the owner's lists of packets */
    uint8_t *data;         /**< inside the page */
    uint32_t len;          /**< bytes at data, of this piece */

    /* Of the packet; valid in its first piece. */
    uint32_t total;    /**< bytes of all pieces */
    uint16_t gso_size; /**< payload of each segment that the packet stands for */
    uint8_t gso;       /**< enum netbuf_gso */
    uint8_t csum;      /**< enum netbuf_csum */

    uint8_t *page;    /**< NETBUF_BYTES of it; of netbuf.c, as is: */
    uint16_t seen_by; /**< the domain that knows what is in the page */
    void *owner[2];   /**< for whoever has the buffer: netfront's users, while it is theirs */
    /** Called instead of netbuf_free() when set: a piece whose page belongs to somebody else. */
    void (*release)(struct netbuf *);
};

/**
 * Allocate a packet of one piece, empty, with NETBUF_HEADROOM in front.
 *
 * @return NULL when there is no memory (or the reserve for receiving would be touched).
 */
SPRAT_API struct netbuf *netbuf_alloc(void);

/** Buffers that are kept for netbuf_alloc(): it gives those without a free page, too. */
SPRAT_API unsigned netbuf_kept(void);

/** Give back a packet, all of its pieces. */
SPRAT_API void netbuf_free(struct netbuf *packet);

/** Keep up to so many buffers for the next packets, more than the 128 that always may be kept. */
SPRAT_API void netbuf_keep(unsigned n);

/** Bytes that fit in front of and behind the data of a piece. */
static inline uint32_t netbuf_headroom(const struct netbuf *piece)
{
    return (uint32_t)(piece->data - piece->page);
}

static inline uint32_t netbuf_tailroom(const struct netbuf *piece)
{
    return (uint32_t)NETBUF_BYTES - netbuf_headroom(piece) - piece->len;
}

#endif
