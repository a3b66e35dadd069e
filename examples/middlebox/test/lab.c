/* SPDX-License-Identifier: BSD-2-Clause */
#include "lab.h"

struct lab lab;

int lab_setup(void **state)
{
    static const char *const names[] = {"eth0", "eth1", "eth2", "eth3"};

    (void)state;
    host_reset();
    memset(&lab, 0, sizeof(lab));
    for (unsigned i = 0; i < 4; i++)
        lab.eth[i] = host_dev(names[i]);
    lab.eng = engine_new();
    return lab.eng ? 0 : -1;
}

int lab_teardown(void **state)
{
    long left;

    (void)state;
    engine_free(lab.eng);
    text_free(&lab.out);
    for (unsigned i = 0; i < host.n_devs; i++) {
        packet_kill_batch(host.devs[i].rx);
        packet_kill_batch(host.devs[i].sent);
        host.devs[i].rx = host.devs[i].sent = NULL;
    }
    left = host.packets;
    host_reset();
    if (left)
        print_error("%ld packets leaked\n", left);
    return left ? -1 : 0;
}

uint64_t lab_run(void)
{
    for (unsigned n = 0; n < 100000; n++) {
        uint64_t deadline = engine_run(lab.eng, 64);

        if (deadline > host.now_ns)
            return deadline;
    }
    fail_msg("the engine does not come to rest");
    return 0;
}

void lab_pass(uint64_t ms)
{
    uint64_t until = host.now_ns + ms * 1000000;

    for (;;) {
        uint64_t next = lab_run();

        if (next > until)
            break;
        host_advance(next - host.now_ns);
    }
    if (until > host.now_ns)
        host_advance(until - host.now_ns);
    lab_run();
}

static void clear(void)
{
    text_free(&lab.out);
}

static const char *shown(void)
{
    return lab.out.s ? lab.out.s : "";
}

void lab_load(const char *text)
{
    clear();
    if (engine_load(lab.eng, text, strlen(text), &lab.out) != 0)
        fail_msg("configuration refused: %s", shown());
    lab_run();
}

void lab_refuse(const char *text, const char *expected)
{
    clear();
    if (engine_check(text, strlen(text), &lab.out) == 0)
        fail_msg("configuration accepted: %s", text);
    if (!strstr(shown(), expected))
        fail_msg("expected '%s' in: %s", expected, shown());
}

const char *lab_read(const char *handler)
{
    struct str name = str_of(handler), param = {"", 0};
    const char *space = strchr(handler, ' ');
    enum handler_status status;

    if (space) {
        name.len = (uint32_t)(space - handler);
        param = str_of(space + 1);
    }
    clear();
    status = engine_read(lab.eng, name, param, &lab.out);
    if (status != HANDLER_OK)
        fail_msg("reading %s: status %d, %s", handler, status, shown());
    return shown();
}

uint64_t lab_number(const char *handler)
{
    return strtoull(lab_read(handler), NULL, 10);
}

void lab_write(const char *handler, const char *value)
{
    enum handler_status status;

    clear();
    status = engine_write(lab.eng, str_of(handler), str_of(value), &lab.out);
    if (status != HANDLER_OK)
        fail_msg("writing %s: status %d, %s", handler, status, shown());
    lab_run();
}

void lab_write_fails(const char *handler, const char *value, const char *expected)
{
    clear();
    if (engine_write(lab.eng, str_of(handler), str_of(value), &lab.out) == HANDLER_OK)
        fail_msg("writing %s to %s succeeded", value, handler);
    if (!strstr(shown(), expected))
        fail_msg("expected '%s' in: %s", expected, shown());
}

void lab_receive(unsigned eth, const void *data, size_t len)
{
    host_receive(lab.eth[eth], data, (uint32_t)len);
    lab_run();
}

size_t lab_hex(const char *hex, uint8_t *out, size_t max)
{
    size_t n = 0;
    int high = -1;

    for (; *hex; hex++) {
        int d = hex_digit(*hex);

        if (d < 0)
            continue;
        if (high < 0) {
            high = d;
        } else {
            assert_true(n < max);
            out[n++] = (uint8_t)(high * 16 + d);
            high = -1;
        }
    }
    assert_int_equal(high, -1);
    return n;
}

void lab_receive_hex(unsigned eth, const char *hex)
{
    uint8_t data[2048];

    lab_receive(eth, data, lab_hex(hex, data, sizeof(data)));
}

struct packet *lab_sent(unsigned eth)
{
    struct packet *p = host_sent(lab.eth[eth]);

    if (!p)
        fail_msg("nothing was sent on eth%u", eth);
    return p;
}

void lab_expect_hex(unsigned eth, const char *hex)
{
    uint8_t data[2048];
    size_t n = lab_hex(hex, data, sizeof(data));
    struct packet *p = lab_sent(eth);

    assert_int_equal(p->len, n);
    assert_memory_equal(p->data, data, n);
    packet_kill(p);
}

void lab_expect_silence(unsigned eth)
{
    if (host_sent(lab.eth[eth]))
        fail_msg("something was sent on eth%u", eth);
}

uint32_t lab_ip(const char *s)
{
    uint32_t ip = 0;

    assert_true(value_ip(str_of(s), &ip));
    return ip;
}

static size_t put_transport(const struct frame *f, struct ip_hdr *ip, uint8_t *at)
{
    size_t hl = f->proto == IPPROTO_TCP ? 20 : 8, len = hl + f->payload_len;

    if (f->proto != IPPROTO_TCP && f->proto != IPPROTO_UDP && f->proto != IPPROTO_ICMP) {
        hl = 0;
        len = f->payload_len;
    }
    memset(at, 0, hl);
    if (f->payload_len)
        memcpy(at + hl, f->payload, f->payload_len);
    if (f->proto == IPPROTO_TCP) {
        struct tcp_hdr *tcp = (struct tcp_hdr *)at;

        tcp->sport = host_to_be16(f->sport);
        tcp->dport = host_to_be16(f->dport);
        tcp->seq = host_to_be32(f->seq);
        tcp->ack = host_to_be32(f->ack);
        tcp->off = 0x50;
        tcp->flags = f->flags;
        tcp->win = host_to_be16(8192);
        tcp->sum = transport_checksum(ip, at, (uint32_t)len);
    } else if (f->proto == IPPROTO_UDP) {
        struct udp_hdr *udp = (struct udp_hdr *)at;

        udp->sport = host_to_be16(f->sport);
        udp->dport = host_to_be16(f->dport);
        udp->len = host_to_be16((uint16_t)len);
        udp->sum = transport_checksum(ip, at, (uint32_t)len);
    } else if (f->proto == IPPROTO_ICMP) {
        struct icmp_hdr *icmp = (struct icmp_hdr *)at;

        icmp->type = f->flags;
        icmp->id = host_to_be16(f->sport);
        icmp->seq = host_to_be16(f->dport);
        icmp->sum = checksum(at, (uint32_t)len);
    }
    return len;
}

size_t lab_frame(const struct frame *f, uint8_t *out)
{
    struct ether_hdr *eth = (struct ether_hdr *)out;
    struct ip_hdr *ip = (struct ip_hdr *)(out + ETHER_LEN);
    size_t len;

    memcpy(eth->dst, f->dst_mac ? f->dst_mac : lab.eth[0]->mac, 6);
    memcpy(eth->src, "\x02\xaa\xaa\xaa\xaa\xaa", 6);
    eth->type = host_to_be16(ETHERTYPE_IP);
    ip_fill(ip, f->proto, lab_ip(f->src), lab_ip(f->dst), 0, f->id);
    len = put_transport(f, ip, out + ETHER_LEN + 20);
    ip->ttl = f->ttl ? f->ttl : 64;
    ip->off = host_to_be16(f->frag);
    ip->len = host_to_be16((uint16_t)(20 + len));
    ip_set_checksum(ip);
    return ETHER_LEN + 20 + len;
}

void lab_receive_frame(unsigned eth, const struct frame *f)
{
    uint8_t data[4096];

    lab_receive(eth, data, lab_frame(f, data));
}

bool lab_checksums_ok(const uint8_t *frame, size_t len)
{
    const struct ip_hdr *ip = (const struct ip_hdr *)(frame + ETHER_LEN);
    const uint8_t *transport = frame + ETHER_LEN + 20;
    uint32_t n;

    if (len < ETHER_LEN + 20 || be16_to_host(ip->len) > len - ETHER_LEN ||
        checksum(ip, ip_hdr_len(ip)) != 0)
        return false;
    n = be16_to_host(ip->len) - ip_hdr_len(ip);
    transport = (const uint8_t *)ip + ip_hdr_len(ip);
    if (ip->off & host_to_be16(IP_OFFMASK | IP_MF))
        return true;
    if (ip->proto == IPPROTO_ICMP)
        return checksum(transport, n) == 0;
    if (ip->proto == IPPROTO_UDP && !get_raw16(transport + 6))
        return true; /* sent without one */
    if (ip->proto == IPPROTO_TCP || ip->proto == IPPROTO_UDP)
        return transport_checksum(ip, transport, n) == 0;
    return true;
}

bool lab_logged(const char *what)
{
    bool found = host.log.s && strstr(host.log.s, what);

    if (!found)
        print_error("log: %s\n", host.log.s ? host.log.s : "(empty)");
    text_free(&host.log);
    return found;
}
