/* SPDX-License-Identifier: BSD-2-Clause */
/** What is kept of each connection beside what lwIP keeps, in its control block. */
#ifndef SPRAT_EXTENSION_H
#define SPRAT_EXTENSION_H

#include <stdbool.h>
#include <stdint.h>

#include "lwip/tcp.h"

struct extension {
    uint16_t segment_bytes; /**< as agreed with the peer; 0: pcb->mss is it. See tso.c */
    uint8_t challenged;     /**< the tick of the last challenge: segment.c */
    bool recovering;        /**< several segments were lost: recovery.c, ... */
    uint32_t recover;       /**< ... which is over when this is acknowledged */
};

struct extension extension_get(const struct tcp_pcb *pcb);
void extension_set(struct tcp_pcb *pcb, struct extension extension);

#endif
