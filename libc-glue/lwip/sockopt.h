/* SPDX-License-Identifier: BSD-2-Clause */
/** Sockets' options: what their levels' files share. */
#ifndef SPRAT_SOCKOPT_H
#define SPRAT_SOCKOPT_H

#include <sys/time.h>

#include <net/if.h>
#include <netinet/tcp.h>

#include "socket.h"

/** What a program sets. */
struct sockopt_new {
    const void *at;
    socklen_t len;
    int number; /**< its first bytes as an int; a single byte counts as one */
};

/** What a program is given. */
struct sockopt_value {
    size_t size; /**< an int's, at first */
    union {
        int number;
        struct timeval time;
        struct linger linger;
        struct tcp_info tcp;
        char name[IF_NAMESIZE];
    };
};

/* All return 0, -errno; -ENOPROTOOPT: there is no such option. */

/** IPPROTO_TCP, of a TCP socket. tcp_option.c */
int tcp_option_set(struct socket *socket, int name, const struct sockopt_new *value);
int tcp_option_get(struct socket *socket, int name, struct sockopt_value *value);

/** IPPROTO_IP and IPPROTO_IPV6. ip_option.c */
int ip_option_set(struct socket *socket, int level, int name, const struct sockopt_new *value);
int ip_option_get(struct socket *socket, int level, int name, int *number);

#endif
