/* SPDX-License-Identifier: BSD-2-Clause */
/** Sockets' options for multicast. */
#ifndef SPRAT_MULTICAST_H
#define SPRAT_MULTICAST_H

#include "socket.h"

/** @return 0, -errno; -ENOPROTOOPT: the option is not about multicast. */
int multicast_set(struct socket *socket, int level, int name, int number, const void *value,
                  socklen_t len);
int multicast_get(const struct socket *socket, int level, int name, int *number);

#endif
