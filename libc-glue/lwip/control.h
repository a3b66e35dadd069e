/* SPDX-License-Identifier: BSD-2-Clause */
/** Ancillary data: what goes beside a datagram. RFC 3542, and Linux's for IPv4. */
#ifndef SPRAT_CONTROL_H
#define SPRAT_CONTROL_H

#include "socket.h"

/** How one datagram is sent, where that is not the socket's way. */
struct control {
    ip_addr_t from;          /**< the source; any: what suits */
    u8_t index;              /**< of the interface; 0: whichever */
    int hops, traffic_class; /**< -1: the socket's */
};

/** Put beside a received datagram what the program wants to be told. */
void control_give(const struct socket *socket, const struct datagram *datagram,
                  struct msghdr *message);

/** Read what a program put beside one that is to be sent. @return 0, -EINVAL, -ENODEV. */
int control_take(const struct socket *socket, const struct msghdr *message,
                 struct control *control);

#endif
