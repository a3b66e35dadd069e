/* SPDX-License-Identifier: BSD-2-Clause */
#include "run.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <sprat/cmdline.h>

#include "kernel.h"
#include "world.h"

static struct cmdline cmdline;
static char error[80];

/* With exactly the room that the header promises to be enough, and ASan to watch it. */
static bool parse(const char *line)
{
    char *text = strdup(line);
    size_t max_words = strlen(text) / 2 + 4;
    char **words = malloc(max_words * sizeof(*words));

    error[0] = '\0';
    return cmdline_parse(text, "program", words, max_words, &cmdline, error, sizeof(error));
}

/* The parts are given as one text each, their words joined by '|'. */
static void assert_words(char **words, size_t n, const char *wanted)
{
    char joined[512] = "";

    for (size_t i = 0; i < n; i++) {
        strcat(joined, i ? "|" : "");
        strcat(joined, words[i]);
    }
    assert_string_equal(joined, wanted);
}

static void check(const char *line, const char *options, const char *env, const char *argv)
{
    assert_true(parse(line));
    assert_words(cmdline.options, cmdline.n_options, options);
    assert_words(cmdline.env, cmdline.n_env, env);
    assert_null(cmdline.env[cmdline.n_env]);
    assert_string_equal(cmdline.argv[0], "program");
    assert_words(cmdline.argv + 1, (size_t)cmdline.argc - 1, argv);
    assert_null(cmdline.argv[cmdline.argc]);
}

static void refused(const char *line, const char *why)
{
    assert_false(parse(line));
    assert_string_equal(error, why);
}

static void an_empty_line_is_the_program_alone(void **state)
{
    (void)state;
    check("", "", "", "");
    check("   \t\n ", "", "", "");
    assert_int_equal(cmdline.argc, 1);
}

static void words_stand_between_blanks(void **state)
{
    (void)state;
    check("one two", "", "", "one|two");
    check("  one \t\n two  ", "", "", "one|two");
}

static void one_letter_words_fit_the_room(void **state)
{
    (void)state;
    check("a", "", "", "a");
    check("a b", "", "", "a|b");
    check("a b c d e f g", "", "", "a|b|c|d|e|f|g");
    check("a b c d e f g h ", "", "", "a|b|c|d|e|f|g|h");
    check("A= B= c d", "", "A=|B=", "c|d");
}

static void quotes_keep_blanks(void **state)
{
    (void)state;
    check("'one two' \"three four\"", "", "", "one two|three four");
    check("a'b c'd\"e f\"g", "", "", "ab cde fg");
    check("'' \"\"", "", "", "|");
}

static void single_quotes_keep_all(void **state)
{
    (void)state;
    check("'a\\b\"c\\'", "", "", "a\\b\"c\\");
    check("'a\\\\b\\\"c'", "", "", "a\\\\b\\\"c");
}

static void double_quotes_keep_all_but_escaped_quotes_and_backslashes(void **state)
{
    (void)state;
    check("\"a\\\"b\\\\c\\n'd\"", "", "", "a\"b\\c\\n'd");
}

static void a_backslash_keeps_the_next_character(void **state)
{
    (void)state;
    check("a\\ b \\'c\\' \\\\ \\d", "", "", "a b|'c'|\\|d");
}

static void assignments_before_the_first_plain_word_are_environment(void **state)
{
    (void)state;
    check("A=1 _b2='x y' plain C=3", "", "A=1|_b2=x y", "plain|C=3");
    check("A= B==", "", "A=|B==", "");
    check("1A=1 B=2", "", "", "1A=1|B=2");
    check("A-B=1", "", "", "A-B=1");
    check("=1", "", "", "=1");
    check("Zz9_=1 @=", "", "Zz9_=1", "@=");
}

static void options_of_the_runtime_are_taken_out(void **state)
{
    (void)state;
    check("A=1 sprat.x B=2 sprat.y=3 run sprat.z", "sprat.x|sprat.y=3", "A=1|B=2", "run|sprat.z");
    check("sprat.a sprat.b", "sprat.a|sprat.b", "", "");
    check("sprat sprat.b", "", "", "sprat|sprat.b");
}

static void a_quote_that_is_not_closed_is_named_by_its_place(void **state)
{
    (void)state;
    refused("one 'two three", "the quote that opens at byte 5 is not closed");
    refused("\"", "the quote that opens at byte 1 is not closed");
    refused("a 'b' c\"d", "the quote that opens at byte 8 is not closed");
    refused("\"a\\\"", "the quote that opens at byte 1 is not closed");
    refused("'a\\", "the quote that opens at byte 1 is not closed");
}

static void a_backslash_at_the_end_is_named_by_its_place(void **state)
{
    (void)state;
    refused("one \\", "the backslash at byte 5 has nothing after it");
    refused("\\", "the backslash at byte 1 has nothing after it");
}

static void body_with_too_little_room(void)
{
    char text[] = "a b c d", *words[5];

    cmdline_parse(text, "program", words, 5, &cmdline, error, sizeof(error));
}

static void too_little_room_is_our_mistake(void **state)
{
    (void)state;
    assert_int_equal(fake_run_kernel(body_with_too_little_room), 3 /* SHUTDOWN_crash */);
    assert_has(fake_log_text(), "assertion failed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_line_is_the_program_alone),
        cmocka_unit_test(words_stand_between_blanks),
        cmocka_unit_test(one_letter_words_fit_the_room),
        cmocka_unit_test(quotes_keep_blanks),
        cmocka_unit_test(single_quotes_keep_all),
        cmocka_unit_test(double_quotes_keep_all_but_escaped_quotes_and_backslashes),
        cmocka_unit_test(a_backslash_keeps_the_next_character),
        cmocka_unit_test(assignments_before_the_first_plain_word_are_environment),
        cmocka_unit_test(options_of_the_runtime_are_taken_out),
        cmocka_unit_test(a_quote_that_is_not_closed_is_named_by_its_place),
        cmocka_unit_test(a_backslash_at_the_end_is_named_by_its_place),
        cmocka_unit_test(too_little_room_is_our_mistake),
    };
    return RUN_TESTS(tests);
}
