/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests of the redis protocol, on the host: what is read from which bytes, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "resp.h"

#define LINE_MOST 65536 /* bytes of a line without its end */

static struct resp_request request;
static size_t used;
static const char *why;

/* In memory that ends where they do, so that the sanitizer sees who reads on. */
static int parse(const char *bytes, size_t len)
{
    static char *memory;

    free(memory);
    memory = malloc(1 + len);
    char *copy = memory + 1; /* of nothing, too, not a byte is there */
    memcpy(copy, bytes, len);
    why = "";
    used = SIZE_MAX;
    return resp_parse(copy, len, &request, &used, &why);
}

static int parse_text(const char *text)
{
    return parse(text, strlen(text));
}

/* The words, each in brackets. */
static const char *words(void)
{
    static char text[512];

    text[0] = '\0';
    for (unsigned i = 0; i < request.n; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "[%.*s]",
                 (int)request.words[i].len, request.words[i].bytes);
    return text;
}

static void assert_words(const char *text, const char *expected)
{
    int result = parse_text(text);

    if (result != 1)
        fail_msg("'%s': %d, %s", text, result, why);
    assert_string_equal(words(), expected);
    assert_int_equal(used, strlen(text));
}

static void assert_none(const char *text, const char *sentence)
{
    int result = parse_text(text);

    if (result != -1 || !strstr(why, sentence))
        fail_msg("'%s': %d, %s", text, result, why);
}

static void arrays_are_read(void **state)
{
    (void)state;
    assert_words("*2\r\n$3\r\nGET\r\n$1\r\na\r\n", "[GET][a]");
    assert_words("*2\n$3\nGET\r\n$0\n\r\n", "[GET][]");
    assert_words("*1\r\n$2\r\n\r\n\r\n", "[\r\n]");
    assert_words("*0\r\n", "");
    assert_words("*-1\r\n", "");
    assert_int_equal(parse_text("*1\r\n$1\r\na\r\nPING\r\n"), 1);
    assert_int_equal(used, 11);
}

static void lines_are_read(void **state)
{
    (void)state;
    assert_words("GET a\r\n", "[GET][a]");
    assert_words(" \tGET\ta  \n", "[GET][a]");
    assert_words("\r\n", "");
    assert_words("\n", "");
    assert_words("a\"b c\" 'd e' \"\"\n", "[ab c][d e][]");
    assert_words("\"\\n\\r\\t\\b\\a\\\\\\\"\\q\"\n", "[\n\r\t\b\a\\\"q]");
    assert_words("\"\\x41\\x6a\\x4A\\xg0\\x0g\"\n", "[AjJxg0x0g]");
    assert_words("\"\\x4\"\n", "[x4]");
    assert_words("\"\\n41\"\n", "[\n41]");
    assert_words("\"it's\" 'a \"b\"'\n", "[it's][a \"b\"]");
    assert_words("'\\x41\\n\\''\n", "[\\x41\\n']");
    assert_words("a\\n\n", "[a\\n]");
    assert_words("a\\'b c'\n", "[a\\b c]");
    assert_int_equal(parse("\"\\\0\"\n", 5), 1);
    assert_int_equal(request.words[0].len, 1);
    assert_int_equal(request.words[0].bytes[0], '\0');
    assert_int_equal(parse("a\0b\n", 4), 1);
    assert_int_equal(request.words[0].len, 3);
}

static void a_request_that_has_not_come_yet_is_waited_for(void **state)
{
    static const char *const whole[] = {"*2\r\n$3\r\nGET\r\n$4\r\n\r\na\n\r\n", "GET 'a b'\r\n"};

    (void)state;
    assert_int_equal(parse("", 0), 0);
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
        size_t len = strlen(whole[i]);
        for (size_t n = 0; n < len; n++)
            assert_int_equal(parse(whole[i], n), 0);
        assert_int_equal(parse(whole[i], len), 1);
    }
}

static void what_is_no_array_is_refused(void **state)
{
    static const char multibulk[] = "invalid multibulk length", bulk[] = "invalid bulk length";
    static const char longer[] = "longer than it said";

    (void)state;
    assert_none("*\r\n", multibulk);
    assert_none("*x\r\n", multibulk);
    assert_none("*01\r\n", multibulk);
    assert_none("*1025\r\n", multibulk);
    assert_none("*1\r\n\r\n", bulk);
    assert_none("*1\r\n:1\r\n", bulk);
    assert_none("*1\r\n$\r\n", bulk);
    assert_none("*1\r\n$-1\r\n", bulk);
    assert_none("*1\r\n$1048577\r\n", bulk);
    assert_none("*2\r\n$1\r\na\r\n$x\r\n", bulk);
    assert_none("*1\r\n$1\r\nab\r\n", longer);
    assert_none("*1\r\n$1\r\na\rb", longer);
    assert_none("*1\r\n$1\r\na\n\n", longer);
}

static void what_is_no_line_is_refused(void **state)
{
    static const char quotes[] = "unbalanced quotes";

    (void)state;
    assert_none("\"a\n", quotes);
    assert_none("'a\n", quotes);
    assert_none("\"a\"b\n", quotes);
    assert_none("'a''b'\n", quotes);
    assert_none("\"a\\\n", quotes);
    assert_none("\"\\x\n", quotes);
    assert_none("'a\\'\n", quotes);
}

/* A text of `n` times `of`, between two others. */
static char *repeated(const char *before, const char *of, size_t n, const char *after, size_t *len)
{
    *len = strlen(before) + n * strlen(of) + strlen(after);
    char *text = malloc(*len + 1), *at = stpcpy(text, before);

    while (n--)
        at = stpcpy(at, of);
    stpcpy(at, after);
    return text;
}

static int parse_repeated(const char *before, const char *of, size_t n, const char *after)
{
    size_t len;
    char *text = repeated(before, of, n, after, &len);
    int result = parse(text, len);

    free(text);
    return result;
}

static void a_request_has_an_end(void **state)
{
    (void)state;
    assert_int_equal(parse_repeated("", "a", LINE_MOST, "\r\n"), 1);
    assert_int_equal(parse_repeated("", "a", LINE_MOST, ""), 0);
    assert_int_equal(parse_repeated("", "a", LINE_MOST + 1, ""), -1);
    assert_non_null(strstr(why, "too big inline request"));
    assert_int_equal(parse_repeated("", "a", LINE_MOST + 1, "\n"), -1);
    assert_int_equal(parse_repeated("*", "1", LINE_MOST, ""), -1);
    assert_int_equal(parse_repeated("", "a ", RESP_WORDS_MAX, "\n"), 1);
    assert_int_equal(request.n, RESP_WORDS_MAX);
    assert_int_equal(parse_repeated("", "a ", RESP_WORDS_MAX + 1, "\n"), -1);
    assert_non_null(strstr(why, "too big inline request"));
    assert_int_equal(parse_repeated("*1024\r\n", "$0\r\n\r\n", RESP_WORDS_MAX, ""), 1);
    assert_int_equal(parse_repeated("*1\r\n$1048576\r\n", "a", RESP_WORD_MAX, "\r\n"), 1);
}

static void a_request_has_at_most_so_many_bytes(void **state)
{
    size_t len;
    char *word = repeated("$1048576\r\n", "a", RESP_WORD_MAX, "\r\n", &len);
    char *both = repeated("*2\r\n", word, 2, "", &len);

    (void)state;
    assert_int_equal(parse(both, len), -1);
    assert_non_null(strstr(why, "too big a request"));
    both[1] = '3'; /* nor is the end waited for */
    assert_int_equal(parse(both, RESP_BYTES_MAX - 1), 0);
    assert_int_equal(parse(both, RESP_BYTES_MAX), -1);
    assert_non_null(strstr(why, "too big a request"));
    free(both);
    free(word);
}

static void a_number_is_written_in_one_way(void **state)
{
    static const char *const none[] = {"",
                                       "-",
                                       "+1",
                                       "-0",
                                       "00",
                                       "01",
                                       "1 ",
                                       " 1",
                                       "1a",
                                       "/",
                                       ":",
                                       "--1",
                                       "-01",
                                       "9223372036854775808",
                                       "-9223372036854775809",
                                       "92233720368547758070",
                                       "111111111111111111111"};
    static const struct {
        const char *text;
        int64_t number;
    } numbers[] = {{"0", 0},
                   {"7", 7},
                   {"-7", -7},
                   {"10", 10},
                   {"9223372036854775807", INT64_MAX},
                   {"-9223372036854775808", INT64_MIN}};
    int64_t number;

    (void)state;
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        if (resp_number(&(struct resp_word){none[i], strlen(none[i])}, &number))
            fail_msg("'%s' is %lld", none[i], (long long)number);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        const char *text = numbers[i].text;
        assert_true(resp_number(&(struct resp_word){text, strlen(text)}, &number));
        assert_int_equal(number, numbers[i].number);
    }
}

static void words_are_the_same_in_either_case(void **state)
{
    (void)state;
    assert_true(resp_is(&(struct resp_word){"GeT", 3}, "gEt"));
    assert_false(resp_is(&(struct resp_word){"GET", 3}, "GETS"));
    assert_false(resp_is(&(struct resp_word){"GETS", 4}, "GET"));
    assert_false(resp_is(&(struct resp_word){"GE@", 3}, "GE`"));
    assert_false(resp_is(&(struct resp_word){"GE[", 3}, "GE{"));
}

static void answers_are_written_as_the_protocol_says(void **state)
{
    static const char expected[] =
        "+OK\r\n-ERR no\r\n:-9223372036854775808\r\n$3\r\na\0b\r\n$-1\r\n"
        "*-1\r\n*2\r\n";
    struct resp_out out = {0};

    (void)state;
    resp_simple(&out, "OK");
    resp_error(&out, "ERR no");
    resp_integer(&out, INT64_MIN);
    resp_bulk(&out, "a\0b", 3);
    resp_null(&out);
    resp_null_array(&out);
    resp_array(&out, 2);
    assert_int_equal(out.len, sizeof(expected) - 1);
    assert_memory_equal(out.bytes, expected, out.len);
    for (unsigned i = 0; i < 1000; i++)
        resp_bulk(&out, "a\0b", 3);
    assert_int_equal(out.len, sizeof(expected) - 1 + 9000);
    assert_false(out.failed);
    resp_free(&out);
    assert_null(out.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_are_read),
        cmocka_unit_test(lines_are_read),
        cmocka_unit_test(a_request_that_has_not_come_yet_is_waited_for),
        cmocka_unit_test(what_is_no_array_is_refused),
        cmocka_unit_test(what_is_no_line_is_refused),
        cmocka_unit_test(a_request_has_an_end),
        cmocka_unit_test(a_request_has_at_most_so_many_bytes),
        cmocka_unit_test(a_number_is_written_in_one_way),
        cmocka_unit_test(words_are_the_same_in_either_case),
        cmocka_unit_test(answers_are_written_as_the_protocol_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
