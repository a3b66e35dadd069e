/* SPDX-License-Identifier: BSD-2-Clause */
/* Handlers, hot swap, the control protocol, files. */
#include "../engine/control.h"
#include "lab.h"

static void handlers_list_themselves(void **state)
{
    (void)state;
    lab_load("i :: Idle -> q :: Queue(7) -> Discard");
    assert_string_equal(lab_read("q.handlers"),
                        "name\tr\nclass\tr\nconfig\tr\nports\tr\nhandlers\tr\nreset_counts\tw\n"
                        "reset\tw\ncapacity\trw\nlength\tr\nhighwater_length\tr\ndrops\tr\n");
    assert_string_equal(lab_read("2.name"), "q");
    assert_string_equal(lab_read("q.config"), "7");
    assert_string_equal(lab_read("list"), "3\ni\nq\nDiscard@3\n");
    assert_string_equal(lab_read("flatconfig"),
                        "i :: Idle;\nq :: Queue(7);\nDiscard@3 :: Discard;\ni [0] -> [0] q;\n"
                        "q [0] -> [0] Discard@3;\n");
    lab_write("q.capacity", "9");
    assert_string_equal(lab_read("q.capacity"), "9");
    lab_write_fails("q.capacity", "x", "1:1: 'x' is not a value for CAPACITY");
    assert_string_equal(lab_read("q.capacity"), "9");
}

static void unknown_handlers_are_told_apart(void **state)
{
    struct text t = {0};

    (void)state;
    assert_int_equal(engine_read(lab.eng, STR("q.x"), STR(""), &t), HANDLER_NO_ROUTER);
    lab_load("Idle -> q :: Queue -> Discard");
    assert_int_equal(engine_read(lab.eng, STR("z.x"), STR(""), &t), HANDLER_NO_ELEMENT);
    assert_int_equal(engine_read(lab.eng, STR("q.x"), STR(""), &t), HANDLER_NO_HANDLER);
    assert_int_equal(engine_read(lab.eng, STR("q.reset"), STR(""), &t), HANDLER_NOT_READABLE);
    assert_int_equal(engine_write(lab.eng, STR("q.length"), STR("1"), &t), HANDLER_NOT_WRITABLE);
    assert_int_equal(engine_write(lab.eng, STR("q.config"), STR("1"), &t), HANDLER_NOT_WRITABLE);
    assert_int_equal(engine_write(lab.eng, STR("list"), STR("1"), &t), HANDLER_NOT_WRITABLE);
    assert_int_equal(engine_read(lab.eng, STR("0.name"), STR(""), &t), HANDLER_NO_ELEMENT);
    assert_int_equal(engine_read(lab.eng, STR("99.name"), STR(""), &t), HANDLER_NO_ELEMENT);
    assert_int_equal(engine_check_handler(lab.eng, STR("q.drops"), false), HANDLER_OK);
    assert_int_equal(engine_check_handler(lab.eng, STR("hotconfig"), true), HANDLER_OK);
    text_free(&t);
}

static void a_hot_swap_keeps_queues_flows_stations_and_neighbours(void **state)
{
    static const char config[] =
        "FromDevice(eth0) -> MarkIPHeader -> GetIPAddress(16) -> q :: ARPQuerier(10.0.0.1,"
        " 2:0:0:0:0:1) -> k :: Queue -> u :: Unqueue(ACTIVE false) -> Queue -> ToDevice(eth1);"
        "Idle -> [1] q;"
        "FromDevice(eth2) -> s :: EtherSwitch -> Discard; Idle -> [1] s [1] -> Discard;"
        "FromDevice(eth3) -> CheckIPHeader(14) -> rw :: IPRewriter(pattern 1.0.0.1 5000-5001# - - "
        "0 0)"
        " -> c :: Counter -> Discard;";
    struct frame f = {.src = "10.0.0.5", .dst = "8.8.8.8", .proto = 17, .sport = 777, .dport = 53};

    (void)state;
    lab_load(config);
    lab_write("q.insert", "10.0.0.2 2:2:2:2:2:2");
    lab_receive_hex(0, "45000014 00000000 40110000 0a000001 0a000002");
    lab_receive_hex(2, "020000000002 020000000001 0800");
    lab_receive_frame(3, &f);
    assert_int_equal(lab_number("k.length"), 1);
    lab_write("hotconfig", config);
    assert_int_equal(lab_number("k.length"), 1);
    assert_int_equal(lab_number("q.count"), 1);
    assert_string_equal(lab_read("s.table"), "02-00-00-00-00-01 0\n");
    assert_int_equal(lab_number("rw.table_size"), 1);
    assert_int_equal(lab_number("c.count"), 1);
    /* and goes on working */
    lab_receive_frame(3, &f);
    assert_int_equal(lab_number("rw.table_size"), 1);
    assert_int_equal(lab_number("c.count"), 2);
    /* another class of the same name takes nothing over */
    lab_write("hotconfig", "Idle -> k :: Counter -> Discard");
    assert_int_equal(lab_number("k.count"), 0);
}

static void no_packet_is_lost_when_configurations_take_turns(void **state)
{
    static const char *const texts[] = {
        "FromDevice(eth0) -> q :: Queue(500) -> s :: Shaper(1000) -> ToDevice(eth1)",
        "FromDevice(eth0) -> c :: Counter -> q :: Queue(600) -> s :: Shaper(1000) -> "
        "ToDevice(eth1)",
        "FromDevice(eth0) -> q :: Queue(500) -> Fnord",
        "FromDevice(eth0) -> q :: Queue(many) -> ToDevice(eth1)",
    };
    unsigned sent = 0;

    (void)state;
    lab_load(texts[0]);
    for (unsigned i = 0; i < 400; i++) {
        uint8_t byte = (uint8_t)i;

        lab_receive(0, &byte, 1);
        if (i % 5 == 0)
            engine_load(lab.eng, texts[i / 5 % 4], strlen(texts[i / 5 % 4]), NULL);
    }
    lab_pass(2000);
    for (; lab.eth[1]->n_sent; sent++) {
        struct packet *p = lab_sent(1);

        assert_int_equal(p->data[0], (uint8_t)sent); /* in order, too */
        packet_kill(p);
    }
    assert_int_equal(sent, 400);
}

static void a_wrong_new_configuration_leaves_the_old_one_running(void **state)
{
    (void)state;
    lab_load("FromDevice(eth0) -> c :: Counter -> Discard");
    lab_receive(0, "a", 1);
    lab_write_fails("hotconfig", "FromDevice(eth0) ->\n Foo -> Discard", "2:2: 'Foo' is neither");
    lab_write_fails("hotconfig", "FromDevice(eth0) -> FromDump(nothing) -> Discard", "");
    lab_receive(0, "a", 1);
    assert_int_equal(lab_number("c.count"), 2);
    assert_string_equal(lab_read("config"), "FromDevice(eth0) -> c :: Counter -> Discard");
}

/* What a connection answers. */
static char *talk(const char *input, size_t step, bool readonly)
{
    struct control c;
    size_t len = strlen(input);
    char *out;

    control_open(&c, lab.eng, readonly);
    text_free(&c.out);
    for (size_t i = 0; i < len; i += step)
        control_receive(&c, input + i, len - i < step ? len - i : step);
    out = strdup(c.out.s ? c.out.s : "");
    control_close(&c);
    return out;
}

static void the_control_protocol_answers_as_documented(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"READ q.capacity\r\n", "200 Read handler OK: 'q.capacity'\r\nDATA 1\r\n7"},
        {"read q.name\n", "200 Read handler OK: 'q.name'\r\nDATA 1\r\nq"},
        {"WRITE q.capacity 8\rREAD q.capacity\r",
         "200 Write handler OK: 'q.capacity'\r\n200 Read handler OK: 'q.capacity'\r\nDATA 1\r\n8"},
        {"WRITEDATA q.capacity 1\r\n7READ q.capacity\n",
         "200 Write handler OK: 'q.capacity'\r\n200 Read handler OK: 'q.capacity'\r\nDATA 1\r\n7"},
        {"WRITEUNTIL q.capacity END\n7\nEND \nCHECKREAD q.drops\n",
         "200 Write handler OK: 'q.capacity'\r\n200 Read handler OK: 'q.drops'\r\n"},
        {"READDATA r.lookup 7\n1.2.3.4", "200 Read handler OK: 'r.lookup'\r\nDATA 1\r\n0"},
        {"READUNTIL r.lookup\n1.2.3.4\n\n", "200 Read handler OK: 'r.lookup'\r\nDATA 1\r\n0"},
        {"READ x.y\n", "510 No element named 'x.y'\r\n"},
        {"READ q.y\n", "511 No handler named 'q.y'\r\n"},
        {"WRITE q.length 1\n", "530 Handler read-only: 'q.length'\r\n"},
        {"WRITE q.capacity x\n",
         "520-Handler error from 'q.capacity':\r\n520 1:1: 'x' is not a value for CAPACITY\r\n"},
        {"READ\n", "500 Wrong number of arguments\r\n"},
        {"WRITEDATA q.capacity x\n", "500 Wrong arguments\r\n"},
        {"WRITEDATA q.capacity 99999999\nQUIT\n", "521 Data too large for 'q.capacity'\r\n"},
        {"READDATA r.lookup 0\nREAD q.name\n",
         "520-Handler error from 'r.lookup':\r\n520 1:1: expected an IP address\r\n"
         "200 Read handler OK: 'q.name'\r\nDATA 1\r\nq"},
        {"REA q.capacity\n", "501 Command unimplemented: 'REA'\r\n"},
        {"READ hotconfig\n", "530 Handler write-only: 'hotconfig'\r\n"},
        {"CHECKREAD hotconfig\n", "530 Handler write-only: 'hotconfig'\r\n"},
        {"WRITE version 2\n", "530 Handler read-only: 'version'\r\n"},
        {"LLRPC q#1\n", "501 Command unimplemented: 'LLRPC'\r\n"},
        {"\n\nQUIT\nREAD list\n", "200 Goodbye!\r\n"},
    };

    (void)state;
    lab_load(
        "Idle -> q :: Queue(7) -> Discard; Idle -> r :: RadixIPLookup(0.0.0.0/0 0) -> Discard");
    for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        for (size_t step = 1; step <= 64; step *= 8) { /* however the bytes arrive */
            char *out = talk(cases[i].in, step, false);

            assert_string_equal(out, cases[i].out);
            free(out);
        }
    }
}

static void help_is_in_the_protocols_form(void **state)
{
    char *out = talk("help\n", 64, false);

    (void)state;
    assert_int_equal(strncmp(out, "200-Commands supported:\r\n200-READ ", 34), 0);
    assert_non_null(strstr(out, "\r\n200 QUIT "));
    free(out);
}

static void a_readonly_connection_writes_nothing(void **state)
{
    char *out;

    (void)state;
    lab_load("Idle -> q :: Queue(7) -> Discard; ControlSocket(TCP, 7777, READONLY true)");
    out = talk("WRITE q.capacity 9\nCHECKWRITE q.capacity\n", 5, true);
    assert_string_equal(out, "530 Permission denied for 'q.capacity'\r\n"
                             "530 Permission denied for 'q.capacity'\r\n");
    free(out);
    assert_int_equal(lab_number("q.capacity"), 7);
    lab_refuse("ControlSocket(TCP, 99999)", "is not a port");
}

static void the_port_is_open_while_the_element_is_there(void **state)
{
    (void)state;
    lab_load("Idle -> Discard; ControlSocket(TCP, 7777, READONLY true)");
    assert_int_equal(host.control_port, 7777);
    assert_int_equal(host.control_users, 1);
    assert_true(host.control_readonly);
    lab_write("hotconfig", "Idle -> Discard; ControlSocket(TCP, 7778)");
    assert_int_equal(host.control_port, 7778);
    assert_int_equal(host.control_users, 1);
    assert_false(host.control_readonly);
    lab_write_fails("hotconfig", "Fnord", "Fnord");
    assert_int_equal(host.control_users, 1);
    lab_write("hotconfig", "Idle -> Discard;");
    assert_int_equal(host.control_users, 0);
}

static void a_port_for_this_host_only_is_for_nobody(void **state)
{
    (void)state;
    lab_load("c :: ControlSocket(TCP, 7777, LOCALHOST true)");
    assert_int_equal(host.control_port, 0);
    assert_true(lab_logged("c: 7777 can't be served"));
    assert_string_equal(lab_read("c.localhost"), "true");
    lab_load("ControlSocket(TCP, 7777, LOCALHOST false)");
    assert_int_equal(host.control_port, 7777);
}

static void a_port_that_is_taken_is_told_unless_another_may_do(void **state)
{
    (void)state;
    host.control_taken = 7777;
    lab_load("Idle -> Discard; here :: ControlSocket(TCP, 7777)");
    assert_int_equal(host.control_users, 0);
    assert_true(lab_logged("here: 7777 can't be served"));
    lab_write("hotconfig", "Idle -> Discard; ControlSocket(TCP, 7777+)");
    assert_int_equal(host.control_port, 7778);
    host.control_taken = 0;
}

static void an_endless_line_closes_the_connection(void **state)
{
    struct control c;
    char line[1000];

    (void)state;
    memset(line, 'x', sizeof(line));
    control_open(&c, lab.eng, false);
    for (unsigned i = 0; i < 10; i++)
        control_receive(&c, line, sizeof(line));
    assert_int_equal(c.state, CONTROL_CLOSED);
    assert_non_null(strstr(c.out.s, "500 Line or data too long"));
    control_close(&c);
}

/* A configuration of `len` bytes; the caller frees it. */
static char *long_config(size_t len)
{
    static const char begin[] = "Idle -> q :: Queue -> Discard; /*", end[] = "*/";
    char *text = malloc(len + 1);

    assert_non_null(text);
    memset(text, 'x', len);
    memcpy(text, begin, sizeof(begin) - 1);
    memcpy(text + len - (sizeof(end) - 1), end, sizeof(end));
    return text;
}

static void an_answer_too_long_is_refused_and_not_cut(void **state)
{
    static const char in[] = "READ config\nREAD q.name\n";
    static const size_t lens[] = {TEXT_LIMIT - 1000, TEXT_LIMIT - 40, TEXT_LIMIT};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        char *text = long_config(lens[i]), *out;

        lab_load(text);
        out = talk(in, 64, false);
        if (i == 0) { /* there is room for what stands around it, too */
            assert_non_null(strstr(out, text));
            assert_non_null(strstr(out, "DATA 1\r\nq"));
        } else {
            assert_string_equal(out,
                                "520 Answer longer than 1 MiB, or than memory, from 'config'\r\n"
                                "200 Read handler OK: 'q.name'\r\nDATA 1\r\nq");
        }
        free(out);
        free(text);
    }
}

static void an_answer_that_a_handler_cut_is_refused(void **state)
{
    struct text config = {0};
    char *out;

    (void)state;
    text_addf(&config, "elementclass C {");
    for (unsigned i = 0; i < 900; i++)
        text_addf(&config, "Idle -> Discard;");
    text_addf(&config, "}");
    for (unsigned i = 0; i < 400; i++) /* stands before each element's name, and in connections */
        text_char(&config, 'n');
    text_addf(&config, " :: C");
    lab_load(config.s);
    out = talk("READ flatconfig\nREAD version\n", 64, false);
    assert_string_equal(out, "520 Answer longer than 1 MiB, or than memory, from 'flatconfig'\r\n"
                             "200 Read handler OK: 'version'\r\nDATA 7\r\nsprat-1");
    free(out);
    text_free(&config);
}

static void a_connection_whose_answers_nobody_takes_ends(void **state)
{
    struct text line = {0};
    struct control c;

    (void)state;
    text_addf(&line, "READ ");
    for (unsigned i = 0; i < 4000; i++)
        text_char(&line, 'n');
    text_char(&line, '\n');
    control_open(&c, lab.eng, false);
    for (unsigned i = 0; i < 300 && c.state != CONTROL_CLOSED; i++)
        control_receive(&c, line.s, line.len);
    assert_int_equal(c.state, CONTROL_CLOSED);
    assert_in_range(c.out.len, TEXT_LIMIT - line.len - 100, TEXT_LIMIT);
    control_close(&c);
    text_free(&line);
}

static void running_out_of_packets_is_survived(void **state)
{
    struct frame f = {.src = "10.1.2.3", .dst = "8.8.8.8", .proto = 17, .ttl = 1};

    (void)state;
    lab_load("FromDevice(eth0) -> t :: Tee -> CheckIPHeader(14) -> d :: DecIPTTL -> Discard;"
             "d[1] -> ICMPError(1.1.1.1, timeexceeded) -> c :: Counter -> Discard;"
             "t[1] -> Unstrip(2000) -> e :: Counter -> Discard");
    host.packets_max = 1;
    lab_receive_frame(0, &f);
    host.packets_max = 0;
    assert_int_equal(lab_number("c.count") + lab_number("e.count"), 0);
    lab_receive_frame(0, &f);
    assert_int_equal(lab_number("c.count") + lab_number("e.count"), 2);
}

static void handlers_are_listed_with_their_numbers(void **state)
{
    (void)state;
    lab_load("Idle -> Queue -> s :: StrideSched(2, 3) -> d :: Discard;"
             "Idle -> Queue -> [1] s");
    assert_non_null(strstr(lab_read("s.handlers"), "\ntickets0\trw\ntickets1\trw\n"));
    assert_null(strstr(lab_read("s.handlers"), "reset_counts"));
    assert_non_null(strstr(lab_read("d.handlers"), "reset_counts\tw\n"));
}

static void a_stop_ends_the_engine(void **state)
{
    struct text t = {0};

    (void)state;
    assert_int_equal(engine_write(lab.eng, STR("stop"), STR(""), &t), HANDLER_NO_ROUTER);
    lab_load("Idle -> c :: Counter -> Discard");
    assert_int_equal(engine_write(lab.eng, STR("stop"), STR(""), &t), HANDLER_OK);
    assert_true(engine_stopped(lab.eng));
    assert_string_equal(lab_read("c.class"), "Counter");
    text_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(handlers_are_listed_with_their_numbers),
        LAB_TEST(a_stop_ends_the_engine),
        LAB_TEST(handlers_list_themselves),
        LAB_TEST(unknown_handlers_are_told_apart),
        LAB_TEST(a_hot_swap_keeps_queues_flows_stations_and_neighbours),
        LAB_TEST(no_packet_is_lost_when_configurations_take_turns),
        LAB_TEST(a_wrong_new_configuration_leaves_the_old_one_running),
        LAB_TEST(the_control_protocol_answers_as_documented),
        LAB_TEST(help_is_in_the_protocols_form),
        LAB_TEST(a_readonly_connection_writes_nothing),
        LAB_TEST(the_port_is_open_while_the_element_is_there),
        LAB_TEST(a_port_for_this_host_only_is_for_nobody),
        LAB_TEST(a_port_that_is_taken_is_told_unless_another_may_do),
        LAB_TEST(an_endless_line_closes_the_connection),
        LAB_TEST(an_answer_too_long_is_refused_and_not_cut),
        LAB_TEST(an_answer_that_a_handler_cut_is_refused),
        LAB_TEST(a_connection_whose_answers_nobody_takes_ends),
        LAB_TEST(running_out_of_packets_is_survived),
    };

    return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
