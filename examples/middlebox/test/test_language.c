/* SPDX-License-Identifier: BSD-2-Clause */
/* The Click language: what is understood, what is refused and where. */
#include "lab.h"

static void a_chain_of_anonymous_elements_runs(void **state)
{
    (void)state;
    lab_load("InfiniteSource(LIMIT 5) -> Counter -> Discard;");
    assert_int_equal(lab_number("Counter@2.count"), 5);
    assert_string_equal(lab_read("list"), "3\nInfiniteSource@1\nCounter@2\nDiscard@3\n");
}

static void comments_are_skipped_in_statements_and_arguments(void **state)
{
    (void)state;
    lab_load(
        "/* one */ a :: InfiniteSource(// two )\n LIMIT /* three */ 3) // four\n -> d :: Discard");
    assert_int_equal(lab_number("d.count"), 3);
}

static void names_may_be_used_before_they_are_declared(void **state)
{
    (void)state;
    lab_load("s -> d; s :: InfiniteSource(LIMIT 2); d :: Discard;");
    assert_int_equal(lab_number("d.count"), 2);
}

static void one_declaration_may_have_several_names(void **state)
{
    (void)state;
    lab_load("a, b :: Discard; InfiniteSource(LIMIT 1) -> t :: Tee -> a; t[1] -> b;");
    assert_int_equal(lab_number("a.count"), 1);
    assert_int_equal(lab_number("b.count"), 1);
}

static void lists_connect_many_to_one_and_one_to_many(void **state)
{
    (void)state;
    lab_load("InfiniteSource(LIMIT 1), InfiniteSource(LIMIT 2) -> c :: Counter -> d :: Discard;"
             "i :: Idle; i[0], i[1] -> d;");
    assert_int_equal(lab_number("c.count"), 3);
}

static void many_to_many_connects_pairs(void **state)
{
    (void)state;
    lab_load("InfiniteSource(LIMIT 6) -> r :: RoundRobinSwitch; a, b, c :: Counter;"
             "r => a, b, c -> d :: Discard;");
    assert_int_equal(lab_number("a.count"), 2);
    assert_int_equal(lab_number("c.count"), 2);
    assert_int_equal(lab_number("d.count"), 6);
    lab_load("InfiniteSource(LIMIT 6) -> r :: RoundRobinSwitch; a, b, c :: Counter;"
             "r [0,1-2] => a, b, c -> d :: Discard;");
    assert_int_equal(lab_number("d.count"), 6);
    lab_refuse("r :: RoundRobinSwitch; r[0], r[1] => Discard, Discard, Discard; Idle -> r",
               "connection mismatch: 2 outputs connected to 3 inputs");
    lab_refuse("r :: Tee; r[0], r[1] -> Discard, Discard; Idle -> r",
               "1:22: many-to-many connections require '=>'");
}

static void groups_are_detours(void **state)
{
    (void)state;
    lab_load("InfiniteSource(LIMIT 4) -> RoundRobinSwitch => ( input[0] -> output;"
             " input[1] -> a :: Counter -> output ) -> d :: Discard;");
    assert_int_equal(lab_number("a.count"), 2);
    assert_int_equal(lab_number("d.count"), 4);
    lab_load("InfiniteSource(LIMIT 4) -> ( -> ) -> ( [0] -> [0] ) -> d :: Discard;");
    assert_int_equal(lab_number("d.count"), 4);
    lab_refuse("Idle -> ( [0] -> [0]; [2] -> Discard ) -> Discard",
               "port 1 of 'input' is not used");
}

static void compounds_expand_with_prefixed_names(void **state)
{
    (void)state;
    lab_load("elementclass Twice { input -> c :: Counter -> [0] output; }"
             "InfiniteSource(LIMIT 3) -> a :: Twice -> b :: Twice -> d :: Discard;");
    assert_int_equal(lab_number("a/c.count"), 3);
    assert_int_equal(lab_number("b/c.count"), 3);
    assert_int_equal(lab_number("d.count"), 3);
}

static void compound_parameters_reach_the_arguments(void **state)
{
    (void)state;
    lab_load("elementclass Src { $n, LEN $len, __REST__ $rest |"
             " s :: InfiniteSource(LIMIT $n, LENGTH ${len}, $rest) -> output }"
             "x :: Src(7, LEN 99, BURST 2) -> c :: Counter -> Discard;");
    assert_int_equal(lab_number("c.count"), 7);
    assert_int_equal(lab_number("c.byte_count"), 7 * 99);
    assert_string_equal(lab_read("x/s.config"), "LIMIT 7, LENGTH 99, BURST 2");
    lab_refuse("elementclass A { $a | Idle -> output } A(1, 2) -> Discard", "too many arguments");
    lab_refuse("elementclass A { $a | Idle -> output } A -> Discard", "too few arguments");
    lab_refuse("elementclass A { K $a | Idle -> output } A(1) -> Discard",
               "1:42: no definition of 'A' fits");
}

static void overloads_are_chosen_by_arguments_and_ports(void **state)
{
    (void)state;
    lab_load("elementclass Q { input -> Queue(5) -> output || $c | input -> Queue($c) -> output"
             " } elementclass Counter { $a, $b | Idle -> output || ... }"
             "Idle -> a :: Q -> Discard; Idle -> b :: Q(9) -> Discard;"
             "Idle -> c :: Counter -> Discard;");
    assert_string_equal(lab_read("a/Queue@1.capacity"), "5");
    assert_string_equal(lab_read("b/Queue@1.capacity"), "9");
    assert_string_equal(lab_read("c.class"), "Counter");
}

static void defines_have_lexical_scope(void **state)
{
    (void)state;
    lab_load("define($n 4, $m $n); a :: { define($n 2); InfiniteSource(LIMIT $n) -> output }"
             "a -> c :: Counter -> Discard; InfiniteSource(LIMIT $m) -> e :: Counter -> Discard;"
             "InfiniteSource(LIMIT ${none-3}) -> f :: Counter -> Discard;");
    assert_int_equal(lab_number("c.count"), 2);
    assert_int_equal(lab_number("e.count"), 4);
    assert_int_equal(lab_number("f.count"), 3);
    lab_refuse("define($a 1, $a 2)", "1:14: parameter '$a' is defined more than once");
}

static void strings_are_unquoted_with_escapes(void **state)
{
    (void)state;
    lab_load("s :: InfiniteSource(DATA \"a\\tb\\x41\" 'c\\\\' \\<44 45 // no\n 46>, LIMIT 0)"
             " -> Discard; m :: InfiniteSource(\"a,b\", 0) -> Discard");
    assert_string_equal(lab_read("s.data"), "a\tbA c\\\\ DEF");
    assert_string_equal(lab_read("m.data"), "a,b");
}

static void an_unknown_element_is_refused_with_its_line(void **state)
{
    (void)state;
    lab_refuse("Idle ->\n  Nonsense(3) -> Discard;", "2:3: unknown element class 'Nonsense'");
    lab_refuse("a :: Idle;\n\nb :: Nonsense;\n", "3:6: unknown element class 'Nonsense'");
    lab_refuse("Idle -> a -> Discard;", "1:9: 'a' is neither a declared element");
}

static void syntax_errors_are_refused_with_their_position(void **state)
{
    (void)state;
    lab_refuse("Idle -> ;", "1:9: syntax error near ';'");
    lab_refuse("Idle -> Discard(", "1:16: this '(' is never closed");
    lab_refuse("a :: ", "syntax error at the end");
    lab_refuse("Idle [x] -> Discard", "1:7: syntax error near 'x': expected a port number");
    lab_refuse("Idle [99999] -> Discard", "port numbers end at 1023");
    lab_refuse("Idle }", "1:6: syntax error near '}'");
    lab_refuse("elementclass X { input -> output", "expected '}'");
    lab_refuse("\x01", "1:1: syntax error");
    lab_refuse("1/x :: Idle", "all-digit component");
    lab_refuse("a :: Idle; a :: Discard", "1:12: element 'a' was declared before, at 1:1");
    lab_refuse("require(library foo.click)", "1:9: library 'foo.click' is not available");
}

static void several_errors_are_reported_at_once(void **state)
{
    (void)state;
    lab_refuse("Idle -> Foo;\nIdle -> Bar;",
               "1:9: 'Foo' is neither a declared element nor an element class");
    assert_non_null(strstr(lab.out.s, "2:9: 'Bar' is neither"));
    lab_refuse("a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w -> Discard",
               "\n23 errors and 0 warnings altogether\n");
    assert_null(strstr(lab.out.s, "'v'"));
}

static void deep_nesting_is_refused(void **state)
{
    char text[4096] = "";
    struct text t = {0};

    (void)state;
    for (int i = 0; i < 100; i++)
        strcat(text, "{");
    lab_refuse(text, "nested too deeply");
    memset(text, '(', 200);
    text[200] = 0;
    lab_refuse(text, "nested too deeply");
    /* doubling: 2^40 elements if it were expanded */
    text_addf(&t, "elementclass A0 { Idle -> Discard; }");
    for (int i = 1; i < 40; i++)
        text_addf(&t, "elementclass A%d { A%d; A%d }", i, i - 1, i - 1);
    text_addf(&t, "A39");
    lab_refuse(t.s, "configuration too large");
    text_free(&t);
}

static void an_unconnected_port_is_refused(void **state)
{
    (void)state;
    lab_refuse("t :: Tee; Idle -> t; t[1] -> Discard;", "1:1: 't' push output 0 unused");
    lab_refuse("InfiniteSource",
               "1:1: 'InfiniteSource@1' has 0 outputs, but InfiniteSource wants 1");
    lab_refuse("Idle -> Strip(1)[0], Strip(2) -> Discard", "");
    lab_refuse("Idle -> s :: Strip(1) -> Discard; s[1] -> Discard", "'s' has 2 outputs");
}

static void push_and_pull_must_agree(void **state)
{
    (void)state;
    lab_refuse("a :: InfiniteSource; a -> PullNull -> PushNull -> Discard",
               "1:36: 'PullNull@2' pull output 0 connected to 'PushNull@3' push input 0;"
               " put an Unqueue between them");
    lab_refuse("FromDevice(eth0) -> ToDevice(eth0)",
               "1:18: 'FromDevice@1' push output 0 connected to 'ToDevice@2' pull input 0;"
               " put a Queue between them");
    lab_refuse("FromDevice(eth0) -> n :: Null -> ToDevice(eth0)",
               "agnostic 'n' in mixed context: push input 0, pull output 0");
}

static void a_push_output_and_a_pull_input_take_one_connection(void **state)
{
    (void)state;
    lab_refuse("s :: InfiniteSource; s -> Discard; s -> Discard;", "can't reuse 's' push output 0");
    lab_refuse("u :: Unqueue -> Discard; a, b :: Queue; Idle -> a -> u; Idle -> b -> u",
               "can't reuse 'u' pull input 0");
    /* a repeated connection is the same one */
    lab_load("s :: InfiniteSource(LIMIT 1); d :: Discard; s -> d; s -> d;");
    /* pull outputs may feed several */
    lab_load("q :: Queue; Idle -> q; q -> Unqueue -> Discard; q -> Unqueue -> Discard");
}

static void wrong_arguments_are_refused_where_they_stand(void **state)
{
    (void)state;
    lab_refuse("Idle -> Queue(abc) -> Discard",
               "1:15: Queue@2: CAPACITY must be a number up to 1073741823, not 'abc'");
    lab_refuse("Idle -> Queue(1, 2) -> Discard", "1:18: Queue@2: too many arguments");
    lab_refuse("Idle -> Queue(FOO 3) -> Discard", "1:15: Queue@2: unknown keyword argument 'FOO'");
    lab_refuse("Idle -> Strip -> Discard", "1:9: Strip@2: LENGTH is missing: a number");
    lab_refuse("Idle -> Queue(1,\n  CAPACITY 3) -> Discard",
               "2:3: Queue@2: CAPACITY is given more than once");
    lab_refuse(
        "elementclass X { $n | input -> Queue(/* c */ $n) -> output }\nIdle -> X(z) -> Discard",
        "1:46: X@2/Queue@1: CAPACITY must be");
    lab_refuse("FromDevice(eth9) -> Discard", "there is no device 'eth9'");
}

static void port_counts_of_switches_follow_their_use(void **state)
{
    (void)state;
    lab_refuse("Idle -> Switch(2) -> Discard", "port must be below 1");
    lab_load("Idle -> s :: Switch(-1) -> Discard; s[1] -> Discard");
    assert_string_equal(lab_read("s.switch"), "-1");
    assert_string_equal(lab_read("s.ports"),
                        "1 input\npush\tIdle@1 [0]\n2 outputs\npush\t[0] Discard@3\npush\t[0] "
                        "Discard@4\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(a_chain_of_anonymous_elements_runs),
        LAB_TEST(comments_are_skipped_in_statements_and_arguments),
        LAB_TEST(names_may_be_used_before_they_are_declared),
        LAB_TEST(one_declaration_may_have_several_names),
        LAB_TEST(lists_connect_many_to_one_and_one_to_many),
        LAB_TEST(many_to_many_connects_pairs),
        LAB_TEST(groups_are_detours),
        LAB_TEST(compounds_expand_with_prefixed_names),
        LAB_TEST(compound_parameters_reach_the_arguments),
        LAB_TEST(overloads_are_chosen_by_arguments_and_ports),
        LAB_TEST(defines_have_lexical_scope),
        LAB_TEST(strings_are_unquoted_with_escapes),
        LAB_TEST(an_unknown_element_is_refused_with_its_line),
        LAB_TEST(syntax_errors_are_refused_with_their_position),
        LAB_TEST(several_errors_are_reported_at_once),
        LAB_TEST(deep_nesting_is_refused),
        LAB_TEST(an_unconnected_port_is_refused),
        LAB_TEST(push_and_pull_must_agree),
        LAB_TEST(a_push_output_and_a_pull_input_take_one_connection),
        LAB_TEST(wrong_arguments_are_refused_where_they_stand),
        LAB_TEST(port_counts_of_switches_follow_their_use),
    };

    return cmocka_run_group_tests_name("language", tests, NULL, NULL);
}
