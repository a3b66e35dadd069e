/* SPDX-License-Identifier: BSD-2-Clause */
#include "dhcpv6_message.h"

#include <string.h>

#include "lwip/prot/ethernet.h"

#include "bytes.h"
#include "interface.h"
#include "socket.h"

#define HEADER        4 /* type and transaction */
#define OPTION_HEADER 4 /* code and length */
#define IA_HEADER     12
#define ADDRESS       16
#define IAADDR_HEADER (ADDRESS + 8)
#define ETHERNET      1
#define DUID_LL       (4 + ETH_HWADDR_LEN)

/* Those that lwIP's header does not have. */
#define OPTION_REFRESH    32
#define OPTION_SOL_MAX_RT 82
#define OPTION_INF_MAX_RT 83
#define MAX_RT_LEAST      60 /* seconds that such a limit may be: RFC 8415, 21.24 */
#define MAX_RT_MOST       86400

/* Writing. */

/* A client is named by the address of its interface, which stays the same for its life. */
static uint8_t *put_duid(uint8_t *at, const struct dhcpv6 *client)
{
    at = bytes_put16(at, DHCP6_DUID_LL);
    at = bytes_put16(at, ETHERNET);
    memcpy(at, client->interface->netif.hwaddr, ETH_HWADDR_LEN);
    return at + ETH_HWADDR_LEN;
}

static uint8_t *put_option(uint8_t *at, uint16_t code, size_t len)
{
    return bytes_put16(bytes_put16(at, code), (uint32_t)len);
}

/* The address that the client has, or was offered, with lifetimes for the server to choose. */
static uint8_t *put_ia(uint8_t *at, const struct dhcpv6 *client)
{
    bool has_address = !ip6_addr_isany_val(client->lease.address);

    at = put_option(at, DHCP6_OPTION_IA_NA,
                    IA_HEADER + (has_address ? OPTION_HEADER + IAADDR_HEADER : 0));
    at = bytes_put32(at, client->interface->number);
    memset(at, 0, 8);
    at += 8;
    if (!has_address)
        return at;
    at = put_option(at, DHCP6_OPTION_IAADDR, IAADDR_HEADER);
    memcpy(at, client->lease.address.addr, ADDRESS);
    memset(at + ADDRESS, 0, 8);
    return at + IAADDR_HEADER;
}

static uint8_t *put_wishes(uint8_t *at, bool address)
{
    at = put_option(at, DHCP6_OPTION_ORO, address ? 4 : 6);
    at = bytes_put16(at, DHCP6_OPTION_DNS_SERVERS);
    if (address)
        return bytes_put16(at, OPTION_SOL_MAX_RT);
    at = bytes_put16(at, OPTION_INF_MAX_RT);
    return bytes_put16(at, OPTION_REFRESH);
}

size_t dhcpv6_write(const struct dhcpv6 *client, const struct dhcpv6_request *request,
                    uint8_t *message)
{
    bool address = request->type != DHCP6_INFOREQUEST;
    uint8_t *at = bytes_put32(message, (uint32_t)request->type << 24 | client->xid);

    at = put_duid(put_option(at, DHCP6_OPTION_CLIENTID, DUID_LL), client);
    if (request->to_server) {
        at = put_option(at, DHCP6_OPTION_SERVERID, client->lease.server_len);
        memcpy(at, client->lease.server, client->lease.server_len);
        at += client->lease.server_len;
    }
    at = bytes_put16(put_option(at, DHCP6_OPTION_ELAPSED_TIME, 2), request->elapsed_cs);
    if (address)
        at = put_ia(at, client);
    if (request->type == DHCP6_SOLICIT)
        at = put_option(at, DHCP6_OPTION_RAPID_COMMIT, 0);
    if (request->type != DHCP6_CONFIRM && request->type != DHCP6_DECLINE)
        at = put_wishes(at, address);
    return (size_t)(at - message);
}

/* Reading. */

/* What is left to be read of a message, or of an option. */
struct span {
    const uint8_t *at;
    size_t left;
};

struct option {
    uint16_t code;
    struct span data;
};

/* @return false when there is no more, or none that is whole: then something is left. */
static bool next_option(struct span *rest, struct option *option)
{
    if (rest->left < OPTION_HEADER)
        return false;
    size_t len = bytes_get16(rest->at + 2);
    if (len > rest->left - OPTION_HEADER)
        return false;
    *option = (struct option){bytes_get16(rest->at), {rest->at + OPTION_HEADER, len}};
    *rest = (struct span){rest->at + OPTION_HEADER + len, rest->left - OPTION_HEADER - len};
    return true;
}

/* What an answer is read for. */
struct reading {
    const struct dhcpv6 *client;
    struct dhcpv6_answer *answer;
    bool to_us;
};

/* Read each option of a message or an option. @return false when one is malformed. */
static bool read_all(struct reading *reading, struct span rest,
                     bool (*take)(struct reading *, const struct option *))
{
    struct option option;

    while (next_option(&rest, &option))
        if (!take(reading, &option))
            return false;
    return !rest.left;
}

static bool take_status(struct reading *reading, struct span data)
{
    if (data.left < 2)
        return false;
    if (!reading->answer->status)
        reading->answer->status = bytes_get16(data.at);
    return true;
}

static bool take_in_address(struct reading *reading, const struct option *option)
{
    return option->code != DHCP6_OPTION_STATUS_CODE || take_status(reading, option->data);
}

/* What a host may be called by from beyond its link. */
static bool is_usable(const ip6_addr_t *ip6)
{
    return address6_is_hosts(ip6) && !ip6_addr_islinklocal(ip6);
}

/* The one that the client has, if there is more than one; else the first. */
static bool take_address(struct reading *reading, struct span data)
{
    struct dhcpv6_answer *answer = reading->answer;
    const uint16_t status = answer->status;
    ip6_addr_t address = {0};

    if (data.left < IAADDR_HEADER)
        return false;
    memcpy(address.addr, data.at, ADDRESS);
    uint32_t preferred_s = bytes_get32(data.at + ADDRESS);
    uint32_t valid_s = bytes_get32(data.at + ADDRESS + 4);
    bool ours = ip6_addr_cmp_zoneless(&address, &reading->client->lease.address);
    struct span options = {data.at + IAADDR_HEADER, data.left - IAADDR_HEADER};
    if (!read_all(reading, options, take_in_address))
        return false;
    answer->withdrawn |= ours && !valid_s;
    if (status != answer->status || !valid_s || preferred_s > valid_s || !is_usable(&address) ||
        (answer->valid_s && !ours))
        return true;
    answer->lease.address = address;
    answer->preferred_s = preferred_s;
    answer->valid_s = valid_s;
    return true;
}

static bool take_in_ia(struct reading *reading, const struct option *option)
{
    if (option->code == DHCP6_OPTION_IAADDR)
        return take_address(reading, option->data);
    return take_in_address(reading, option);
}

static bool take_ia(struct reading *reading, struct span data)
{
    struct dhcpv6_answer *answer = reading->answer;

    if (data.left < IA_HEADER)
        return false;
    uint32_t renew_s = bytes_get32(data.at + 4), rebind_s = bytes_get32(data.at + 8);
    if (bytes_get32(data.at) != reading->client->interface->number ||
        (renew_s > rebind_s && rebind_s))
        return true;
    answer->renew_s = renew_s;
    answer->rebind_s = rebind_s;
    return read_all(reading, (struct span){data.at + IA_HEADER, data.left - IA_HEADER}, take_in_ia);
}

static bool take_client(struct reading *reading, struct span data)
{
    uint8_t duid[DUID_LL];

    put_duid(duid, reading->client);
    reading->to_us = data.left == DUID_LL && memcmp(data.at, duid, DUID_LL) == 0;
    return reading->to_us;
}

static bool take_server(struct dhcpv6_lease *lease, struct span data)
{
    if (data.left > DHCPV6_DUID_MAX)
        return false;
    memcpy(lease->server, data.at, data.left);
    lease->server_len = (uint8_t)data.left;
    return true;
}

/* A number of seconds. One out of its limits is not said. */
static bool take_seconds(uint32_t *seconds, struct span data, uint32_t least, uint32_t most)
{
    if (data.left != 4)
        return false;
    uint32_t value = bytes_get32(data.at);
    if (value >= least && value <= most)
        *seconds = value;
    return true;
}

static bool take_option(struct reading *reading, const struct option *option)
{
    struct dhcpv6_answer *answer = reading->answer;
    struct span data = option->data;

    switch (option->code) {
    case DHCP6_OPTION_CLIENTID:
        return take_client(reading, data);
    case DHCP6_OPTION_SERVERID:
        return take_server(&answer->lease, data);
    case DHCP6_OPTION_IA_NA:
        return take_ia(reading, data);
    case DHCP6_OPTION_PREFERENCE:
        if (data.left != 1)
            return false;
        answer->lease.preference = *data.at;
        return true;
    case DHCP6_OPTION_STATUS_CODE:
        return take_status(reading, data);
    case DHCP6_OPTION_RAPID_COMMIT:
        answer->rapid = true;
        return !data.left;
    case DHCP6_OPTION_DNS_SERVERS:
        answer->names = data.at;
        answer->n_names = data.left / ADDRESS;
        return data.left % ADDRESS == 0;
    case OPTION_REFRESH:
        return take_seconds(&answer->refresh_s, data, 0, UINT32_MAX);
    case OPTION_SOL_MAX_RT:
        return take_seconds(&answer->solicit_max_s, data, MAX_RT_LEAST, MAX_RT_MOST);
    case OPTION_INF_MAX_RT:
        return take_seconds(&answer->inform_max_s, data, MAX_RT_LEAST, MAX_RT_MOST);
    default:
        return true;
    }
}

bool dhcpv6_read(const struct dhcpv6 *client, const uint8_t *message, size_t len,
                 struct dhcpv6_answer *answer)
{
    struct reading reading = {.client = client, .answer = answer};

    if (len < HEADER || (bytes_get32(message) & 0xffffff) != client->xid)
        return false;
    memset(answer, 0, sizeof(*answer));
    answer->type = message[0];
    return read_all(&reading, (struct span){message + HEADER, len - HEADER}, take_option) &&
           reading.to_us && answer->lease.server_len;
}
