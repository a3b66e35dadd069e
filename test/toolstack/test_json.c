/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of json.c, the daemon's protocol on the wire. */
#include "check.h"

#include <errno.h>
#include <stdlib.h>

#include "json.h"

static struct fail fail;

static struct json *parse(const char *text)
{
    struct json *json = NULL;
    assert_int_equal(json_parse(text, strlen(text), &json, &fail), 0);
    return json;
}

static void members_are_found_by_key_and_type(void **state)
{
    struct json *json =
        parse("{\"a\":\"x\\u00e9\\n\", \"b\":-12.5e1,\"c\":true,\"d\":[1,{}],\"e\":null}");

    (void)state;
    assert_string_equal(json_get_string(json, "a", ""), "x\xc3\xa9\n");
    assert_true(json_get_number(json, "b", 0) == -125);
    assert_true(json_get_bool(json, "c", false));
    assert_string_equal(json_get_string(json, "b", "none"), "none");
    assert_null(json_get(json, "z"));
    assert_int_equal(json_get(json, "d")->first->next->type, JSON_OBJECT);
    json_free(json);
}

static void what_is_no_json_is_refused(void **state)
{
    static const char *const bad[] = {
        "",    "{",       "{\"a\"}",   "{\"a\":}",     "[1,]",        "{\"a\":1,}", "tru",
        "1 2", "\"\\q\"", "\"\\u12\"", "\"\\ud800x\"", "\"\\u0000\"", "\"a\nb\"",   "+1",
        ".5",  "--1",     "{a:1}",     "'a'",          "\"",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct json *json;
        if (json_parse(bad[i], strlen(bad[i]), &json, &fail) != -EINVAL)
            fail_msg("accepted: %s", bad[i]);
    }
}

static void deep_nesting_is_refused(void **state)
{
    char deep[2000];
    struct json *json;

    (void)state;
    memset(deep, '[', sizeof(deep));
    assert_int_equal(json_parse(deep, sizeof(deep), &json, &fail), -EINVAL);
    assert_has(fail.text, "nested");
}

static void what_is_written_is_read_again(void **state)
{
    struct json_out out = {0};

    (void)state;
    json_open(&out, NULL, '{');
    json_put_string(&out, "text", "a \"b\" \\ \n\t\x01");
    json_put_number(&out, "number", -5000000000);
    json_open(&out, "list", '[');
    json_put_bool(&out, NULL, true);
    json_put_bool(&out, NULL, false);
    json_close(&out, ']');
    json_close(&out, '}');
    struct json *json = parse(out.text);
    assert_string_equal(json_get_string(json, "text", ""), "a \"b\" \\ \n\t\x01");
    assert_true(json_get_number(json, "number", 0) == -5e9);
    assert_false(json_get(json, "list")->first->next->boolean);
    json_free(json);
    free(out.text);
}

static void a_guests_bytes_need_not_be_text(void **state)
{
    struct json_out out = {0};

    (void)state;
    json_put_bytes(&out, NULL, "\xff\0z", 3);
    assert_string_equal(out.text, "\"\\u00ff\\u0000z\"");
    free(out.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_found_by_key_and_type),
        cmocka_unit_test(what_is_no_json_is_refused),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(a_guests_bytes_need_not_be_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
