/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lwIP's own unit tests, one after the other; and what lwIP, compiled with the guest's options,
 * asks of its port, as its tests need it.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lwip_check.h"

#include "lwip/init.h"
#include "lwip/memp.h"
#include "lwip/netif.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/stats.h"
#include "lwip/timeouts.h"

#include "connections.h"
#include "net_hooks.h"
#include "syncookie.h"

#include "core/test_def.h"
#include "core/test_mem.h"
#include "core/test_netif.h"
#include "core/test_pbuf.h"
#include "core/test_timers.h"
#include "dhcp/test_dhcp.h"
#include "etharp/test_etharp.h"
#include "ip4/test_ip4.h"
#include "ip6/test_ip6.h"
#include "tcp/test_tcp.h"
#include "tcp/test_tcp_oos.h"
#include "udp/test_udp.h"

/* Not here: those of lwIP's sockets, because the guest has its own (test/guest/sockets.c), and of
 * mDNS and MQTT, which are not built. */
static suite_getter_fn *const suites[] = {
    def_suite, mem_suite, pbuf_suite, netif_suite,   etharp_suite, ip4_suite,
    ip6_suite, udp_suite, tcp_suite,  tcp_oos_suite, dhcp_suite,   timers_suite,
};

/* Tests that can't hold here, and why. */
static const struct {
    const char *name, *why;
} excused[] = {
    {"test_mem_invalid_free", "of lwIP's own heap; the guest's ends it with a report"},
    {"test_mem_double_free", "likewise"},
};

static struct {
    unsigned n_run;
    const char *name;
} runner;

/* The first that fails is the last: it leaves lwIP in no state for others. */
void check_failed(const char *file, int line, const char *what)
{
    printf("FAILED %s: %s:%d: %s\n", runner.name, file, line, what);
    exit(EXIT_FAILURE);
}

static bool is_excused(const char *name)
{
    for (size_t i = 0; i < LWIP_ARRAYSIZE(excused); i++) {
        if (strcmp(name, excused[i].name) != 0)
            continue;
        printf("not run: %s: %s\n", name, excused[i].why);
        return true;
    }
    return false;
}

static void run_test(const TTest *test, SFun setup, SFun teardown)
{
    if (is_excused(test->name))
        return;
    runner.name = test->name;
    runner.n_run++;
    if (setup)
        setup();
    test->function(0);
    if (teardown)
        teardown();
}

/* lwIP's suites call this to be made; here they run at once. */
Suite *create_suite(const char *name, testfunc *tests, size_t num_tests, SFun setup, SFun teardown)
{
    for (size_t i = 0; i < num_tests; i++)
        run_test(tests[i], setup, teardown);
    printf("ok: %zu of %s\n", num_tests, name);
    return NULL;
}

/* The guest's options take what lwIP calls pools from the heap. */
void lwip_check_ensure_no_alloc(unsigned int skip)
{
    size_t in_pools = 0;

    for (unsigned pool = 0; pool < MEMP_MAX; pool++) {
        in_pools += lwip_stats.memp[pool]->used * LWIP_MEM_ALIGN_SIZE(memp_pools[pool]->size);
        if (!(skip & SKIP_POOL(pool)))
            fail_unless(lwip_stats.memp[pool]->used == 0);
    }
    if (!(skip & SKIP_HEAP))
        fail_unless(lwip_stats.mem.used == in_pools);
}

/* The port */

void net_assert_failed(void)
{
    check_failed("a file of lwIP's", 0, "an assertion");
}

uint32_t net_random(void)
{
    return (uint32_t)rand();
}

/* Without the hook, lwIP adds the clock up: so the tests choose a connection's first number. */
u32_t net_isn(const ip_addr_t *local, u16_t local_port, const ip_addr_t *remote, u16_t remote_port)
{
    static u32_t number = 6510;

    (void)local;
    (void)local_port;
    (void)remote;
    (void)remote_port;
    number += tcp_ticks;
    return number;
}

u32_t *net_segment_out(const struct tcp_hdr *header, const struct tcp_pcb *pcb, u32_t *options)
{
    (void)header;
    (void)pcb;
    return options;
}

/* Some of these tests' segments acknowledge nothing, which the guest's do not get away with. */
err_t net_segment_in(struct tcp_pcb *pcb, struct tcp_hdr *header, struct pbuf *p)
{
    (void)pcb;
    (void)header;
    (void)p;
    connections_show();
    return ERR_OK;
}

/* Numbers are given by net_isn() above. */
void syncookie_end(void)
{
}

/* The window that they test is lwIP's own. */
err_t net_output(struct tcp_pcb *pcb)
{
    return tcp_output(pcb);
}

err_t net_answer(struct tcp_pcb *pcb)
{
    if (pcb->dupacks >= 3)
        tcp_rexmit_fast(pcb);
    return tcp_output(pcb);
}

void net_rexmit_rto_commit(struct tcp_pcb *pcb)
{
    tcp_rexmit_rto_commit(pcb);
}

err_t net_split_unsent(struct tcp_pcb *pcb, u16_t first_bytes)
{
    return tcp_split_unsent_seg(pcb, first_bytes);
}

/* What a guest's network thread does: deliver packets to the guest itself. */
signed char tcpip_try_callback(tcpip_callback_fn function, void *arg)
{
    (void)function;
    (void)arg;
    return ERR_OK;
}

int tcpip_thread_poll_one(void);
int tcp_oos_pbuf_count(struct tcp_pcb *pcb);

/* @return 0 when there was nothing to do. */
int tcpip_thread_poll_one(void)
{
    struct netif *netif;

    NETIF_FOREACH(netif)
    {
        if (netif->loop_first) {
            netif_poll(netif);
            return 1;
        }
    }
    return 0;
}

u32_t lwip_sys_now; /* the tests set it */

u32_t sys_now(void)
{
    return lwip_sys_now;
}

/* A test of out-of-order segments calls it, and its file has it only with other options. */
int tcp_oos_pbuf_count(struct tcp_pcb *pcb)
{
    int n = 0;

    for (const struct tcp_seg *segment = pcb->ooseq; segment; segment = segment->next)
        n += pbuf_clen(segment->p);
    return n;
}

/* What lwIP takes when it starts, it keeps: tests count from there. */
static void count_from_here(void)
{
    lwip_stats.mem.used = 0;
    for (unsigned pool = 0; pool < MEMP_MAX; pool++)
        lwip_stats.memp[pool]->used = 0;
}

int main(void)
{
    lwip_init();
    count_from_here();
    for (size_t i = 0; i < LWIP_ARRAYSIZE(suites); i++)
        suites[i]();
    printf("%u tests: all passed\n", runner.n_run);
    return EXIT_SUCCESS;
}
