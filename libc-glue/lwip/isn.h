/* SPDX-License-Identifier: BSD-2-Clause */
/** The function behind the first numbers of connections. */
#ifndef SPRAT_ISN_H
#define SPRAT_ISN_H

#include <stdint.h>

#include "lwip/ip_addr.h"

/** A hash of a connection's ends, and of something more, that nobody can tell beforehand. */
uint64_t isn_hash(const ip_addr_t *local, u16_t local_port, const ip_addr_t *remote,
                  u16_t remote_port, uint64_t more);

#endif
