/* SPDX-License-Identifier: BSD-2-Clause */
#include "run.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <sprat/format.h>

/* The host's snprintf says what is right. */
#define SAME(...)                                                                                  \
    do {                                                                                           \
        char ours[128], theirs[128];                                                               \
        size_t n = format(ours, sizeof(ours), __VA_ARGS__);                                        \
        assert_int_equal(n, snprintf(theirs, sizeof(theirs), __VA_ARGS__));                        \
        assert_string_equal(ours, theirs);                                                         \
    } while (0)

static void numbers_are_written_as_printf_does(void **state)
{
    (void)state;
    SAME("%d %d %d", 0, -1, INT_MIN);
    SAME("%i|%u|%x", INT_MAX, UINT_MAX, 0xbeef);
    SAME("%ld %ld %lu", LONG_MIN, LONG_MAX, ULONG_MAX);
    SAME("%lld %llu %llx", LLONG_MIN, ULLONG_MAX, 0x123456789abcdefull);
    SAME("%zu", SIZE_MAX);
    SAME("%5d|%05d|%5u|%08x", 42, -42, 7, 0xabc);
    SAME("%5d|%1d|%02x", -42, 12345, 0x123);
    SAME("%020d", -5);
}

static void texts_are_cut_and_padded_as_printf_does(void **state)
{
    char unended[3] = {'a', 'b', 'c'};

    (void)state;
    SAME("%s|%10s|%2s", "hello", "hello", "hello");
    SAME("%.3s|%.0s|%.9s|%.*s", "hello", "hello", "hello", 2, "hello");
    SAME("%.*s", -1, "all");
    SAME("%.3s", unended);
    SAME("%c%c %%", 'o', 'k');
}

static void a_pointer_has_sixteen_digits(void **state)
{
    char text[32];

    (void)state;
    assert_int_equal(format(text, sizeof(text), "%p", (void *)0x1234), 18);
    assert_string_equal(text, "0x0000000000001234");
}

static void what_does_not_fit_is_cut_and_counted(void **state)
{
    char text[8];

    (void)state;
    memset(text, 'x', sizeof(text));
    assert_int_equal(format(text, 4, "abc%d", 12345), 8);
    assert_string_equal(text, "abc");
    assert_int_equal(text[4], 'x');
    assert_int_equal(format(text, 1, "abc"), 3);
    assert_string_equal(text, "");
    text[0] = 'x';
    assert_int_equal(format(text, 0, "abc"), 3);
    assert_int_equal(text[0], 'x');
    assert_int_equal(format(text, 4, "abc"), 3);
    assert_string_equal(text, "abc");
}

static void a_percent_at_the_end_ends_nothing_else(void **state)
{
    const char *volatile fmt = "50%"; /* volatile: compilers warn of it */
    char text[8];

    (void)state;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
    assert_int_equal(format(text, sizeof(text), fmt), 2);
#pragma GCC diagnostic pop
    assert_string_equal(text, "50");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_written_as_printf_does),
        cmocka_unit_test(texts_are_cut_and_padded_as_printf_does),
        cmocka_unit_test(a_pointer_has_sixteen_digits),
        cmocka_unit_test(what_does_not_fit_is_cut_and_counted),
        cmocka_unit_test(a_percent_at_the_end_ends_nothing_else),
    };
    return RUN_TESTS(tests);
}
