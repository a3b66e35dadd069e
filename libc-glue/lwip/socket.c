/* SPDX-License-Identifier: BSD-2-Clause */
/* A socket as a file, and what the calls of all kinds share: TCP, UDP and raw. */
#include "socket.h"

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
