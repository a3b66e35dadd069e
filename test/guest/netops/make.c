/* SPDX-License-Identifier: BSD-2-Clause */
/* From socket() to close(). */
#include "netops.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/time.h>
#include <unistd.h>

static const int families[] = {AF_INET, AF_INET6};

/* A call that waits for what does not come ends, and small segments wait for nobody. */
static void prepare(int fd)
{
    const struct timeval moment = {.tv_usec = 20000};
    const int on = 1;
    int type = 0;
    socklen_t len = sizeof(type);

    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &moment, sizeof(moment));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (type == SOCK_STREAM) /* how long a port is remembered differs */
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
}

void do_socket(void)
{
    static const int domains[] = {AF_UNSPEC, 77, -1};
    static const int protocols[] = {IPPROTO_IGMP, IPPROTO_IPV6, 255, 256, 99};
    int domain = below(30) ? families[below(2)] : domains[below(3)];
    int type = below(30) ? (below(2) ? SOCK_STREAM : SOCK_DGRAM) : 100;
    int protocol = below(30) == 0        ? protocols[below(5)]
                   : below(2)            ? 0
                   : type == SOCK_STREAM ? IPPROTO_TCP
                                         : IPPROTO_UDP;
    unsigned i = (unsigned)below(N_SOCKETS);
    int fd = socket(domain, type | SOCK_NONBLOCK, protocol);

    tell(fd < 0 ? -1 : 0, "%u: socket %d %d %d", i, domain, type, protocol);
    prepare(fd);
    put(i, fd);
}

/* Both ends of a connection, and the one who listened, or not. */
void do_pair(void)
{
    struct address address;
    unsigned i = (unsigned)below(N_SOCKETS), j = (i + 1) % N_SOCKETS, k = (i + 2) % N_SOCKETS;
    int family = families[below(2)];
    in_port_t port = (in_port_t)(PORT_FIRST + below(N_PORTS));
    bool stays = below(2);
    int listener = socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int client = socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0);

    prepare(listener);
    prepare(client);
    any_address(family, port, &address);
    tell(bind(listener, (struct sockaddr *)&address.any, address.len), "pair: bind %s",
         told(&address.any, address.len));
    tell(listen(listener, 100), "pair: listen");
    loopback_address(family, port, &address);
    tell(connect(client, (struct sockaddr *)&address.any, address.len), "pair: connect");
    settle();
    int server = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    tell(server < 0 ? -1 : 0, "pair: accept");
    if (server < 0) {
        close(client);
        close(listener);
        return;
    }
    put(i, client);
    put(j, server);
    name(i);
    name(j);
    if (stays) {
        put(k, listener);
        name(k);
        name_bound(k);
    } else {
        close(listener);
    }
    printf("pair: %u and %u of %u\n", i, j, stays ? k : 99);
}

/* Two that send datagrams to each other. */
void do_mates(void)
{
    struct address one, two;
    unsigned i = (unsigned)below(N_SOCKETS), j = (i + 1) % N_SOCKETS;
    int family = families[below(2)];
    int a = socket(family, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    int b = socket(family, SOCK_DGRAM | SOCK_NONBLOCK, 0);

    prepare(a);
    prepare(b);
    loopback_address(family, (in_port_t)(PORT_FIRST + below(N_PORTS)), &one);
    loopback_address(family, (in_port_t)(PORT_FIRST + below(N_PORTS)), &two);
    tell(bind(a, (struct sockaddr *)&one.any, one.len), "mates: bind %s", told(&one.any, one.len));
    tell(bind(b, (struct sockaddr *)&two.any, two.len), "mates: bind %s", told(&two.any, two.len));
    tell(connect(a, (struct sockaddr *)&two.any, two.len), "mates: connect");
    if (below(2))
        tell(connect(b, (struct sockaddr *)&one.any, one.len), "mates: connect");
    put(i, a);
    put(j, b);
    name(i);
    name(j);
    printf("mates: %u and %u\n", i, j);
}

void do_bind(void)
{
    struct address address;
    unsigned i = some_socket();

    some_address(i, &address);
    name(i);
    if (is_over(i))
        return;
    int result = bind(fds[i], (struct sockaddr *)&address.any, address.len);
    tell(result, "%s: bind %s", kind(i), told(&address.any, address.len));
    if (result == 0)
        name_bound(i);
}

void do_listen(void)
{
    static const int backlogs[] = {100, 50, 1000, -1};
    unsigned i = some_socket();
    int backlog = backlogs[below(4)];

    if (!is_bound(i)) /* what becomes of the port that it is given differs */
        return;

    name(i);
    tell(listen(fds[i], backlog), "%s: listen %d", kind(i), backlog);
}

/* From one port again and again: how long the last connection is remembered differs; and on Linux a
 * TCP socket may be connected to itself. */
static bool may_be_remembered(unsigned i)
{
    return is_type(i, SOCK_STREAM) && is_bound(i);
}

void do_connect(void)
{
    struct address address;
    unsigned i = some_socket();

    some_address(i, &address);
    name(i);
    if (may_be_remembered(i))
        return;
    int result = connect(fds[i], (struct sockaddr *)&address.any, address.len);
    bool goes_on = result < 0 && errno == EINPROGRESS;
    tell(result, "%s: connect %s", kind(i), told(&address.any, address.len));
    if (!goes_on)
        return;
    settle();
    if (below(3) && poll(&(struct pollfd){.fd = fds[i]}, 1, 0) == 0)
        return; /* it is connected, as the next call of connect() may say */
    tell_changes();
    result = connect(fds[i], (struct sockaddr *)&address.any, address.len);
    tell(result, "%s: connect again", kind(i));
    if (result < 0 && address.any.ss_family == AF_INET6)
        forget(i); /* Linux would go on with the family of what it was to be connected to */
}

void do_accept(void)
{
    unsigned i = some_socket(), j = (unsigned)below(N_SOCKETS);
    struct address peer = {.len = (socklen_t)(below(5) ? sizeof(peer.any) : below(30))};
    int flags = below(20) ? SOCK_NONBLOCK : 1;
    bool wants = below(2);
    const char *what = kind(i);
    int fd = accept4(fds[i], wants ? (struct sockaddr *)&peer.any : NULL, wants ? &peer.len : NULL,
                     flags);

    tell(fd < 0 ? -1 : 0, "%s: accept to %u%s", what, j, wants ? ", from whom" : "");
    if (fd < 0)
        return;
    if (wants)
        printf("  %s\n", told(&peer.any, peer.len));
    prepare(fd);
    put(j, fd);
    name(j);
}

void do_close(void)
{
    unsigned i = some_socket();
    const char *what = kind(i);

    tell(close(fds[i]), "%s: close", what);
    event_forget(i);
    fds[i] = -1;
    forget(i);
}
