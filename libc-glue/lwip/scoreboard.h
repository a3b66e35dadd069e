/* SPDX-License-Identifier: BSD-2-Clause */
/** What a peer has behind holes, as its selective acknowledgements say: RFC 2018, 6675. */
#ifndef SPRAT_NET_SCOREBOARD_H
#define SPRAT_NET_SCOREBOARD_H

#include <stdbool.h>

#include "lwip/arch.h"

/** Bytes with these sequence numbers, the second behind the last. */
struct scoreboard_range {
    u32_t from, to;
};

/** Ranges in order, with holes between. NULL is one without any. */
struct scoreboard;

/** The peer has these. @return does it have more than was known? Without memory it has not. */
bool scoreboard_add(struct scoreboard **at, struct scoreboard_range range);

/** All before `acked` is acknowledged. */
void scoreboard_acked(struct scoreboard **at, u32_t acked);

/** Nothing is known of any more. */
void scoreboard_forget(struct scoreboard **at);

/** How many of these bytes the peer lacks. */
u32_t scoreboard_lacks(const struct scoreboard *board, struct scoreboard_range range);

/** The first byte at or behind `*at` that the peer lacks and has something behind.
 * @return false: there is none. */
bool scoreboard_hole(const struct scoreboard *board, u32_t *at);

#endif
