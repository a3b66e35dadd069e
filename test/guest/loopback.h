/* SPDX-License-Identifier: BSD-2-Clause */
/** Sockets on the loopback interface, for tests. */
#ifndef SPRAT_TEST_LOOPBACK_H
#define SPRAT_TEST_LOOPBACK_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"

static inline struct sockaddr_storage here(int family, in_port_t port, socklen_t *len)
{
    struct sockaddr_storage any = {0};

    if (family == AF_INET) {
        struct sockaddr_in *in = (struct sockaddr_in *)&any;
        *in = (struct sockaddr_in){.sin_family = AF_INET,
                                   .sin_port = htons(port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        *len = sizeof(*in);
    } else {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&any;
        *in6 = (struct sockaddr_in6){
            .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_loopback};
        *len = sizeof(*in6);
    }
    return any;
}

static inline int listen_at(int family, in_port_t port)
{
    socklen_t len;
    struct sockaddr_storage address = here(family, port, &len);
    int on = 1, fd = socket(family, SOCK_STREAM, 0);

    CHECK(fd >= 0);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0);
    CHECK(bind(fd, (struct sockaddr *)&address, len) == 0);
    CHECK(listen(fd, 5) == 0);
    return fd;
}

/* Two ends of one connection. */
static inline void connect_pair(int family, in_port_t port, int *client, int *server)
{
    socklen_t len;
    struct sockaddr_storage address = here(family, port, &len);
    int listener = listen_at(family, port);

    *client = socket(family, SOCK_STREAM, 0);
    CHECK(*client >= 0);
    CHECK(connect(*client, (struct sockaddr *)&address, len) == 0);
    *server = accept(listener, NULL, NULL);
    CHECK(*server >= 0);
    CHECK(close(listener) == 0);
}

static inline int option(int fd, int level, int name)
{
    int value = -99;
    socklen_t len = sizeof(value);

    CHECK(getsockopt(fd, level, name, &value, &len) == 0 && len == sizeof(value));
    return value;
}

static inline void set(int fd, int level, int name, int value)
{
    CHECK(setsockopt(fd, level, name, &value, sizeof(value)) == 0);
}

#endif
