/* SPDX-License-Identifier: BSD-2-Clause */
/* What a peer has behind holes, beside a table with a place for each byte. */
#include "run.h"

#include <stdlib.h>
#include <string.h>

#include "kernel.h"
#include "world.h"

#include "../../libc-glue/lwip/scoreboard.h"

#define BYTES  400u
#define FIRST  (0u - BYTES / 2) /* so numbers begin anew in the middle */
#define ROUNDS 20000

static struct scoreboard *board;
static bool has[BYTES + 1];
static u32_t acked;

static struct scoreboard_range range(u32_t from, u32_t to)
{
    return (struct scoreboard_range){FIRST + from, FIRST + to};
}

static u32_t lacks(u32_t from, u32_t to)
{
    u32_t n = 0;

    for (; from < to; from++)
        n += !has[from];
    return n;
}

static void assert_hole(u32_t from)
{
    u32_t hole = from, behind, at = FIRST + from;

    while (hole < BYTES && has[hole])
        hole++;
    for (behind = hole; behind < BYTES && !has[behind];)
        behind++;
    if (!scoreboard_hole(board, &at))
        assert_int_equal(behind, BYTES);
    else
        assert_int_equal(at - FIRST, hole);
}

static void begin(void)
{
    scoreboard_forget(&board);
    memset(has, 0, sizeof(has));
    acked = 0;
}

static void step(void)
{
    u32_t from = acked + 1 + (u32_t)rand() % (BYTES - acked), len = (u32_t)rand() % 9;
    u32_t to = from + len < BYTES ? from + len : BYTES;

    if (rand() % 8 == 0) {
        acked += (u32_t)rand() % 20;
        acked = acked < BYTES - 1 ? acked : BYTES - 1;
        while (has[acked])
            acked++;
        scoreboard_acked(&board, FIRST + acked);
        return;
    }
    u32_t more = lacks(from, to);
    assert_int_equal(scoreboard_lacks(board, range(from, to)), more);
    assert_int_equal(scoreboard_add(&board, range(from, to)), more > 0);
    if (from < to)
        memset(has + from, 1, to - from);
}

/* In any order, overlapping, one beside the other, and acknowledged meanwhile. */
static void model_body(void)
{
    srand(1);
    for (int i = 0; i < ROUNDS; i++) {
        if (i % 100 == 0)
            begin();
        step();
        u32_t from = acked + (u32_t)rand() % (BYTES - acked);
        u32_t to = from + (u32_t)rand() % (BYTES - from);
        assert_int_equal(scoreboard_lacks(board, range(from, to)), lacks(from, to));
        assert_hole(from);
    }
    scoreboard_acked(&board, FIRST + BYTES);
    assert_null(board);
}

/* A peer can't have the guest keep as many as it likes. */
static void many_body(void)
{
    unsigned n = 0;

    begin();
    while (scoreboard_add(&board, range(2 * n + 1, 2 * n + 2)))
        n++;
    assert_int_equal(n, 256);
    assert_true(scoreboard_add(&board, range(2, 3))); /* joins two: one less */
    assert_true(scoreboard_add(&board, range(2 * n + 1, 2 * n + 2)));
    assert_false(scoreboard_add(&board, range(2 * n + 3, 2 * n + 4)));
    assert_true(scoreboard_add(&board, range(2 * n + 2, 2 * n + 3))); /* makes one longer */
    scoreboard_acked(&board, FIRST + 100);
    assert_true(scoreboard_add(&board, range(2 * n + 4, 2 * n + 5)));
    begin();
}

IN_KERNEL(model)
IN_KERNEL(many)

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"what_a_peer_has_is_known_whatever_it_says_first", model, NULL, NULL, NULL},
        {"so_many_ranges_are_kept_and_no_more", many, NULL, NULL, NULL},
    };
    return RUN_TESTS(tests);
}
