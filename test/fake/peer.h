/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * Hosts on fake_vif's link. One is honest: 10.0.0.9 and fe80::9 answer when the guest looks for
 * them. In all others' names a test sends what it likes.
 */
#ifndef FAKE_PEER_H
#define FAKE_PEER_H

#include <stddef.h>
#include <stdint.h>

#include <sprat/netbuf.h>

#define PEER_GUEST  0x0a000002u /* 10.0.0.2 */
#define PEER_HONEST 0x0a000009u

enum { PEER_ICMP = 1, PEER_TCP = 6, PEER_UDP = 17, PEER_ICMP6 = 58 };
enum { PEER_FIN = 1, PEER_SYN = 2, PEER_RST = 4, PEER_PSH = 8, PEER_ACK = 16 };

/** What the guest sent, but for ARP and the search for neighbours. */
struct peer_packet {
    uint8_t protocol;     /**< of IPv4 or IPv6; fragments count as what they are of */
    uint32_t to;          /**< IPv4; 0: IPv6 */
    const uint8_t *bytes; /**< behind the IP header */
    size_t len;           /**< of these */
    size_t total;         /**< the IP packet's */
    unsigned cut_bytes;   /**< netback makes segments of this size; 0: it does not cut */
};

/** Start the network as 10.0.0.2/24; what the guest sends comes to peer_last() and peer_count(). */
void peer_start(void);

/** The same with another word as xl's `ip=`; "" is DHCP. */
void peer_start_as(const char *ip);

/** Called for each such packet as it is sent, unless NULL. */
extern void (*peer_sees)(const struct peer_packet *packet);

/** Forget what the guest sent. */
void peer_forget(void);

/** How many packets of a protocol the guest sent since. */
unsigned peer_count(uint8_t protocol);

/** The last one. Fails the test when there is none. */
struct peer_packet peer_last(uint8_t protocol);

/** Let the guest work for a while. */
void peer_wait_ms(unsigned ms);

/** Send the guest an IPv4 packet. @param offset  IPv4's field: flags, and bytes / 8. */
void peer_send4(uint32_t from, uint8_t protocol, uint16_t id, uint16_t offset, const void *bytes,
                size_t len);

/** By how much ICMPv6's sums are wrong. */
extern uint16_t peer_sum_error;

/** Send the guest's link-local address an IPv6 packet, from fe80::NUMBER. ICMPv6's sum is made. */
void peer_send6(uint16_t from, uint8_t next_header, const void *bytes, size_t len);

/** The same to another address, which all on the link get. */
void peer_send6_to(const uint8_t to[16], uint16_t from, uint8_t next_header, const void *bytes,
                   size_t len);

/** A datagram of UDP in IPv6, whose sum the interface vouches for. @param to  NULL: as above. */
void peer_send_udp6(const uint8_t *to, uint16_t from, uint16_t from_port, uint16_t port,
                    const void *bytes, size_t len);

/** A datagram of UDP in IPv4. */
void peer_send_udp(uint32_t from, uint16_t from_port, uint16_t port, const void *bytes, size_t len);

/** Our end of a TCP connection. */
struct peer_tcp {
    uint32_t from; /**< an address of IPv4, or a link-local one's number */
    _Bool ip6;
    uint16_t from_port, port; /**< the guest's is the second */
    uint32_t next, guest_next;
    uint16_t window;
    const uint8_t *options; /**< of all its segments, a multiple of 4 bytes; NULL: MSS, of SYNs */
    size_t options_len;
};

/** A segment with numbers of its own. */
void peer_segment(const struct peer_tcp *tcp, uint8_t flags, uint32_t sequence, uint32_t ack,
                  const void *bytes, size_t len);

/** Connect to the guest from these ends, `next` being our first number. Fails the test when it does
 * not answer. */
void peer_open(struct peer_tcp *tcp);

/** The same with numbers of its own. */
struct peer_tcp peer_connect(uint32_t from, uint16_t from_port, uint16_t port);

/** The same from the honest one, by IPv6. */
struct peer_tcp peer_connect6(uint16_t from_port, uint16_t port);

/** Data in its turn. */
void peer_say(struct peer_tcp *tcp, const void *bytes, size_t len);

#endif
