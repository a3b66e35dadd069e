/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine's world in a guest: devices are netfront's interfaces, packets its buffers, without a
 * copy.
 */
#include "../engine/port.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sprat/format.h>
#include <sprat/netfront.h>

#include "../engine/packet.h"
#include "devname.h"
#include "say.h"

#define BURST_MAX    64
#define RX_MIN       32 /* Linux's backend waits for 18 free buffers before it hands on a packet */
#define RX_MAX       256
#define RX_SHARE     3 /* of the memory that is free before the first interface is opened */
#define RX_STEP      32
#define DEVICE_PAGES 38 /* of an interface: RX_MIN buffers, its rings, and what is noted of both */
#define LINK_WAIT_NS 10000000000ull
/* Buffers for one burst, for those that take its place in the ring, and for a copy of each. */
#define BUFFERS_LOW 96
#define WORTH_IT    32  /* of so many on their way the backend tells when half are gone */
#define KEPT_MAX    256 /* descriptions of packets that were used once */

struct port_dev {
    struct netfront *nf;
    unsigned number;
    bool holding_back; /* packets wait with the backend until there is memory */
    struct {
        void (*wake)(void *arg);
        void *arg;
    } listener[2]; /* [rx] */
};

/** A packet and the buffer that it is in. */
struct guest_packet {
    struct packet packet;
    struct netbuf *buf;
};

static struct port_dev devices[DEVNAME_NUMBERS];
static unsigned n_devices;

static struct {
    struct packet *first;
    unsigned n;
} kept;

/* Packets */

static struct guest_packet *guest_packet_of(struct packet *p)
{
    return (struct guest_packet *)p; /* its first member */
}

static struct packet *wrap(struct netbuf *buf)
{
    struct packet *p = kept.first;

    if (p) {
        kept.first = p->next;
        kept.n--;
    } else {
        struct guest_packet *made = calloc(1, sizeof(*made));
        if (!made)
            return NULL;
        p = &made->packet;
    }
    packet_clear(p);
    guest_packet_of(p)->buf = buf;
    p->head = buf->page;
    p->end = buf->page + NETBUF_BYTES;
    return p;
}

/* Give the description back, and keep the buffer. */
static struct netbuf *unwrap(struct packet *p)
{
    struct netbuf *buf = guest_packet_of(p)->buf;

    if (kept.n < KEPT_MAX) {
        p->next = kept.first;
        kept.first = p;
        kept.n++;
    } else {
        free(p);
    }
    return buf;
}

struct packet *port_packet_alloc(uint32_t bytes)
{
    struct netbuf *buf = bytes <= NETBUF_BYTES ? netbuf_alloc() : NULL;

    if (!buf)
        return NULL;
    struct packet *p = wrap(buf);
    if (!p)
        netbuf_free(buf);
    return p;
}

void port_packet_free(struct packet *p)
{
    netbuf_free(unwrap(p));
}

/* Time, chance, log */

static uint64_t now_ns(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

uint64_t port_now_ns(void)
{
    return now_ns(CLOCK_MONOTONIC);
}

uint64_t port_wall_ns(void)
{
    return now_ns(CLOCK_REALTIME);
}

uint32_t port_random(void)
{
    uint32_t word;

    /* It fails on no machine that the guest starts on. */
    if (getentropy(&word, sizeof(word)))
        abort();
    return word;
}

/* By the system calls, here and for files, and with the kernel's formats: stdio would be 14 KB of
 * the image. */
static int write_all(int fd, const char *bytes, size_t len)
{
    while (len) {
        ssize_t n = write(fd, bytes, len);
        if (n <= 0)
            return -1;
        bytes += n;
        len -= (size_t)n;
    }
    return 0;
}

size_t port_format(char *buffer, size_t size, const char *fmt, va_list args)
{
    return format_list(buffer, size, fmt, args);
}

void port_log(const char *text, size_t len)
{
    write_all(STDOUT_FILENO, text, len);
}

void say(const char *fmt, ...)
{
    char line[256];
    va_list args;

    va_start(args, fmt);
    size_t n = format_list(line, sizeof(line), fmt, args);
    va_end(args);
    port_log(line, n < sizeof(line) ? n : sizeof(line) - 1);
}

/* Devices */

static void tell_listener(struct port_dev *dev, bool rx)
{
    if (dev->listener[rx].wake)
        dev->listener[rx].wake(dev->listener[rx].arg);
}

static void device_changed(void *arg)
{
    struct port_dev *dev = arg;

    tell_listener(dev, true);
    tell_listener(dev, false);
    /* What one interface has sent is memory for all of them. */
    for (unsigned i = 0; i < n_devices; i++)
        if (devices[i].holding_back && &devices[i] != dev)
            tell_listener(&devices[i], true);
}

/*
 * A third of the memory is for what comes in, in equal parts: the bursts of the backend are as long
 * as the buffers are many. What interfaces got that are open already is left out on both sides.
 */
static unsigned rx_buffers(void)
{
    unsigned numbers[DEVNAME_NUMBERS];
    int listed = netfront_list(numbers, DEVNAME_NUMBERS);
    unsigned n = listed > (int)n_devices ? (unsigned)listed : n_devices + 1;
    unsigned long pages = netbuf_kept() + (unsigned long)sysconf(_SC_AVPHYS_PAGES);
    unsigned long share = pages / (RX_SHARE * n - n_devices);

    share = (share + RX_STEP / 2) / RX_STEP * RX_STEP;
    return share < RX_MIN ? RX_MIN : share > RX_MAX ? RX_MAX : (unsigned)share;
}

/* Elements ask for the address while they are configured, so the link should be up by then. */
static void wait_for_link(struct port_dev *dev)
{
    uint64_t deadline_ns = port_now_ns() + LINK_WAIT_NS;

    while (netfront_link(dev->nf) == NETFRONT_DOWN)
        if (netfront_wait(dev->nf, deadline_ns)) {
            say("interface %u: its link is not up yet; is the backend there?\n", dev->number);
            return;
        }
}

struct port_dev *port_dev_find(const char *name, const char **why)
{
    unsigned number;

    *why = devname_number(name, &number);
    if (*why)
        return NULL;
    for (unsigned i = 0; i < n_devices; i++)
        if (devices[i].number == number)
            return &devices[i];

    if (netbuf_kept() + sysconf(_SC_AVPHYS_PAGES) < DEVICE_PAGES) {
        *why = "there is no memory for its buffers; give the guest more";
        return NULL;
    }
    struct port_dev *dev = &devices[n_devices];
    /* Elements look at packets as they came from the wire: checksums are there, and no
     * large ones. */
    struct netfront_config config = {.rx_buffers = rx_buffers(), .no_offload = true};
    *dev = (struct port_dev){.number = number};
    netbuf_keep((n_devices + 1) * config.rx_buffers); /* as many may be on their way */
    int error = netfront_open(number, &config, device_changed, dev, &dev->nf);
    if (error) {
        if (error == -ENODEV)
            *why = "the guest has no such interface; its cfg lists what it has";
        return NULL;
    }
    n_devices++;
    wait_for_link(dev);
    return dev;
}

const uint8_t *port_dev_mac(const struct port_dev *dev)
{
    return netfront_features(dev->nf)->mac;
}

void port_dev_listen(struct port_dev *dev, bool rx, void (*wake)(void *arg), void *arg)
{
    dev->listener[rx].wake = wake;
    dev->listener[rx].arg = arg;
}

static bool buffers_low(void)
{
    unsigned kept = netbuf_kept();

    return kept < BUFFERS_LOW && kept + sysconf(_SC_AVPHYS_PAGES) < BUFFERS_LOW;
}

/*
 * Is it better to leave packets where they are? Taking them without memory is to lose them. But
 * only what backends send now gives memory back and an event: what lies in queues may need the
 * next packet to get on.
 */
static bool better_wait(void)
{
    bool worth_it = false;

    if (!buffers_low())
        return false;
    for (unsigned i = 0; i < n_devices; i++) {
        netfront_transmit(devices[i].nf, 0, NULL, 0); /* learns what has been sent */
        worth_it |= netfront_on_its_way(devices[i].nf, 0) >= WORTH_IT;
    }
    return worth_it && buffers_low();
}

struct packet *port_dev_rx(struct port_dev *dev, unsigned max)
{
    struct netbuf *bufs[BURST_MAX];
    struct packet *first = NULL, **last = &first;

    dev->holding_back = better_wait();
    if (dev->holding_back)
        return NULL;
    unsigned n = netfront_receive(dev->nf, 0, bufs, max < BURST_MAX ? max : BURST_MAX);
    for (unsigned i = 0; i < n; i++) {
        /* Without scatter-gather a packet is one piece; what is not, is not for the elements. */
        struct packet *p = bufs[i]->piece ? NULL : wrap(bufs[i]);
        if (!p) {
            netbuf_free(bufs[i]);
            continue;
        }
        p->data = bufs[i]->data;
        p->len = bufs[i]->len;
        *last = p;
        last = &p->next;
    }
    return first;
}

unsigned port_dev_tx_room(struct port_dev *dev)
{
    unsigned room = netfront_room(dev->nf, 0);

    if (room)
        return room;
    netfront_transmit(dev->nf, 0, NULL, 0); /* what the backend has sent makes room */
    return netfront_room(dev->nf, 0);
}

unsigned port_dev_tx(struct port_dev *dev, struct packet *batch)
{
    unsigned drops = 0;

    while (batch) {
        struct netbuf *bufs[BURST_MAX];
        unsigned n = 0;
        for (; batch && n < BURST_MAX; n++) {
            struct packet *p = batch;
            batch = p->next;
            uint8_t *data = p->data;
            uint32_t len = p->len;
            bufs[n] = unwrap(p);
            bufs[n]->data = data;
            bufs[n]->len = bufs[n]->total = len;
            bufs[n]->csum = NETBUF_CSUM_UNKNOWN;
            bufs[n]->gso = NETBUF_GSO_NONE;
        }
        unsigned sent = 0;
        while (sent < n) {
            sent += netfront_transmit(dev->nf, 0, bufs + sent, n - sent);
            if (sent < n) { /* no room, or not to be sent at all: a wire would lose it too */
                netbuf_free(bufs[sent++]);
                drops++;
            }
        }
    }
    return drops;
}

/* Files: of the image's archive, read-only. */

struct port_file {
    int fd;
};

struct port_file *port_file_open(const char *name, bool write)
{
    struct port_file *f = malloc(sizeof(*f));

    if (!f)
        return NULL;
    f->fd = write ? open(name, O_WRONLY | O_CREAT | O_TRUNC, 0666) : open(name, O_RDONLY);
    if (f->fd < 0) {
        free(f);
        return NULL;
    }
    return f;
}

long port_file_read(struct port_file *f, void *buf, size_t len)
{
    return read(f->fd, buf, len);
}

int port_file_write(struct port_file *f, const void *buf, size_t len)
{
    return write_all(f->fd, buf, len);
}

void port_file_close(struct port_file *f)
{
    close(f->fd);
    free(f);
}
