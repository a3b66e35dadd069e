/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * middlebox_check: read a configuration as a guest would, without one.
 *
 *     middlebox_check <CONFIG.click
 *
 * Says which of the guest's interfaces it needs, a line NUMBER NAME for each, and returns 0; or
 * says on stderr what is wrong, LINE:COLUMN: WHAT, and returns 1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sprat/format.h>

#include "../engine/packet.h"
#include "../engine/router.h"
#include "../guest/devname.h"

#define CONFIG_MAX (1u << 20) /* a guest takes no more */

/* The world that a guest has while it reads its configuration: interfaces, and no file. */

struct port_dev {
    char name[32]; /* empty: nobody asked for it */
};

static struct port_dev devices[DEVNAME_NUMBERS];

struct port_dev *port_dev_find(const char *name, const char **why)
{
    unsigned number;

    *why = devname_number(name, &number);
    if (*why)
        return NULL;
    if (!devices[number].name[0])
        snprintf(devices[number].name, sizeof(devices[number].name), "%s", name);
    return &devices[number];
}

const uint8_t *port_dev_mac(const struct port_dev *dev)
{
    static const uint8_t mac[6] = {0, 0x16, 0x3e}; /* Xen's */

    (void)dev;
    return mac;
}

void port_dev_listen(struct port_dev *dev, bool rx, void (*wake)(void *arg), void *arg)
{
    (void)dev;
    (void)rx;
    (void)wake;
    (void)arg;
}

struct packet *port_dev_rx(struct port_dev *dev, unsigned max)
{
    (void)dev;
    (void)max;
    return NULL;
}

unsigned port_dev_tx_room(struct port_dev *dev)
{
    (void)dev;
    return 0;
}

unsigned port_dev_tx(struct port_dev *dev, struct packet *batch)
{
    (void)dev;
    return packet_kill_batch(batch);
}

struct packet *port_packet_alloc(uint32_t bytes)
{
    struct packet *p = malloc(sizeof(*p) + bytes);

    if (!p)
        return NULL;
    p->head = (uint8_t *)(p + 1);
    p->end = p->head + bytes;
    return p;
}

void port_packet_free(struct packet *p)
{
    free(p);
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

uint64_t port_now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t port_wall_ns(void)
{
    return clock_ns(CLOCK_REALTIME);
}

uint32_t port_random(void)
{
    return (uint32_t)random(); /* nobody attacks tables that no packet reaches */
}

size_t port_format(char *buffer, size_t size, const char *fmt, va_list args)
{
    return format_list(buffer, size, fmt, args);
}

void port_log(const char *text, size_t len)
{
    fwrite(text, 1, len, stderr);
}

struct port_file *port_file_open(const char *name, bool write)
{
    (void)name;
    (void)write;
    return NULL;
}

long port_file_read(struct port_file *f, void *buf, size_t len)
{
    (void)f;
    (void)buf;
    (void)len;
    return -1;
}

int port_file_write(struct port_file *f, const void *buf, size_t len)
{
    (void)f;
    (void)buf;
    (void)len;
    return -1;
}

void port_file_close(struct port_file *f)
{
    (void)f;
}

uint16_t port_control_open(uint16_t port, uint16_t last, bool readonly)
{
    (void)last;
    (void)readonly;
    return port;
}

void port_control_close(uint16_t port)
{
    (void)port;
}

int main(void)
{
    char *text = malloc(CONFIG_MAX + 1);
    size_t len = text ? fread(text, 1, CONFIG_MAX + 1, stdin) : 0;
    struct text errors = {0};

    if (!text || ferror(stdin)) {
        perror("middlebox_check");
        return EXIT_FAILURE;
    }
    if (len > CONFIG_MAX) {
        fputs("it is longer than 1 MiB\n", stderr);
        return EXIT_FAILURE;
    }
    int failed = engine_check(text, len, &errors);
    if (errors.len)
        port_log(errors.s, errors.len);
    for (unsigned i = 0; !failed && i < DEVNAME_NUMBERS; i++)
        if (devices[i].name[0])
            printf("%u %s\n", i, devices[i].name);
    text_free(&errors);
    free(text);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
