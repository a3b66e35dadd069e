/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * What the tests of blkfront share. Each is a program of its own, so these are its own functions.
 */
#ifndef UNIT_BLOCK_H
#define UNIT_BLOCK_H

#include "run.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/io/xenbus.h>

#include <sprat/blkfront.h>
#include <sprat/clock.h>
#include <sprat/evtchn.h>
#include <sprat/gnttab.h>
#include <sprat/port.h>
#include <sprat/xenstore.h>

#include "blkback.h"
#include "machine.h"
#include "port.h"
#include "world.h"
#include "xenstored.h"

#define MEMORY_BYTES (4u << 20)

static struct blkfront *bf;
static struct fake_block block __attribute__((unused)); /* that the backend took */
static uint8_t memory[MEMORY_BYTES];

static inline uint8_t pattern(uint64_t at)
{
    return (uint8_t)(at * 7 + at / 251 + at / 65537 + 3);
}

static inline void fill(uint8_t *bytes, uint64_t at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = pattern(at + i);
}

static inline void assert_pattern(const uint8_t *bytes, uint64_t at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] != pattern(at + i))
            fail_msg("byte %zu of what begins at %llu is another one", i, (unsigned long long)at);
}

static inline int block_setup(void **state)
{
    (void)state;
    fake_build(&(struct fake_guest){.n_pages = 4096});
    fake_gnttab_allow(4);
    fake_blkback_plug();
    return xenstore_init(fake_xenstore_page(), fake_start_info()->store_evtchn);
}

static inline void settle(void)
{
    do {
        fake_settle();
    } while (evtchn_dispatch());
}

static inline void block_open_as(const struct blkfront_config *config)
{
    assert_int_equal(blkfront_open(FAKE_VBD_NUMBER, config, NULL, NULL, &bf), 0);
    settle();
}

static inline void block_up_as(const struct blkfront_config *config)
{
    block_open_as(config);
    if (blkfront_link(bf) != BLKFRONT_UP)
        fake_fail("there is no link: %s", fake_log_text());
}

static inline int block_up(void **state)
{
    if (block_setup(state))
        return -1;
    block_up_as(NULL);
    return 0;
}

/** Close it; nothing but `lost` pages may be missing. */
static inline void block_down(unsigned lost)
{
    if (blkfront_link(bf) == BLKFRONT_DOWN && fake_blkback.attached)
        fake_blkback_detach();
    blkfront_close(bf);
    fake_blkback_assert_nothing_left(lost);
}

/** Start again with a backend that was plugged a moment ago. */
static inline void block_again(void)
{
    fake_log_clear();
    fake_blkback = (struct fake_blkback){0};
    fake_blkback_plug();
}

/** A request of one buffer, with room for it. */
struct one {
    struct blkfront_request request;
    struct blkfront_buffer buffer;
    unsigned n_done;
};

static inline void one_done(struct blkfront_request *request)
{
    ((struct one *)request->arg)->n_done++;
}

static inline struct blkfront_request *one_init(struct one *one, enum blkfront_op op,
                                                uint64_t offset, void *bytes, size_t len)
{
    *one = (struct one){.buffer = {bytes, len}};
    one->request = (struct blkfront_request){.op = op,
                                             .offset = offset,
                                             .length = len,
                                             .buffers = &one->buffer,
                                             .n_buffers = 1,
                                             .done = one_done,
                                             .arg = one};
    return &one->request;
}

static inline struct blkfront_request *one_submit(struct one *one, enum blkfront_op op,
                                                  uint64_t offset, void *bytes, size_t len)
{
    struct blkfront_request *request = one_init(one, op, offset, bytes, len);
    blkfront_submit(bf, &request, 1);
    return request;
}

/** Do one request, as a thread would. @return its status. */
static inline int do_one(enum blkfront_op op, uint64_t offset, void *bytes, size_t len)
{
    struct one one;
    return blkfront_do(bf, one_init(&one, op, offset, bytes, len));
}

static struct one one __attribute__((unused));

/** Set up one request that the backend has taken. */
static inline int taken(void **state)
{
    if (block_up(state))
        return -1;
    fake_blkback.idle = true;
    fill(memory, 0, 4096);
    one_submit(&one, BLKFRONT_WRITE, 0, memory, 4096);
    return fake_blkback_take(0, &block) ? 0 : -1;
}

/** It is connected anew by what is plugged, the one request is done, and it works. */
static inline void assert_connected_anew(unsigned lost)
{
    fake_blkback.idle = false;
    fake_blkback.careless = false;
    fake_blkback_state(XenbusStateInitWait);
    settle();
    assert_int_equal(blkfront_link(bf), BLKFRONT_UP);
    assert_int_equal(blkfront_stats(bf)->connections, 2);
    assert_int_equal(one.n_done, 1);
    assert_int_equal(one.request.status, 0);
    assert_pattern(fake_blkback.disk, 0, 4096);
    assert_int_equal(blkfront_stats(bf)->resent, 1);
    assert_int_equal(blkfront_stats(bf)->pages_lost, lost);
    memset(memory, 0, 4096);
    assert_int_equal(do_one(BLKFRONT_READ, 0, memory, 4096), 0);
    assert_pattern(memory, 0, 4096);
    block_down(lost);
}

#endif
