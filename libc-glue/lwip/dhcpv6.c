/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each state but the first and the last two is an exchange: a message is sent, again and again, at
 * times that chance moves a little, until an answer comes or it is given up. Of an answer nothing
 * counts but what the state asks for; servers are heard by their link-local addresses or relays, so
 * nobody beyond the link can speak.
 */
#include "dhcpv6.h"

#include <string.h>

#include <netinet/in.h>

#include "lwip/dhcp6.h"
#include "lwip/dns.h"
#include "lwip/udp.h"

#include <sprat/clock.h>
#include <sprat/port.h>

#include "dhcpv6_lease.h"
#include "dhcpv6_message.h"
#include "interface.h"
#include "net.h"
#include "socket.h"

#define NS_PER_MS        1000000ull
#define NS_PER_S         1000000000ull
#define CLIENT_PORT      546
#define SERVER_PORT      547
#define MAX_RT_S         3600 /* between two tries, unless a server wants another time */
#define DELAY_MS         1000 /* before the first: guests may start at the same time */
#define LOOK_MS          250  /* until the link-local address may be used */
#define CHECK_MS         1000 /* until the address given may be */
#define CONFIRM_S        10
#define REFRESH_LEAST_S  600
#define REFRESH_S        86400
#define PREFERENCE_FIRST 255 /* who says that is not compared with others */

/* RFC 8415, 7.6. */
static const struct exchange {
    uint8_t message;
    bool to_server;
    uint8_t tries; /* 0: until it is given up for another reason */
    uint16_t first_s, max_s;
} exchanges[] = {
    [DHCPV6_SOLICITING] = {DHCP6_SOLICIT, false, 0, 1, 0}, /* at most as servers say */
    [DHCPV6_REQUESTING] = {DHCP6_REQUEST, true, 10, 1, 30},
    [DHCPV6_CONFIRMING] = {DHCP6_CONFIRM, false, 0, 1, 4},
    [DHCPV6_RENEWING] = {DHCP6_RENEW, true, 0, 10, 600},
    [DHCPV6_REBINDING] = {DHCP6_REBIND, false, 0, 10, 600},
    [DHCPV6_DECLINING] = {DHCP6_DECLINE, true, 4, 1, UINT16_MAX},
    [DHCPV6_INFORMING] = {DHCP6_INFOREQUEST, false, 0, 1, 0},
};

static struct {
    struct dhcpv6 *clients;
    struct udp_pcb *udp;
} dhcpv6;

static uint64_t from_now(uint64_t ms)
{
    return clock_monotonic() + ms * NS_PER_MS;
}

static struct netif *netif_of(const struct dhcpv6 *client)
{
    return &client->interface->netif;
}

/* NULL: it has none. */
static struct dhcpv6 *client_of(struct netif *netif)
{
    struct interface *interface = netif->state; /* of the loopback interface, there is none */

    return interface && interface->dhcpv6.interface ? &interface->dhcpv6 : NULL;
}

/* Exchanges. */

static void begin(struct dhcpv6 *client, unsigned state, uint64_t delay_ms)
{
    client->state = state;
    client->xid = net_random() & 0xffffff;
    client->tries = 0;
    client->started_ns = client->due_ns = from_now(delay_ms);
    client->until_ns = PORT_FOREVER;
}

/* Look for servers, as at first. */
static void solicit(struct dhcpv6 *client)
{
    dhcpv6_lease_end(client);
    memset(&client->lease, 0, sizeof(client->lease));
    begin(client, DHCPV6_SOLICITING, net_random() % DELAY_MS);
}

static void inform(struct dhcpv6 *client)
{
    begin(client, DHCPV6_INFORMING, net_random() % DELAY_MS);
}

static void send_request(struct dhcpv6 *client, const struct exchange *exchange)
{
    struct netif *netif = netif_of(client);
    uint64_t elapsed_cs = (clock_monotonic() - client->started_ns) / (10 * NS_PER_MS);
    const struct dhcpv6_request request = {
        .type = exchange->message,
        .to_server = exchange->to_server,
        .elapsed_cs = elapsed_cs < UINT16_MAX ? (uint16_t)elapsed_cs : UINT16_MAX};
    ip_addr_t servers = IPADDR6_INIT_HOST(0xff020000, 0, 0, 0x10002);
    struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, DHCPV6_MESSAGE_MAX, PBUF_RAM);

    if (!p)
        return; /* as if it were lost */
    pbuf_realloc(p, (u16_t)dhcpv6_write(client, &request, p->payload));
    ip6_addr_assign_zone(ip_2_ip6(&servers), IP6_MULTICAST, netif);
    udp_sendto_if_src(dhcpv6.udp, p, &servers, SERVER_PORT, netif, netif_ip_addr6(netif, 0));
    pbuf_free(p);
}

/* RFC 8415, 15: a tenth more or less, and none less where answers are being collected. */
static uint32_t next_wait_ms(const struct dhcpv6 *client, const struct exchange *exchange)
{
    uint64_t max_ms = exchange->max_s * 1000ull, wait_ms = client->wait_ms * 2ull;

    if (client->state == DHCPV6_SOLICITING)
        max_ms = client->solicit_max_s * 1000ull;
    else if (client->state == DHCPV6_INFORMING)
        max_ms = client->inform_max_s * 1000ull;
    if (!client->tries)
        wait_ms = exchange->first_s * 1000ull;
    if (wait_ms > max_ms)
        wait_ms = max_ms;
    uint64_t tenth_ms = wait_ms / 10, chance_ms = net_random() % (2 * tenth_ms);
    if (client->state == DHCPV6_SOLICITING && !client->tries)
        return (uint32_t)(wait_ms + 1 + chance_ms / 2);
    return (uint32_t)(wait_ms - tenth_ms + chance_ms);
}

static void rebind(struct dhcpv6 *client)
{
    begin(client, DHCPV6_REBINDING, 0);
    client->until_ns = client->expire_ns;
}

/* The address is used as long as it was given, and longer if that can be had. */
static void use_address(struct dhcpv6 *client)
{
    client->state = DHCPV6_BOUND;
    client->due_ns = 0;
}

static void give_up(struct dhcpv6 *client)
{
    switch (client->state) {
    case DHCPV6_CONFIRMING:
        use_address(client);
        break;
    case DHCPV6_RENEWING:
        rebind(client);
        break;
    default:
        solicit(client);
    }
}

/* Another try, or the end of them. */
static void go_on(struct dhcpv6 *client, uint64_t now_ns)
{
    const struct exchange *exchange = &exchanges[client->state];

    if (now_ns >= client->until_ns || (exchange->tries && client->tries == exchange->tries)) {
        give_up(client);
    } else if (client->state == DHCPV6_SOLICITING && client->lease.server_len) {
        begin(client, DHCPV6_REQUESTING, 0); /* of those that came in time, the best */
    } else if (ip6_addr_istentative(netif_ip6_addr_state(netif_of(client), 0))) {
        client->started_ns = client->due_ns = from_now(LOOK_MS);
    } else {
        send_request(client, exchange);
        client->wait_ms = next_wait_ms(client, exchange);
        client->tries++;
        client->due_ns = from_now(client->wait_ms);
        if (client->due_ns > client->until_ns)
            client->due_ns = client->until_ns;
    }
}

/* Is it the guest's own? Then wait until it is to be renewed. */
static void look_at_address(struct dhcpv6 *client, uint64_t now_ns)
{
    u8_t state = dhcpv6_lease_state(client);

    if (ip6_addr_isduplicated(state)) {
        dhcpv6_lease_tell(client, "address ", " is somebody else's, too");
        dhcpv6_lease_end(client);
        begin(client, DHCPV6_DECLINING, 0);
    } else if (ip6_addr_istentative(state)) {
        client->due_ns = from_now(CHECK_MS);
    } else if (!ip6_addr_isvalid(state)) {
        solicit(client);
    } else if (now_ns < client->renew_ns) {
        if (!client->told)
            dhcpv6_lease_tell(client, "address ", "");
        client->told = true;
        client->due_ns = client->renew_ns;
    } else {
        begin(client, DHCPV6_RENEWING, 0);
        client->until_ns = client->rebind_ns;
    }
}

static void look(struct dhcpv6 *client)
{
    uint64_t now_ns = clock_monotonic();

    if (now_ns < client->due_ns)
        return;
    if (!netif_is_link_up(netif_of(client)))
        client->due_ns = PORT_FOREVER; /* then all begins anew */
    else if (client->state == DHCPV6_BOUND)
        look_at_address(client, now_ns);
    else if (client->state == DHCPV6_INFORMED)
        inform(client);
    else
        go_on(client, now_ns);
}

/* Answers. */

static void take_names(struct dhcpv6 *client, const struct dhcpv6_answer *answer)
{
    const size_t size = sizeof(client->lease.address.addr);
    u8_t n = 0;

    if (client->interface->config.n_dns)
        return; /* what was typed counts */
    for (size_t i = 0; i < answer->n_names; i++) {
        ip_addr_t server = *IP6_ADDR_ANY;
        ip6_addr_t *ip6 = ip_2_ip6(&server);
        memcpy(ip6->addr, answer->names + i * size, size);
        if (!address6_is_hosts(ip6))
            continue;
        if (ip6_addr_islinklocal(ip6))
            ip6_addr_set_zone(ip6, netif_get_index(netif_of(client)));
        dns_setserver(n++, &server);
    }
}

/* There is an address, for a time. */
static void take_lease(struct dhcpv6 *client, const struct dhcpv6_answer *answer)
{
    bool is_there = dhcpv6_lease_take(client, answer);

    use_address(client);
    if (!is_there)
        client->due_ns = client->renew_ns; /* there may be room then */
}

static bool is_from_our_server(const struct dhcpv6 *client, const struct dhcpv6_answer *answer)
{
    return answer->lease.server_len == client->lease.server_len &&
           memcmp(answer->lease.server, client->lease.server, client->lease.server_len) == 0;
}

static void take_limits(struct dhcpv6 *client, const struct dhcpv6_answer *answer)
{
    if (answer->solicit_max_s)
        client->solicit_max_s = answer->solicit_max_s;
    if (answer->inform_max_s)
        client->inform_max_s = answer->inform_max_s;
}

static void take_offer(struct dhcpv6 *client, const struct dhcpv6_answer *answer)
{
    if (answer->status || !answer->valid_s)
        return;
    if (!client->lease.server_len || answer->lease.preference > client->lease.preference)
        client->lease = answer->lease;
    if (client->lease.preference == PREFERENCE_FIRST || client->tries > 1)
        begin(client, DHCPV6_REQUESTING, 0);
}

/* An answer about the address. */
static void take_reply(struct dhcpv6 *client, const struct dhcpv6_answer *answer)
{
    switch (answer->status) {
    case DHCP6_STATUS_SUCCESS:
        break;
    case DHCP6_STATUS_NOBINDING:
        memcpy(client->lease.server, answer->lease.server, sizeof(client->lease.server));
        client->lease.server_len = answer->lease.server_len;
        if (client->state != DHCPV6_REQUESTING) /* it can be had there all the same */
            begin(client, DHCPV6_REQUESTING, 0);
        return;
    case DHCP6_STATUS_NOADDRSAVAIL:
    case DHCP6_STATUS_NOTONLINK:
        if (client->state == DHCPV6_REQUESTING)
            solicit(client);
        return;
    default:
        return; /* it may be able to say more later */
    }
    take_names(client, answer);
    if (answer->valid_s)
        take_lease(client, answer);
    else if (answer->withdrawn || client->state == DHCPV6_REQUESTING)
        solicit(client);
}

static void take_information(struct dhcpv6 *client, const struct dhcpv6_answer *answer)
{
    uint32_t refresh_s = answer->refresh_s ? answer->refresh_s : REFRESH_S;

    if (answer->status)
        return;
    if (refresh_s < REFRESH_LEAST_S)
        refresh_s = REFRESH_LEAST_S;
    take_names(client, answer);
    client->state = DHCPV6_INFORMED;
    client->due_ns = clock_monotonic() + refresh_s * NS_PER_S;
}

static bool is_awaited(const struct dhcpv6 *client, const struct dhcpv6_answer *answer)
{
    if (!client->tries)
        return false;
    if (client->state == DHCPV6_SOLICITING && answer->type == DHCP6_ADVERTISE)
        return true;
    return answer->type == DHCP6_REPLY && (client->state != DHCPV6_SOLICITING || answer->rapid) &&
           (!exchanges[client->state].to_server || is_from_our_server(client, answer));
}

static void take_answer(struct dhcpv6 *client, const struct dhcpv6_answer *answer)
{
    if (!is_awaited(client, answer))
        return;
    take_limits(client, answer);
    switch (client->state) {
    case DHCPV6_SOLICITING:
        if (answer->type == DHCP6_ADVERTISE)
            take_offer(client, answer);
        else if (!answer->status)
            take_reply(client, answer);
        break;
    case DHCPV6_CONFIRMING:
        if (answer->status == DHCP6_STATUS_NOTONLINK)
            solicit(client);
        else if (!answer->status)
            use_address(client);
        break;
    case DHCPV6_DECLINING:
        solicit(client);
        break;
    case DHCPV6_INFORMING:
        take_information(client, answer);
        break;
    default:
        take_reply(client, answer);
    }
}

static void received(void *arg, struct udp_pcb *udp, struct pbuf *p, const ip_addr_t *from,
                     u16_t port)
{
    struct dhcpv6 *client = client_of(ip_current_input_netif());
    struct dhcpv6_answer answer;

    (void)arg;
    (void)udp;
    (void)from;
    (void)port;
    if (client && client->state < DHCPV6_BOUND && ip6_addr_islinklocal(ip6_current_dest_addr())) {
        p = pbuf_coalesce(p, PBUF_RAW);
        if (!p->next && dhcpv6_read(client, p->payload, p->len, &answer))
            take_answer(client, &answer);
    }
    pbuf_free(p);
}

/* The client's life. */

static bool open_port(void)
{
    if (dhcpv6.udp)
        return true;
    dhcpv6.udp = udp_new_ip_type(IPADDR_TYPE_V6);
    if (!dhcpv6.udp)
        return false;
    udp_recv(dhcpv6.udp, received, NULL);
    return udp_bind(dhcpv6.udp, IP6_ADDR_ANY, CLIENT_PORT) == ERR_OK;
}

static void start(struct interface *interface)
{
    struct dhcpv6 *client = &interface->dhcpv6;

    if (!open_port()) {
        port_log("vif%u: no memory for DHCPv6", interface->number);
        return;
    }
    client->interface = interface;
    client->solicit_max_s = client->inform_max_s = MAX_RT_S;
    client->due_ns = PORT_FOREVER;
    client->next = dhcpv6.clients;
    dhcpv6.clients = client;
    if (interface->config.ip6 == CONFIG_DHCP)
        solicit(client);
}

void dhcpv6_link_up(struct interface *interface)
{
    struct dhcpv6 *client = &interface->dhcpv6;
    unsigned config = interface->config.ip6;

    if (config != CONFIG_AUTO && config != CONFIG_DHCP)
        return;
    switch (client->state) {
    case DHCPV6_OFF:
        if (!client->interface)
            start(interface);
        break;
    case DHCPV6_SOLICITING:
    case DHCPV6_REQUESTING:
    case DHCPV6_DECLINING:
        solicit(client);
        break;
    case DHCPV6_INFORMING:
    case DHCPV6_INFORMED:
        inform(client);
        break;
    default:
        begin(client, DHCPV6_CONFIRMING, net_random() % DELAY_MS);
        client->until_ns = client->started_ns + CONFIRM_S * NS_PER_S;
    }
}

void dhcpv6_stop(struct interface *interface)
{
    for (struct dhcpv6 **link = &dhcpv6.clients; *link; link = &(*link)->next) {
        if (*link == &interface->dhcpv6) {
            *link = interface->dhcpv6.next;
            return;
        }
    }
}

void dhcp6_nd6_ra_trigger(struct netif *netif, u8_t managed, u8_t other)
{
    struct dhcpv6 *client = client_of(netif);

    if (!client || client->interface->config.ip6 != CONFIG_AUTO)
        return;
    bool has_none = client->state == DHCPV6_OFF;
    if (managed &&
        (has_none || client->state == DHCPV6_INFORMING || client->state == DHCPV6_INFORMED))
        solicit(client);
    else if (other && has_none)
        inform(client);
}

void dhcpv6_run(void)
{
    for (struct dhcpv6 *client = dhcpv6.clients; client; client = client->next)
        look(client);
}

uint64_t dhcpv6_due_ns(void)
{
    uint64_t due_ns = PORT_FOREVER;

    for (const struct dhcpv6 *client = dhcpv6.clients; client; client = client->next)
        if (client->due_ns < due_ns)
            due_ns = client->due_ns;
    return due_ns;
}
