/* SPDX-License-Identifier: BSD-2-Clause */
/** Drafts of packets, finished so that they get past the first checks of an IP stack. */
#ifndef FUZZ_PACKETS_H
#define FUZZ_PACKETS_H

#include <stddef.h>
#include <stdint.h>

#include <sprat/netbuf.h>

#define PACKETS_GUEST_MAC                                                                          \
    {                                                                                              \
        0x00, 0x16, 0x3e, 0x01, 0x02, 0x03                                                         \
    }

/** What packets_finish() leaves alone. */
enum {
    PACKETS_KEEP_SUMS = 1,    /**< lengths and checksums of IP, ICMP and IGMP */
    PACKETS_KEEP_PORTS = 2,   /**< TCP's ports are the connection's otherwise */
    PACKETS_KEEP_NUMBERS = 4, /**< TCP's numbers count from the next expected otherwise */
    PACKETS_KEEP_IDS = 8,     /**< of DNS and DHCP: the last question's otherwise */
};

/** Finish a draft in place. */
void packets_finish(uint8_t *frame, size_t len, unsigned keep);

/** Look at a frame that the guest sends: what comes next answers it. */
void packets_learn(const struct netbuf *packet, const uint8_t *frame, size_t len);

/** There is no connection, and no question. */
void packets_forget(void);

#endif
