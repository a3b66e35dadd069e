/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of client.c, the daemon's socket: bad clients, too many of them, no descriptor left. */
#include "served.h"

/* Linked with --wrap. */

static int accept_error; /* an errno that the next accept4() fails with; 0: none */

int __real_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
    if (accept_error) {
        errno = accept_error;
        accept_error = 0;
        return -1;
    }
    return __real_accept4(fd, address, len, flags);
}

static void a_connection_that_has_gone_again_is_no_trouble(void **state)
{
    static const int errors[] = {EAGAIN, EINTR, ECONNABORTED};
    struct sockaddr_un address = listen_here();

    (void)state;
    for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
        client_deadlines(&host, now_ns);
        accept_error = errors[i];
        client_accept(&host);
        assert_true(client_deadlines(&host, now_ns) == UINT64_MAX); /* it does not rest */
        assert_served(&address);
    }
    stop();
}

static void half_a_request_hurts_nobody(void **state)
{
    struct sockaddr_un address = listen_here();
    int fd = connect_to(&address);

    (void)state;
    assert_int_equal(send(fd, "{\"op\"", 5, MSG_NOSIGNAL), 5);
    serve();
    assert_served(&address);
    close(fd);
    serve();
    stop();
}

static void who_leaves_amid_an_answer_hurts_nobody(void **state)
{
    struct sockaddr_un address = listen_here();
    char some[100];
    int fd = connect_to(&address);

    (void)state;
    assert_int_equal(send(fd, "large\n", 6, MSG_NOSIGNAL), 6);
    serve();
    assert_int_equal(recv(fd, some, sizeof(some), MSG_DONTWAIT), sizeof(some));
    assert_served(&address);
    close(fd);
    serve();
    assert_served(&address);
    stop();
}

static void who_says_no_more_gets_all_answers(void **state)
{
    struct sockaddr_un address = listen_here();
    static char answer[65536];
    int few = connect_to(&address), large = connect_to(&address);

    (void)state;
    assert_int_equal(send(few, "?\n?\n?\n?\n", 8, MSG_NOSIGNAL), 8);
    shutdown(few, SHUT_WR);
    assert_int_equal(read_all(few, answer, sizeof(answer)), 4 * strlen("{\"answer\":\"short\"}\n"));
    assert_int_equal(send(large, "large\n", 6, MSG_NOSIGNAL), 6);
    shutdown(large, SHUT_WR);
    assert_true(read_all(large, answer, sizeof(answer)) > 1 << 20);
    close(few);
    close(large);
    stop();
}

static void the_socket_is_its_owners_alone(void **state)
{
    struct sockaddr_un address = listen_here();
    struct stat stat_of;
    char path[200];

    (void)state;
    assert_int_equal(stat(address.sun_path, &stat_of), 0);
    assert_int_equal(stat_of.st_mode & 077, 0);
    stop();
    memset(path, 'x', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    assert_int_equal(client_listen(&host, path, &fail), -ENAMETOOLONG);
}

static void a_line_without_end_is_refused(void **state)
{
    struct sockaddr_un address = listen_here();
    static char line[65536];
    char answer[200] = "";
    int fd = connect_to(&address);

    (void)state;
    memset(line, '[', sizeof(line));
    for (size_t sent = 0; sent < sizeof(line); serve()) {
        ssize_t n = send(fd, line + sent, sizeof(line) - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        assert_true(n > 0);
        sent += (size_t)n;
    }
    assert_true(recv(fd, answer, sizeof(answer) - 1, MSG_DONTWAIT) > 0);
    assert_has(answer, "at most 65536 bytes");
    assert_int_equal(recv(fd, answer, sizeof(answer), MSG_DONTWAIT), 0);
    close(fd);
    assert_served(&address);
    stop();
}

static void assert_refused(const struct sockaddr_un *address, const char *why)
{
    char answer[100] = "";
    int fd = connect_to(address);

    serve();
    assert_true(recv(fd, answer, sizeof(answer) - 1, MSG_DONTWAIT) > 0);
    assert_has(answer, why);
    close(fd);
}

static void the_most_silent_client_gives_way(void **state)
{
    struct sockaddr_un address = listen_here();
    static int fds[PLACES];
    char answer[100];

    (void)state;
    take_all_places(&address, fds, "{");
    assert_refused(&address, "too many clients"); /* each may be about to say more */
    now_ns += 1000000000;
    assert_int_equal(send(fds[0], "\n", 1, MSG_NOSIGNAL), 1);
    serve();
    now_ns += 1000000000;
    assert_served(&address);
    assert_true(recv(fds[0], answer, sizeof(answer), MSG_DONTWAIT) > 0);
    assert_int_equal(send(fds[0], "?", 1, MSG_NOSIGNAL), 1);  /* it is still there */
    assert_int_equal(send(fds[1], "?", 1, MSG_NOSIGNAL), -1); /* the next one is not */
    give_places_back(fds);
    stop();
}

static void a_client_that_waits_keeps_its_place(void **state)
{
    struct sockaddr_un address = listen_here();
    static int fds[PLACES];

    (void)state;
    take_all_places(&address, fds, "wait\n");
    now_ns += 2000000000;
    assert_refused(&address, "too many clients");
    give_places_back(fds);
    assert_served(&address);
    stop();
}

static void a_request_that_is_not_served_yet_keeps_its_client(void **state)
{
    struct sockaddr_un address = listen_here();
    static int fds[PLACES];
    struct epoll_event event;

    (void)state;
    take_all_places(&address, fds, "wait\n");
    close(fds[0]);
    serve();
    fds[0] = connect_to(&address);
    serve();
    assert_int_equal(send(fds[0], "?\n", 2, MSG_NOSIGNAL), 2);
    assert_int_equal(epoll_wait(host.epoll, &event, 1, 0), 1);
    client_ready(&host, (uint32_t)event.data.u64, event.events);
    now_ns += 2000000000;
    client_deadlines(&host, now_ns);
    int fd = connect_to(&address);
    client_accept(&host);
    close(fd);
    serve();
    char answer[100] = "";
    assert_true(recv(fds[0], answer, sizeof(answer) - 1, MSG_DONTWAIT) > 0);
    assert_has(answer, "short");
    give_places_back(fds);
    stop();
}

static void what_epoll_says_of_a_former_client_is_not_for_the_next_one(void **state)
{
    struct sockaddr_un address = listen_here();
    struct epoll_event event;
    int fd = connect_to(&address);

    (void)state;
    serve();
    close(fd);
    assert_int_equal(epoll_wait(host.epoll, &event, 1, 0), 1);
    client_ready(&host, (uint32_t)event.data.u64, event.events);
    client_work(&host);
    fd = connect_to(&address);
    serve();
    client_ready(&host, (uint32_t)event.data.u64, EPOLLHUP);
    client_work(&host);
    assert_int_equal(send(fd, "?\n", 2, MSG_NOSIGNAL), 2);
    close(fd);
    stop();
}

/* Leave the process without a descriptor from `first` on. @return what is to be restored. */
static struct rlimit limit_descriptors(rlim_t first)
{
    struct rlimit old, low;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = old;
    low.rlim_cur = first;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    return old;
}

static void a_client_without_a_descriptor_is_told_and_wakes_nobody(void **state)
{
    struct sockaddr_un address = listen_here();
    struct epoll_event event;
    char answer[100] = "";
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct rlimit old = limit_descriptors((rlim_t)fd + 1);

    (void)state;
    for (int round = 0; round < 3; round++) {
        assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(epoll_wait(host.epoll, &event, 1, 0), 1);
        client_accept(&host);
        assert_int_equal(epoll_wait(host.epoll, &event, 1, 0), 0);
        assert_true(recv(fd, answer, sizeof(answer) - 1, MSG_DONTWAIT) > 0);
        assert_has(answer, "no descriptor");
        close(fd);
        fd = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_true(fd >= 0);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    close(fd);
    stop();
}

static void when_even_the_spare_descriptor_is_taken_connections_wait(void **state)
{
    struct sockaddr_un address = listen_here();
    struct epoll_event event;
    int fd = connect_to(&address);
    struct rlimit old = limit_descriptors(0); /* as if others took each one that is given back */

    (void)state;
    assert_int_equal(epoll_wait(host.epoll, &event, 1, 0), 1);
    client_accept(&host);
    assert_int_equal(epoll_wait(host.epoll, &event, 1, 0), 0);
    uint64_t due_ns = client_deadlines(&host, now_ns);
    assert_true(due_ns > now_ns && due_ns < now_ns + 1000000000);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    now_ns = due_ns;
    assert_true(client_deadlines(&host, now_ns) == UINT64_MAX);
    serve();
    assert_int_equal(send(fd, "?\n", 2, MSG_NOSIGNAL), 2);
    assert_served(&address);
    close(fd);
    stop();
}

static void who_there_is_no_memory_for_is_left(void **state)
{
    struct sockaddr_un address = listen_here();
    char answer[100] = "";
    int first = connect_to(&address);

    (void)state;
    serve();
    int fd = connect_to(&address);
    no_memory = true;
    serve();
    no_memory = false;
    assert_int_equal(recv(fd, answer, sizeof(answer) - 1, MSG_DONTWAIT), 0);
    close(fd);
    assert_int_equal(send(first, "?\n", 2, MSG_NOSIGNAL), 2);
    no_memory = true; /* better no answer than half of one */
    serve();
    no_memory = false;
    assert_int_equal(recv(first, answer, sizeof(answer), MSG_DONTWAIT), 0);
    close(first);
    assert_served(&address);
    stop();
}

static void a_place_where_none_can_listen_is_told(void **state)
{
    (void)state;
    int before = dup(0);
    close(before);
    assert_int_equal(client_listen(&host, "/nowhere/at/all", &fail), -ENOENT);
    host.epoll = -1;
    assert_int_equal(client_listen(&host, "/tmp/sprat-client-none", &fail), -EBADF);
    unlink("/tmp/sprat-client-none");
    int after = dup(0);
    close(after);
    assert_int_equal(after, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_that_has_gone_again_is_no_trouble),
        cmocka_unit_test(half_a_request_hurts_nobody),
        cmocka_unit_test(who_leaves_amid_an_answer_hurts_nobody),
        cmocka_unit_test(who_says_no_more_gets_all_answers),
        cmocka_unit_test(the_socket_is_its_owners_alone),
        cmocka_unit_test(a_line_without_end_is_refused),
        cmocka_unit_test(the_most_silent_client_gives_way),
        cmocka_unit_test(a_client_that_waits_keeps_its_place),
        cmocka_unit_test(a_request_that_is_not_served_yet_keeps_its_client),
        cmocka_unit_test(what_epoll_says_of_a_former_client_is_not_for_the_next_one),
        cmocka_unit_test(a_client_without_a_descriptor_is_told_and_wakes_nobody),
        cmocka_unit_test(when_even_the_spare_descriptor_is_taken_connections_wait),
        cmocka_unit_test(who_there_is_no_memory_for_is_left),
        cmocka_unit_test(a_place_where_none_can_listen_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
