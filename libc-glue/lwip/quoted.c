/* SPDX-License-Identifier: BSD-2-Clause */
#include "quoted.h"

#include <string.h>

#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"

#include "bytes.h"

static void take_address6(ip_addr_t *ip, const uint8_t *at)
{
    ip_addr_set_zero_ip6(ip);
    memcpy(ip_2_ip6(ip)->addr, at, sizeof(ip_2_ip6(ip)->addr));
}

static void take_address4(ip_addr_t *ip, const uint8_t *at)
{
    u32_t address;

    memcpy(&address, at, sizeof(address));
    ip_addr_set_ip4_u32(ip, address);
}

static bool take_transport(struct quoted *quoted, const uint8_t *at, size_t len)
{
    if (len < QUOTED_TRANSPORT)
        return false;
    quoted->from_port = bytes_get16(at);
    quoted->to_port = bytes_get16(at + 2);
    quoted->sequence = bytes_get32(at + 4);
    return true;
}

bool quoted_read(struct quoted *quoted, const uint8_t *packet, size_t len)
{
    if (len >= IP6_HLEN && packet[0] >> 4 == 6) {
        take_address6(&quoted->from, packet + 8);
        take_address6(&quoted->to, packet + 24);
        quoted->protocol = packet[6];
        return take_transport(quoted, packet + IP6_HLEN, len - IP6_HLEN);
    }
    if (len < IP_HLEN || packet[0] >> 4 != 4)
        return false;
    size_t header = (packet[0] & 15u) * 4;
    /* Only the first piece of a packet has the transport's header. */
    if (header < IP_HLEN || header > len || bytes_get16(packet + 6) & IP_OFFMASK)
        return false;
    take_address4(&quoted->from, packet + 12);
    take_address4(&quoted->to, packet + 16);
    quoted->protocol = packet[9];
    return take_transport(quoted, packet + header, len - header);
}

bool quoted_same(const ip_addr_t *quoted, const ip_addr_t *own)
{
    return ip_addr_cmp_zoneless(quoted, own);
}
