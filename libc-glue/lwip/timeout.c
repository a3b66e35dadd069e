/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP's time-outs (RFC 6298). lwIP counts them in turns of its timer, of 200 ms, and three at
 * least. Here round trips are measured by the clock, and the first connection that is due has the
 * network thread woken: a time-out is a round trip and 200 ms at least, which peers have to
 * acknowledge in (as on Linux). lwIP is told of more, so that it is never first; what opens a
 * connection it repeats itself.
 *
 * Before that time, when several segments are in flight, the last packet is sent again once
 * (RFC 8985, 7): if what comes of it shows holes, they need no time-out. Where it has filled the
 * only one, recovery.c finds that out.
 *
 * An acknowledgement moves a connection's time, not the first of all: whoever looks too early finds
 * the next.
 */
#include "window.h"

#include "lwip/priv/tcp_priv.h"

#include <sprat/clock.h>
#include <sprat/port.h>

#include "connections.h"
#include "net.h"
#include "net_hooks.h"

#define FIRST_NS     1000000000u /* before any round trip was measured */
#define LEAST_NS     200000000u
#define MOST_NS      120000000000u
#define NS_PER_TICK  (TCP_SLOW_INTERVAL * 1000000u)
#define BACKOFF_MAX  10
#define BACKOFF_HELD 2 /* until a round trip was measured: Karn's algorithm, as far as that */
#define BEHIND       2 /* ticks: lwIP's */
#define PROBE_NS     10000000u /* of two round trips, at least */
#define LOOK_NS      10000u    /* for each connection; a look takes a fiftieth of it */

static uint64_t next_ns = PORT_FOREVER; /* none is due before */
static uint64_t rested_ns;              /* nor is any looked at: see timeout_run() */

static void measured(struct connection *connection, uint64_t ns)
{
    int64_t by = (int64_t)(ns - connection->trip_ns);

    connection->timed_ns = 0;
    connection->backoff = 0;
    if (!connection->trip_ns) {
        connection->trip_ns = ns;
        connection->varies_ns = 2 * ns;
        return;
    }
    /* Four times the variance is what is wanted of it. */
    connection->varies_ns += (uint64_t)(by < 0 ? -by : by) - connection->varies_ns / 4;
    connection->trip_ns += (uint64_t)(by / 8);
}

/* May the last packet be sent again, when two round trips are over? */
static bool may_probe(const struct tcp_pcb *pcb)
{
    const struct connection *connection = connection_of(pcb);

    return pcb->flags & TF_SACK && !(pcb->flags & TF_RTO) &&
           window_in_flight(pcb) > tso_real_size(pcb) && connection->trip_ns &&
           !connection->backoff && !connection->probed && !recovery_waits(pcb);
}

static void arm(struct tcp_pcb *pcb, uint64_t now_ns)
{
    struct connection *connection = connection_of(pcb);
    uint64_t varies_ns = connection->varies_ns > LEAST_NS ? connection->varies_ns : LEAST_NS;
    uint64_t ns = (connection->trip_ns ? connection->trip_ns + varies_ns : FIRST_NS)
                  << connection->backoff;
    uint64_t probe_ns = 2 * connection->trip_ns;

    ns = ns < MOST_NS ? ns : MOST_NS;
    pcb->rto = (s16_t)(ns / NS_PER_TICK + BEHIND);
    probe_ns = probe_ns > PROBE_NS ? probe_ns : PROBE_NS;
    connection->probes = probe_ns < ns && may_probe(pcb);
    connection->due_ns = now_ns + (connection->probes ? probe_ns : ns);
    next_ns = connection->due_ns < next_ns ? connection->due_ns : next_ns;
}

void timeout_sent(struct tcp_pcb *pcb, bool anew)
{
    struct connection *connection = connection_of(pcb);

    if (!connection)
        return;
    bool is_due = connection->due_ns && !(anew && !connection->probes && may_probe(pcb));
    bool is_timed = connection->timed_ns || !anew;
    if (is_due && is_timed)
        return;
    uint64_t now_ns = clock_monotonic();
    if (!is_timed) {
        connection->timed_ns = now_ns;
        connection->timed = pcb->snd_nxt;
    }
    if (!is_due && pcb->state >= ESTABLISHED && pcb->unacked)
        arm(pcb, now_ns);
}

void timeout_acked(struct tcp_pcb *pcb)
{
    struct connection *connection = connection_of(pcb);
    uint64_t now_ns = clock_monotonic();

    if (connection->timed_ns && TCP_SEQ_GEQ(pcb->lastack, connection->timed))
        measured(connection, now_ns - connection->timed_ns);
    if (connection->backoff > BACKOFF_HELD)
        connection->backoff = BACKOFF_HELD;
    connection->due_ns = 0;
    connection->probed = false;
    if (window_in_flight(pcb))
        arm(pcb, now_ns);
}

void timeout_forget(const struct tcp_pcb *pcb)
{
    if (connection_of(pcb))
        connection_of(pcb)->timed_ns = 0;
}

uint64_t timeout_next_ns(void)
{
    return next_ns > rested_ns ? next_ns : rested_ns;
}

void timeout_none(void)
{
    next_ns = PORT_FOREVER;
}

static void probe(struct tcp_pcb *pcb)
{
    connection_of(pcb)->probed = true;
    if (!recovery_waits(pcb) && recovery_resend_last(pcb))
        net_output(pcb);
}

/* Nothing came of what was sent. */
static void expire(struct tcp_pcb *pcb, uint64_t now_ns)
{
    struct connection *connection = connection_of(pcb);

    connection->due_ns = 0;
    if (!pcb->unacked && !(pcb->unsent && pcb->flags & TF_RTO))
        return;
    if (connection->probes) {
        probe(pcb);
    } else if (tcp_rexmit_rto_prepare(pcb) == ERR_OK || !pcb->unacked) {
        pcb->cwnd = pcb->mss;
        pcb->bytes_acked = 0;
        pcb->rtime = 0;
        net_rexmit_rto_commit(pcb);
        if (connection->backoff < BACKOFF_MAX)
            connection->backoff++;
    }
    arm(pcb, now_ns);
}

/* All connections are looked at: where there are many, not more often than every so many ms. */
void timeout_run(uint64_t now_ns)
{
    next_ns = PORT_FOREVER;
    rested_ns = now_ns;
    for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb; pcb = pcb->next) {
        const struct connection *connection = connection_of(pcb);
        rested_ns += LOOK_NS;
        if (!connection || !connection->due_ns)
            continue;
        if (connection->due_ns <= now_ns)
            expire(pcb, now_ns);
        else if (connection->due_ns < next_ns)
            next_ns = connection->due_ns;
    }
}
