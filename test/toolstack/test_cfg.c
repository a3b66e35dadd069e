/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of cfg.c: the grammar of xl's configuration files. */
#include "check.h"

#include <errno.h>
#include <stdlib.h>

#include "cfg.h"

static struct cfg cfg;
static struct fail fail;

/* Parse a text that has nothing behind its last byte. */
static int parse(const char *text)
{
    size_t len = strlen(text);
    char *exact = malloc(len ? len : 1);

    memcpy(exact, text, len);
    int error = cfg_parse(&cfg, exact, len, &fail);
    free(exact);
    return error;
}

static void assert_string(const char *text, const char *meaning)
{
    assert_int_equal(parse(text), 0);
    assert_int_equal(cfg.settings[0].value.type, CFG_STRING);
    assert_string_equal(cfg.settings[0].value.string, meaning);
    cfg_free(&cfg);
}

static void assert_refused(const char *text, const char *why)
{
    assert_int_equal(parse(text), -EINVAL);
    assert_has(fail.text, why);
    cfg_free(&cfg);
}

static void escapes_are_xls(void **state)
{
    (void)state;
    assert_string("a='\\a\\b\\f\\n\\r\\t\\v'", "\a\b\f\n\r\t\v");
    assert_string("a='\\\\ \\' \\\"'", "\\ ' \"");
    assert_string("a=\"it's\"", "it's");
    assert_string("a='\\x41\\x6a\\x6A'", "Ajj");
    assert_string("a='\\1234\\0529\\7'", "S4*9\a");
    static const char *const bad[] = {"a='\\q'",   "a='\\8'",   "a='\\x'",   "a='\\x4'",
                                      "a='\\xg1'", "a='\\x1g'", "a='\\\x01'"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_refused(bad[i], "no escape");
    assert_refused("a='\\777'", "this byte");
    assert_refused("a='\\0'", "this byte");
}

static void a_string_ends_on_its_line(void **state)
{
    (void)state;
    assert_refused("a='b\nc'", "1:3: the string");
    assert_refused("a='b\"", "1:3: the string");
    assert_refused("a='b\\", "1:3: the string");
    assert_refused("a='b", "1:3: the string");
    assert_string("a\t=\t'b'\r\n", "b");
    assert_refused("a='b\\'", "1:3: the string");
}

static void a_number_is_a_whole_one(void **state)
{
    (void)state;
    assert_int_equal(parse("a=-0x10\nb=010"), 0);
    assert_int_equal(cfg.settings[0].value.number, -16);
    assert_int_equal(cfg.settings[1].value.number, 8);
    cfg_free(&cfg);
    assert_refused("a=-", "no whole number");
    assert_refused("a=1x", "no whole number");
    assert_refused("a=9223372036854775808", "no whole number");
    assert_refused("a=00000000000000000000000000000000000000000000000001", "1:34");
}

static void lists_are_nested_only_so_far(void **state)
{
    (void)state;
    assert_int_equal(parse("a=[[[['x',#b\n1,]]],2]"), 0);
    assert_int_equal(cfg.settings[0].value.n_items, 2);
    assert_int_equal(cfg.settings[0].value.items[1].number, 2);
    cfg_free(&cfg);
    assert_refused("a=[[[[['x']]]]]", "nested");
    assert_refused("a=['x';'y']", "goes on with");
    assert_refused("a=['x'", "goes on with");
    assert_refused("a=[", "a value is");
}

static void settings_are_one_a_line_or_have_semicolons(void **state)
{
    (void)state;
    assert_int_equal(parse(";a=1;b=2 ;\n;_c = 3 # x = 4"), 0);
    assert_int_equal(cfg.n_settings, 3);
    assert_string_equal(cfg.settings[2].key, "_c");
    assert_int_equal(cfg.settings[2].line, 2);
    assert_int_equal(cfg.settings[2].column, 2);
    cfg_free(&cfg);
    assert_refused("a=1 b=2", "behind the value");
    assert_refused("1a=1", "key = value");
    assert_refused("a:1", "'=' is missing");
    assert_refused("a", "'=' is missing");
    assert_refused("a=", "a value is");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes_are_xls),
        cmocka_unit_test(a_string_ends_on_its_line),
        cmocka_unit_test(a_number_is_a_whole_one),
        cmocka_unit_test(lists_are_nested_only_so_far),
        cmocka_unit_test(settings_are_one_a_line_or_have_semicolons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
