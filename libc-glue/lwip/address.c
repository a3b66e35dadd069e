/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses: the sockets' form, lwIP's, and text. */
#include <errno.h>
#include <string.h>

#include <netinet/in.h>

#include <sprat/compiler.h>
#include <sprat/format.h>

#include "bytes.h"
#include "net.h"
#include "socket.h"

SPRAT_API const struct in6_addr in6addr_any = IN6ADDR_ANY_INIT;
SPRAT_API const struct in6_addr in6addr_loopback = IN6ADDR_LOOPBACK_INIT;

/* Link-local addresses are an interface's: one that is named, or that the socket is bound to. */
static int take_scope(ip6_addr_t *ip6, uint32_t scope, u8_t bound)
{
    if (!ip6_addr_has_scope(ip6, IP6_UNKNOWN))
        return 0;
    if (!scope)
        scope = bound;
    if (!scope)
        return ip6_addr_ismulticast(ip6) ? 0 : -EINVAL;
    if (scope <= UINT8_MAX && !netif_get_by_index((u8_t)scope))
        net_wait_ready(); /* it may come yet */
    if (scope > UINT8_MAX || !netif_get_by_index((u8_t)scope))
        return -ENODEV;
    ip6_addr_set_zone(ip6, (u8_t)scope);
    return 0;
}

int address_take(const struct socket *socket, const struct sockaddr *address, socklen_t len,
                 ip_addr_t *ip, u16_t *port)
{
    if (!address || len < sizeof(sa_family_t))
        return -EINVAL;
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        if (socket->domain != AF_INET)
            return -EAFNOSUPPORT;
        if (len < sizeof(in))
            return -EINVAL;
        memcpy(&in, address, sizeof(in));
        ip_addr_set_ip4_u32_val(*ip, in.sin_addr.s_addr);
        *port = ntohs(in.sin_port);
        return 0;
    }
    if (address->sa_family != AF_INET6 || socket->domain != AF_INET6)
        return -EAFNOSUPPORT;
    struct sockaddr_in6 in6;
    if (len < sizeof(in6))
        return -EINVAL;
    memcpy(&in6, address, sizeof(in6));
    *port = ntohs(in6.sin6_port);
    if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
        if (socket->v6_only)
            return -ENETUNREACH;
        ip_addr_set_ip4_u32_val(*ip, in6.sin6_addr.s6_addr32[3]);
        return 0;
    }
    ip_addr_set_zero_ip6(ip);
    memcpy(ip_2_ip6(ip)->addr, in6.sin6_addr.s6_addr, sizeof(in6.sin6_addr));
    const struct ip_pcb *block = socket_block(socket);
    int error = take_scope(ip_2_ip6(ip), in6.sin6_scope_id, block ? block->netif_idx : 0);
    if (error)
        return error;
    /* An address of all sockets takes IPv4 as well, unless the program says no. */
    if (ip6_addr_isany(ip_2_ip6(ip)) && !socket->v6_only)
        IP_SET_TYPE(ip, IPADDR_TYPE_ANY);
    return 0;
}

void address_give(int domain, const ip_addr_t *ip, u16_t port, struct sockaddr *address,
                  socklen_t *len)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    const void *from = &in6;
    socklen_t size = sizeof(in6);

    if (domain == AF_INET) {
        in.sin_addr.s_addr = IP_IS_V4(ip) ? ip4_addr_get_u32(ip_2_ip4(ip)) : INADDR_ANY;
        from = &in;
        size = sizeof(in);
    } else if (IP_GET_TYPE(ip) == IPADDR_TYPE_V4) {
        in6.sin6_addr.s6_addr32[2] = htonl(0xffff);
        in6.sin6_addr.s6_addr32[3] = ip4_addr_get_u32(ip_2_ip4(ip));
    } else if (IP_GET_TYPE(ip) == IPADDR_TYPE_V6) {
        memcpy(in6.sin6_addr.s6_addr, ip_2_ip6(ip)->addr, sizeof(in6.sin6_addr));
        in6.sin6_scope_id = ip6_addr_zone(ip_2_ip6(ip));
    }
    memcpy(address, from, *len < size ? *len : size);
    *len = size;
}

/* Copy between a vector's bytes, from an offset on, and some in one piece. @return how many. */
static inline size_t copy(const struct iovec *iov, size_t n, size_t offset, char *bytes, size_t len,
                          bool gather)
{
    size_t done = 0;

    for (; n && done < len; iov++, n--) {
        if (offset >= iov->iov_len) {
            offset -= iov->iov_len;
            continue;
        }
        size_t part = iov->iov_len - offset;
        char *at = (char *)iov->iov_base + offset;
        part = part < len - done ? part : len - done;
        if (gather)
            memcpy(bytes + done, at, part);
        else
            memcpy(at, bytes + done, part);
        done += part;
        offset = 0;
    }
    return done;
}

size_t vector_gather(const struct iovec *iov, size_t n, size_t offset, void *to, size_t len)
{
    return copy(iov, n, offset, to, len, true);
}

size_t vector_scatter(const struct iovec *iov, size_t n, size_t offset, const void *from,
                      size_t len)
{
    return copy(iov, n, offset, (char *)(uintptr_t)from, len, false);
}

/* Texts. */

SPRAT_API int inet_aton(const char *text, struct in_addr *address)
{
    ip4_addr_t ip;

    if (!ip4addr_aton(text, &ip))
        return 0;
    address->s_addr = ip4_addr_get_u32(&ip);
    return 1;
}

SPRAT_API in_addr_t inet_addr(const char *text)
{
    struct in_addr address;

    return inet_aton(text, &address) ? address.s_addr : INADDR_NONE;
}

/* inet_aton() knows shorter forms and other bases; inet_pton() only this one. */
static bool is_dotted_quad(const char *text)
{
    for (int part = 0; part < 4; part++) {
        unsigned value = 0, digits = 0;
        for (; *text >= '0' && *text <= '9'; text++, digits++)
            value = value * 10 + (unsigned)(*text - '0');
        if (digits < 1 || digits > 3 || value > 255 || *text++ != (part < 3 ? '.' : '\0'))
            return false;
    }
    return true;
}

SPRAT_API int inet_pton(int family, const char *text, void *address)
{
    ip6_addr_t ip6;

    if (family == AF_INET)
        return is_dotted_quad(text) && inet_aton(text, address);
    if (family != AF_INET6) {
        errno = EAFNOSUPPORT;
        return -1;
    }
    if (strchr(text, '%') || !ip6addr_aton(text, &ip6))
        return 0;
    memcpy(address, ip6.addr, sizeof(ip6.addr));
    return 1;
}

void address_text(int family, const void *address, char *text)
{
    const uint8_t *at = address, *end = at + (family == AF_INET ? 4 : 16);
    const uint8_t *zeros = NULL, *zeros_end = NULL; /* the longest row of two groups or more */
    char *to = text, *text_end = text + INET6_ADDRSTRLEN;

    if (family == AF_INET6 && IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)address)) {
        to += format(to, INET6_ADDRSTRLEN, "::ffff:");
        at += 12;
    }
    if (end - at == 4) {
        format(to, (size_t)(text_end - to), "%u.%u.%u.%u", at[0], at[1], at[2], at[3]);
        return;
    }
    for (const uint8_t *row = at, *row_end; row < end; row = row_end + 2) {
        for (row_end = row; row_end < end && !bytes_get16(row_end);)
            row_end += 2;
        if (row_end - row > 2 && row_end - row > zeros_end - zeros)
            zeros = row, zeros_end = row_end;
    }
    for (; at < end; at += 2) {
        const char *colon = to == text || to[-1] == ':' ? "" : ":";
        if (at == zeros) {
            to += format(to, (size_t)(text_end - to), "::");
            at = zeros_end - 2;
            continue;
        }
        to += format(to, (size_t)(text_end - to), "%s%x", colon, bytes_get16(at));
    }
}

SPRAT_API const char *inet_ntop(int family, const void *address, char *text, socklen_t size)
{
    char written[INET6_ADDRSTRLEN];

    if (family != AF_INET && family != AF_INET6) {
        errno = EAFNOSUPPORT;
        return NULL;
    }
    address_text(family, address, written);
    if (strlen(written) < size)
        return strcpy(text, written);
    errno = ENOSPC;
    return NULL;
}

SPRAT_API char *inet_ntoa(struct in_addr address)
{
    static char text[INET_ADDRSTRLEN];

    inet_ntop(AF_INET, &address, text, sizeof(text));
    return text;
}
