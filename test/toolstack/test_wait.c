/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of wait.c: clients that wait for a guest, and requests that can't be done yet. */
#include "served.h"

static void who_says_no_more_and_waits_is_told_in_the_end(void **state)
{
    struct sockaddr_un address = listen_here();
    char answer[200] = "";
    int fd = connect_to(&address);

    (void)state;
    deadline_ns = now_ns + 1000;
    assert_int_equal(send(fd, "wait\n", 5, MSG_NOSIGNAL), 5);
    shutdown(fd, SHUT_WR);
    serve();
    assert_true(recv(fd, answer, sizeof(answer), MSG_DONTWAIT) < 0);
    assert_true(client_deadlines(&host, now_ns) == deadline_ns);
    now_ns = deadline_ns;
    serve();
    read_all(fd, answer, sizeof(answer));
    assert_has(answer, "is not ready in time");
    deadline_ns = UINT64_MAX;
    close(fd);
    stop();
}

static void an_answer_that_comes_by_itself_is_sent_at_once(void **state)
{
    struct sockaddr_un address = listen_here();
    char answer[200] = "";
    int fd = connect_to(&address);

    (void)state;
    assert_int_equal(send(fd, "wait\n", 5, MSG_NOSIGNAL), 5);
    serve();
    assert_false(client_has_answers());
    wait_guest_ended(&guest, "poweroff"); /* nothing is to be read, and no deadline is due */
    assert_true(client_has_answers());
    serve();
    assert_false(client_has_answers());
    assert_true(recv(fd, answer, sizeof(answer) - 1, MSG_DONTWAIT) > 0);
    assert_has(answer, "ended before it was ready");
    close(fd);
    stop();
}

/* How long it takes until something comes, with all that is due done in time. */
static uint64_t time_until_answer(int fd, char *answer, size_t size)
{
    uint64_t start_ns = now_ns;

    while (recv(fd, answer, size - 1, MSG_DONTWAIT) < 0) {
        uint64_t due_ns = client_deadlines(&host, now_ns);
        assert_true(due_ns > now_ns && due_ns <= now_ns + AGAIN_NS);
        now_ns = due_ns;
        serve();
    }
    return now_ns - start_ns;
}

static void what_cant_be_done_yet_is_tried_again_while_others_are_served(void **state)
{
    struct sockaddr_un address = listen_here();
    char answer[100] = "", other[100] = "";
    int fd = connect_to(&address), second = connect_to(&address);

    (void)state;
    n_again = 0;
    assert_int_equal(send(fd, "later\n", 6, MSG_NOSIGNAL), 6);
    serve();
    now_ns += AGAIN_NS / 2;
    assert_int_equal(send(second, "later\n", 6, MSG_NOSIGNAL), 6);
    serve();
    assert_served(&address);
    assert_int_equal(n_again, 2);
    assert_true(time_until_answer(fd, answer, sizeof(answer)) <= LATER_NS);
    assert_true(time_until_answer(second, other, sizeof(other)) <= LATER_NS);
    assert_has(answer, "short");
    assert_has(other, "short");
    assert_int_equal(n_again, 2 * LATER_NS / AGAIN_NS);
    close(fd);
    close(second);
    serve();
    stop();
}

/* The first leaves, the second says no more and gets its answer, the third keeps its place. */
static void whose_request_is_tried_again_is_remembered_or_forgotten_with_it(void **state)
{
    struct sockaddr_un address = listen_here();
    char answer[100] = "";
    static int fds[PLACES];

    (void)state;
    take_all_places(&address, fds, "later\n");
    close(fds[0]);
    serve();
    n_again = 0;
    shutdown(fds[1], SHUT_WR);
    serve();
    now_ns += AGAIN_NS;
    client_deadlines(&host, now_ns);
    assert_int_equal(n_again, PLACES - 1);
    assert_true(time_until_answer(fds[1], answer, sizeof(answer)) <= LATER_NS);
    assert_has(answer, "short");
    give_places_back(fds);
    stop();
}

static void who_leaves_is_not_told_any_more(void **state)
{
    struct sockaddr_un address = listen_here();
    int fd = connect_to(&address), other = connect_to(&address);
    char answer[200] = "";

    (void)state;
    assert_int_equal(send(other, "wait\n", 5, MSG_NOSIGNAL), 5);
    assert_int_equal(send(fd, "wait\n", 5, MSG_NOSIGNAL), 5);
    serve();
    close(fd);
    serve();
    wait_guest_ended(&guest, "poweroff");
    serve();
    assert_true(recv(other, answer, sizeof(answer) - 1, MSG_DONTWAIT) > 0);
    assert_has(answer, "poweroff");
    close(other);
    serve();
    stop();
}

static void what_is_on_the_console_already_is_not_waited_for(void **state)
{
    struct sockaddr_un address = listen_here();
    int fd = connect_to(&address), other = connect_to(&address);
    char answer[200] = "";

    (void)state;
    said = "up";
    assert_int_equal(send(fd, "wait\n", 5, MSG_NOSIGNAL), 5);
    serve();
    assert_true(recv(fd, answer, sizeof(answer) - 1, MSG_DONTWAIT) > 0);
    assert_has(answer, "\"ok\":true");
    assert_true(guest.ready);
    guest.ready = false;
    said = NULL;
    assert_int_equal(send(other, "wait\n", 5, MSG_NOSIGNAL), 5);
    serve();
    assert_true(recv(other, answer, sizeof(answer), MSG_DONTWAIT) < 0);
    wait_guest_ended(&guest, "crash");
    assert_false(guest.ready);
    serve();
    close(fd);
    close(other);
    serve();
    stop();
}

static void without_memory_nobody_waits(void **state)
{
    struct json_out out = {0};

    (void)state;
    no_memory = true;
    assert_int_equal(wait_for(NULL, &guest, "up", 0, &out, &fail), -ENOMEM);
    assert_int_equal(wait_for(NULL, &guest, NULL, 0, &out, &fail), -ENOMEM);
    assert_int_equal(wait_again(NULL, "x", 1, 0, &fail), -ENOMEM);
    no_memory = false;
    assert_true(wait_due(&host, now_ns) == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_says_no_more_and_waits_is_told_in_the_end),
        cmocka_unit_test(an_answer_that_comes_by_itself_is_sent_at_once),
        cmocka_unit_test(what_cant_be_done_yet_is_tried_again_while_others_are_served),
        cmocka_unit_test(whose_request_is_tried_again_is_remembered_or_forgotten_with_it),
        cmocka_unit_test(who_leaves_is_not_told_any_more),
        cmocka_unit_test(what_is_on_the_console_already_is_not_waited_for),
        cmocka_unit_test(without_memory_nobody_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
