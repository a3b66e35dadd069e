/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The input is what blkback does to the rings, the grants and xenstore, and what the guest's
 * program does meanwhile. Whatever it is: no crash, nothing used that is freed, each request
 * completed at most once, and nothing left in the end.
 */
#include <errno.h>
#include <limits.h>
#include <stdint.h>

#include <xen/io/blkif.h>

#include <sprat/blkfront.h>
#include <sprat/compiler.h>

#include "blkback.h"
#include "device.h"
#include "fuzz.h"
#include "port.h"
#include "world.h"

#define STEPS_MAX    200
#define REQUESTS_MAX 80
#define BYTES_MAX    (80 * 4096)

static struct {
    struct fuzz fuzz;
    struct blkfront *bf;
    struct blkfront_request requests[REQUESTS_MAX];
    struct blkfront_buffer buffers[REQUESTS_MAX][3];
    bool under_way[REQUESTS_MAX];
    uint8_t memory[BYTES_MAX];
    struct fake_block block;
} world;

static uint8_t byte(void)
{
    return fuzz_byte(&world.fuzz);
}

static uint32_t number(void)
{
    return fuzz_number(&world.fuzz);
}

/* The backend */

static void answer(unsigned queue)
{
    struct fake_blkback_queue *ring = &fake_blkback.queues[queue];
    uint8_t how = byte();

    if (how & 1 && fake_blkback_take(queue, &world.block) && how & 2) {
        fake_blkback_answer(queue, &world.block);
        return;
    }
    uint64_t id = how & 16 ? number() | (uint64_t)(how & 32) << 30 : world.block.id;
    unsigned operation = (how & 12) == 12 ? byte() % 8 : world.block.operation;
    int status = how & 64 ? (int)number() : -(byte() % 3);
    if (ring->prod == ring->cons) /* it has no reason to write over requests that it has not read */
        return;
    fake_blkback_put(queue, id, operation, status);
    fake_blkback_push(queue);
}

static void hold_something(unsigned queue)
{
    uint32_t refs[] = {world.block.segments[byte() % 12].gref, world.block.list_ref,
                       fake_blkback.queues[queue].refs[0]};
    uint32_t ref = refs[byte() % ARRAY_LEN(refs)];

    if (ref)
        fake_blkback_hold(ref);
}

static void play_on_rings(void)
{
    unsigned queue = fake_blkback.n_queues ? byte() % fake_blkback.n_queues : 0;
    struct fake_blkback_queue *ring = &fake_blkback.queues[queue];
    uint8_t what = byte() % 16;

    if (!fake_blkback.attached || !world.bf || blkfront_link(world.bf) != BLKFRONT_UP)
        return;
    if (what < 9)
        answer(queue);
    else if (what < 11)
        fake_blkback_serve();
    else if (what == 11)
        ring->ring->rsp_prod = ring->prod + number();
    else if (what == 12)
        ring->ring->req_event = number();
    else if (what == 13)
        ring->ring->rsp_event = number();
    else if (what == 14)
        fake_evtchn_raise(ring->port);
    else
        hold_something(queue);
}

static const char *const keys[] = {
    FAKE_VBD_BACKEND "/sectors",
    FAKE_VBD_BACKEND "/sector-size",
    FAKE_VBD_BACKEND "/state",
    FAKE_VBD_BACKEND "/info",
    FAKE_VBD_BACKEND "/feature-persistent",
    FAKE_VBD_BACKEND "/feature-max-indirect-segments",
    FAKE_VBD_BACKEND "/feature-flush-cache",
    FAKE_VBD_BACKEND "/feature-barrier",
    FAKE_VBD_BACKEND "/feature-discard",
    FAKE_VBD_BACKEND "/multi-queue-max-queues",
    FAKE_VBD "/backend-id",
    FAKE_VBD "/backend",
};

static const char *const values[] = {"0", "1",   "2",    "4",          "5",    "6",
                                     "x", "256", "4096", "4294967295", "2048", FAKE_VBD_BACKEND};

static const struct fuzz_device device = {
    .frontend = FAKE_VBD,
    .backend = FAKE_VBD_BACKEND,
    .keys = keys,
    .n_keys = ARRAY_LEN(keys),
    .values = values,
    .n_values = ARRAY_LEN(values),
    .plug = fake_blkback_plug,
    .detach = fake_blkback_detach,
    .state = fake_blkback_state,
};

/* The guest's program */

static void done(struct blkfront_request *request)
{
    size_t i = (size_t)(request - world.requests);

    fuzz_check(world.under_way[i] && request->status != -EINPROGRESS && request->status <= 0);
    world.under_way[i] = false;
}

static struct blkfront_request *make_request(void)
{
    size_t i = 0;

    while (i < REQUESTS_MAX && world.under_way[i])
        i++;
    if (i == REQUESTS_MAX)
        return NULL;
    struct blkfront_buffer *buffers = world.buffers[i];
    size_t first = number() % 5000, rest = (byte() % 80 + 1) * 4096ull;
    if (byte() & 3)
        first = first / 512 * 512;
    if (first > rest)
        first = rest;
    buffers[0] = (struct blkfront_buffer){world.memory, first};
    buffers[1] = (struct blkfront_buffer){NULL, 0};
    buffers[2] = (struct blkfront_buffer){world.memory + first, rest - first};
    uint8_t how = byte();
    world.requests[i] = (struct blkfront_request){.op = (enum blkfront_op)(how % 6),
                                                  .fua = how & 8,
                                                  .offset = number() * (how & 16 ? 512ull : 1),
                                                  .length = number() * (how & 32 ? 512ull : 1),
                                                  .buffers = buffers,
                                                  .n_buffers = how & 64 ? 3 : byte() % 4,
                                                  .done = done};
    world.under_way[i] = true;
    return &world.requests[i];
}

static void submit(void)
{
    struct blkfront_request *requests[8];
    unsigned n = 0;

    for (unsigned wanted = byte() % 8; n < wanted; n++)
        if (!(requests[n] = make_request()))
            break;
    blkfront_submit(world.bf, requests, n);
}

static void close_disk(void)
{
    fake_blkback_detach();
    blkfront_close(world.bf);
    world.bf = NULL;
    for (size_t i = 0; i < REQUESTS_MAX; i++)
        fuzz_check(!world.under_way[i]);
}

static void reopen(void)
{
    if (world.bf)
        close_disk();
    fake_blkback.attached = false;
    fuzz_device_settle();
    const struct blkfront_config config = {
        .queues_max = 2, .ring_pages = 2, .pages_max = 40, .no_persistent = byte() & 1};
    blkfront_open(FAKE_VBD_NUMBER, byte() & 1 ? &config : NULL, NULL, NULL, &world.bf);
}

static void act(void)
{
    uint8_t what = byte() % 16;

    if (what < FUZZ_DEVICE_ACTS) {
        fuzz_device_act(&device, &world.fuzz, what);
        return;
    }
    switch (what) {
    case FUZZ_DEVICE_ACTS:
        if (byte() < 16)
            reopen();
        break;
    case 5:
    case 6:
    case 7:
        if (world.bf)
            submit();
        break;
    case 8:
    case 9:
        fuzz_device_settle();
        if (world.bf)
            blkfront_poll(world.bf);
        break;
    default:
        play_on_rings();
    }
}

static void start(void)
{
    memset(&fake_blkback, 0, sizeof(fake_blkback));
    memset(world.under_way, 0, sizeof(world.under_way));
    memset(&world.block, 0, sizeof(world.block));
    fake_blkback.careless = true;
    fake_blkback.idle = true;
    fuzz_device_start(&device);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    world.fuzz = (struct fuzz){data, size};
    world.bf = NULL;
    start();
    reopen();
    fuzz_device_settle();
    for (int i = 0; i < STEPS_MAX && world.fuzz.left; i++) {
        act();
        fake_log_clear();
    }
    fake_pages_left(UINT_MAX);
    if (world.bf)
        close_disk();
    fake_blkback_reclaim();
    fake_blkback_assert_nothing_left(0);
    return 0;
}
