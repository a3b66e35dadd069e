/* SPDX-License-Identifier: BSD-2-Clause */
/** A socket: a file on one of lwIP's control blocks. */
#ifndef SPRAT_SOCKET_PRIVATE_H
#define SPRAT_SOCKET_PRIVATE_H

#include <stdbool.h>

#include "lwip/ip_addr.h"
#include "lwip/raw.h"
#include "lwip/tcp.h"
#include "lwip/udp.h"

#include <sys/socket.h>

#include <sprat/file.h>

#include "source.h"

#define WAIT_FOREVER   0 /* a time-out that was not set */
#define MULTICAST_HOPS 1 /* of what is sent to groups, unless the program wants more */

/** A datagram that waits to be read. */
struct datagram {
    struct datagram *next;
    struct pbuf *p;
    ip_addr_t from, to;
    u16_t port;
    u8_t index; /**< of the interface that it came by */
    u8_t hops, traffic_class;
};

/** What a program wants to be told beside a datagram; bits. See control.h. */
enum {
    CONTROL_PKTINFO = 1,
    CONTROL_HOPS = 2,
    CONTROL_CLASS = 4,
};

/** When a connection is found dead: milliseconds, and probes. */
struct tcp_keepalive {
    u32_t idle, interval, count;
};

/** A connection's two ends, which are told when it is no more. */
struct tcp_ends {
    ip_addr_t local_ip; /* these two as in the next struct */
    u16_t local_port, peer_port;
    ip_addr_t peer_ip;
};

/** What a connection's block had before it was one. */
struct tcp_before {
    ip_addr_t local_ip;
    u16_t local_port;
    u8_t so_options, tos, ttl, netif_idx;
    struct tcp_keepalive keepalive;
};

struct control;

struct socket {
    struct file file;
    const struct socket_ops *ops;
    int domain, type, protocol;
    int error; /**< that happened meanwhile: SO_ERROR, or the next call's */
    uint64_t receive_timeout_ns, send_timeout_ns;
    size_t low_water; /**< bytes that are worth waking a reader; datagrams are, whatever it is */
    struct port_queue readers, writers;
    struct linger linger; /**< TCP's; others remember it */
    bool v6_only, read_shut, write_shut;
    bool reuse_address, reuse_port; /**< to lwIP, they are one */
    u8_t control;                   /**< what is told beside datagrams, */
    /** and by whom: NULL, until there is something to tell. See control.h. */
    void (*give_control)(const struct socket *, const struct datagram *, struct msghdr *);
    struct membership *memberships;        /**< groups that it is in: multicast.c */
    void (*leave_groups)(struct socket *); /**< NULL: it never was in any */
    union {
        struct {
            struct tcp_pcb *pcb; /**< NULL: reset, or closed by both sides */
            enum {
                TCP_FRESH,
                TCP_LISTENING,
                TCP_CONNECTING,
                TCP_CONNECTED,
                TCP_DEAD,   /**< it was connected */
                TCP_FAILED, /**< to connect it */
            } state;
            struct pbuf *first, *last; /**< received; chained by next, tot_len is meaningless */
            size_t offset;             /**< bytes read of the first */
            size_t received;           /**< bytes that wait */
            bool ended;                /**< the peer sends no more */
            bool told;                 /**< connect() has said that it is connected */
            bool nodelay, cork;
            struct source_waiter source; /**< while it is TCP_CONNECTING */
            struct socket *accepted_next;
            union {
                struct {
                    struct tcp_keepalive keepalive;           /**< for what it accepts */
                    struct socket *accepted, **accepted_last; /**< not fetched */
                };                                            /* a listener's */
                struct tcp_before before; /**< who connects: what it goes back to */
                struct tcp_ends ends;     /**< one that is or was connected */
            };
        } tcp;
        struct {
            union {
                struct udp_pcb *udp;
                struct raw_pcb *raw;
            };
            bool connected;
            bool chose_local; /**< connect() did, the address that it sends from */
            ip_addr_t peer;
            u16_t peer_port;
            struct datagram *first, **last;
            size_t queued, queued_max; /**< bytes */
        } dgram;
    };
};

/** What differs between TCP, UDP and raw. All return 0 or more, or -errno. */
struct socket_ops {
    /** Make the control block. */
    int (*open)(struct socket *);
    int (*bind)(struct socket *, const ip_addr_t *, u16_t port);
    int (*listen)(struct socket *, int backlog);
    /** Wait for a connection: the first one, which goes on waiting. */
    int (*accept)(struct socket *, struct socket **);
    ssize_t (*send)(struct socket *, const struct msghdr *, int flags, const ip_addr_t *to,
                    u16_t port, const struct control *);
    ssize_t (*receive)(struct socket *, struct msghdr *, int flags, ip_addr_t *from, u16_t *port);
    short (*poll)(struct socket *);
    /** Bytes that can be read now. */
    size_t (*readable)(struct socket *);
    int (*name)(struct socket *, bool peer, ip_addr_t *, u16_t *port);
    void (*close)(struct socket *);
};

extern const struct socket_ops tcp_socket_ops, udp_socket_ops, raw_socket_ops;

/* Operations that a server has no need of, and so not in its image. NULL: to nobody. */
int tcp_socket_connect(struct socket *socket, const ip_addr_t *ip, u16_t port);
int udp_socket_connect(struct socket *socket, const ip_addr_t *ip, u16_t port);
int raw_socket_connect(struct socket *socket, const ip_addr_t *ip, u16_t port);
int tcp_socket_shutdown(struct socket *socket, int how);
int dgram_shutdown(struct socket *socket, int how);

/** Make a socket without a control block. NULL: no memory. */
struct socket *socket_make(int domain, int type, int protocol, const struct socket_ops *ops);

/**
 * Begin a program's call on a socket: the one behind a descriptor, with a reference for the caller.
 * @return 0, -EBADF, -ENOTSOCK.
 */
int socket_hold(int fd, struct socket **socket);

/** End the call, and let go. @return the result as the program gets it. */
ssize_t socket_release(struct socket *socket, ssize_t result);

/** The error that happened meanwhile, as -errno; it is told once. */
int socket_take_error(struct socket *socket);

/** The part that all control blocks begin with. NULL: the connection is gone. */
struct ip_pcb *socket_block(const struct socket *socket);

/** lwIP's err_t as -errno. */
int socket_errno(err_t error);

/**
 * Wait until woken. @param started_ns  when the call began, 0 at first; for the time-out.
 * @return 0, -EAGAIN when the call must not wait or has waited long enough.
 */
int socket_wait(struct socket *socket, struct port_queue *queue, uint64_t timeout_ns, int flags,
                uint64_t *started_ns);

/** Something came in, or there is an error: readers look again. */
void socket_wake_readers(struct socket *socket);
void socket_wake_writers(struct socket *socket);

/* dgram.c */

/** An error of ICMP's is about a datagram of this control block's, if that is a socket's. */
void dgram_fail(struct udp_pcb *udp, int error);

/* address.c and text.c */

/** @return 0, -EINVAL, -EAFNOSUPPORT: an address that this socket can't use. */
int address_take(const struct socket *socket, const struct sockaddr *address, socklen_t len,
                 ip_addr_t *ip, u16_t *port);

/** Write an address as the socket's family has it, cut to *len, which becomes its whole length. */
void address_give(int domain, const ip_addr_t *ip, u16_t port, struct sockaddr *address,
                  socklen_t *len);

bool address_is_any(const ip_addr_t *ip);

/** May it be one host's: not any, of no group, and not loopback's? */
bool address6_is_hosts(const ip6_addr_t *ip6);

/** Is it one of the guest's? */
bool address_is_own(const ip_addr_t *ip);

/** Is there a packet that both take: to one of these addresses, on one port? */
bool address_overlaps(const ip_addr_t *one, const ip_addr_t *other);

/** An address of a family, and nothing else: @return false. No other forms than inet_pton()'s. */
bool address_parse(int family, const char *text, ip_addr_t *ip);

/**
 * An address of AF_INET's or AF_INET6's as text, as RFC 5952 would have it written.
 * @param text  INET6_ADDRSTRLEN bytes.
 */
void address_text(int family, const void *address, char *text);

/** Put bytes of a chain of pbufs, without the first `skip` ones, into a message, from an offset on.
 * Both have so many. */
void message_scatter(const struct msghdr *message, size_t offset, const struct pbuf *p, size_t skip,
                     size_t len);

#endif
