/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * A frontend of no real kind, whose driver writes down what it is told; and its backend's state.
 */
#ifndef FAKE_THING_H
#define FAKE_THING_H

#include <sprat/front.h>

#define THING         "device/thing/0"
#define THING_BACKEND "/local/domain/0/backend/thing/5/0"

struct thing {
    struct front *front;
    struct front_driver driver;
    char calls[256]; /**< "publish connected ..." */
    unsigned n_changes;
    int publish_error, connect_error;
};
extern struct thing thing;

/** Make the device, and thing.front, which is not open yet. */
void thing_plug(unsigned backend_state);

/** Let the world move, and the guest see it: 10 ms. */
void thing_settle(void);

/** The backend writes its state; 0 (Unknown) removes it. */
void thing_backend_is(unsigned state);
void thing_backend_shows(const char *state);

/** The state that the guest shows. */
unsigned thing_shown(void);

/** Plug, open and bring it into a state; the calls so far are forgotten. */
void thing_begin(enum front_state state);

/** Close and free it. Nothing may be left. */
void thing_end(void);

void thing_assert(enum front_state state, const char *calls);

#endif
