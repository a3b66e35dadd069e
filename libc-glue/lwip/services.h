/* SPDX-License-Identifier: BSD-2-Clause */
/** The services that have names, in place of a file: there may be none. */
#ifndef SPRAT_SERVICES_H
#define SPRAT_SERVICES_H

#include <stdbool.h>
#include <stdint.h>

struct service {
    const char *name;
    uint16_t port;
    bool tcp, udp;
};

/** By name, or by port where `name` is NULL. NULL: it has none. */
const struct service *service_find(const char *name, unsigned port);

#endif
