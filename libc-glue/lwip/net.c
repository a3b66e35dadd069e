/* SPDX-License-Identifier: BSD-2-Clause */
/* The network thread, and the start of it all. */
#include "net.h"
#include "socket.h"

#include <string.h>

#include "lwip/dhcp.h"
#include "lwip/init.h"
#include "lwip/ip.h"
#include "lwip/timeouts.h"

#include <sprat/clock.h>
#include <sprat/cpu.h>
#include <sprat/netbuf.h>
#include <sprat/page.h>
#include <sprat/thread.h>

#include "source.h"

#define STACK_BYTES   0x4000
#define NS_PER_MS     1000000ull
#define READY_WAIT_NS 15000000000ull /* DHCP's first three tries */

#define WINDOW_MAX   0x200000 /* bytes: what fills 10 Gb/s at 1.6 ms */
#define WINDOW_SHARE 16       /* one connection may fill this part of the memory that is free */

unsigned net_more_window, net_more_send_buffer;

static struct {
    struct port_queue thread, ready;
    bool kicked;
    uint64_t wakes_ns;           /* when the thread does; 0: it is awake */
    bool ready_over, names_over; /* nobody waits for addresses, for name servers any more */
    uint64_t start_ns;
    uint64_t random;
} net;

uint32_t net_random(void)
{
    uint64_t word = 0;

    /* A generator whose state the CPU's own source stirs; where there is none, time does. */
    cpu_random(&word);
    net.random = (net.random ^ word ^ cpu_tsc()) * 0xd6e8feb86659fd93;
    net.random ^= net.random >> 32;
    return (uint32_t)net.random;
}

void net_assert_failed(void)
{
    port_panic("lwip: assertion failed");
}

u32_t sys_now(void)
{
    return (u32_t)(clock_monotonic() / NS_PER_MS);
}

void net_kick(void)
{
    net.kicked = true;
    port_wake(&net.thread);
}

void net_enter(void)
{
    net_timers_catch_up();
}

void net_leave(void)
{
    interface_flush_all();
    net_timers_start();
    if (net_timers_next() < net.wakes_ns)
        net_kick();
}

/* Without a gateway, IPv4 leads to the link alone. */
static bool leads_to(const struct netif *netif, const ip_addr_t *to)
{
    const ip4_addr_t *ip = ip_2_ip4(to);

    return IP_IS_V6(to) || !ip4_addr_isany_val(*netif_ip4_gw(netif)) ||
           ip4_addr_netcmp(ip, netif_ip4_addr(netif), netif_ip4_netmask(netif)) ||
           ip4_addr_islinklocal(ip) || ip4_addr_ismulticast(ip) || ip4_addr_isbroadcast(ip, netif);
}

struct netif *net_route(const struct ip_pcb *block, const ip_addr_t *to)
{
    if (block->netif_idx != NETIF_NO_INDEX)
        return netif_get_by_index(block->netif_idx);
    struct netif *netif = ip_route(&block->local_ip, to);
    bool named = IP_IS_V6(to) && ip6_addr_has_zone(ip_2_ip6(to));
    /* The loopback interface, which lwIP takes for want of others, leads nowhere else. */
    if (!netif || named || address_is_own(to))
        return netif;
    return netif->state && leads_to(netif, to) ? netif : NULL;
}

static void wait_at_start(bool (*is_there)(void), bool *over)
{
    uint64_t deadline_ns = net.start_ns + READY_WAIT_NS;

    while (!*over) {
        if (is_there() || clock_monotonic() >= deadline_ns)
            *over = true;
        else
            port_wait(&net.ready, deadline_ns);
    }
}

void net_wait_ready(void)
{
    wait_at_start(interface_all_ready, &net.ready_over);
}

void net_wait_names(void)
{
    net_wait_ready();
    wait_at_start(interface_names_known, &net.names_over);
}

void net_wait_source(const ip_addr_t *to)
{
    while (source_tentative(to)) {
        net_leave();
        port_wait(&net.ready, PORT_FOREVER);
    }
}

/* A packet to the guest itself: netif.c keeps it until netif_poll(), which the thread calls. */
signed char tcpip_try_callback(tcpip_callback_fn function, void *arg)
{
    (void)function;
    (void)arg;
    net_kick();
    return ERR_OK;
}

/* To a group, lwIP has returned the packet already, to senders that want it: once is enough. */
static err_t loop4(struct netif *netif, struct pbuf *p, const ip4_addr_t *to)
{
    (void)to;
    return p->flags & PBUF_FLAG_MCASTLOOP ? ERR_OK : netif_loop_output(netif, p);
}

static err_t loop6(struct netif *netif, struct pbuf *p, const ip6_addr_t *to)
{
    (void)to;
    return p->flags & PBUF_FLAG_MCASTLOOP ? ERR_OK : netif_loop_output(netif, p);
}

/* @return false when there was nothing. */
static bool deliver_loopback(void)
{
    struct netif *netif;
    bool found = false;

    NETIF_FOREACH(netif)
    {
        if (netif->loop_first) {
            netif_poll(netif);
            found = true;
        }
    }
    return found;
}

static void run(void *arg)
{
    (void)arg;
    interface_open_all();
    for (;;) {
        net.kicked = false;
        net_timers_catch_up();
        bool more = false, received = interface_receive_all(&more);
        received |= deliver_loopback();
        net_timers_run();
        source_changed();
        tcp_socket_send_held();
        /* What a timer sent may wait for an address, and that for another timer. */
        if (interface_flush_all() || received)
            net_timers_start();
        net_look_after_memory();
        port_wake(&net.ready);
        if (more || net.kicked) {
            thread_yield();
            continue;
        }
        net.wakes_ns = net_timers_next();
        port_wait(&net.thread, net.wakes_ns);
        net.wakes_ns = 0;
    }
}

/* Windows that one connection may fill without taking the guest's memory from the others. */
static void choose_windows(void)
{
    size_t bytes = page_free_count() * PAGE_BYTES / WINDOW_SHARE;

    if (bytes > WINDOW_MAX)
        bytes = WINDOW_MAX;
    if (bytes > NET_WINDOW_MIN)
        net_more_window = net_more_send_buffer = (unsigned)bytes - NET_WINDOW_MIN;
    netbuf_keep((unsigned)(bytes / PAGE_BYTES)); /* of a window, they all come back at once */
}

__attribute__((constructor)) void net_start(void)
{
    net.start_ns = clock_monotonic();
    choose_windows();
    interface_take_options();
    lwip_init();
    netif_list->output = loop4; /* the loopback interface: no other is there yet */
    netif_list->output_ip6 = loop6;
    if (!thread_start("net", STACK_BYTES, run, NULL))
        port_panic("no memory to start the network");
}
