/* SPDX-License-Identifier: BSD-2-Clause */
/* The Click language, rule by rule: what is refused and why, and what is taken. */
#include "lab.h"

static const struct {
    const char *text, *why;
} wrong[] = {
    {"elementclass -> {}", "1:14: syntax error near '->': expected a class name"},
    {"elementclass A -> B", "1:16: syntax error near '->': expected an element class"},
    {"elementclass A Fnord;", "1:16: unknown element class 'Fnord'"},
    {"elementclass A { ... }", "1:18: '...' extends a class that does not exist"},
    {"Idle -> { ... } -> Discard", "1:11: '...' extends a class that does not exist"},
    {"elementclass A { K $k, $x | Idle -> Discard }",
     "1:24: positional parameters come before keywords"},
    {"elementclass A { $a, -> | Idle -> Discard }",
     "1:22: syntax error near '->': expected a para"},
    {"elementclass A { $a, $a | Idle -> Discard }", "1:22: parameter 'a' is given more than once"},
    {"elementclass A { K $a, K $b | Idle -> Discard }", "parameter 'b' is given more than once"},
    {"elementclass A { __REST__ $r, K $k | Idle -> Discard }", "__REST__ must be the last"},
    {"elementclass A { $a $b | Idle -> Discard }", "1:21: syntax error near 'b': expected ',' or"},
    {"elementclass A { Idle -> input; input -> output }",
     "1:23: 'input' can only be used as a source"},
    {"elementclass A { input -> output -> Discard }",
     "1:34: 'output' can only be used as a destination"},
    {"elementclass A { input -> output } Idle -> A;", "its ports do not match"},
    {"define $a 1", "syntax error near 'a': expected '('"},
    {"define($a 1", "1:7: this '(' is never closed"},
    {"define(a 1)", "1:8: define wants '$NAME value'"},
    {"define($ 1)", "1:8: define wants '$NAME value'"},
    {"require x", "1:9: syntax error near 'x': expected '('"},
    {"require(x", "1:8: this '(' is never closed"},
    {"-> Discard", "1:1: syntax error near '->': expected an element"},
    {"=> Discard", "1:1: syntax error near '=>': expected an element"},
    {"Idle -> [x] Discard", "1:10: syntax error near 'x': expected a port number"},
    {"Idle [0-x] -> Discard", "1:9: syntax error near 'x': expected the last port number"},
    {"Idle [2-1] -> Discard", "1:9: syntax error near '1': expected the last port number"},
    {"Idle [18446744073709551616] -> Discard", "expected a port number"},
    {"Idle [0 -> Discard", "1:9: syntax error near '->': expected ']'"},
    {"[0] Idle -> Discard", "1:1: input ports at its start"},
    {"Idle -> Discard [0]", "1:9: output ports at the end of a chain"},
    {"a :: 5", "unknown element class '5'"},
    {"a :: ;", "1:6: syntax error near ';': expected an element class"},
    {"a :: { Idle -> Discard", "expected '}'"},
    {"a :: Queue(;", "this '(' is never closed"},
    {"Idle -> ( Idle -> Discard", "expected ')'"},
    {"Idle -> ( [x] ) -> Discard", "1:12: syntax error near 'x'"},
    {"Idle -> Queue(, -> Discard", "this '(' is never closed"},
    {"input -> Discard", "'input' is neither a declared element nor an element class"},
    {"Idle -> Discard; a, Discard; Idle -> a", "'a' is neither a declared element"},
    {"c :: Discard; Idle -> c; a, c; Idle -> a", "'a' is neither a declared element"},
    {"Idle -> Discard; a, ( input -> output ); Idle -> a", "'a' is neither a declared element"},
    {"x :: { input -> output }; x -> x", "a compound's input leads to itself only"},
    {"Idle -> [0] ( input[0] -> output; input[1] -> Discard ) -> Discard",
     "port 1 of a compound element is not connected"},
    {"Idle -> Print(\\<41 4>) -> Discard", "must be a string"},
    {"Idle -> Print(\\<41 x>) -> Discard", "must be a string"},
    {"Idle -> Queue(CAPACITY) -> Discard", "CAPACITY must be a number up to 1073741823, not ''"},
    {"Idle -> Queue(Foo 3) -> Discard", "CAPACITY must be a number up to 1073741823, not 'Foo 3'"},
};

static void what_breaks_a_rule_is_refused_where_it_stands(void **state)
{
    unsigned failures = 0;

    (void)state;
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        struct text out = {0};
        int rc = engine_check(wrong[i].text, strlen(wrong[i].text), &out);

        if (rc == 0 || !out.s || !strstr(out.s, wrong[i].why) ||
            strchr(out.s, '\n') != out.s + out.len - 1) {
            print_error("%s\n    %s: %s\n", wrong[i].text, rc ? "refused" : "accepted",
                        out.s ? out.s : "");
            failures++;
        }
        text_free(&out);
    }
    assert_int_equal(failures, 0);
}

static void a_group_has_no_other_ports_than_it_uses(void **state)
{
    (void)state;
    lab_refuse("Idle -> [1] ( -> ) -> Discard",
               "1:6: this leads to port 1 of a compound element that has no such port\n"
               "1:9: port 0 of a compound element is not connected\n");
}

static void after_an_error_the_next_statement_is_read(void **state)
{
    static const char *const texts[] = {
        "Idle [x];\nIdle -> Foo",
        "[x] { Idle -> Discard; Idle };\nIdle -> Foo",
        "[x] ( Idle -> Discard; Idle );\nIdle -> Foo",
        "a :: { [x] };\nIdle -> Foo",
        "elementclass A { $a $b | Idle -> Discard };\nIdle -> Foo",
        "Idle -> ( [x] ) -> Discard;\nIdle -> Foo",
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        lab_refuse(texts[i], "2:9: 'Foo' is neither");
        assert_null(strstr(lab.out.s, "near '}'"));
        assert_null(strstr(lab.out.s, "expected '}'"));
    }
}

static void what_the_language_has_is_taken(void **state)
{
    (void)state;
    lab_load("# 1 \"a file\"\nelementclass Q Queue; Idle -> q :: Q(3) -> Discard\n# 9");
    assert_string_equal(lab_read("q.capacity"), "3");
    lab_load("provide(fnord); require(click); Idle => i :: Counter => Discard");
    assert_string_equal(lab_read("requirements"), "click\n");
    lab_load("Idle -> [0,] c :: Counter [0,] -> Discard");
    lab_load("t :: Tee; Idle -> t; t => a :: Counter, b :: Counter; a, b -> Discard");
    assert_string_equal(lab_read("t.ports"),
                        "1 input\npush\tIdle@2 [0]\n2 outputs\npush\t[0] a\npush\t[0] b\n");
    lab_load("define($a 5, $b ${a}0); Idle -> q :: Queue(${b}) -> Discard;"
             "Idle -> p :: Print(\"$b\\$b\", MAXLENGTH ${c-7}) -> Discard;"
             "Idle -> r :: Print('$b' $, /* $b */ MAXLENGTH 1) -> Discard");
    assert_string_equal(lab_read("p.config"), "\"50\\$b\", MAXLENGTH 7");
    assert_string_equal(lab_read("r.config"), "'$b' $,   MAXLENGTH 1");
    assert_string_equal(lab_read("q.capacity"), "50");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(what_breaks_a_rule_is_refused_where_it_stands),
        LAB_TEST(a_group_has_no_other_ports_than_it_uses),
        LAB_TEST(after_an_error_the_next_statement_is_read),
        LAB_TEST(what_the_language_has_is_taken),
    };

    return cmocka_run_group_tests_name("syntax", tests, NULL, NULL);
}
