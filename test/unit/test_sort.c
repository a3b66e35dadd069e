/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's qsort(), here guest_qsort(). */
#include "run.h"

#include <stdlib.h>
#include <string.h>

#define MANY    1000
#define LARGEST 70

void guest_qsort(void *base, size_t n, size_t size, int (*compare)(const void *, const void *));

static unsigned n_compared;

static int by_number(const void *a, const void *b)
{
    int32_t x, y;

    n_compared++;
    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return (x > y) - (x < y);
}

/* Elements of a size: a number, and bytes that must come along with it. */
static void fill(char *bytes, size_t n, size_t size, int32_t (*number)(size_t, size_t))
{
    for (size_t i = 0; i < n; i++) {
        int32_t value = number(i, n);
        memcpy(bytes + i * size, &value, sizeof(value));
        memset(bytes + i * size + sizeof(value), value, size - sizeof(value));
    }
}

static void assert_sorted(const char *bytes, size_t n, size_t size, int64_t sum)
{
    for (size_t i = 0; i < n; i++) {
        int32_t value;
        memcpy(&value, bytes + i * size, sizeof(value));
        for (size_t at = sizeof(value); at < size; at++)
            assert_int_equal((uint8_t)bytes[i * size + at], (uint8_t)value);
        if (i)
            assert_true(by_number(bytes + (i - 1) * size, bytes + i * size) <= 0);
        sum -= value;
    }
    assert_int_equal(sum, 0);
}

static int32_t rising(size_t i, size_t n)
{
    (void)n;
    return (int32_t)i - 7;
}

static int32_t falling(size_t i, size_t n)
{
    return (int32_t)(n - i);
}

static int32_t equal(size_t i, size_t n)
{
    (void)i;
    (void)n;
    return 3;
}

static int32_t mixed(size_t i, size_t n)
{
    return (int32_t)(i * 7919 % (n + 1)) - 50;
}

static int32_t few(size_t i, size_t n)
{
    (void)n;
    return (int32_t)(i * 31 % 5);
}

static int32_t (*const orders[])(size_t, size_t) = {rising, falling, equal, mixed, few};

static unsigned log2_of(size_t n)
{
    unsigned log = 0;

    while (n >>= 1)
        log++;
    return log;
}

/* Any number of elements of any size, in any order: n log n comparisons, and none is lost. */
static void all_is_in_order(void **state)
{
    static const size_t numbers[] = {0, 1, 2, 3, 4, 5, 17, 64, 65, MANY};

    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        for (size_t size = sizeof(int32_t); size < LARGEST; size += 3) {
            for (size_t j = 0; j < sizeof(orders) / sizeof(orders[0]); j++) {
                const size_t n = numbers[i];
                char *bytes = malloc(n * size + 1);
                int64_t sum = 0;
                fill(bytes, n, size, orders[j]);
                for (size_t k = 0; k < n; k++)
                    sum += orders[j](k, n);
                n_compared = 0;
                guest_qsort(bytes, n, size, by_number);
                assert_true(n_compared <= 2 * n * (log2_of(n) + 1));
                assert_sorted(bytes, n, size, sum);
                free(bytes);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_is_in_order)};

    return RUN_TESTS(tests);
}
