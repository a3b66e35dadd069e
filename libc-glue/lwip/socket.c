/* SPDX-License-Identifier: BSD-2-Clause */
/* The socket calls: what is the same for TCP, UDP and raw sockets. */
#include "socket.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <netinet/in.h>

#include <sprat/clock.h>
#include <sprat/compiler.h>
#include <sprat/thread.h>

#include "control.h"
#include "icmp_error.h"
#include "net.h"

#define CREATE_FLAGS (SOCK_NONBLOCK | SOCK_CLOEXEC)
#define TYPES        15 /* that there may be */

static_assert(SOCK_NONBLOCK == O_NONBLOCK, "the flag goes into the file's as it is");

int socket_errno(err_t error)
{
    switch (error) {
    case ERR_OK:
        return 0;
    case ERR_MEM:
    case ERR_BUF:
        return -ENOBUFS;
    case ERR_TIMEOUT:
        return -ETIMEDOUT;
    case ERR_RTE:
        return -ENETUNREACH;
    case ERR_INPROGRESS:
        return -EINPROGRESS;
    case ERR_VAL:
    case ERR_ARG:
        return -EINVAL;
    case ERR_WOULDBLOCK:
        return -EAGAIN;
    case ERR_USE:
        return -EADDRINUSE;
    case ERR_ALREADY:
        return -EALREADY;
    case ERR_ISCONN:
        return -EISCONN;
    case ERR_CONN:
    case ERR_CLSD:
        return -ENOTCONN;
    case ERR_IF:
        return -EIO;
    case ERR_ABRT:
        return -ECONNABORTED;
    case ERR_RST:
        return -ECONNRESET;
    default:
        return -EIO;
    }
}

struct ip_pcb *socket_block(const struct socket *socket)
{
    switch (socket->type) {
    case SOCK_STREAM:
        return (struct ip_pcb *)socket->tcp.pcb;
    case SOCK_DGRAM:
        return (struct ip_pcb *)socket->dgram.udp;
    default:
        return (struct ip_pcb *)socket->dgram.raw;
    }
}

int socket_wait(struct socket *socket, struct port_queue *queue, uint64_t timeout_ns, int flags,
                uint64_t *started_ns)
{
    uint64_t deadline_ns = PORT_FOREVER;

    if (file_nonblocking(&socket->file) || flags & MSG_DONTWAIT)
        return -EAGAIN;
    if (timeout_ns != WAIT_FOREVER) {
        uint64_t now_ns = clock_monotonic();
        if (!*started_ns)
            *started_ns = now_ns;
        deadline_ns = *started_ns + timeout_ns;
        if (now_ns >= deadline_ns)
            return -EAGAIN;
    }
    net_leave();
    thread_wait(queue, deadline_ns);
    return 0;
}

void socket_wake_readers(struct socket *socket)
{
    thread_wake(&socket->readers);
    file_changed(&socket->file);
}

void socket_wake_writers(struct socket *socket)
{
    thread_wake(&socket->writers);
    file_changed(&socket->file);
}

/* Sockets as files. */

static struct socket *of_file(struct file *file)
{
    return CONTAINER_OF(file, struct socket, file);
}

static ssize_t file_read(struct file *file, const struct iovec *iov, int n_iov)
{
    struct socket *socket = of_file(file);
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)iov,
                             .msg_iovlen = (size_t)n_iov};

    net_enter();
    ssize_t n = socket->ops->receive(socket, &message, 0, NULL, NULL);
    net_leave();
    return n;
}

static ssize_t file_write(struct file *file, const struct iovec *iov, int n_iov)
{
    struct socket *socket = of_file(file);
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)iov,
                             .msg_iovlen = (size_t)n_iov};

    net_enter();
    ssize_t n = socket->ops->send(socket, &message, 0, NULL, 0, NULL);
    net_leave();
    return n;
}

static int file_stat(struct file *file, struct stat *st)
{
    (void)file;
    st->st_mode = S_IFSOCK | S_IRUSR | S_IWUSR;
    st->st_nlink = 1;
    return 0;
}

static short file_poll(struct file *file)
{
    struct socket *socket = of_file(file);

    return socket->ops->poll(socket);
}

static int file_ioctl(struct file *file, unsigned long request, void *arg)
{
    struct socket *socket = of_file(file);

    if (request != FIONREAD)
        return -ENOTTY;
    *(int *)arg = (int)socket->ops->readable(socket);
    return 0;
}

static void file_close(struct file *file)
{
    struct socket *socket = of_file(file);

    net_enter();
    if (socket->leave_groups)
        socket->leave_groups(socket);
    socket->ops->close(socket);
    net_leave();
    free(socket);
}

static const struct file_ops socket_file_ops = {
    .read = file_read,
    .write = file_write,
    .stat = file_stat,
    .poll = file_poll,
    .ioctl = file_ioctl,
    .close = file_close,
};

struct socket *socket_make(int domain, int type, int protocol, const struct socket_ops *ops)
{
    struct socket *socket = calloc(1, sizeof(*socket));

    if (!socket)
        return NULL;
    file_init(&socket->file, &socket_file_ops, O_RDWR);
    socket->ops = ops;
    socket->low_water = 1;
    socket->domain = domain;
    socket->type = type;
    socket->protocol = protocol;
    return socket;
}

int socket_hold(int fd, struct socket **socket)
{
    struct file *file = file_hold(fd);

    if (!file)
        return -EBADF;
    if (file->ops != &socket_file_ops) {
        file_release(file);
        return -ENOTSOCK;
    }
    *socket = of_file(file);
    net_enter();
    return 0;
}

ssize_t socket_release(struct socket *socket, ssize_t result)
{
    net_leave();
    file_release(&socket->file);
    return file_result(result);
}

int socket_take_error(struct socket *socket)
{
    int error = socket->error;

    socket->error = 0;
    return -error;
}

static int install(struct socket *socket, int flags)
{
    socket->file.flags |= flags & SOCK_NONBLOCK;
    int fd = file_install(&socket->file, 0, flags & SOCK_CLOEXEC ? FD_CLOEXEC : 0);
    if (fd < 0)
        file_release(&socket->file);
    return fd;
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

/* The calls. */

static const struct kind {
    int type, protocol; /* protocol 0: this type's only one */
    const struct socket_ops *ops;
} kinds[] = {
    {SOCK_STREAM, IPPROTO_TCP, &tcp_socket_ops},
    {SOCK_DGRAM, IPPROTO_UDP, &udp_socket_ops},
    {SOCK_RAW, 0, &raw_socket_ops},
};

SPRAT_API int socket(int domain, int type, int protocol)
{
    int flags = type & CREATE_FLAGS;

    type &= ~CREATE_FLAGS;
    if (type & ~TYPES)
        return (int)file_result(-EINVAL);
    if (domain != AF_INET && domain != AF_INET6)
        return (int)file_result(-EAFNOSUPPORT);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const struct kind *kind = &kinds[i];
        if (kind->type != type)
            continue;
        if (protocol && kind->protocol && protocol != kind->protocol)
            return (int)file_result(-EPROTONOSUPPORT);
        if (!protocol && !kind->protocol)
            return (int)file_result(-EPROTONOSUPPORT);
        struct socket *socket =
            socket_make(domain, type, protocol ? protocol : kind->protocol, kind->ops);
        if (!socket)
            return (int)file_result(-ENOMEM);
        int error = kind->ops->open(socket);
        if (error) {
            free(socket);
            return (int)file_result(error);
        }
        return (int)file_result(install(socket, flags));
    }
    return (int)file_result(-EPROTOTYPE);
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
    return (int)socket_release(socket, install(accepted, flags));
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

SPRAT_API ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    struct socket *socket;
    ip_addr_t ip;
    u16_t port = 0;
    int error = socket_hold(fd, &socket);

    if (error)
        return file_result(error);
    if (file_iov_bytes(message->msg_iov, (int)message->msg_iovlen) < 0)
        return socket_release(socket, -EINVAL);
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
    int error = socket_hold(fd, &socket);

    if (error)
        return file_result(error);
    if (file_iov_bytes(message->msg_iov, (int)message->msg_iovlen) < 0)
        return socket_release(socket, -EINVAL);
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
