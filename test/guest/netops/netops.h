/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * Calls on sockets of the loopback interface, chosen by chance, each told with what it answers and
 * with what poll() and FIONREAD say of all of them afterwards. All that is on its way is there
 * before the next call: settle(). Says nothing that may differ between two systems: no port that
 * was not asked for, no size of a buffer.
 */
#ifndef NETOPS_H
#define NETOPS_H

#define _GNU_SOURCE
#include <stdbool.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "../ops/ops.h"

#define N_SOCKETS  8 /* at a time */
#define N_PORTS    4
#define PORT_FIRST 27001 /* of those that sockets are bound to; no system gives them by itself */
#define PORT_OWN   27000 /* settle()'s */
#define BYTES_MAX  3000  /* of one message */

/** One of them; -1: there is none. */
extern int fds[N_SOCKETS];
extern char bytes[BYTES_MAX];

/* slot.c */

unsigned some_socket(void);
void put(unsigned i, int fd); /**< in the place of the one that was there */
void forget(unsigned i);

/** It may have an address or a peer from now on. */
void name(unsigned i);
bool is_named(unsigned i);

void name_as(unsigned i, unsigned j); /**< both are one */

/** It was bound to an address. */
void name_bound(unsigned i);
bool is_bound(unsigned i);

/** What may still be written to a socket, so that no buffer fills, whose sizes differ. */
bool spend(unsigned i, size_t n);

bool is_type(unsigned i, int type);

/** TCP's, and not connected: what there was of a connection, Linux still knows. */
bool is_closed(unsigned i);

bool is_over(unsigned i); /**< it was connected */

/** What kind of socket it is: "t4", "u6"; "--" where there is none. */
const char *kind(unsigned i);

/* settle.c */

/** Wait until all that was sent has come, and all that came of it. */
void settle(void);
void settle_begin(void);

/** Tell what poll() and FIONREAD say of sockets now, where it is not what they said before. */
void tell_changes(void);

/* address.c */

struct address {
    struct sockaddr_storage any;
    socklen_t len;
};

/** Of the family that the socket has, or another; of the guest, or nobody's; whole or not. */
void some_address(unsigned i, struct address *address);
void loopback_address(int family, in_port_t port, struct address *address);
void any_address(int family, in_port_t port, struct address *address);

/** Two may be in use. @param whole  bytes of it that there are. */
const char *told(const struct sockaddr_storage *any, socklen_t whole);

/* Calls: make.c, data.c, option.c, event.c, text.c. */

void do_socket(void);
void do_pair(void);
void do_mates(void);
void do_bind(void);
void do_listen(void);
void do_connect(void);
void do_accept(void);
void do_close(void);

void do_send(void);
void do_receive(void);
void do_drain(void);

void do_get(void);
void do_set(void);
void do_name(void);
void do_file(void);
void do_shutdown(void);

void do_epoll(void);
void event_forget(unsigned i); /**< it is closed */

void do_text(void);

#endif
