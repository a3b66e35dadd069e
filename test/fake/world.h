/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * The world around a guest under test: time, the other sides of its shared pages, and its end.
 *
 * There are no threads and no real time. The world moves only while the guest waits: each actor (a
 * xenstored, a console daemon, a backend) does one step at a time; when none can, the clock jumps
 * to the next thing that is due. When there is none, the test fails: "would sleep for ever".
 */
#ifndef FAKE_WORLD_H
#define FAKE_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#define FAKE_NEVER UINT64_MAX

/** One that acts while the guest waits. Owned by the caller, never removed. */
struct fake_actor {
    bool (*step)(void *arg); /**< do a little; false when there is nothing to do now */
    void *arg;
    uint64_t due_ns; /**< when there will be, if time alone brings it; FAKE_NEVER */
    struct fake_actor *next;
};
void fake_actor_add(struct fake_actor *actor);

/** Time as the guest's clock shows it. Starts at FAKE_START_NS. */
#define FAKE_START_NS 1000000000ull
uint64_t fake_now(void);
void fake_set_now(uint64_t now_ns);

/** Let the world move until `ready`. @return false when the deadline came first. */
bool fake_wait(bool (*ready)(const void *arg), const void *arg, uint64_t deadline_ns);

/** Let the world move until nothing happens any more, without letting time pass. */
void fake_settle(void);

/** The guest's one-shot timer; FAKE_NEVER when it is off. */
uint64_t fake_timer(void);

/* Hypercalls. */

/**
 * The call of this kind after `after` others of it will fail with `error` (negative), and so on.
 */
void fake_hypercall_fails(unsigned hypercall, unsigned cmd, unsigned after, int error);

/** How often the guest made this call. */
unsigned fake_hypercalls(unsigned hypercall, unsigned cmd);

/* Event channels. */

/** Make a port as the toolstack does; `rung` is called when the guest notifies. */
uint32_t fake_evtchn_make(uint32_t port, void (*rung)(void *arg), void *arg);

/** Connect to a port that the guest allocated. Fails the test when there is none. */
void fake_evtchn_connect(uint32_t port, void (*rung)(void *arg), void *arg);

/** Make an event pending, as Xen does. */
void fake_evtchn_raise(uint32_t port);

/** Is this port open? */
bool fake_evtchn_open(uint32_t port);

/** How many ports has the guest made and not closed? */
unsigned fake_evtchn_made(void);

/* Grants. */

/** How far the toolstack lets the table grow. Starts at 4. */
void fake_gnttab_allow(unsigned n_frames);
struct grant_entry_v1 *fake_gnttab_entry(uint32_t ref);

/* Being saved. */

/** What becomes of the guest when it suspends. Tests set this before. */
struct fake_suspension {
    int result;          /**< of arch_suspend(); 0 is a restored domain */
    uint64_t saved_ns;   /**< for how long it was saved, as the guest's new host counts */
    unsigned n;          /**< times that it suspended */
    void (*saved)(void); /**< called while it is; may be NULL */
};
extern struct fake_suspension fake_suspension;

/* The guest's end. */

enum fake_end {
    FAKE_RETURNED = 0x100, /**< the body returned */
    FAKE_PANICKED,         /**< port_panic() or assert(), in tests of xen/ */
    /* or SHUTDOWN_* */
};

/** Run a part of the guest on its main stack, until it returns or the guest ends. */
int fake_run_guest(void (*body)(void));

/** The guest ends. Fails the test when that was not inside fake_run_guest(). */
void fake_guest_ends(int how) __attribute__((noreturn));

/** The test can't go on. */
void fake_fail(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/** For <sprat/port.h> of tests of xen/: what the guest logged, and its panic's text. */
const char *fake_log_text(void);
void fake_log_clear(void);

#endif
