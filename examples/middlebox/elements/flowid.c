/* SPDX-License-Identifier: BSD-2-Clause */
#include "flowid.h"

#define TCP_SUM_AT  16
#define UDP_SUM_AT  6
#define ICMP_SUM_AT 2

static void write_echo(uint8_t *t, const struct flowid *from, const struct flowid *to)
{
    uint16_t sum = get_raw16(t + ICMP_SUM_AT);

    sum_update16(&sum, from->sport, to->sport);
    put_raw16(t + ICMP_SUM_AT, sum);
    put_raw16(t + 4, to->sport);
}

static void write_ports(uint8_t *t, uint32_t len, const struct flowid *from,
                        const struct flowid *to)
{
    bool udp = from->proto == IPPROTO_UDP;
    unsigned at = udp ? UDP_SUM_AT : TCP_SUM_AT;

    put_raw16(t, to->sport);
    put_raw16(t + 2, to->dport);
    if (len < at + 2)
        return;
    uint16_t sum = get_raw16(t + at);
    if (udp && !sum)
        return; /* sent without a checksum */
    sum_update32(&sum, from->src, to->src);
    sum_update32(&sum, from->dst, to->dst);
    sum_update16(&sum, from->sport, to->sport);
    sum_update16(&sum, from->dport, to->dport);
    put_raw16(t + at, udp && !sum ? 0xffff : sum);
}

void flowid_write(struct ip_hdr *ip, uint8_t *transport, uint32_t len, const struct flowid *from,
                  const struct flowid *to)
{
    uint16_t sum = ip->sum;

    sum_update32(&sum, from->src, to->src);
    sum_update32(&sum, from->dst, to->dst);
    ip->sum = sum;
    ip->src = to->src;
    ip->dst = to->dst;
    if (ip->proto == IPPROTO_ICMP)
        write_echo(transport, from, to);
    else
        write_ports(transport, len, from, to);
}

void flowid_print(const struct flowid *f, struct text *out)
{
    text_char(out, '(');
    text_ip(out, f->src);
    text_addf(out, ", %u, ", be16_to_host(f->sport));
    text_ip(out, f->dst);
    text_addf(out, ", %u)", be16_to_host(f->dport));
}
