/* SPDX-License-Identifier: BSD-2-Clause */
/* examples/httpd: how long a client may keep a connection, on the host's sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <poll.h>
#include <sys/socket.h>

#include "../../examples/httpd/deadlines.h"

#define START 100 /* seconds */
#define GET   "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n"

static int client, server;
static short events;
static struct connection *connection;

static int setup(void **state)
{
    int pair[2];

    (void)state;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair))
        return -1;
    client = pair[0];
    server = pair[1];
    connection = connection_new(server, START);
    return connection ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    connection_free(connection);
    close(client);
    close(server);
    return 0;
}

/* @return false when the connection is over. */
static bool say(const char *text, time_t now_s)
{
    assert_int_equal(send(client, text, strlen(text), 0), strlen(text));
    return connection_work(connection, now_s, &events);
}

static void assert_answer(const char *start)
{
    char answer[2048];
    ssize_t n = recv(client, answer, sizeof(answer), 0);

    assert_true(n > (ssize_t)strlen(start));
    assert_memory_equal(answer, start, strlen(start));
}

static void a_client_that_says_nothing_has_its_time(void **state)
{
    (void)state;
    assert_true(connection_work(connection, START + 5, &events));
    assert_int_equal(connection->deadline_s, START + IDLE_S);
}

static void empty_lines_buy_no_time(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        assert_true(say("\r\n", START + i));
    assert_int_equal(connection->deadline_s, START + IDLE_S);
}

static void a_request_that_dribbles_has_its_time_from_its_first_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i + 1 < strlen(GET); i++)
        assert_true(say((char[]){GET[i], 0}, START + 3 + (time_t)i));
    assert_int_equal(connection->deadline_s, START + 3 + REQUEST_S);
    assert_true(say("\n", START + 50));
    assert_answer("HTTP/1.1 404");
    assert_int_equal(connection->deadline_s, START + 50 + IDLE_S);
}

static void a_body_that_dribbles_buys_no_time(void **state)
{
    (void)state;
    assert_true(say("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n", START + 3));
    for (int i = 0; i < 8; i++)
        assert_true(say("x", START + 4 + i));
    assert_int_equal(connection->deadline_s, START + 3 + REQUEST_S);
}

static void what_is_no_request_for_a_file_is_refused_before_its_body(void **state)
{
    (void)state;
    assert_false(say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999\r\n\r\n", START));
    assert_answer("HTTP/1.1 405");
}

static void a_header_without_an_end_is_refused(void **state)
{
    (void)state;
    bool open = say("GET / HTTP/1.1\r\nHost: a\r\nX: ", START);
    for (int i = 0; i < 1000 && open; i++)
        open = say("xxxxxxxxxxxxxxx", START);
    assert_false(open);
    assert_answer("HTTP/1.1 431");
}

static void taking_some_of_an_answer_buys_no_time(void **state)
{
    static char body[5000000];
    char taken[100];

    (void)state;
    assert_true(connection_work(connection, START, &events));
    connection->answering = connection->keep_alive = true;
    connection->body = body;
    connection->body_len = sizeof(body);
    connection->deadline_s = START + IDLE_S + (time_t)(sizeof(body) / RATE_MIN);
    for (int i = 0; i < 20; i++) {
        assert_true(connection_work(connection, START + i, &events));
        assert_int_equal(events, POLLOUT);
        assert_int_equal(recv(client, taken, sizeof(taken), 0), sizeof(taken));
    }
    assert_int_equal(connection->deadline_s, START + IDLE_S + (time_t)(sizeof(body) / RATE_MIN));
}

static void where_others_wait_an_answer_is_the_last(void **state)
{
    char answer[2048] = "";

    (void)state;
    assert_true(say(GET, START));
    assert_true(recv(client, answer, sizeof(answer) - 1, 0) > 0);
    assert_null(strstr(answer, "Connection: close"));
    connection->is_last = true;
    assert_false(say(GET, START));
    assert_true(recv(client, answer, sizeof(answer) - 1, 0) > 0);
    assert_non_null(strstr(answer, "Connection: close"));
}

/* As many come and go, or get more time or less, the first is one that none is before. */
static void whatever_comes_and_goes_the_first_deadline_is_known(void **state)
{
    static struct connection all[64];
    static bool in[64];
    unsigned random = 1, n = 0;

    (void)state;
    for (unsigned step = 0; step < 20000; step++) {
        random = random * 1103515245 + 12345;
        unsigned i = random >> 16 & 63;
        if (in[i] && random >> 30) {
            all[i].deadline_s = random >> 8 & 31;
            deadlines_changed(&all[i]);
        } else if (in[i]) {
            deadlines_remove(&all[i]);
            in[i] = false;
            n--;
        } else {
            all[i].deadline_s = random >> 8 & 31;
            assert_true(deadlines_add(&all[i]));
            in[i] = true;
            n++;
        }
        const struct connection *first = deadlines_first();
        assert_int_equal(deadlines_count(), n);
        assert_int_equal(first != NULL, n != 0);
        for (unsigned j = 0; j < 64; j++)
            assert_false(in[j] && all[j].deadline_s < first->deadline_s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_client_that_says_nothing_has_its_time, setup, teardown),
        cmocka_unit_test_setup_teardown(empty_lines_buy_no_time, setup, teardown),
        cmocka_unit_test_setup_teardown(a_request_that_dribbles_has_its_time_from_its_first_byte,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_body_that_dribbles_buys_no_time, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_request_for_a_file_is_refused_before_its_body,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_header_without_an_end_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(taking_some_of_an_answer_buys_no_time, setup, teardown),
        cmocka_unit_test_setup_teardown(where_others_wait_an_answer_is_the_last, setup, teardown),
        cmocka_unit_test(whatever_comes_and_goes_the_first_deadline_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
