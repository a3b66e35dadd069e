/* SPDX-License-Identifier: BSD-2-Clause */
#include "run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sprat/bytering.h>

#define SIZE 16

static struct {
    char *data; /* allocated, so that ASan sees a byte too far */
    uint32_t consumer, producer;
    struct bytering ring;
} world;

static int setup(void **state)
{
    (void)state;
    world.data = calloc(1, SIZE);
    world.consumer = world.producer = 0;
    world.ring = (struct bytering){world.data, SIZE, &world.consumer, &world.producer};
    return world.data ? 0 : -1;
}

static void bytes_come_out_as_they_went_in(void **state)
{
    char bytes[SIZE] = "";

    (void)state;
    assert_int_equal(bytering_put(&world.ring, "hello", 5), 5);
    assert_int_equal(bytering_used(&world.ring), 5);
    assert_int_equal(bytering_take(&world.ring, bytes, sizeof(bytes)), 5);
    assert_string_equal(bytes, "hello");
    assert_int_equal(bytering_used(&world.ring), 0);
    assert_int_equal(bytering_take(&world.ring, bytes, sizeof(bytes)), 0);
}

static void a_full_ring_takes_what_fits(void **state)
{
    char bytes[SIZE + 1] = "";

    (void)state;
    assert_int_equal(bytering_put(&world.ring, "0123456789abcdefXYZ", 19), SIZE);
    assert_int_equal(bytering_put(&world.ring, "X", 1), 0);
    assert_int_equal(bytering_take(&world.ring, bytes, SIZE), SIZE);
    assert_string_equal(bytes, "0123456789abcdef");
}

static void a_small_buffer_takes_a_part(void **state)
{
    char bytes[3] = "";

    (void)state;
    bytering_put(&world.ring, "abcd", 4);
    assert_int_equal(bytering_take(&world.ring, bytes, 2), 2);
    assert_string_equal(bytes, "ab");
    assert_int_equal(bytering_used(&world.ring), 2);
}

static void indices_run_over_the_end_of_ring_and_number(void **state)
{
    uint32_t next_in = 0, next_out = 0;

    (void)state;
    world.consumer = world.producer = UINT32_MAX - 100;
    for (int round = 0; round < 100; round++) {
        unsigned char in[SIZE], out[SIZE];
        for (int i = 0; i < SIZE; i++)
            in[i] = (unsigned char)(next_in + (unsigned)i);
        next_in += (uint32_t)bytering_put(&world.ring, in, (size_t)(round % SIZE + 1));
        ssize_t n = bytering_take(&world.ring, out, (size_t)(round % 7 + 1));
        for (ssize_t i = 0; i < n; i++)
            assert_int_equal(out[i], (unsigned char)(next_out + (unsigned)i));
        next_out += (uint32_t)n;
    }
    assert_in_range(next_out, 200, UINT32_MAX);
}

static void an_impossible_index_is_an_error(void **state)
{
    const uint32_t ahead[] = {SIZE + 1, SIZE * 2, 0x80000000, UINT32_MAX};
    char bytes[SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(ahead) / sizeof(ahead[0]); i++) {
        world.consumer = 5;
        world.producer = 5 + ahead[i];
        assert_int_equal(bytering_used(&world.ring), -EIO);
        assert_int_equal(bytering_put(&world.ring, "x", 1), -EIO);
        assert_int_equal(bytering_take(&world.ring, bytes, sizeof(bytes)), -EIO);
        assert_int_equal(world.consumer, 5);
        assert_int_equal(world.producer, 5 + ahead[i]);
    }
}

static char taken[SIZE];
static ssize_t n_taken;
static uint32_t far;

static void prepare_take(void)
{
    memset(taken, 0x77, sizeof(taken));
    world.consumer = 3;
    world.producer = 7;
}

static void take(void)
{
    n_taken = bytering_take(&world.ring, taken, 3);
}

static void move_producer_far(void)
{
    world.producer = far;
}

static void check_take(void)
{
    assert_true(n_taken == -EIO || (n_taken >= 0 && n_taken <= 3));
    for (size_t i = n_taken < 0 ? 0 : (size_t)n_taken; i < sizeof(taken); i++)
        assert_int_equal(taken[i], 0x77);
}

static void the_other_side_changing_its_index_at_any_moment_changes_no_bound(void **state)
{
    const uint32_t fars[] = {2, 3 + SIZE, 4 + SIZE, 0x80000003};

    (void)state;
    for (size_t i = 0; i < sizeof(fars) / sizeof(fars[0]); i++) {
        far = fars[i];
        assert_in_range(fake_interleave(prepare_take, take, move_producer_far, check_take), 20,
                        10000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(bytes_come_out_as_they_went_in, setup),
        cmocka_unit_test_setup(a_full_ring_takes_what_fits, setup),
        cmocka_unit_test_setup(a_small_buffer_takes_a_part, setup),
        cmocka_unit_test_setup(indices_run_over_the_end_of_ring_and_number, setup),
        cmocka_unit_test_setup(an_impossible_index_is_an_error, setup),
        cmocka_unit_test_setup(the_other_side_changing_its_index_at_any_moment_changes_no_bound,
                               setup),
    };
    return RUN_TESTS(tests);
}
