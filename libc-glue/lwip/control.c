/* SPDX-License-Identifier: BSD-2-Clause */
#include "control.h"

#include <errno.h>
#include <string.h>

#include <netinet/in.h>

/* What is being put beside a datagram. */
struct giving {
    struct msghdr *message;
    size_t used;
};

static void put(struct giving *giving, int level, int type, const void *data, size_t len)
{
    const struct cmsghdr header = {CMSG_LEN(len), level, type};
    size_t room = giving->message->msg_controllen - giving->used;
    char *at = (char *)giving->message->msg_control + giving->used;

    if (room < header.cmsg_len) {
        giving->message->msg_flags |= MSG_CTRUNC;
        return;
    }
    memcpy(at, &header, sizeof(header));
    memcpy(at + sizeof(header), data, len);
    giving->used += CMSG_SPACE(len) < room ? CMSG_SPACE(len) : room;
}

static void give4(struct giving *giving, u8_t wanted, const struct datagram *datagram)
{
    const in_addr_t to = ip4_addr_get_u32(ip_2_ip4(&datagram->to));
    const struct in_pktinfo info = {datagram->index, {to}, {to}};
    const int hops = datagram->hops;

    if (wanted & CONTROL_PKTINFO)
        put(giving, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
    if (wanted & CONTROL_HOPS)
        put(giving, IPPROTO_IP, IP_TTL, &hops, sizeof(hops));
    if (wanted & CONTROL_CLASS)
        put(giving, IPPROTO_IP, IP_TOS, &datagram->traffic_class, 1);
}

static void give6(struct giving *giving, u8_t wanted, const struct datagram *datagram)
{
    struct in6_pktinfo info = {.ipi6_ifindex = datagram->index};
    const int hops = datagram->hops, traffic_class = datagram->traffic_class;
    struct sockaddr_in6 in6;
    socklen_t len = sizeof(in6);

    address_give(AF_INET6, &datagram->to, 0, (struct sockaddr *)&in6, &len);
    info.ipi6_addr = in6.sin6_addr;
    if (wanted & CONTROL_PKTINFO)
        put(giving, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
    if (wanted & CONTROL_HOPS)
        put(giving, IPPROTO_IPV6, IPV6_HOPLIMIT, &hops, sizeof(hops));
    if (wanted & CONTROL_CLASS)
        put(giving, IPPROTO_IPV6, IPV6_TCLASS, &traffic_class, sizeof(traffic_class));
}

void control_give(const struct socket *socket, const struct datagram *datagram,
                  struct msghdr *message)
{
    struct giving giving = {.message = message};

    (socket->domain == AF_INET ? give4 : give6)(&giving, socket->control, datagram);
    message->msg_controllen = giving.used;
}

static int set_origin(struct control *control, unsigned index)
{
    if (index > UINT8_MAX || (index && !netif_get_by_index((u8_t)index)))
        return -ENODEV;
    control->index = (u8_t)index;
    if (IP_IS_V6_VAL(control->from) && ip6_addr_has_scope(ip_2_ip6(&control->from), IP6_UNICAST))
        ip6_addr_set_zone(ip_2_ip6(&control->from), control->index);
    return address_is_any(&control->from) || address_is_own(&control->from) ? 0 : -EINVAL;
}

/* @param least  -1: what the socket has. */
static int take_number(const struct cmsghdr *header, int least, int *number)
{
    if (header->cmsg_len != CMSG_LEN(sizeof(*number)))
        return -EINVAL;
    memcpy(number, CMSG_DATA(header), sizeof(*number));
    return *number < least || *number > 255 ? -EINVAL : 0;
}

static int take4(const struct cmsghdr *header, struct control *control)
{
    struct in_pktinfo info;

    switch (header->cmsg_type) {
    case IP_PKTINFO:
        if (header->cmsg_len != CMSG_LEN(sizeof(info)))
            return -EINVAL;
        memcpy(&info, CMSG_DATA(header), sizeof(info));
        ip_addr_set_ip4_u32_val(control->from, info.ipi_spec_dst.s_addr);
        return set_origin(control, (unsigned)info.ipi_ifindex);
    case IP_TTL:
        return take_number(header, 1, &control->hops);
    case IP_TOS:
        if (header->cmsg_len != CMSG_LEN(1))
            return take_number(header, 0, &control->traffic_class);
        control->traffic_class = *CMSG_DATA(header);
        return 0;
    default:
        return -EINVAL;
    }
}

static int take6(const struct cmsghdr *header, struct control *control)
{
    struct in6_pktinfo info;

    switch (header->cmsg_type) {
    case IPV6_PKTINFO:
        if (header->cmsg_len != CMSG_LEN(sizeof(info)))
            return -EINVAL;
        memcpy(&info, CMSG_DATA(header), sizeof(info));
        if (IN6_IS_ADDR_V4MAPPED(&info.ipi6_addr)) {
            ip_addr_set_ip4_u32_val(control->from, info.ipi6_addr.s6_addr32[3]);
        } else {
            ip_addr_set_zero_ip6(&control->from);
            memcpy(ip_2_ip6(&control->from)->addr, &info.ipi6_addr, sizeof(info.ipi6_addr));
        }
        return set_origin(control, info.ipi6_ifindex);
    case IPV6_HOPLIMIT:
        return take_number(header, -1, &control->hops);
    case IPV6_TCLASS:
        return take_number(header, -1, &control->traffic_class);
    default:
        return -EINVAL;
    }
}

int control_take(const struct socket *socket, const struct msghdr *message, struct control *control)
{
    const char *at = message->msg_control;
    size_t left = message->msg_controllen;

    *control = (struct control){.hops = -1, .traffic_class = -1};
    while (left >= sizeof(struct cmsghdr)) {
        const struct cmsghdr *header = (const struct cmsghdr *)at;
        int error = 0;
        if (header->cmsg_len < sizeof(*header) || header->cmsg_len > left)
            return -EINVAL;
        if (header->cmsg_level == IPPROTO_IP && socket->domain == AF_INET)
            error = take4(header, control);
        else if (header->cmsg_level == IPPROTO_IPV6 && socket->domain == AF_INET6)
            error = take6(header, control);
        else if (header->cmsg_level == SOL_SOCKET)
            error = -EINVAL;
        if (error)
            return error;
        size_t size = CMSG_ALIGN(header->cmsg_len);
        size = size < left ? size : left;
        at += size;
        left -= size;
    }
    return 0;
}
