/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <sprat/format.h>

#include "host.h"

#define FILES       16
#define POOL_BUFFER 2048

struct host host;

struct port_file {
    FILE *real;
    unsigned index;
    size_t at;
};

static struct {
    char name[64];
    struct text text;
    bool used;
} files[FILES];

void host_reset(void)
{
    for (unsigned i = 0; i < host.n_devs; i++) {
        packet_kill_batch(host.devs[i].rx);
        packet_kill_batch(host.devs[i].sent);
    }
    while (host.free) {
        struct packet *p = host.free;

        host.free = p->next;
        free(p);
    }
    text_free(&host.log);
    for (unsigned i = 0; i < FILES; i++)
        text_free(&files[i].text);
    memset(files, 0, sizeof(files));
    memset(&host, 0, sizeof(host));
    host.now_ns = 1000000000;
    host.wall_ns = 1700000000000000000;
    host.random = 1;
    host.log.limit = 1u << 24;
}

struct packet *port_packet_alloc(uint32_t bytes)
{
    struct packet *p;

    if (host.packets_max && host.packets >= host.packets_max)
        return NULL;
    if (host.pool && bytes <= POOL_BUFFER && host.free) {
        p = host.free;
        host.free = p->next;
    } else {
        uint32_t room = host.pool && bytes < POOL_BUFFER ? POOL_BUFFER : bytes;

        p = malloc(sizeof(*p) + room);
        if (!p)
            return NULL;
        p->owner = room == POOL_BUFFER;
        p->head = (uint8_t *)(p + 1);
        p->end = p->head + room;
    }
    host.packets++;
    return p;
}

void port_packet_free(struct packet *p)
{
    host.packets--;
    if (host.pool && p->owner) {
        p->next = host.free;
        host.free = p;
    } else {
        free(p);
    }
}

uint64_t port_now_ns(void)
{
    struct timespec ts;

    if (!host.real_clock)
        return host.now_ns;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t port_wall_ns(void)
{
    struct timespec ts;

    if (!host.real_clock)
        return host.wall_ns;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint32_t port_random(void)
{
    host.random = host.random * 1664525u + 1013904223u;
    return host.random ^ host.random >> 16;
}

size_t port_format(char *buffer, size_t size, const char *fmt, va_list args)
{
    return format_list(buffer, size, fmt, args);
}

void port_log(const char *text, size_t len)
{
    text_add(&host.log, text, len);
}

void host_advance(uint64_t ns)
{
    host.now_ns += ns;
    host.wall_ns += ns;
}

struct port_dev *host_dev(const char *name)
{
    const char *why;
    struct port_dev *dev = port_dev_find(name, &why);

    if (dev || host.n_devs == HOST_DEVS)
        return dev;
    dev = &host.devs[host.n_devs++];
    memset(dev, 0, sizeof(*dev));
    snprintf(dev->name, sizeof(dev->name), "%s", name);
    memcpy(dev->mac, "\x02\x00\x00\x00\x00", 5);
    dev->mac[5] = (uint8_t)host.n_devs;
    dev->rx_tail = &dev->rx;
    dev->sent_tail = &dev->sent;
    dev->room = 1000000;
    dev->longest = UINT32_MAX;
    return dev;
}

struct port_dev *port_dev_find(const char *name, const char **why)
{
    *why = NULL;
    for (unsigned i = 0; i < host.n_devs; i++) {
        if (strcmp(host.devs[i].name, name) == 0)
            return &host.devs[i];
    }
    return NULL;
}

const uint8_t *port_dev_mac(const struct port_dev *dev)
{
    return dev->mac;
}

void port_dev_listen(struct port_dev *dev, bool rx, void (*wake)(void *arg), void *arg)
{
    dev->wake[rx] = wake;
    dev->wake_arg[rx] = arg;
}

struct packet *port_dev_rx(struct port_dev *dev, unsigned max)
{
    struct packet *batch = dev->rx, **at = &dev->rx;

    while (*at && max--)
        at = &(*at)->next;
    if (at == &dev->rx)
        return NULL;
    dev->rx = *at;
    *at = NULL;
    if (!dev->rx)
        dev->rx_tail = &dev->rx;
    return batch;
}

unsigned port_dev_tx_room(struct port_dev *dev)
{
    return dev->room;
}

unsigned port_dev_tx(struct port_dev *dev, struct packet *batch)
{
    unsigned drops = 0;

    *dev->sent_tail = batch;
    while (*dev->sent_tail) {
        struct packet *p = *dev->sent_tail;

        if (p->len > dev->longest) {
            *dev->sent_tail = p->next;
            packet_kill(p);
            drops++;
            continue;
        }
        dev->n_sent++;
        dev->sent_tail = &p->next;
    }
    return drops;
}

void host_receive(struct port_dev *dev, const void *data, uint32_t len)
{
    struct packet *p = packet_new(PACKET_HEADROOM, len);

    if (!p)
        return;
    memcpy(p->data, data, len);
    *dev->rx_tail = p;
    dev->rx_tail = &p->next;
    if (dev->wake[1])
        dev->wake[1](dev->wake_arg[1]);
}

struct packet *host_sent(struct port_dev *dev)
{
    struct packet *p = dev->sent;

    if (!p)
        return NULL;
    dev->sent = p->next;
    if (!dev->sent)
        dev->sent_tail = &dev->sent;
    p->next = NULL;
    dev->n_sent--;
    return p;
}

static unsigned find_file(const char *name, bool create)
{
    for (unsigned i = 0; i < FILES; i++) {
        if (files[i].used && strcmp(files[i].name, name) == 0)
            return i;
    }
    for (unsigned i = 0; create && i < FILES; i++) {
        if (!files[i].used) {
            files[i].used = true;
            files[i].text.limit = host.file_max ? host.file_max : 1u << 28;
            snprintf(files[i].name, sizeof(files[i].name), "%s", name);
            return i;
        }
    }
    return FILES;
}

void host_file_set(const char *name, const void *data, size_t len)
{
    unsigned i = find_file(name, true);

    files[i].text.len = 0;
    text_add(&files[i].text, data, len);
}

const struct text *host_file(const char *name)
{
    unsigned i = find_file(name, false);

    return i < FILES ? &files[i].text : NULL;
}

struct port_file *port_file_open(const char *name, bool write)
{
    struct port_file *f = calloc(1, sizeof(*f));

    if (!f)
        return NULL;
    if (host.real_files) {
        f->real = fopen(name, write ? "wb" : "rb");
        if (f->real)
            return f;
    } else {
        f->index = find_file(name, write);
        if (f->index < FILES) {
            if (write)
                files[f->index].text.len = 0;
            return f;
        }
    }
    free(f);
    return NULL;
}

long port_file_read(struct port_file *f, void *buf, size_t len)
{
    const struct text *t = &files[f->index].text;

    if (f->real)
        return (long)fread(buf, 1, len, f->real);
    if (f->at >= t->len)
        return 0;
    if (len > t->len - f->at)
        len = t->len - f->at;
    memcpy(buf, t->s + f->at, len);
    f->at += len;
    return (long)len;
}

int port_file_write(struct port_file *f, const void *buf, size_t len)
{
    if (f->real)
        return fwrite(buf, 1, len, f->real) == len ? 0 : -1;
    text_add(&files[f->index].text, buf, len);
    return files[f->index].text.cut ? -1 : 0;
}

void port_file_close(struct port_file *f)
{
    if (f->real)
        fclose(f->real);
    free(f);
}

uint16_t port_control_open(uint16_t port, uint16_t last, bool readonly)
{
    if (port == host.control_taken && port++ == last)
        return 0;
    host.control_port = port;
    host.control_users++;
    host.control_readonly = readonly;
    return port;
}

void port_control_close(uint16_t port)
{
    if (port == host.control_port)
        host.control_users--;
}
