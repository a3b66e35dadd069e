/* SPDX-License-Identifier: BSD-2-Clause */
/** Sockets: POSIX, <sys/socket.h>. Numbers as on Linux. */
#ifndef _SYS_SOCKET_H
#define _SYS_SOCKET_H

#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

typedef uint32_t socklen_t;
typedef uint16_t sa_family_t;

#define AF_UNSPEC 0
#define AF_UNIX   1 /**< there are none: EAFNOSUPPORT */
#define AF_LOCAL  AF_UNIX
#define AF_INET   2
#define AF_INET6  10
#define PF_UNSPEC AF_UNSPEC
#define PF_UNIX   AF_UNIX
#define PF_LOCAL  AF_LOCAL
#define PF_INET   AF_INET
#define PF_INET6  AF_INET6

#define SOCK_STREAM   1
#define SOCK_DGRAM    2
#define SOCK_RAW      3
#define SOCK_NONBLOCK 0x4000   /**< O_NONBLOCK */
#define SOCK_CLOEXEC  0x100000 /**< remembered only */

struct sockaddr {
    sa_family_t sa_family;
    char sa_data[14];
};

struct sockaddr_storage {
    sa_family_t ss_family;
    char __padding[6];
    uint64_t __align[15];
};

struct msghdr {
    void *msg_name;
    socklen_t msg_namelen;
    struct iovec *msg_iov;
    size_t msg_iovlen;
    void *msg_control; /**< of datagrams: <netinet/in.h> says what there is */
    size_t msg_controllen;
    int msg_flags;
};

/** Ancillary data: each begins with this, and all are aligned. */
struct cmsghdr {
    size_t cmsg_len; /**< with this header: CMSG_LEN() */
    int cmsg_level, cmsg_type;
};

#define CMSG_ALIGN(len) (((len) + sizeof(size_t) - 1) & ~(sizeof(size_t) - 1))
#define CMSG_LEN(len)   (sizeof(struct cmsghdr) + (len))
#define CMSG_SPACE(len) CMSG_ALIGN(CMSG_LEN(len))
#define CMSG_DATA(cmsg) ((unsigned char *)((struct cmsghdr *)(cmsg) + 1))
#define CMSG_FIRSTHDR(message)                                                                     \
    ((message)->msg_controllen >= sizeof(struct cmsghdr)                                           \
         ? (struct cmsghdr *)(message)->msg_control                                                \
         : (struct cmsghdr *)0)
#define CMSG_NXTHDR(message, cmsg) __cmsg_next(message, cmsg)

static inline struct cmsghdr *__cmsg_next(const struct msghdr *message, const struct cmsghdr *cmsg)
{
    size_t left = (size_t)((char *)message->msg_control + message->msg_controllen - (char *)cmsg);

    if (cmsg->cmsg_len < sizeof(*cmsg) || left < sizeof(*cmsg) ||
        cmsg->cmsg_len > left - sizeof(*cmsg) || CMSG_ALIGN(cmsg->cmsg_len) > left - sizeof(*cmsg))
        return (struct cmsghdr *)0;
    return (struct cmsghdr *)((char *)cmsg + CMSG_ALIGN(cmsg->cmsg_len));
}

struct linger {
    int l_onoff;
    int l_linger; /**< seconds that close() waits at most for the peer to have it all; 0: reset */
};

#define SOL_SOCKET       1
#define SO_REUSEADDR     2
#define SO_TYPE          3
#define SO_ERROR         4
#define SO_BROADCAST     6
#define SO_SNDBUF        7
#define SO_RCVBUF        8
#define SO_KEEPALIVE     9
#define SO_LINGER        13
#define SO_REUSEPORT     15
#define SO_RCVLOWAT      18
#define SO_SNDLOWAT      19 /**< can be read */
#define SO_RCVTIMEO      20
#define SO_SNDTIMEO      21
#define SO_BINDTODEVICE  25 /**< an interface's name, as <net/if.h> has them; none: any */
#define SO_ACCEPTCONN    30
#define SO_MARK          36 /**< not there: ENOPROTOOPT */
#define SO_PROTOCOL      38
#define SO_DOMAIN        39
#define SO_BINDTOIFINDEX 62

#define MSG_PEEK      0x02
#define MSG_DONTROUTE 0x04
#define MSG_CTRUNC    0x08
#define MSG_TRUNC     0x20
#define MSG_DONTWAIT  0x40
#define MSG_WAITALL   0x100
#define MSG_NOSIGNAL  0x4000 /**< always so: no SIGPIPE is raised */
#define MSG_MORE      0x8000

#define MSG_WAITFORONE 0x10000 /**< of recvmmsg(): wait for the first message only */

#define SHUT_RD   0
#define SHUT_WR   1
#define SHUT_RDWR 2

#define SOMAXCONN 255

int socket(int domain, int type, int protocol);
int socketpair(int domain, int type, int protocol, int fds[2]);
int bind(int fd, const struct sockaddr *address, socklen_t len);
int listen(int fd, int backlog);
int accept(int fd, struct sockaddr *address, socklen_t *len);
int accept4(int fd, struct sockaddr *address, socklen_t *len, int flags);
int connect(int fd, const struct sockaddr *address, socklen_t len);
int shutdown(int fd, int how);
int getsockname(int fd, struct sockaddr *address, socklen_t *len);
int getpeername(int fd, struct sockaddr *address, socklen_t *len);
int getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int setsockopt(int fd, int level, int name, const void *value, socklen_t len);
ssize_t recv(int fd, void *bytes, size_t len, int flags);
ssize_t recvfrom(int fd, void *bytes, size_t len, int flags, struct sockaddr *address,
                 socklen_t *address_len);
ssize_t recvmsg(int fd, struct msghdr *message, int flags);
ssize_t send(int fd, const void *bytes, size_t len, int flags);
ssize_t sendto(int fd, const void *bytes, size_t len, int flags, const struct sockaddr *address,
               socklen_t address_len);
ssize_t sendmsg(int fd, const struct msghdr *message, int flags);

#if __GNU_VISIBLE
struct timespec;

struct mmsghdr {
    struct msghdr msg_hdr;
    unsigned msg_len; /**< what sendmsg() or recvmsg() would return */
};

/** @return how many messages were sent or received; -1 with errno when the first was not. */
int sendmmsg(int fd, struct mmsghdr *messages, unsigned n, int flags);
int recvmmsg(int fd, struct mmsghdr *messages, unsigned n, int flags, struct timespec *timeout);
#endif

#endif
