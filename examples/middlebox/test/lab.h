/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file What the tests share: an engine on the host port, and short ways to feed it and look at it.
 * Test names are sentences.
 */
#ifndef SPRAT_MIDDLEBOX_LAB_H
#define SPRAT_MIDDLEBOX_LAB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../engine/net.h"
#include "../engine/router.h"
#include "host.h"

struct lab {
    struct engine *eng;
    struct port_dev *eth[4]; /* "eth0".. */
    struct text out;         /* the last handler's answer or the last errors */
};

extern struct lab lab;

/** Set-up and tear-down of every test: also checks that no packet is lost or leaked. */
int lab_setup(void **state);
int lab_teardown(void **state);

#define LAB_TEST(name) cmocka_unit_test_setup_teardown(name, lab_setup, lab_teardown)

/** Load a configuration that must be right, and run until it idles. */
void lab_load(const char *text);
/** Load one that must be refused; the message must contain `expected`. */
void lab_refuse(const char *text, const char *expected);
/** Run until nothing is runnable; fails when that takes for ever. Returns the deadline. */
uint64_t lab_run(void);
/** Let time pass, running what is due on the way. */
void lab_pass(uint64_t ms);

/** Read a handler that must be there. The result lives until the next call. */
const char *lab_read(const char *handler);
uint64_t lab_number(const char *handler);
/** Write a handler; must succeed. */
void lab_write(const char *handler, const char *value);
/** Write a handler; must fail with a message that contains `expected`. */
void lab_write_fails(const char *handler, const char *value, const char *expected);

/** Receive on ethN, then run. */
void lab_receive(unsigned eth, const void *data, size_t len);
/** "45 00 ..." as bytes; returns how many. */
size_t lab_hex(const char *hex, uint8_t *out, size_t max);
void lab_receive_hex(unsigned eth, const char *hex);
/** The next packet sent on ethN must be exactly this. */
void lab_expect_hex(unsigned eth, const char *hex);
/** Nothing more was sent on ethN. */
void lab_expect_silence(unsigned eth);
/** The next packet sent on ethN; must exist. Free it with packet_kill(). */
struct packet *lab_sent(unsigned eth);

/** An Ethernet frame with an IPv4 packet; returns its length. Checksums are right. */
struct frame {
    const char *src, *dst;
    uint8_t proto;
    uint16_t sport, dport; /* ICMP: id and sequence */
    uint8_t flags;         /* TCP flags; ICMP type */
    uint32_t seq, ack;
    uint16_t frag; /* the flags and offset field */
    uint16_t id;
    uint8_t ttl; /* 0: 64 */
    const void *payload;
    size_t payload_len;
    const uint8_t *dst_mac; /* NULL: that of eth0 */
};
size_t lab_frame(const struct frame *f, uint8_t *out);
void lab_receive_frame(unsigned eth, const struct frame *f);
/** Are all checksums of an Ethernet frame's IPv4 packet right? */
bool lab_checksums_ok(const uint8_t *frame, size_t len);
uint32_t lab_ip(const char *s);

/** Does the log hold this? Then empty it. */
bool lab_logged(const char *what);

#endif
