/* SPDX-License-Identifier: BSD-2-Clause */
#include "run.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <xen/xen.h>

#include <sprat/keys.h>

#include "machine.h"
#include "world.h"
#include "xenstored.h"

static struct keys keys;

static int setup(void **state)
{
    (void)state;
    fake_build(&(struct fake_guest){0});
    return xenstore_init(fake_xenstore_page(), fake_start_info()->store_evtchn);
}

static void put_many(unsigned n)
{
    char key[16];

    for (unsigned i = 0; i < n; i++) {
        snprintf(key, sizeof(key), "key-%u", i);
        keys_put_number(&keys, "data", key, i * 1000ull);
    }
}

static void as_many_keys_are_written_as_there_are(void **state)
{
    const unsigned counts[] = {0, 1, 15, 16, 17, 32, 40};

    (void)state;
    for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
        fake_xenstored_remove("data");
        put_many(counts[c]);
        assert_int_equal(keys_write(&keys), 0);
        for (unsigned i = 0; i < 41; i++) {
            char path[24], value[16];
            snprintf(path, sizeof(path), "data/key-%u", i);
            snprintf(value, sizeof(value), "%u", i * 1000);
            if (i < counts[c])
                assert_string_equal(fake_xenstored_value(path), value);
            else
                assert_null(fake_xenstored_value(path));
        }
    }
}

static void the_first_error_is_told_in_the_end_and_once(void **state)
{
    (void)state;
    fake_xenstored.refuse_type = XS_WRITE;
    fake_xenstored.refuse = "EACCES";
    put_many(40);
    assert_int_equal(keys_write(&keys), -EACCES);
    assert_null(fake_xenstored_value("data/key-39")); /* nothing more was tried */
    put_many(3);
    assert_int_equal(keys_write(&keys), 0);
    assert_string_equal(fake_xenstored_value("data/key-2"), "2000");
}

static void a_text_of_twenty_bytes_fits(void **state)
{
    (void)state;
    keys_put(&keys, "data", "text", "12345678901234567890");
    keys_put_number(&keys, "data", "number", UINT64_MAX);
    assert_int_equal(keys_write(&keys), 0);
    assert_string_equal(fake_xenstored_value("data/text"), "12345678901234567890");
    assert_string_equal(fake_xenstored_value("data/number"), "18446744073709551615");
}

static void what_is_read_is_a_number_or_the_default(void **state)
{
    static const struct {
        const char *name, *value;
        uint64_t number;
        bool is_text;
    } cases[] = {
        {"good", "42", 42, true},
        {"none", NULL, 7, false},
        {"empty", "", 7, true},
        {"word", "x", 7, true},
        {"sign", "-1", 7, true},
        {"largest", "18446744073709551615", UINT64_MAX, true},
        {"long", "184467440737095516150", 7, false},
    };
    struct xenstore_item *items[8];
    const size_t n = sizeof(cases) / sizeof(cases[0]);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        char path[32];
        snprintf(path, sizeof(path), "data/%s", cases[i].name);
        if (cases[i].value)
            fake_xenstored_write(path, cases[i].value);
        items[i] = keys_want(&keys, "data", cases[i].name);
    }
    fake_xenstored_write_bytes("data/nul", "4\0x", 3);
    items[n] = keys_want(&keys, "data", "nul");
    assert_int_equal(keys_read(&keys), 0);
    for (size_t i = 0; i < n; i++) {
        assert_true(keys_number(items[i], 7) == cases[i].number);
        assert_int_equal(keys_is_text(items[i]), cases[i].is_text);
    }
    assert_false(keys_is_text(items[n]));
    assert_true(keys_number(items[n], 7) == 7);
}

static void a_xenstored_that_is_dead_is_an_error(void **state)
{
    (void)state;
    fake_xenstored.silent = true;
    keys_want(&keys, "data", "x");
    assert_int_equal(keys_read(&keys), -ETIMEDOUT);
    put_many(1);
    assert_int_equal(keys_write(&keys), -ETIMEDOUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(as_many_keys_are_written_as_there_are, setup),
        cmocka_unit_test_setup(the_first_error_is_told_in_the_end_and_once, setup),
        cmocka_unit_test_setup(a_text_of_twenty_bytes_fits, setup),
        cmocka_unit_test_setup(what_is_read_is_a_number_or_the_default, setup),
        cmocka_unit_test_setup(a_xenstored_that_is_dead_is_an_error, setup),
    };
    return RUN_TESTS(tests);
}
