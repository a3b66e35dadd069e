/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of json.c, the daemon's protocol on the wire. */
#include "check.h"

#include <errno.h>
#include <stdio.h>
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
        "",    "{",       "{\"a\"}",   "{\"a\":}",     "[1,]",        "{\"a\":1,}",  "tru",
        "1 2", "\"\\q\"", "\"\\u12\"", "\"\\ud800x\"", "\"\\u0000\"", "\"a\nb\"",    "+1",
        ".5",  "--1",     "{a:1}",     "'a'",          "\"",          "\"\\q0041\"", "{a\":1}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct json *json;
        if (json_parse(bad[i], strlen(bad[i]), &json, &fail) != -EINVAL)
            fail_msg("accepted: %s", bad[i]);
    }
}

/* Parse a text that has nothing behind its last byte. */
static int parse_exact(const char *text, size_t len, struct json **json)
{
    char *exact = malloc(len);
    memcpy(exact, text, len);
    int error = json_parse(exact, len, json, &fail);
    free(exact);
    return error;
}

static void what_stands_between_values_is_no_matter_of_taste(void **state)
{
    static const char *const bad[] = {"{\"a\"11}", "[1;2]", "[1 12]", "{\"a\":1;\"b\":2}"};
    struct json *json;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(parse_exact(bad[i], strlen(bad[i]), &json), -EINVAL);
    assert_int_equal(parse_exact("1\0", 2, &json), -EINVAL);
    assert_has(fail.text, "follows");
}

static void a_surrogate_is_half_a_pair(void **state)
{
    static const char *const bad[] = {"\\ud83d",        "\\udc00",        "\\ud83dxude00",
                                      "\\ud83d\\nde00", "\\ud83d\\u0041", "\\ud83d\\ue000",
                                      "\\ud83d\\ud83d", "\\ud83d\\u"};
    struct json *json;
    char text[32];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        size_t len = (size_t)snprintf(text, sizeof(text), "\"%s\"", bad[i]);
        assert_int_equal(parse_exact(text, len, &json), -EINVAL);
    }
    json = parse("\"\\ud83d\\ude00 \\ud800\\udc00 \\udbff\\udfff\"");
    assert_string_equal(json->string, "\xf0\x9f\x98\x80 \xf0\x90\x80\x80 \xf4\x8f\xbf\xbf");
    json_free(json);
    json = parse("\"\\u20ac\"");
    assert_string_equal(json->string, "\xe2\x82\xac");
    json_free(json);
}

static void a_member_of_another_type_is_as_none(void **state)
{
    struct json *json = parse("{\"s\":\"1\",\"n\":1,\"b\":true}");

    (void)state;
    assert_true(json_get_number(json, "s", 7) == 7);
    assert_true(json_get_number(json, "b", 7) == 7);
    assert_true(json_get_bool(json, "n", true));
    assert_string_equal(json_get_string(json, "b", "none"), "none");
    assert_null(json_get(json_get(json, "n"), "n"));
    json_free(json);
    json = parse("[1]");
    assert_null(json_get(json, "n"));
    json_free(json);
}

static void a_number_has_at_most_63_characters(void **state)
{
    static const char text[] =
        "1000000000000000000000000000000000000000000000000000000000000000000000000000";
    struct json *json;

    (void)state;
    assert_int_equal(parse_exact(text, sizeof(text) - 1, &json), -EINVAL);
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

static void a_text_in_utf8_is_read_as_it_was_written(void **state)
{
    static const char text[] = "/srv/\xc2\x80\xc3\xa9\xdf\xbf/\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80"
                               "\xef\xbf\xbf/\xf0\x90\x80\x80\xf4\x8f\xbf\xbf";
    struct json_out out = {0};

    (void)state;
    json_open(&out, NULL, '{');
    json_put_string(&out, "path", text);
    json_close(&out, '}');
    struct json *json = parse(out.text);
    assert_string_equal(json_get_string(json, "path", ""), text);
    assert_non_null(strstr(out.text, text)); /* libxl would misread pieces of a character */
    json_free(json);
    free(out.text);
}

static void what_is_no_utf8_does_not_go_out_raw(void **state)
{
    static const char *const texts[] = {
        "\x80",
        "\xff",
        "\xc3",
        "\xc3z",
        "\xc1\xbf",
        "\xe0\x9f\xbf",
        "\xe2\x82",
        "\xe2\x82z",
        "\xed\xa0\x80",
        "\xed\xbf\xbf",
        "\xf0\x9f\x98",
        "\xf0\x9fz\x80",
        "\xf4\x90\x80\x80",
        "\xf0\x8f\xbf\xbf",
        "\xf8\x88\x80\x80\x80",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct json_out out = {0};
        json_put_string(&out, NULL, texts[i]);
        for (const char *at = out.text; *at; at++)
            if ((unsigned char)*at >= 0x80)
                fail_msg("text %zu: %s", i, out.text);
        free(out.text);
    }
}

static void what_is_written_may_be_long(void **state)
{
    struct json_out out = {0};
    char text[5000] = "";

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    json_put_json(&out, NULL, text);
    assert_string_equal(out.text, text);
    free(out.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_found_by_key_and_type),
        cmocka_unit_test(what_is_no_json_is_refused),
        cmocka_unit_test(what_stands_between_values_is_no_matter_of_taste),
        cmocka_unit_test(a_surrogate_is_half_a_pair),
        cmocka_unit_test(a_member_of_another_type_is_as_none),
        cmocka_unit_test(a_number_has_at_most_63_characters),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(what_is_written_may_be_long),
        cmocka_unit_test(a_guests_bytes_need_not_be_text),
        cmocka_unit_test(a_text_in_utf8_is_read_as_it_was_written),
        cmocka_unit_test(what_is_no_utf8_does_not_go_out_raw),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
