/* SPDX-License-Identifier: BSD-2-Clause */
/** Numbers as old programs call them that are in the network's order. */
#ifndef _NETINET_IN_SYSTM_H
#define _NETINET_IN_SYSTM_H

#include <stdint.h>

typedef uint16_t n_short;
typedef uint32_t n_long, n_time;

#endif
