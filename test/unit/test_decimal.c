/* SPDX-License-Identifier: BSD-2-Clause */
#include "run.h"

#include <string.h>

#include <sprat/decimal.h>

static void every_number_is_read_back_as_it_was_written(void **state)
{
    const uint64_t numbers[] = {0, 1, 9, 10, 42, 99, 100, 4294967295, 4294967296, UINT64_MAX};
    char text[DECIMAL_MAX + 1];

    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        uint64_t value = 77;
        assert_ptr_equal(decimal_text(numbers[i], text), text);
        assert_true(decimal_parse(text, &value));
        assert_int_equal(value, numbers[i]);
    }
    assert_string_equal(decimal_text(UINT64_MAX, text), "18446744073709551615");
    assert_string_equal(decimal_text(0, text), "0");
}

static void leading_zeros_are_allowed(void **state)
{
    uint64_t value;

    (void)state;
    assert_true(decimal_parse("007", &value));
    assert_int_equal(value, 7);
}

static void an_empty_text_is_no_number(void **state)
{
    uint64_t value;

    (void)state;
    assert_false(decimal_parse("", &value));
}

static void anything_but_digits_is_no_number(void **state)
{
    const char *texts[] = {" 1", "1 ", "-1", "+1", "0x10", "1\n", "1.0", "/", ":", "a", "\xb1"};
    uint64_t value = 77;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_false(decimal_parse(texts[i], &value));
    assert_int_equal(value, 77);
}

/* The first overflows in the sum, the second in the product. */
static void a_number_that_does_not_fit_is_refused(void **state)
{
    uint64_t value;

    (void)state;
    assert_false(decimal_parse("18446744073709551616", &value));
    assert_false(decimal_parse("18446744073709551620", &value));
    assert_false(decimal_parse("20000000000000000000", &value));
    assert_false(decimal_parse("99999999999999999999999999999999999999999", &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_is_read_back_as_it_was_written),
        cmocka_unit_test(leading_zeros_are_allowed),
        cmocka_unit_test(an_empty_text_is_no_number),
        cmocka_unit_test(anything_but_digits_is_no_number),
        cmocka_unit_test(a_number_that_does_not_fit_is_refused),
    };
    return RUN_TESTS(tests);
}
