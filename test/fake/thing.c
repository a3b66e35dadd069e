/* SPDX-License-Identifier: BSD-2-Clause */
#include "thing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/io/xenbus.h>

#include <sprat/clock.h>
#include <sprat/port.h>

#include "run.h"
#include "world.h"
#include "xenstored.h"

#define SETTLE_NS 10000000ull
#define CLOSE_NS  1000000000ull

/* The driver */

static void note(const char *call)
{
    size_t len = strlen(thing.calls);

    if (snprintf(thing.calls + len, sizeof(thing.calls) - len, "%s%s", len ? " " : "", call) > 40)
        fake_fail("a long call");
    if (len > sizeof(thing.calls) / 2)
        fake_fail("the driver is called again and again: %s", thing.calls);
}

static int publish(struct front *front, struct keys *keys)
{
    (void)front;
    (void)keys;
    note("publish");
    return thing.publish_error;
}

static int connected(struct front *front)
{
    (void)front;
    note("connected");
    return thing.connect_error;
}

static void disconnect(struct front *front)
{
    (void)front;
    note("disconnect");
}

static bool release(struct front *front, bool last)
{
    (void)front;
    (void)last;
    note("release");
    return true;
}

static void changed(struct front *front)
{
    (void)front;
    thing.n_changes++;
}

static void offered(struct front *front)
{
    (void)front;
    note("offered");
}

static void errand(struct front *front)
{
    (void)front;
    note("errand");
}

struct thing thing = {.driver = {.kind = "thing",
                                 .published = XenbusStateConnected,
                                 .publish = publish,
                                 .connected = connected,
                                 .disconnect = disconnect,
                                 .release = release,
                                 .changed = changed,
                                 .offered = offered,
                                 .errand = errand}};

/* The world */

void thing_settle(void)
{
    struct port_queue nobody = {0};
    port_wait(&nobody, clock_monotonic() + SETTLE_NS);
}

void thing_backend_shows(const char *state)
{
    fake_xenstored_write(THING_BACKEND "/state", state);
    thing_settle();
}

void thing_backend_is(unsigned state)
{
    char text[16];

    snprintf(text, sizeof(text), "%u", state);
    if (state == XenbusStateUnknown)
        fake_xenstored_remove(THING_BACKEND "/state");
    else
        fake_xenstored_write(THING_BACKEND "/state", text);
    thing_settle();
}

unsigned thing_shown(void)
{
    const char *value = fake_xenstored_value(THING "/state");
    return value ? (unsigned)strtoul(value, NULL, 10) : 0;
}

void thing_plug(unsigned backend_state)
{
    fake_xenstored_write(THING "/backend", THING_BACKEND);
    fake_xenstored_write(THING "/backend-id", "0");
    fake_xenstored_write(THING "/state", "1");
    thing_backend_is(backend_state);
    thing.front = calloc(1, sizeof(*thing.front));
    assert_non_null(thing.front);
}

void thing_begin(enum front_state state)
{
    thing_plug(state == FRONT_INITIALISING ? XenbusStateInitialising : XenbusStateInitWait);
    assert_int_equal(front_open(thing.front, &thing.driver, 0), 0);
    thing_settle();
    if (state >= FRONT_CONNECTED)
        thing_backend_is(XenbusStateConnected);
    if (state == FRONT_CLOSING || state == FRONT_CLOSED)
        thing_backend_is(XenbusStateClosing);
    if (state == FRONT_CLOSED)
        thing_backend_is(XenbusStateClosed);
    if (state == FRONT_GONE) {
        fake_xenstored_remove(THING);
        thing_settle();
    }
    assert_int_equal(thing.front->state, state);
    thing.calls[0] = '\0';
}

void thing_end(void)
{
    front_close(thing.front, clock_monotonic() + CLOSE_NS);
    memset(thing.front, 0xa5, sizeof(*thing.front));
    free(thing.front);
    thing_settle();
    assert_int_equal(fake_xenstored_watches(), 0);
}

void thing_assert(enum front_state state, const char *calls)
{
    assert_int_equal(thing.front->state, state);
    assert_string_equal(thing.calls, calls);
}
