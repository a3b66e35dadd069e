/* SPDX-License-Identifier: BSD-2-Clause */
#include "vif.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"
#include "xenstored.h"

#define SLOTS_MAX   18
#define WAITING_MAX 64
#define MACS_MAX    64
#define KEPT_MAX    256

struct fake_vif fake_vif = {
    .features = {.n_queues = 2,
                 .sg = true,
                 .gso_tcpv4 = true,
                 .gso_tcpv6 = true,
                 .csum_ipv4 = true,
                 .csum_ipv6 = true,
                 .multicast = true,
                 .mtu = 1500,
                 .mac = {0x00, 0x16, 0x3e, 0x01, 0x02, 0x03}},
    .room = FAKE_VIF_ROOM,
};

static struct {
    void (*on_change)(void *);
    void *arg;
    struct netbuf *waiting[WAITING_MAX];
    unsigned n_waiting;
    struct netbuf *kept[KEPT_MAX];
    unsigned n_kept;
    bool connected;
    struct netfront_stats stats;
    uint8_t macs[MACS_MAX][6]; /* multicast addresses that it was told of */
    unsigned n_macs;
} vif;

struct netbuf *netbuf_alloc(void)
{
    if (fake_vif.bufs_max && fake_vif.n_bufs >= fake_vif.bufs_max)
        return NULL;
    struct netbuf *buf = malloc(sizeof(*buf));
    uint8_t *page = buf ? malloc(NETBUF_BYTES) : NULL;

    if (!page) {
        free(buf);
        return NULL;
    }
    *buf = (struct netbuf){.page = page, .data = page + NETBUF_HEADROOM};
    fake_vif.n_bufs++;
    return buf;
}

void netbuf_keep(unsigned n)
{
    (void)n; /* ASan sees more when none is kept */
}

void netbuf_free(struct netbuf *packet)
{
    while (packet) {
        struct netbuf *next = packet->piece;
        if (packet->release) {
            packet->release(packet);
        } else {
            free(packet->page);
            free(packet);
            fake_vif.n_bufs--;
        }
        packet = next;
    }
}

int netfront_list(unsigned *numbers, size_t max)
{
    (void)max;
    numbers[0] = 0;
    return 1;
}

/* Each connection is a new one. */
static void look_at_link(void)
{
    if (fake_vif.link == NETFRONT_UP && !vif.connected) {
        vif.stats.connections++;
        vif.n_macs = 0;
    }
    vif.connected = fake_vif.link == NETFRONT_UP;
}

int netfront_open(unsigned number, const struct netfront_config *config, void (*on_change)(void *),
                  void *arg, struct netfront **opened)
{
    (void)number;
    (void)config;
    vif.on_change = on_change;
    vif.arg = arg;
    look_at_link();
    *opened = (struct netfront *)&vif;
    return 0;
}

void netfront_close(struct netfront *nf)
{
    (void)nf;
    vif.on_change = NULL;
    vif.connected = false;
    for (unsigned i = 0; i < vif.n_waiting; i++)
        netbuf_free(vif.waiting[i]);
    vif.n_waiting = 0;
}

enum netfront_link netfront_link(const struct netfront *nf)
{
    (void)nf;
    return fake_vif.link;
}

const struct netfront_features *netfront_features(const struct netfront *nf)
{
    (void)nf;
    return &fake_vif.features;
}

const struct netfront_stats *netfront_stats(const struct netfront *nf)
{
    (void)nf;
    return &vif.stats;
}

/* An address is told of once, until it is taken back; a backend may not want to know. */
void netfront_multicast(struct netfront *nf, const uint8_t mac[6], bool join)
{
    unsigned at = 0;

    (void)nf;
    if (!fake_vif.features.multicast)
        return;
    while (at < vif.n_macs && memcmp(vif.macs[at], mac, 6) != 0)
        at++;
    if (join == (at < vif.n_macs))
        fake_fail("an address is told of %s", join ? "twice" : "that was not");
    if (!join)
        memcpy(vif.macs[at], vif.macs[--vif.n_macs], 6);
    else if (vif.n_macs < MACS_MAX)
        memcpy(vif.macs[vif.n_macs++], mac, 6);
    else
        fake_vif.features.multicast = false;
}

void fake_vif_plug(const char *ip)
{
    fake_xenstored_write("device/vif/0/backend", "/local/domain/0/backend/vif/5/0");
    fake_xenstored_write("/local/domain/0/backend/vif/5/0/ip", ip);
}

void fake_vif_changed(void)
{
    look_at_link();
    if (vif.on_change)
        vif.on_change(vif.arg);
}

static struct netbuf *make_packet(const uint8_t *frame, size_t len, size_t piece_bytes)
{
    struct netbuf *first = NULL, **last = &first;

    for (size_t at = 0; at < len;) {
        size_t n = len - at < piece_bytes ? len - at : piece_bytes;
        struct netbuf *piece = netbuf_alloc();
        if (!piece) {
            netbuf_free(first);
            return NULL;
        }
        piece->data = piece->page + NETBUF_BYTES - n;
        piece->len = (uint32_t)n;
        memcpy(piece->data, frame + at, n);
        at += n;
        *last = piece;
        last = &piece->piece;
    }
    return first;
}

void fake_vif_deliver(const uint8_t *frame, size_t len, const struct netbuf *like,
                      size_t piece_bytes)
{
    if (!piece_bytes || piece_bytes > NETBUF_BYTES)
        piece_bytes = NETBUF_BYTES;
    if (!len || len > SLOTS_MAX * piece_bytes || vif.n_waiting == WAITING_MAX ||
        fake_vif.link != NETFRONT_UP)
        return;
    struct netbuf *packet = make_packet(frame, len, piece_bytes);
    if (!packet)
        return;
    packet->total = (uint32_t)len;
    packet->csum = like->csum;
    packet->gso = like->gso;
    packet->gso_size = like->gso_size;
    vif.waiting[vif.n_waiting++] = packet;
    fake_vif_changed();
}

unsigned netfront_receive(struct netfront *nf, unsigned queue, struct netbuf **packets,
                          unsigned max)
{
    unsigned n = vif.n_waiting < max ? vif.n_waiting : max;

    (void)nf;
    (void)queue;
    memcpy(packets, vif.waiting, n * sizeof(packets[0]));
    vif.n_waiting -= n;
    memmove(vif.waiting, vif.waiting + n, vif.n_waiting * sizeof(vif.waiting[0]));
    return n;
}

unsigned netfront_room(const struct netfront *nf, unsigned queue)
{
    (void)nf;
    (void)queue;
    return fake_vif.link == NETFRONT_UP ? fake_vif.room : 0;
}

bool netfront_sendable(const struct netfront *nf, const struct netbuf *packet)
{
    (void)nf;
    (void)packet; /* send_one() looks at it */
    return fake_vif.link == NETFRONT_UP;
}

static unsigned slots_of(const struct netbuf *packet)
{
    unsigned n = packet->gso != NETBUF_GSO_NONE;

    for (; packet; packet = packet->piece)
        n++;
    return n;
}

void fake_vif_give_back(void)
{
    for (unsigned i = 0; i < vif.n_kept; i++)
        netbuf_free(vif.kept[i]);
    vif.n_kept = 0;
}

/* What the real one refuses is a mistake of the caller's, but for what the features allow. */
static void send_one(struct netbuf *packet)
{
    static uint8_t frame[FAKE_VIF_FRAME];
    const struct netfront_features *features = &fake_vif.features;
    size_t len = 0, n_pieces = 0;

    for (const struct netbuf *piece = packet; piece; piece = piece->piece, n_pieces++) {
        if (!piece->len || piece->data < piece->page ||
            piece->len > NETBUF_BYTES - netbuf_headroom(piece) || piece->len > sizeof(frame) - len)
            fake_fail("a piece that can't be sent");
        memcpy(frame + len, piece->data, piece->len);
        len += piece->len;
    }
    if (len != packet->total || n_pieces > SLOTS_MAX || (n_pieces > 1 && !features->sg) ||
        (packet->gso == NETBUF_GSO_TCPV4 && !features->gso_tcpv4) ||
        (packet->gso == NETBUF_GSO_TCPV6 && !features->gso_tcpv6) ||
        (packet->gso && (!packet->gso_size || packet->csum != NETBUF_CSUM_BLANK)) ||
        (!packet->gso && len > features->mtu + 14u))
        fake_fail("a packet that can't be sent");
    if (fake_vif.sent)
        fake_vif.sent(packet, frame, len);
    vif.kept[vif.n_kept++] = packet;
    if (!fake_vif.keeps || vif.n_kept == KEPT_MAX)
        fake_vif_give_back();
}

unsigned netfront_transmit(struct netfront *nf, unsigned queue, struct netbuf **packets,
                           unsigned n_packets)
{
    unsigned n = 0, room = netfront_room(nf, queue);

    for (; n < n_packets && slots_of(packets[n]) <= room; n++)
        send_one(packets[n]);
    return n;
}
