/* SPDX-License-Identifier: BSD-2-Clause */
#include "scoreboard.h"

#include <stdlib.h>
#include <string.h>

#include "lwip/priv/tcp_priv.h"

#define RANGES_MAX 256 /* a peer may lie: more than these it says in vain */

struct scoreboard {
    unsigned n;
    struct scoreboard_range ranges[];
};

/* The first range that does not end before this. */
static unsigned find(const struct scoreboard *board, u32_t sequence)
{
    unsigned i = 0;

    while (i < board->n && TCP_SEQ_LT(board->ranges[i].to, sequence))
        i++;
    return i;
}

/* Room for one range more. Without memory, *at stays as it is. */
static struct scoreboard *grow(struct scoreboard **at, unsigned n)
{
    struct scoreboard *board =
        n < RANGES_MAX ? realloc(*at, sizeof(*board) + (n + 1) * sizeof(board->ranges[0])) : NULL;

    if (board)
        *at = board;
    return board;
}

bool scoreboard_add(struct scoreboard **at, struct scoreboard_range range)
{
    struct scoreboard *board = *at;
    unsigned n = board ? board->n : 0, first = board ? find(board, range.from) : 0, behind = first;

    if (!scoreboard_lacks(board, range))
        return false;
    for (; behind < n && TCP_SEQ_LEQ(board->ranges[behind].from, range.to); behind++) {
        if (TCP_SEQ_LT(board->ranges[behind].from, range.from))
            range.from = board->ranges[behind].from;
        if (TCP_SEQ_GT(board->ranges[behind].to, range.to))
            range.to = board->ranges[behind].to;
    }
    if (behind == first && !(board = grow(at, n)))
        return false;
    struct scoreboard_range *ranges = board->ranges;

    memmove(ranges + first + 1, ranges + behind, (n - behind) * sizeof(range));
    board->n = n + first + 1 - behind;
    ranges[first] = range;
    return true;
}

void scoreboard_forget(struct scoreboard **at)
{
    free(*at);
    *at = NULL;
}

void scoreboard_acked(struct scoreboard **at, u32_t acked)
{
    struct scoreboard *board = *at;
    unsigned n = board ? find(board, acked + 1) : 0;

    if (!n)
        return;
    board->n -= n;
    memmove(board->ranges, board->ranges + n, board->n * sizeof(*board->ranges));
    if (!board->n)
        scoreboard_forget(at);
}

u32_t scoreboard_lacks(const struct scoreboard *board, struct scoreboard_range range)
{
    u32_t n = 0;

    if (TCP_SEQ_GEQ(range.from, range.to))
        return 0;
    for (unsigned i = board ? find(board, range.from) : 0; board && i < board->n; i++) {
        const struct scoreboard_range *has = &board->ranges[i];
        if (TCP_SEQ_GEQ(has->from, range.to))
            break;
        if (TCP_SEQ_GT(has->from, range.from))
            n += has->from - range.from;
        range.from = has->to;
        if (TCP_SEQ_GEQ(range.from, range.to))
            return n;
    }
    return n + range.to - range.from;
}

bool scoreboard_hole(const struct scoreboard *board, u32_t *at)
{
    unsigned i = board ? find(board, *at) : 0;

    if (board && i < board->n && TCP_SEQ_LEQ(board->ranges[i].from, *at))
        *at = board->ranges[i++].to;
    return board && i < board->n;
}
