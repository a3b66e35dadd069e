/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk that fails once, at each request of each call: it is done whole or not at all, and what is
 * on the disk is whole.
 */
#include "changes.h"

#define ROUNDS_MAX 400 /* more than any call has requests */

/* Have the n-th request of the disk fail. @return false: there are fewer. */
static bool fail_request(const struct change *change, uint64_t n)
{
    begin();
    sim.fail_after = n;
    ssize_t result = change->run();
    int synced = ext4_sync(fs);
    bool failed = sim.fail_after == 0;
    if (result < 0)
        assert_int_equal(result, -EIO);
    if (failed && result >= 0 && !synced && change->is_done)
        fail_msg("%s: request %u failed and nobody was told", change->name, (unsigned)n);
    check(change, result, synced);
    return failed;
}

static void try_requests(const char *options)
{
    make_all(options);
    for (size_t i = 0; i < N_CHANGES; i++) {
        unsigned n = 1;
        while (n < ROUNDS_MAX && fail_request(&changes[i], n))
            n++;
        assert_in_range(n, 2, ROUNDS_MAX - 1);
    }
    free(made);
    memset(&sim, 0, sizeof(sim));
}

static void a_call_on_ext4_is_done_whole_or_not_at_all_whatever_request_fails(void **state)
{
    (void)state;
    try_requests("-t ext4 -b 1024");
}

static void a_call_on_ext3_is_done_whole_or_not_at_all_whatever_request_fails(void **state)
{
    (void)state;
    try_requests("-t ext3 -b 1024");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EXT4_TEST(a_call_on_ext4_is_done_whole_or_not_at_all_whatever_request_fails),
        EXT4_TEST(a_call_on_ext3_is_done_whole_or_not_at_all_whatever_request_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
