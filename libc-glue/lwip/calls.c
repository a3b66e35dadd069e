/* SPDX-License-Identifier: BSD-2-Clause */
/* What programs call: the same for TCP, UDP and raw sockets. */
#include "socket.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>

#include <sprat/compiler.h>

#include "control.h"
#include "icmp_error.h"
#include "net.h"

#define CREATE_FLAGS (SOCK_NONBLOCK | SOCK_CLOEXEC)
#define TYPES        15 /* that there may be */

static_assert(SOCK_NONBLOCK == O_NONBLOCK, "the flag goes into the file's as it is");

static int install(struct socket *socket, int flags)
{
    socket->file.flags = O_RDWR | (flags & SOCK_NONBLOCK);
    return file_install(&socket->file, 0, flags & SOCK_CLOEXEC ? FD_CLOEXEC : 0);
}

/* A socket is about to send: not before the guest has an address to send from. */
static void wait_for_source(const struct socket *socket, const ip_addr_t *to, int flags)
{
    if (ip_addr_isloopback(to))
        return;
    net_wait_ready();
    /* TCP waits by itself, as it does for its peer. */
    if (socket->type != SOCK_STREAM && !file_nonblocking(&socket->file) && !(flags & MSG_DONTWAIT))
        net_wait_source(to);
}

static const struct kind {
    int protocol; /* 0: any */
    const struct socket_ops *ops;
} kinds[] = {
    [SOCK_STREAM - 1] = {IPPROTO_TCP, &tcp_socket_ops},
    [SOCK_DGRAM - 1] = {IPPROTO_UDP, &udp_socket_ops},
    [SOCK_RAW - 1] = {0, &raw_socket_ops},
};

SPRAT_API int socket(int domain, int type, int protocol)
{
    int flags = type & CREATE_FLAGS;

    type &= ~CREATE_FLAGS;
    if (type & ~TYPES)
        return (int)file_result(-EINVAL);
    if (domain != AF_INET && domain != AF_INET6)
        return (int)file_result(-EAFNOSUPPORT);
    if ((unsigned)type - 1 >= ARRAY_LEN(kinds))
        return (int)file_result(-EPROTOTYPE);
    const struct kind *kind = &kinds[type - 1];
    protocol = protocol ? protocol : kind->protocol;
    if (!protocol || (kind->protocol && protocol != kind->protocol))
        return (int)file_result(-EPROTONOSUPPORT);
    struct socket *socket = socket_make(domain, type, protocol, kind->ops);
    if (!socket)
        return (int)file_result(-ENOMEM);
    int result = kind->ops->open(socket);
    if (result) {
        free(socket);
        return (int)file_result(result);
    }
    result = install(socket, flags);
    if (result < 0)
        file_release(&socket->file);
    return (int)file_result(result);
}

/* There are none of AF_UNIX, and Linux has none of others either. */
SPRAT_API int socketpair(int domain, int type, int protocol, int fds[2])
{
    (void)type;
    (void)protocol;
    (void)fds;
    return (int)file_result(domain == AF_INET || domain == AF_INET6 ? -EOPNOTSUPP : -EAFNOSUPPORT);
}

/* An address that is one host's, and not any: not of a group, and not for all. */
static bool is_host(const ip_addr_t *ip)
{
    uint8_t first = *(const uint8_t *)ip;

    return !address_is_any(ip) && first < (IP_IS_V6(ip) ? 0xff : 0xe0);
}

SPRAT_API int bind(int fd, const struct sockaddr *address, socklen_t len)
{
    struct socket *socket;
    ip_addr_t ip;
    u16_t port;
    int error = socket_hold(fd, &socket);

    if (error)
        return (int)file_result(error);
    error = address_take(socket, address, len, &ip, &port);
    if (error)
        return (int)socket_release(socket, error);
    bool host = is_host(&ip);
    if (host && !address_is_own(&ip))
        net_wait_ready(); /* it may come yet */
    error = host && !address_is_own(&ip) ? -EADDRNOTAVAIL : socket->ops->bind(socket, &ip, port);
    if (!error && host && IP_IS_V6(&ip))
        socket->v6_only = true;
    return (int)socket_release(socket, error);
}

/* As everywhere: who names no host means this one. */
static int destination_take(const struct socket *socket, const struct sockaddr *address,
                            socklen_t len, ip_addr_t *ip, u16_t *port)
{
    int error = address_take(socket, address, len, ip, port);
    const struct ip_pcb *block = socket_block(socket);

    if (error || !address_is_any(ip))
        return error;
    if (block && !address_is_any(&block->local_ip))
        *ip = block->local_ip; /* any of this host's will do */
    else if (IP_GET_TYPE(ip) == IPADDR_TYPE_V4)
        ip_addr_set_ip4_u32_val(*ip, PP_HTONL(INADDR_LOOPBACK));
    else
        ip_addr_set_loopback(true, ip);
    return 0;
}

static int connect_socket(struct socket *socket, const ip_addr_t *ip, u16_t port)
{
    switch (socket->type) {
    case SOCK_STREAM:
        return tcp_socket_connect(socket, ip, port);
    case SOCK_DGRAM:
        icmp_error_listen();
        return udp_socket_connect(socket, ip, port);
    default:
        return raw_socket_connect(socket, ip, port);
    }
}

SPRAT_API int connect(int fd, const struct sockaddr *address, socklen_t len)
{
    struct socket *socket;
    ip_addr_t ip;
    u16_t port;
    int error = socket_hold(fd, &socket);

    if (error)
        return (int)file_result(error);
    if (len >= sizeof(sa_family_t) && address->sa_family == AF_UNSPEC)
        return (int)socket_release(socket, connect_socket(socket, NULL, 0));
    error = destination_take(socket, address, len, &ip, &port);
    if (!error)
        wait_for_source(socket, &ip, 0);
    return (int)socket_release(socket, error ? error : connect_socket(socket, &ip, port));
}

SPRAT_API int listen(int fd, int backlog)
{
    struct socket *socket;
    int error = socket_hold(fd, &socket);

    if (error)
        return (int)file_result(error);
    return (int)socket_release(socket, socket->ops->listen ? socket->ops->listen(socket, backlog)
                                                           : -EOPNOTSUPP);
}

/* A listener's first connection has a descriptor: it no longer waits for one. */
static void drop_first(struct socket *socket)
{
    struct socket *first = socket->tcp.accepted;

    socket->tcp.accepted = first->tcp.accepted_next;
    if (!socket->tcp.accepted)
        socket->tcp.accepted_last = &socket->tcp.accepted;
    if (first->tcp.pcb)
        tcp_backlog_accepted(first->tcp.pcb);
}

SPRAT_API int accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
    struct socket *socket, *accepted;
    int error = socket_hold(fd, &socket);

    if (error)
        return (int)file_result(error);
    if (flags & ~CREATE_FLAGS)
        error = -EINVAL;
    else
        error = socket->ops->accept ? socket->ops->accept(socket, &accepted) : -EOPNOTSUPP;
    if (error)
        return (int)socket_release(socket, error);
    const struct tcp_ends *ends = &accepted->tcp.ends; /* it may be over already */
    if (address)
        address_give(accepted->domain, &ends->peer_ip, ends->peer_port, address, len);
    fd = install(accepted, flags);
    if (fd >= 0)
        drop_first(socket);
    return (int)socket_release(socket, fd);
}

SPRAT_API int accept(int fd, struct sockaddr *address, socklen_t *len)
{
    return accept4(fd, address, len, 0);
}

SPRAT_API int shutdown(int fd, int how)
{
    struct socket *socket;
    int error = socket_hold(fd, &socket);

    if (error)
        return (int)file_result(error);
    if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
        error = -EINVAL;
    else if (socket->type == SOCK_STREAM)
        error = tcp_socket_shutdown(socket, how);
    else
        error = dgram_shutdown(socket, how);
    return (int)socket_release(socket, error);
}

static int name(int fd, bool peer, struct sockaddr *address, socklen_t *len)
{
    struct socket *socket;
    ip_addr_t ip;
    u16_t port;
    int error = socket_hold(fd, &socket);

    if (error)
        return (int)file_result(error);
    error = socket->ops->name(socket, peer, &ip, &port);
    if (!error)
        address_give(socket->domain, &ip, port, address, len);
    return (int)socket_release(socket, error);
}

SPRAT_API int getsockname(int fd, struct sockaddr *address, socklen_t *len)
{
    return name(fd, false, address, len);
}

SPRAT_API int getpeername(int fd, struct sockaddr *address, socklen_t *len)
{
    return name(fd, true, address, len);
}

/* As socket_hold(), for a message whose vector has so many parts and bytes. */
static int hold_for(int fd, const struct msghdr *message, struct socket **socket)
{
    if (message->msg_iovlen > IOV_MAX)
        return -EMSGSIZE;
    if (file_iov_bytes(message->msg_iov, (int)message->msg_iovlen) < 0)
        return -EINVAL;
    return socket_hold(fd, socket);
}

SPRAT_API ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    struct socket *socket;
    ip_addr_t ip;
    u16_t port = 0;
    int error = hold_for(fd, message, &socket);

    if (error)
        return file_result(error);
    message->msg_flags = 0;
    if (socket->type == SOCK_STREAM)
        message->msg_controllen = 0;
    ip = *IP_ANY_TYPE; /* nobody */
    ssize_t n = socket->ops->receive(socket, message, flags, &ip, &port);
    if (n >= 0 && message->msg_name) {
        if (IP_IS_ANY_TYPE_VAL(ip))
            message->msg_namelen = 0;
        else
            address_give(socket->domain, &ip, port, message->msg_name, &message->msg_namelen);
    }
    return socket_release(socket, n);
}

SPRAT_API ssize_t recvfrom(int fd, void *bytes, size_t len, int flags, struct sockaddr *address,
                           socklen_t *address_len)
{
    struct iovec iov = {bytes, len};
    struct msghdr message = {.msg_name = address,
                             .msg_namelen = address ? *address_len : 0,
                             .msg_iov = &iov,
                             .msg_iovlen = 1};
    ssize_t n = recvmsg(fd, &message, flags);

    if (n >= 0 && address)
        *address_len = message.msg_namelen;
    return n;
}

SPRAT_API ssize_t recv(int fd, void *bytes, size_t len, int flags)
{
    return recvfrom(fd, bytes, len, flags, NULL, NULL);
}

/* @param take  reads what is beside a datagram; NULL: there is nothing. */
static ssize_t send_message(int fd, const struct msghdr *message, int flags,
                            int (*take)(const struct socket *, const struct msghdr *,
                                        struct control *))
{
    struct control control;
    struct socket *socket;
    ip_addr_t ip, *to = NULL;
    u16_t port = 0;
    int error = hold_for(fd, message, &socket);

    if (error)
        return file_result(error);
    if (message->msg_name && socket->type != SOCK_STREAM) {
        error = destination_take(socket, message->msg_name, message->msg_namelen, &ip, &port);
        if (error)
            return socket_release(socket, error);
        wait_for_source(socket, &ip, flags);
        to = &ip;
    }
    take = socket->type != SOCK_STREAM && message->msg_controllen ? take : NULL;
    error = take ? take(socket, message, &control) : 0;
    if (error)
        return socket_release(socket, error);
    return socket_release(
        socket, socket->ops->send(socket, message, flags, to, port, take ? &control : NULL));
}

SPRAT_API ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    return send_message(fd, message, flags, control_take);
}

SPRAT_API ssize_t sendto(int fd, const void *bytes, size_t len, int flags,
                         const struct sockaddr *address, socklen_t address_len)
{
    struct iovec iov = {(void *)(uintptr_t)bytes, len};
    struct msghdr message = {.msg_name = (void *)(uintptr_t)address,
                             .msg_namelen = address_len,
                             .msg_iov = &iov,
                             .msg_iovlen = 1};

    return send_message(fd, &message, flags, NULL);
}

SPRAT_API ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
    return sendto(fd, bytes, len, flags, NULL, 0);
}
