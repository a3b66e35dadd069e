/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * More than there is room for: what gives way, and what is said about it.
 *
 * A connection that is not complete has a place in its listener's backlog until its peer answers.
 * When all places are taken, a new one takes the place of the oldest, which syncookie.c makes again
 * if its peer was honest, and answers. When the guest's last pages are
 * needed, connections that are over and only remembered are forgotten first, then data that came
 * before what it continues: their senders have it still. If that is not enough, memory is in
 * connections, and without any the guest could not even hear that they end: those that have been
 * silent for longest are reset, and of those whose data the program has yet to read, one at a time.
 */
#include "net.h"
#include "net_hooks.h"

#include "lwip/priv/tcp_priv.h"

#include <sprat/clock.h>
#include <sprat/page.h>
#include <sprat/port.h>

#include "options.h"
#include "syncookie.h"

#define PAGES_SOME    64 /* that are free: below, those that are over are not remembered */
#define PAGES_LOW     40 /* what netfront needs to go on, twice */
#define PAGES_LAST    20
#define RESETS        16             /* connections at a time */
#define TELL_NS       10000000000ull /* between two lines in the log */
#define SHED_AGAIN_NS 100000000u

static struct {
    unsigned long n[NET_DROPS];
    bool untold;
    uint64_t tell_ns, shed_ns; /* not before */
} drops;

void net_drop(enum net_drop what)
{
    drops.n[what]++;
    drops.untold = true;
}

static void tell(void)
{
    uint64_t now_ns = clock_monotonic();

    if (now_ns < drops.tell_ns)
        return;
    drops.untold = false;
    drops.tell_ns = now_ns + TELL_NS;
    port_log("net: dropped so far: %lu malformed frames, %lu half-open connections, %lu requests "
             "for a connection that nobody accepts, %lu unread datagrams, %lu unsent ICMP errors; "
             "for want of memory %lu ended connections, %lu early segments, %lu connections",
             drops.n[NET_DROP_MALFORMED], drops.n[NET_DROP_HALF_OPEN], drops.n[NET_DROP_BACKLOG],
             drops.n[NET_DROP_UNREAD], drops.n[NET_DROP_ERROR], drops.n[NET_DROP_ENDED],
             drops.n[NET_DROP_EARLY], drops.n[NET_DROP_SILENT]);
}

/* The newest is first in the list: the second half goes. */
static void forget_ended(void)
{
    unsigned n = 0, at = 0;

    for (const struct tcp_pcb *pcb = tcp_tw_pcbs; pcb; pcb = pcb->next)
        n++;
    for (struct tcp_pcb *pcb = tcp_tw_pcbs, *next; pcb; pcb = next) {
        next = pcb->next;
        if (at++ < n / 2)
            continue;
        tcp_abandon(pcb, 0);
        net_drop(NET_DROP_ENDED);
    }
}

static void forget_early(void)
{
    for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb; pcb = pcb->next) {
        if (!pcb->ooseq)
            continue;
        tcp_free_ooseq(pcb);
        net_drop(NET_DROP_EARLY);
    }
}

/* The connection that has been silent for longest, new ones being put first in the list. Whose data
 * the program has not read yet is not silent: it waits. */
static struct tcp_pcb *most_silent(bool read)
{
    struct tcp_pcb *silent = NULL;

    for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb; pcb = pcb->next)
        if ((!read || pcb->rcv_wnd == TCP_WND_MAX(pcb)) &&
            (!silent || tcp_ticks - pcb->tmr >= tcp_ticks - silent->tmr))
            silent = pcb;
    return silent;
}

static void reset_silent(void)
{
    for (int n = 0; n < RESETS && page_free_count() < PAGES_LAST; n++) {
        struct tcp_pcb *silent = most_silent(true);
        if (!silent && !n)
            silent = most_silent(false);
        if (!silent)
            return;
        tcp_abort(silent);
        net_drop(NET_DROP_SILENT);
    }
}

static void shed(void)
{
    uint64_t now_ns = clock_monotonic();

    if (now_ns < drops.shed_ns)
        return;
    drops.shed_ns = now_ns + SHED_AGAIN_NS;
    forget_ended();
    if (page_free_count() < PAGES_LOW)
        forget_early();
    if (page_free_count() < PAGES_LAST)
        reset_silent();
}

void net_look_after_memory(void)
{
    if (page_free_count() < PAGES_SOME)
        shed();
    if (drops.untold)
        tell();
}

err_t net_listener_segment(const struct tcp_pcb_listen *listener, struct tcp_hdr *header,
                           struct pbuf *p)
{
    unsigned flags = TCPH_FLAGS(header) & (TCP_SYN | TCP_ACK | TCP_RST);
    bool is_whole = options_are_whole(header, p);
    struct tcp_pcb *oldest = NULL;

    if (flags == TCP_ACK && is_whole)
        return syncookie_revive(header, p) ? ERR_VAL : ERR_OK;
    if (flags != TCP_SYN)
        return ERR_OK;
    if (is_whole)
        syncookie_answer(header);
    if (listener->accepts_pending < listener->backlog)
        return ERR_OK;
    for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb; pcb = pcb->next)
        if (pcb->state == SYN_RCVD && pcb->listener == listener)
            oldest = pcb; /* new ones are put first */
    net_drop(oldest ? NET_DROP_HALF_OPEN : NET_DROP_BACKLOG);
    if (oldest) {
        tcp_abandon(oldest, 0);
        syncookie_needed();
    }
    return ERR_OK; /* without room, lwIP does not hear it */
}
