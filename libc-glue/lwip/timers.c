/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lwIP's timers, so that an idle guest sets none.
 *
 * lwIP wants a dozen functions called, each at its interval, for ever. Most have nothing to do
 * most of the time: a table's entries age, and nobody looks at them. So when something happens
 * they all begin to run, and each stops after a while (`linger_ms`) unless it knows that it is
 * needed. What a timer counts down while nobody looks (the life of an ARP entry, of a name, of a
 * router) is made good before lwIP is called the next time, so that nothing new ages by it. The
 * list of them is here instead of in lwIP's timeouts.c, so that an image whose program asks for no
 * names has no resolver in it.
 */
#include "net.h"

#include "lwip/dhcp.h"
#include "lwip/dns.h"
#include "lwip/etharp.h"
#include "lwip/igmp.h"
#include "lwip/ip4_frag.h"
#include "lwip/ip6_frag.h"
#include "lwip/mld6.h"
#include "lwip/nd6.h"
#include "lwip/prot/dhcp.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/timeouts.h"

#include <sprat/clock.h>
#include <sprat/compiler.h>
#include <sprat/port.h>

#include "dhcpv6.h"

#define NS_PER_MS        1000000ull
#define TCP_TURNS_A_TICK (TCP_SLOW_INTERVAL / TCP_TMR_INTERVAL)
#define MAKE_GOOD_MAX    7200 /* turns: a router's life in seconds is mostly less */

static struct {
    lwip_cyclic_timer_handler timer; /* NULL: the program asks for no names */
    int pending;
} names;

void net_names_pending(int change, void (*timer)(void))
{
    names.timer = timer;
    names.pending += change;
}

static void names_tmr(void)
{
    if (names.timer)
        names.timer();
}

/* A connection begins: in a program's call or with a packet, and both start the timers anyway. */
void tcp_timer_needed(void)
{
}

/*
 * Is there a connection with something to send, resend, acknowledge, probe or give up? Those that
 * are over and only remembered (TIME_WAIT) are none: who looks for them next finds them forgotten
 * if their time is over.
 */
static bool tcp_needed(void)
{
    for (const struct tcp_pcb *pcb = tcp_active_pcbs; pcb; pcb = pcb->next)
        if (pcb->state != ESTABLISHED || pcb->unacked || pcb->unsent || pcb->ooseq ||
            pcb->refused_data || pcb->persist_backoff || ip_get_option(pcb, SOF_KEEPALIVE) ||
            pcb->flags & (TF_ACK_DELAY | TF_ACK_NOW | TF_NAGLEMEMERR | TF_CLOSEPEND))
            return true;
    timeout_none();
    return false;
}

static bool names_needed(void)
{
    return names.pending;
}

static bool dhcp_needed(void)
{
    struct netif *netif;

    NETIF_FOREACH(netif)
    {
        const struct dhcp *dhcp = netif_dhcp_data(netif);
        if (dhcp && dhcp->state != DHCP_STATE_OFF)
            return true;
    }
    return false;
}

static bool dhcp_fine_needed(void)
{
    struct netif *netif;

    NETIF_FOREACH(netif)
    {
        const struct dhcp *dhcp = netif_dhcp_data(netif);
        if (dhcp && dhcp->request_timeout)
            return true;
    }
    return false;
}

static bool igmp_needed(void)
{
    struct netif *netif;

    NETIF_FOREACH(netif)
    for (const struct igmp_group *group = netif_igmp_data(netif); group; group = group->next)
        if (group->timer)
            return true;
    return false;
}

static bool mld_needed(void)
{
    struct netif *netif;

    NETIF_FOREACH(netif)
    for (const struct mld_group *group = netif_mld6_data(netif); group; group = group->next)
        if (group->timer)
            return true;
    return false;
}

static const struct rule {
    lwip_cyclic_timer_handler handler;
    unsigned interval_ms;
    bool (*needed)(void); /* may be NULL */
    unsigned linger_ms;   /* since something last happened */
    enum {
        LET_GO,    /* calls that did not come are not missed */
        MAKE_GOOD, /* call it as often as it was not called */
        TELL_TCP,  /* it counts turns, and looks at the count */
    } missed;
} rules[] = {
    {tcp_tmr, TCP_TMR_INTERVAL, tcp_needed, 0, TELL_TCP},
    {ip_reass_tmr, IP_TMR_INTERVAL, NULL, 16000, LET_GO},         /* IP_REASS_MAXAGE */
    {ip6_reass_tmr, IP6_REASS_TMR_INTERVAL, NULL, 61000, LET_GO}, /* IPV6_REASS_MAXAGE */
    /* ARP_MAXPENDING: a question is repeated for 5 s */
    {etharp_tmr, ARP_TMR_INTERVAL, NULL, 6000, MAKE_GOOD},
    {dhcp_coarse_tmr, DHCP_COARSE_TIMER_MSECS, dhcp_needed, 0, LET_GO},
    {dhcp_fine_tmr, DHCP_FINE_TIMER_MSECS, dhcp_fine_needed, 0, LET_GO},
    {igmp_tmr, IGMP_TMR_INTERVAL, igmp_needed, 0, LET_GO},
    {mld6_tmr, MLD6_TMR_INTERVAL, mld_needed, 0, LET_GO},
    {names_tmr, DNS_TMR_INTERVAL, names_needed, 0, MAKE_GOOD},
    /* an error for a lost fragment may wait for a neighbour */
    {nd6_tmr, ND6_TMR_INTERVAL, NULL, 65000, MAKE_GOOD},
};

static struct {
    struct cyclic {
        uint64_t next_ns;
        uint64_t stopped_ns;    /* when it last ran, 0 while it runs */
    } timers[ARRAY_LEN(rules)]; /* one for each rule */
    uint64_t last_event_ns;
    uint64_t next_ns; /* when the first of them is due */
    bool all_running;
} cyclics = {.next_ns = PORT_FOREVER};

void sys_timeouts_init(void)
{
    uint64_t now_ns = clock_monotonic();

    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        cyclics.timers[i].stopped_ns = now_ns;
}

static uint64_t interval_ns(size_t i)
{
    return rules[i].interval_ms * NS_PER_MS;
}

static void tell_tcp(u32_t ticks)
{
    if (!ticks)
        return;
    tcp_ticks += ticks - 1;
    tcp_slowtmr(); /* which counts one, and forgets those whose time is over */
}

void net_timers_catch_up(void)
{
    if (cyclics.all_running)
        return;
    uint64_t now_ns = clock_monotonic();
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        struct cyclic *timer = &cyclics.timers[i];
        if (!timer->stopped_ns || rules[i].missed == LET_GO)
            continue;
        uint64_t missed = (now_ns - timer->stopped_ns) / interval_ns(i);
        if (rules[i].missed == TELL_TCP) {
            missed -= missed % TCP_TURNS_A_TICK;
            timer->stopped_ns += missed * interval_ns(i);
            tell_tcp((u32_t)(missed / TCP_TURNS_A_TICK));
            continue;
        }
        timer->stopped_ns += missed * interval_ns(i);
        if (missed > MAKE_GOOD_MAX)
            missed = MAKE_GOOD_MAX;
        while (missed--)
            rules[i].handler();
    }
}

static void find_next(void)
{
    cyclics.next_ns = PORT_FOREVER;
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        if (!cyclics.timers[i].stopped_ns && cyclics.timers[i].next_ns < cyclics.next_ns)
            cyclics.next_ns = cyclics.timers[i].next_ns;
}

void net_timers_start(void)
{
    if (cyclics.all_running)
        return;
    uint64_t now_ns = clock_monotonic();
    cyclics.last_event_ns = now_ns;
    cyclics.all_running = true;
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        struct cyclic *timer = &cyclics.timers[i];
        if (!timer->stopped_ns)
            continue;
        timer->stopped_ns = 0;
        timer->next_ns = now_ns + interval_ns(i);
    }
    find_next();
}

void net_timers_run(void)
{
    uint64_t now_ns = clock_monotonic();

    if (now_ns >= dhcpv6_due_ns())
        dhcpv6_run();
    if (now_ns >= timeout_next_ns())
        timeout_run(now_ns);
    if (now_ns < cyclics.next_ns)
        return;
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        struct cyclic *timer = &cyclics.timers[i];
        if (timer->stopped_ns || timer->next_ns > now_ns)
            continue;
        rules[i].handler();
        timer->next_ns = now_ns + interval_ns(i);
        bool lingers = now_ns - cyclics.last_event_ns < rules[i].linger_ms * NS_PER_MS;
        if (lingers || (rules[i].needed && rules[i].needed()))
            continue;
        timer->stopped_ns = now_ns;
        cyclics.all_running = false;
    }
    find_next();
}

uint64_t net_timers_next(void)
{
    uint64_t due_ns = dhcpv6_due_ns();

    due_ns = due_ns < timeout_next_ns() ? due_ns : timeout_next_ns();
    return due_ns < cyclics.next_ns ? due_ns : cyclics.next_ns;
}
