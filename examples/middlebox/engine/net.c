/* SPDX-License-Identifier: BSD-2-Clause */
#include "net.h"

uint32_t sum_bytes(const void *data, uint32_t len, uint32_t sum)
{
    const uint8_t *b = data;
    uint64_t wide = sum;

    for (; len >= 8; len -= 8, b += 8) {
        uint64_t word;

        memcpy(&word, b, 8);
        wide += word;
        wide += wide < word; /* the carry comes round */
    }
    wide = (wide & 0xffffffff) + (wide >> 32);
    if (len & 4) {
        wide += get_raw32(b);
        b += 4;
    }
    if (len & 2) {
        wide += get_raw16(b);
        b += 2;
    }
    if (len & 1)
        wide += *b;
    wide = (wide & 0xffffffff) + (wide >> 32);
    wide = (wide & 0xffffffff) + (wide >> 32);
    return (uint32_t)((wide & 0xffff) + (wide >> 16));
}

void ip_set_checksum(struct ip_hdr *ip)
{
    ip->sum = 0;
    ip->sum = checksum(ip, ip_hdr_len(ip));
}

uint16_t transport_checksum(const struct ip_hdr *ip, const void *data, uint32_t len)
{
    struct {
        uint32_t src, dst;
        uint16_t proto, len;
    } pseudo = {ip->src, ip->dst, (uint16_t)(ip->proto << 8), host_to_be16((uint16_t)len)};

    return sum_fold(sum_bytes(data, len, sum_bytes(&pseudo, sizeof(pseudo), 0)));
}

void ip_fill(struct ip_hdr *ip, uint8_t proto, uint32_t src, uint32_t dst, uint16_t len,
             uint16_t id)
{
    memset(ip, 0, sizeof(*ip));
    ip->vhl = 0x45;
    ip->len = host_to_be16(len);
    ip->id = host_to_be16(id);
    ip->ttl = 250;
    ip->proto = proto;
    ip->src = src;
    ip->dst = dst;
    ip_set_checksum(ip);
}

uint8_t ether_packet_type(const uint8_t dst[6], const uint8_t own[6])
{
    static const uint8_t all[6] = {255, 255, 255, 255, 255, 255};

    if (dst[0] & 1)
        return memcmp(dst, all, 6) == 0 ? PACKET_BROADCAST : PACKET_MULTICAST;
    return memcmp(dst, own, 6) == 0 ? PACKET_HOST : PACKET_OTHERHOST;
}
