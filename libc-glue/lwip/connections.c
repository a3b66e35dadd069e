/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many connections. lwIP keeps them in two lists, those that are alive and those that are over and
 * only remembered (TIME_WAIT), and searches both for each segment and each new connection. So they
 * are in a table besides, by their addresses and ports. When a segment comes in, what the table
 * finds is shown to lwIP as the only one there is; net_segment_in(), which lwIP calls when it has
 * found a control block and before it does anything with it, has the lists as they are again.
 *
 * What points to a block in its list is known, so that it leaves without a search.
 */
#include "connections.h"

#include <stdlib.h>
#include <string.h>

#include "lwip/ip.h"
#include "lwip/priv/tcp_priv.h"

#include <sprat/compiler.h>

#include "net.h"
#include "net_hooks.h"
#include "syncookie.h"

#define BITS_MIN   6 /* of the table's size, */
#define BITS_MAX   20
#define FIRST_PORT 49152 /* of those that connections are given: RFC 6335 */
#define N_PORTS    (65536 - FIRST_PORT)

/* A connection's addresses and ports, the ports in the host's order. */
struct ends {
    const ip_addr_t *local, *remote;
    u16_t local_port, remote_port;
};

static struct connection *few[1 << BITS_MIN];

static struct {
    struct connection **chains;
    unsigned bits;
    unsigned n;
    uint64_t key[4];
    u16_t last_port;
} table = {.chains = few, .bits = BITS_MIN};

/* lwIP's lists, while they are not shown. */
static struct {
    bool is_on;
    struct tcp_pcb *alive, *over, *shown, *behind;
} hidden;

static uint64_t mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Who does not know the key can't choose ends that share a chain. */
static uint64_t hash(const struct ends *ends)
{
    uint64_t words[4], ports = (uint64_t)ends->local_port << 16 | ends->remote_port;

    if (!IP_IS_V6(ends->remote))
        return mix(table.key[0] ^ ip_2_ip4(ends->remote)->addr ^
                       (uint64_t)ip_2_ip4(ends->local)->addr << 32,
                   table.key[1] ^ ports);
    memcpy(words, ip_2_ip6(ends->remote)->addr, 16);
    memcpy(words + 2, ip_2_ip6(ends->local)->addr, 16);
    return mix(table.key[0] ^ words[0], table.key[1] ^ words[1]) ^
           mix(table.key[2] ^ words[2], table.key[3] ^ words[3] ^ ports);
}

static struct ends ends_of(const struct tcp_pcb *pcb)
{
    return (struct ends){&pcb->local_ip, &pcb->remote_ip, pcb->local_port, pcb->remote_port};
}

static struct connection **chain_of(const struct ends *ends)
{
    return &table.chains[hash(ends) >> (64 - table.bits)];
}

static void enter(struct connection *connection)
{
    const struct ends ends = ends_of(connection->pcb);
    struct connection **chain = chain_of(&ends);

    connection->chain = *chain;
    *chain = connection;
}

/* Without memory for it, chains are longer. */
static void grow(void)
{
    struct connection **old = table.chains;
    unsigned n_old = 1u << table.bits;
    struct connection **chains = calloc(2 * (size_t)n_old, sizeof(struct connection *));

    if (!chains)
        return;
    table.chains = chains;
    table.bits++;
    for (unsigned i = 0; i < n_old; i++)
        for (struct connection *at = old[i], *next; at; at = next) {
            next = at->chain;
            enter(at);
        }
    if (old != few)
        free(old);
}

static void leave(struct connection *connection)
{
    const struct ends ends = ends_of(connection->pcb);
    struct connection **at = chain_of(&ends);

    while (*at != connection)
        at = &(*at)->chain;
    *at = connection->chain;
    table.n--;
    connection->back = NULL;
}

static void set_back(const struct tcp_pcb *pcb, struct tcp_pcb **back)
{
    if (pcb && connection_of(pcb))
        connection_of(pcb)->back = back;
}

/* lwIP frees a block. Some it takes from their list itself; what was behind it is still known. */
static void freed(u8_t id, void *data)
{
    struct connection *connection = data;

    (void)id;
    if (connection && connection->back) {
        set_back(connection->pcb->next, connection->back);
        leave(connection);
    }
    if (connection)
        scoreboard_forget(&connection->board);
    free(connection);
}

static const struct tcp_ext_arg_callbacks callbacks = {.destroy = freed};

/* Without memory, the block is not found by the segments that its peer sends. */
static struct connection *make(struct tcp_pcb *pcb)
{
    struct connection *connection = calloc(1, sizeof(*connection));

    if (connection) {
        connection->pcb = pcb;
        pcb->ext_args[0].data = connection;
        pcb->ext_args[0].callbacks = &callbacks;
    }
    return connection;
}

static void choose_key(void)
{
    if (table.key[0])
        return;
    for (unsigned i = 0; i < 2 * ARRAY_LEN(table.key); i++)
        table.key[i / 2] = table.key[i / 2] << 32 | net_random();
    table.last_port = (u16_t)net_random();
}

static bool is_kept(struct tcp_pcb **list)
{
    return list == &tcp_active_pcbs || list == &tcp_tw_pcbs;
}

void net_connection_add(struct tcp_pcb **list, struct tcp_pcb *pcb)
{
    pcb->next = *list;
    *list = pcb;
    if (!is_kept(list))
        return;
    set_back(pcb->next, &pcb->next);
    struct connection *connection = connection_of(pcb) ? connection_of(pcb) : make(pcb);
    if (!connection)
        return;
    choose_key();
    connection->back = list;
    if (++table.n > 1u << table.bits && table.bits < BITS_MAX)
        grow();
    enter(connection);
}

void net_connection_remove(struct tcp_pcb **list, struct tcp_pcb *pcb)
{
    struct connection *connection = is_kept(list) ? connection_of(pcb) : NULL;
    struct tcp_pcb **at = connection && connection->back ? connection->back : list;

    while (*at && *at != pcb)
        at = &(*at)->next;
    if (*at) {
        *at = pcb->next;
        if (is_kept(list))
            set_back(pcb->next, at);
    }
    pcb->next = NULL;
    if (connection && connection->back)
        leave(connection);
}

static bool matches(const struct tcp_pcb *pcb, const struct ends *ends)
{
    return pcb->remote_port == ends->remote_port && pcb->local_port == ends->local_port &&
           ip_addr_cmp(&pcb->remote_ip, ends->remote) && ip_addr_cmp(&pcb->local_ip, ends->local);
}

/* One that is alive goes before one that is over. @param interface  NETIF_NO_INDEX: any. */
static struct tcp_pcb *find(const struct ends *ends, u8_t interface)
{
    struct tcp_pcb *over = NULL;

    for (const struct connection *at = *chain_of(ends); at; at = at->chain) {
        struct tcp_pcb *pcb = at->pcb;
        if (!matches(pcb, ends) || (pcb->netif_idx != NETIF_NO_INDEX &&
                                    interface != NETIF_NO_INDEX && pcb->netif_idx != interface))
            continue;
        if (pcb->state != TIME_WAIT)
            return pcb;
        over = pcb;
    }
    return over;
}

static void hide(struct tcp_pcb *but)
{
    bool is_over = but && but->state == TIME_WAIT;

    hidden.is_on = true;
    hidden.alive = tcp_active_pcbs;
    hidden.over = tcp_tw_pcbs;
    hidden.shown = but;
    tcp_active_pcbs = is_over ? NULL : but;
    tcp_tw_pcbs = is_over ? but : NULL;
    if (but) {
        hidden.behind = but->next;
        but->next = NULL;
    }
}

void connections_show(void)
{
    if (!hidden.is_on)
        return;
    hidden.is_on = false;
    tcp_active_pcbs = hidden.alive;
    tcp_tw_pcbs = hidden.over;
    if (hidden.shown)
        hidden.shown->next = hidden.behind;
}

/*
 * A client may use a port again while the guest still remembers the last connection from there:
 * RFC 6191. Its numbers are beyond what came before, so no old segment is taken for a new one.
 */
static bool begins_anew(const struct tcp_pcb *over, const struct tcp_hdr *header)
{
    return (TCPH_FLAGS(header) & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN &&
           TCP_SEQ_GT(lwip_ntohl(header->seqno), over->rcv_nxt);
}

void net_tcp_input(struct pbuf *p, struct netif *netif)
{
    const struct tcp_hdr *header = p->payload;

    if (p->len >= TCP_HLEN) {
        const struct ends ends = {ip_current_dest_addr(), ip_current_src_addr(),
                                  lwip_ntohs(header->dest), lwip_ntohs(header->src)};
        struct tcp_pcb *pcb = find(&ends, netif_get_index(ip_data.current_input_netif));
        if (pcb && pcb->state == TIME_WAIT && begins_anew(pcb, header)) {
            tcp_abandon(pcb, 0);
            pcb = NULL;
        }
        hide(pcb);
    }
    tcp_input(p, netif);
    connections_show();
    syncookie_end();
}

/* Listeners and those that are bound are few. */
static bool is_bound(u16_t port)
{
    const struct tcp_pcb *lists[] = {tcp_bound_pcbs, tcp_listen_pcbs.pcbs};

    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        for (const struct tcp_pcb *pcb = lists[i]; pcb; pcb = pcb->next)
            if (pcb->local_port == port)
                return true;
    return false;
}

/* RFC 6056, 3.3.3: from where who does not know the key can't tell, one after the other. */
u16_t connections_port(const ip_addr_t *local, const ip_addr_t *remote, u16_t remote_port)
{
    choose_key();
    struct ends ends = {local, remote, 0, remote_port};
    const u16_t start = (u16_t)hash(&ends);
    for (unsigned n = 0; n < N_PORTS; n++) {
        ends.local_port = (u16_t)(FIRST_PORT + (u16_t)(start + table.last_port++) % N_PORTS);
        if (!find(&ends, NETIF_NO_INDEX) && !is_bound(ends.local_port))
            return ends.local_port;
    }
    return 0;
}
