/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * Event channels.
 *
 * Events are taken when the guest asks for them (evtchn_dispatch: at each point where a thread
 * waits or yields), never in the middle of something. A handler therefore runs like a function
 * call, may use everything but waiting, and needs no locks.
 */
#ifndef SPRAT_EVTCHN_H
#define SPRAT_EVTCHN_H

#include <stdbool.h>
#include <stdint.h>

#include <xen/xen.h>

#include <sprat/compiler.h>

typedef uint32_t evtchn_t; /**< a port number; 0 is none */

struct evtchn {
    evtchn_t port;
    void (*handler)(void *arg);
    void *arg;
    struct evtchn *next; /**< bound to the same port */
};

/**
 * Receive the events of a port that exists already (the console's, xenstore's). Several may receive
 * those of one port: see SPRAT_ELFNOTE_ONE_CHANNEL.
 *
 * @param channel  owned by the caller, must stay until evtchn_close().
 * @return 0, -EINVAL for a port outside the ABI, -ENOMEM.
 */
SPRAT_API int evtchn_bind(struct evtchn *channel, evtchn_t port, void (*handler)(void *),
                          void *arg);

/** Make a port that `remote` may connect to, and bind it. @return 0 or -errno. */
SPRAT_API int evtchn_alloc(struct evtchn *channel, domid_t remote, void (*handler)(void *),
                           void *arg);

/** Make and bind a port for one of Xen's own interrupts (VIRQ_*). @return 0 or -errno. */
int evtchn_bind_virq(struct evtchn *channel, uint32_t virq, void (*handler)(void *), void *arg);

/** Receive no more, and close the port if no other has it. Callable from its own handler. */
SPRAT_API void evtchn_close(struct evtchn *channel);

/** All ports are gone, and with them what was bound to them: after a restore. */
void evtchn_forget_all(void);

/** Tell the other side. Costs a hypercall. */
SPRAT_API void evtchn_notify(const struct evtchn *channel);

/** Call the handlers of all pending events. @return true when there was one. */
bool evtchn_dispatch(void);

#endif
