/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * What the tests of netfront share. Each is a program of its own, so these are its own functions.
 */
#ifndef UNIT_NET_H
#define UNIT_NET_H

#include "run.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <xen/io/xenbus.h>

#include <sprat/clock.h>
#include <sprat/evtchn.h>
#include <sprat/gnttab.h>
#include <sprat/netfront.h>
#include <sprat/port.h>
#include <sprat/xenstore.h>

#include "machine.h"
#include "netback.h"
#include "port.h"
#include "world.h"
#include "xenstored.h"

#define BURST 64

static struct netfront *nf;
static struct netbuf *packets[BURST];
static struct fake_packet packet; /* that the backend took */

static inline int net_setup(void **state)
{
    (void)state;
    fake_build(&(struct fake_guest){0});
    fake_netback_plug();
    return xenstore_init(fake_xenstore_page(), fake_start_info()->store_evtchn);
}

static inline void settle(void)
{
    do {
        fake_settle();
    } while (evtchn_dispatch());
}

static inline void net_open_as(const struct netfront_config *config)
{
    assert_int_equal(netfront_open(0, config, NULL, NULL, &nf), 0);
    settle();
}

static inline void net_up(void)
{
    net_open_as(NULL);
    if (netfront_link(nf) != NETFRONT_UP)
        fake_fail("there is no link: %s", fake_log_text());
}

/** Close it; nothing but `lost` pages may be missing. */
static inline void net_down(unsigned lost)
{
    if (netfront_link(nf) == NETFRONT_DOWN && fake_netback.attached)
        fake_netback_detach();
    netfront_close(nf);
    fake_netback_assert_nothing_left(lost);
}

static inline unsigned receive(void)
{
    settle();
    return netfront_receive(nf, 0, packets, BURST);
}

static inline void free_packets(unsigned n)
{
    while (n--)
        netbuf_free(packets[n]);
}

/** A packet of fake_netback_byte()s in pieces of `piece_bytes`. */
static inline struct netbuf *make_packet(uint32_t len, uint32_t piece_bytes)
{
    struct netbuf *first = NULL, **last = &first;

    for (uint32_t at = 0; at < len;) {
        struct netbuf *piece = netbuf_alloc();
        assert_non_null(piece);
        piece->len = len - at < piece_bytes ? len - at : piece_bytes;
        if (piece->len > NETBUF_BYTES - NETBUF_HEADROOM)
            piece->data = piece->page;
        for (uint32_t i = 0; i < piece->len; i++)
            piece->data[i] = fake_netback_byte(at + i);
        at += piece->len;
        *last = piece;
        last = &piece->piece;
    }
    first->total = len;
    return first;
}

static inline void assert_bytes(const struct netbuf *got, uint32_t len)
{
    uint32_t at = 0;

    assert_int_equal(got->total, len);
    for (; got; got = got->piece)
        for (uint32_t i = 0; i < got->len; i++, at++)
            assert_int_equal(got->data[i], fake_netback_byte(at));
    assert_int_equal(at, len);
}

/** Send packets[0..n-1]. */
static inline unsigned transmit(unsigned n)
{
    return netfront_transmit(nf, 0, packets, n);
}

#endif
