/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A frontend and a backend that starts again under its feet: unbound and bound, as Linux can.
 *
 * Linux' backends are told of each change of the frontend's state, read it when they get to it, and
 * act on what it is by then; a new one begins with what it finds. So any of their looks may fall
 * between any two steps of the frontend's. Thousands of ways are played, each drawn by lot from its
 * number: in the end both are connected, by the rings that are there.
 */
#include "run.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/io/xenbus.h>

#include <sprat/clock.h>
#include <sprat/front.h>

#include "machine.h"
#include "port.h"
#include "thing.h"
#include "world.h"
#include "xenstored.h"

#define RUNS      1000
#define RESTARTS  3
#define TURN_NS   10000u
#define LET_BE_NS 30000000000ull /* longer than the frontend waits for anything */

/* The rings that the frontend made, each with a number. */
static struct {
    unsigned published, released;
    unsigned lost; /* that were taken back while they were mapped */
} rings;

static struct {
    void (*act)(unsigned seen);
    uint64_t lot;
    unsigned odds; /* one turn in so many is used, and then it is as quick or slow as drawn */
    unsigned state;
    unsigned looks;  /* that it will take, one for each time that something was written */
    unsigned target; /* netback's, while it goes there */
    unsigned mapped; /* the ring's number; 0: none */
    unsigned old;    /* the same of one that was unbound and is at work still */
    bool online;
} backend;

static unsigned draw(unsigned n)
{
    backend.lot ^= backend.lot << 13;
    backend.lot ^= backend.lot >> 7;
    backend.lot ^= backend.lot << 17;
    return (unsigned)(backend.lot % n);
}

/* The driver */

/* As a real one does, it asks first what the backend can do. */
static int publish(struct front *front, struct keys *keys)
{
    (void)keys;
    front_backend_number(front, "feature", 0);
    rings.published++;
    front_backend_number(front, "another", 0);
    return 0;
}

static int connected(struct front *front)
{
    (void)front;
    return 0;
}

static void disconnect(struct front *front)
{
    (void)front;
}

static bool attached(struct front *front)
{
    (void)front;
    return backend.mapped == rings.published;
}

static bool release(struct front *front, bool last)
{
    unsigned ring = rings.published;
    bool held = ring != rings.released && (backend.mapped == ring || backend.old == ring);

    (void)front;
    if (held && !last)
        return false;
    rings.lost += held;
    rings.released = ring;
    return true;
}

/* The backend */

static void show(unsigned state)
{
    char text[4];

    backend.state = state;
    snprintf(text, sizeof(text), "%u", state);
    fake_xenstored_write(THING_BACKEND "/state", text);
}

/* What was taken back can't be mapped; nor can a ring whose channel another backend has. */
static bool map(void)
{
    if (rings.published == rings.released || backend.old == rings.published)
        return false;
    backend.mapped = rings.published;
    return true;
}

/* It can't while it has requests under way, and does not come back to it by itself. */
static bool let_go(void)
{
    if (draw(4))
        backend.mapped = 0;
    return !backend.mapped;
}

static void act_as_blkback(unsigned seen)
{
    switch (seen) {
    case XenbusStateInitialising:
        if (backend.state == XenbusStateClosed)
            show(XenbusStateInitWait);
        break;
    case XenbusStateInitialised:
    case XenbusStateConnected:
        if (backend.state == XenbusStateConnected)
            break;
        backend.target = let_go() && map() ? XenbusStateConnected : XenbusStateClosing;
        break;
    case XenbusStateClosing:
        show(XenbusStateClosing);
        break;
    case XenbusStateClosed:
        let_go();
        show(XenbusStateClosed);
        break;
    }
}

/* It goes from state to state, and each on its way is shown. */
static void act_as_netback(unsigned seen)
{
    static const unsigned targets[] = {
        [XenbusStateInitialising] = XenbusStateInitWait,
        [XenbusStateConnected] = XenbusStateConnected,
        [XenbusStateClosing] = XenbusStateClosing,
        [XenbusStateClosed] = XenbusStateClosed,
    };

    backend.target = targets[seen] == backend.state ? 0 : targets[seen];
}

static unsigned on_the_way(void)
{
    bool closing = backend.target == XenbusStateClosing || backend.target == XenbusStateClosed;

    switch (backend.state) {
    case XenbusStateInitialising:
        return backend.target == XenbusStateClosed ? XenbusStateClosed : XenbusStateInitWait;
    case XenbusStateClosed:
        return backend.target == XenbusStateClosing ? XenbusStateClosing : XenbusStateInitWait;
    case XenbusStateInitWait:
        return closing ? XenbusStateClosing : XenbusStateConnected;
    case XenbusStateConnected:
        return XenbusStateClosing;
    default:
        return XenbusStateClosed;
    }
}

static void go_on(void)
{
    unsigned next = backend.target;

    if (backend.act == act_as_netback) {
        next = on_the_way();
        if (next == XenbusStateConnected)
            map(); /* it shows that it is connected when it is not, too */
        else if (backend.state == XenbusStateConnected)
            backend.mapped = 0;
    }
    show(next);
    if (next == backend.target)
        backend.target = 0;
}

static bool turn(void *arg);
static struct fake_actor actor = {.step = turn, .due_ns = FAKE_NEVER};

static bool turn(void *arg)
{
    const char *state = fake_xenstored_value(THING "/state");

    (void)arg;
    if (!backend.online || !state)
        return false;
    actor.due_ns = FAKE_NEVER;
    if (!backend.target && !backend.looks && !backend.old)
        return false;
    if (draw(backend.odds)) {
        actor.due_ns = fake_now() + TURN_NS; /* when nobody else has anything to do */
        return false;
    }
    backend.odds = 1u << draw(7);
    if (backend.old && draw(2)) {
        backend.old = 0;
    } else if (backend.target) {
        go_on();
    } else if (backend.looks) {
        backend.looks--;
        backend.act((unsigned)strtoul(state, NULL, 10));
    }
    return true;
}

static int count_writes(struct xsd_sockmsg *header, char *payload)
{
    (void)payload;
    backend.looks += header->type == XS_WRITE;
    return 1;
}

static void let_be(uint64_t ns)
{
    struct port_queue nobody = {0};
    uint64_t end_ns = clock_monotonic() + ns;

    while (clock_monotonic() < end_ns)
        port_wait(&nobody, clock_monotonic() + ns / 64 + 1);
}

static void restart(void)
{
    if (backend.act == act_as_netback) { /* it shows its end, and lets go of everything */
        backend.mapped = 0;
        if (backend.state == XenbusStateConnected)
            show(XenbusStateClosing);
        show(XenbusStateClosed);
        show(XenbusStateInitialising);
    } else { /* nothing is shown, and requests go on */
        if (backend.mapped)
            backend.old = backend.mapped;
        backend.mapped = 0;
        show(XenbusStateInitWait);
    }
    backend.target = 0;
    backend.looks = 1;
}

static void play(unsigned run)
{
    memset(&rings, 0, sizeof(rings));
    backend.lot = run * 0x9e3779b97f4a7c15ull + 1;
    backend.odds = 1;
    backend.mapped = backend.old = backend.target = 0;
    backend.online = true;
    thing_plug(XenbusStateInitWait);
    fake_xenstored_write(THING_BACKEND "/online", "1");
    backend.state = XenbusStateInitWait;
    backend.looks = 1;
    assert_int_equal(front_open(thing.front, &thing.driver, 0), 0);
    for (unsigned i = 0; i < RESTARTS; i++) {
        let_be(draw(2) ? 50000000 : LET_BE_NS);
        restart();
    }
    let_be(LET_BE_NS);
    if (thing.front->state != FRONT_CONNECTED || backend.state != XenbusStateConnected ||
        backend.mapped != rings.published || rings.lost)
        fail_msg("run %u: we are in %d and show %u, the backend is in %u and has ring %u of %u; "
                 "%u are lost",
                 run, thing.front->state, thing_shown(), backend.state, backend.mapped,
                 rings.published, rings.lost);
    backend.online = false;
    backend.mapped = backend.old = 0;
    thing_end();
    fake_log_clear();
}

static void play_all(void (*act)(unsigned), unsigned published)
{
    fake_build(&(struct fake_guest){0});
    assert_int_equal(xenstore_init(fake_xenstore_page(), fake_start_info()->store_evtchn), 0);
    fake_xenstored.tamper = count_writes;
    backend.act = act;
    thing.driver.published = published;
    thing.driver.publish = publish;
    thing.driver.connected = connected;
    thing.driver.disconnect = disconnect;
    thing.driver.attached = attached;
    thing.driver.release = release;
    thing.driver.offered = NULL;
    fake_actor_add(&actor);
    for (unsigned run = 0; run < RUNS; run++)
        play(run);
}

static void a_backend_like_blkback_is_connected_at_last(void **state)
{
    (void)state;
    play_all(act_as_blkback, XenbusStateInitialised);
}

static void a_backend_like_netback_is_connected_at_last(void **state)
{
    (void)state;
    play_all(act_as_netback, XenbusStateConnected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_backend_like_blkback_is_connected_at_last),
        cmocka_unit_test(a_backend_like_netback_is_connected_at_last),
    };
    return RUN_TESTS(tests);
}
