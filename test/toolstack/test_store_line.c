/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of store.c and store_line.c, the line to xenstored: answers and events in any pieces, and
 * such as no xenstored gives. What xenstored says is put into the socket before it is asked.
 */
#include <errno.h> /* before xs_wire.h, which then has xsd_errors */

#include "check.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <xen/io/xs_wire.h>

#include "store.h"

static struct store *store;
static struct fail fail;
static int peer; /* xenstored's end */
static int connected;

int __wrap_connect(int fd, const struct sockaddr *address, socklen_t len);

/* In place of a connection to xenstored's socket. */
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t len)
{
    int fds[2];

    (void)address;
    (void)len;
    if (connected < 0) {
        errno = ECONNREFUSED;
        return -1;
    }
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(dup2(fds[0], fd), fd);
    close(fds[0]);
    peer = fds[1];
    return 0;
}

static void put(const void *bytes, size_t len)
{
    assert_int_equal(write(peer, bytes, len), len);
}

static void say(uint32_t type, const char *payload, size_t len)
{
    struct xsd_sockmsg header = {.type = type, .len = (uint32_t)len};

    put(&header, sizeof(header));
    put(payload, len);
}

#define SAY(type, text) say(type, text, sizeof(text) - 1)

/*
 * Time passes only while xenstored is waited for, and where `quiet_ms` says so: then it says a word
 * after that time, or nothing within it.
 */
static int64_t quiet_ms;
static const char *word;
static int64_t now_ms;
static int n_interrupts; /* of poll() by signals, and of send() */

int __real_clock_gettime(clockid_t id, struct timespec *time);
int __wrap_clock_gettime(clockid_t id, struct timespec *time);
int __wrap_clock_gettime(clockid_t id, struct timespec *time)
{
    assert_int_equal(id, CLOCK_MONOTONIC);
    *time = (struct timespec){now_ms / 1000, now_ms % 1000 * 1000000};
    return 0;
}

int __real_poll(struct pollfd *fds, nfds_t n, int timeout_ms);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout_ms);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
    int64_t passed_ms = quiet_ms < timeout_ms ? quiet_ms : timeout_ms;

    assert_true(timeout_ms > 0);
    if (n_interrupts) {
        n_interrupts--;
        errno = EINTR;
        return -1;
    }
    if (!quiet_ms)
        return __real_poll(fds, n, 1000); /* what is awaited is there */
    now_ms += passed_ms;
    quiet_ms -= passed_ms;
    if (!quiet_ms && word)
        say(XS_WRITE, word, strlen(word) + 1);
    return __real_poll(fds, n, 0);
}

static int open_store(void **state)
{
    (void)state;
    connected = 0;
    quiet_ms = n_interrupts = 0;
    word = NULL;
    now_ms = 100000;
    return store_open(&store, &fail);
}

static int close_store(void **state)
{
    (void)state;
    store_close(store);
    close(peer);
    return 0;
}

/* Take a request from the socket. @return its type. */
static uint32_t take_request(char *payload, size_t *len)
{
    struct xsd_sockmsg header;

    assert_int_equal(read(peer, &header, sizeof(header)), sizeof(header));
    assert_int_equal(read(peer, payload, header.len), header.len);
    *len = header.len;
    return header.type;
}

static void requests_are_sent_as_they_are_on_the_wire(void **state)
{
    char payload[XENSTORE_PAYLOAD_MAX];
    size_t len;

    (void)state;
    store_write(store, "value", "/local/%d", 7);
    store_permit(store, "n0 r7", "/a");
    store_introduce(store, 7, 1ull << 40, 3);
    SAY(XS_WRITE, "OK\0");
    SAY(XS_SET_PERMS, "OK\0");
    SAY(XS_INTRODUCE, "OK\0");
    assert_int_equal(store_flush(store, &fail), 0);
    assert_int_equal(take_request(payload, &len), XS_WRITE);
    assert_int_equal(len, 14);
    assert_memory_equal(payload, "/local/7\0value", 14);
    assert_int_equal(take_request(payload, &len), XS_SET_PERMS);
    assert_memory_equal(payload, "/a\0n0\0r7\0", len);
    assert_int_equal(take_request(payload, &len), XS_INTRODUCE);
    assert_memory_equal(payload,
                        "7\0"
                        "1099511627776\0"
                        "3\0",
                        len);
}

static void values_and_lists_are_answers(void **state)
{
    char *value, **names;

    (void)state;
    SAY(XS_READ, "a value");
    assert_int_equal(store_read(store, "/a", &value, &fail), 0);
    assert_string_equal(value, "a value");
    free(value);
    SAY(XS_DIRECTORY, "one\0two\0");
    assert_int_equal(store_list(store, "/a", &names, &fail), 0);
    assert_string_equal(names[0], "one");
    assert_string_equal(names[1], "two");
    assert_null(names[2]);
    free(names);
    SAY(XS_DIRECTORY, "");
    assert_int_equal(store_list(store, "/a", &names, &fail), 0);
    assert_null(names[0]);
    free(names);
    SAY(XS_ERROR, "ENOENT\0");
    assert_int_equal(store_read(store, "/none", &value, &fail), -ENOENT);
    assert_has(fail.text, "xenstore: read /none: No such file");
    SAY(XS_ERROR, "ENOENT\0");
    assert_int_equal(store_list(store, "/none", &names, &fail), -ENOENT);
    store_write(store, "", "/a");
    SAY(XS_ERROR, "EACCES\0");
    assert_int_equal(store_read(store, "/a", &value, &fail), -EACCES); /* of what was before it */
    assert_has(fail.text, "write /a");
}

static void the_first_failure_is_told_and_what_may_be_absent_is_none(void **state)
{
    (void)state;
    store_remove(store, "/gone");
    store_unwatch(store, "/gone", "token");
    store_release(store, 7);
    store_release(store, 8);
    SAY(XS_ERROR, "ENOENT\0");
    SAY(XS_ERROR, "ENOENT\0");
    SAY(XS_ERROR, "EINVAL\0");
    SAY(XS_ERROR, "ENOENT\0");
    assert_int_equal(store_flush(store, &fail), 0);
    store_remove(store, "/a");
    store_write(store, "", "/b");
    store_write(store, "", "/c");
    SAY(XS_ERROR, "EINVAL\0"); /* only a release's is an absence */
    SAY(XS_WRITE, "OK\0");
    SAY(XS_ERROR, "EQUOTA\0");
    assert_int_equal(store_flush(store, &fail), -EINVAL);
    assert_has(fail.text, "remove /a");
    store_write(store, "", "/b");
    SAY(XS_WRITE, "OK\0");
    assert_int_equal(store_flush(store, &fail), 0); /* it is told once */
    store_write(store, "", "/b");
    SAY(XS_ERROR, "ESTRANGE\0");
    assert_int_equal(store_flush(store, &fail), -EIO);
    store_write(store, "", "/b");
    SAY(XS_READ, "OK\0"); /* the answer to something else */
    assert_int_equal(store_flush(store, &fail), -EPROTO);
}

static void events_come_amid_answers(void **state)
{
    struct store_event event;

    (void)state;
    assert_false(store_next_event(store, &event));
    SAY(XS_WATCH_EVENT, "/a\0one\0");
    store_watch(store, "/a", "one");
    SAY(XS_WATCH, "OK\0");
    SAY(XS_WATCH_EVENT, "no token");
    SAY(XS_WATCH_EVENT, "/b\0");
    assert_int_equal(store_flush(store, &fail), 0);
    SAY(XS_WATCH_EVENT, "/c\0two");
    assert_int_equal(store_receive(store, &fail), 0);
    static const char *const events[][2] = {{"/a", "one"}, {"/b", ""}, {"/c", "two"}};
    for (size_t i = 0; i < 3; i++) {
        assert_true(store_next_event(store, &event));
        assert_string_equal(event.path, events[i][0]);
        assert_string_equal(event.token, events[i][1]);
        store_event_free(&event);
    }
    assert_false(store_next_event(store, &event));
    SAY(XS_WATCH_EVENT, "/d\0kept");
    assert_int_equal(store_receive(store, &fail), 0); /* nobody takes it: closing frees it */
}

static void messages_come_in_pieces(void **state)
{
    struct store_event event;
    struct xsd_sockmsg header = {.type = XS_WATCH_EVENT, .len = 9};

    (void)state;
    assert_int_equal(store_receive(store, &fail), 0); /* nothing has come */
    put(&header, 5);
    assert_int_equal(store_receive(store, &fail), 0);
    put((char *)&header + 5, sizeof(header) - 5);
    put("/a\0to", 5);
    assert_int_equal(store_receive(store, &fail), 0);
    assert_false(store_next_event(store, &event));
    put("ken\0", 4);
    SAY(XS_WATCH_EVENT, "/b\0t");
    assert_int_equal(store_receive(store, &fail), 0);
    assert_true(store_next_event(store, &event));
    assert_string_equal(event.token, "token");
    store_event_free(&event);
    assert_true(store_next_event(store, &event));
    assert_string_equal(event.path, "/b");
    store_event_free(&event);
}

/* More than is read at once. */
static void many_events_come_at_once(void **state)
{
    struct store_event event;
    char payload[1000];
    unsigned n = 0;

    (void)state;
    memset(payload, 'a', sizeof(payload));
    payload[2] = '\0';
    for (unsigned i = 0; i < 40; i++)
        say(XS_WATCH_EVENT, payload, sizeof(payload));
    assert_int_equal(store_receive(store, &fail), 0);
    for (; store_next_event(store, &event); n++)
        store_event_free(&event);
    assert_int_equal(n, 40);
}

static void nonsense_ends_the_connection(void **state)
{
    struct xsd_sockmsg header = {.type = XS_WATCH_EVENT, .len = XENSTORE_PAYLOAD_MAX + 1};
    char *value;

    (void)state;
    put(&header, sizeof(header));
    assert_int_equal(store_receive(store, &fail), -EPIPE);
    assert_has(fail.text, "xenstored closed the connection");
    SAY(XS_READ, "late");
    assert_int_equal(store_read(store, "/a", &value, &fail), -EPIPE);
}

static void an_answer_that_nobody_asked_for_is_told(void **state)
{
    (void)state;
    SAY(XS_READ, "unasked");
    assert_int_equal(store_receive(store, &fail), 0);
    store_write(store, "", "/a");
    SAY(XS_WRITE, "OK\0");
    assert_int_equal(store_flush(store, &fail), -EPROTO);
}

static void a_xenstored_that_has_gone_is_told(void **state)
{
    (void)state;
    store_write(store, "", "/a");
    shutdown(peer, SHUT_WR); /* it takes the request */
    assert_int_equal(store_flush(store, &fail), -EPIPE);
    close_store(state);
    assert_int_equal(open_store(state), 0);
    store_write(store, "", "/a");
    shutdown(peer, SHUT_RDWR);
    assert_int_equal(store_flush(store, &fail), -EPIPE);
    assert_int_equal(store_receive(store, &fail), -EPIPE);
    close_store(state);
    connected = -1;
    assert_int_equal(store_open(&store, &fail), -ECONNREFUSED);
    assert_has(fail.text, "/run/xenstored/socket");
    connected = 0;
    assert_int_equal(store_open(&store, &fail), 0);
}

static void a_xenstored_that_is_slow_is_waited_for(void **state)
{
    (void)state;
    quiet_ms = 29999;
    word = "OK";
    store_write(store, "", "/a");
    assert_int_equal(store_flush(store, &fail), 0);
    quiet_ms = 29999; /* each time anew */
    n_interrupts = 2;
    store_write(store, "", "/a");
    assert_int_equal(store_flush(store, &fail), 0);
    assert_int_equal(now_ms, 100000 + 2 * 29999);
}

static void one_that_is_silent_is_given_up(void **state)
{
    char *value;

    (void)state;
    quiet_ms = 31000;
    store_write(store, "", "/a");
    assert_int_equal(store_flush(store, &fail), -ETIMEDOUT);
    assert_has(fail.text, "has not answered for 30 s");
    assert_int_equal(now_ms, 130000);
    quiet_ms = 0;
    SAY(XS_WRITE, "OK\0"); /* too late: nobody knows any more what it answers */
    assert_int_equal(store_read(store, "/a", &value, &fail), -EPIPE);
}

/* It reads nothing either: the socket is full. */
static void one_that_is_deaf_is_given_up(void **state)
{
    static char value[4000];
    struct store_event event;

    (void)state;
    memset(value, 'x', sizeof(value) - 1);
    for (unsigned i = 0; i < 1000; i++)
        store_write(store, value, "/a/%u", i);
    quiet_ms = 31000;
    SAY(XS_WATCH_EVENT, "/b\0it says something, but no answer");
    assert_int_equal(store_flush(store, &fail), -ETIMEDOUT);
    assert_true(store_next_event(store, &event));
    store_event_free(&event);
}

/* What it had no room for at first is sent when it has. */
static void what_is_long_is_sent_in_parts(void **state)
{
    static char value[4000];
    pid_t xenstored = fork();

    (void)state;
    if (xenstored == 0) {
        static char payload[XENSTORE_PAYLOAD_MAX];
        struct xsd_sockmsg header;
        for (unsigned i = 0; i < 1000; i++) {
            if (recv(peer, &header, sizeof(header), MSG_WAITALL) != sizeof(header) ||
                recv(peer, payload, header.len, MSG_WAITALL) != (ssize_t)header.len)
                _exit(1);
            say(XS_WRITE, "OK", 3);
        }
        _exit(0);
    }
    memset(value, 'x', sizeof(value) - 1);
    for (unsigned i = 0; i < 1000; i++)
        store_write(store, value, "/a/%u", i);
    int error = store_flush(store, &fail), status;
    assert_int_equal(waitpid(xenstored, &status, 0), xenstored);
    assert_int_equal(status, 0);
    assert_int_equal(error, 0);
}

/* As text, with its NUL: a path or a value of so many bytes. */
static const char *of_length(size_t n)
{
    static char text[8192];

    memset(text, 'a', n);
    text[n] = '\0';
    return text;
}

static void what_is_too_long_is_not_even_sent(void **state)
{
    static const struct {
        size_t path, value;
        int error;
    } lengths[] = {{3072, 1, -ENAMETOOLONG},
                   {3071, XENSTORE_PAYLOAD_MAX - 3072 + 1, -E2BIG},
                   {2, XENSTORE_PAYLOAD_MAX + 1, -ENAMETOOLONG}};
    char path[4096];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        strcpy(path, of_length(lengths[i].path));
        store_write(store, of_length(lengths[i].value), "%s", path);
        assert_int_equal(store_flush(store, &fail), lengths[i].error);
    }
    store_watch(store, of_length(508), "tok");
    assert_int_equal(store_flush(store, &fail), -ENAMETOOLONG);
    store_permit(store, of_length(128), "/a");
    assert_int_equal(store_flush(store, &fail), -E2BIG);
    strcpy(path, of_length(3071));
    store_write(store, of_length(XENSTORE_PAYLOAD_MAX - 3072), "%s", path);
    SAY(XS_WRITE, "OK\0");
    assert_int_equal(store_flush(store, &fail), 0);
}

static int passed_error;
static char passed_reply[16];

static void note_answer(void *context, int error, const char *reply, size_t len)
{
    assert_ptr_equal(context, passed_reply);
    passed_error = error;
    snprintf(passed_reply, sizeof(passed_reply), "%.*s", (int)len, reply ? reply : "");
}

static void what_is_passed_on_is_answered_by_itself(void **state)
{
    (void)state;
    store_pass_on(store, XS_READ, 0, "/a", 3, note_answer, passed_reply);
    SAY(XS_READ, "reply");
    assert_int_equal(store_flush(store, &fail), 0);
    assert_int_equal(passed_error, 0);
    assert_string_equal(passed_reply, "reply");
    store_pass_on(store, XS_READ, 0, "/a", 3, note_answer, passed_reply);
    SAY(XS_ERROR, "EACCES\0");
    assert_int_equal(store_flush(store, &fail), 0); /* it is no failure of the launcher's */
    assert_int_equal(passed_error, -EACCES);
    store_pass_on(store, XS_READ, 0, of_length(5000), 5001, note_answer, passed_reply);
    assert_int_equal(passed_error, -ENOMEM);
    assert_int_equal(store_flush(store, &fail), -E2BIG);
}

static void many_requests_wait_for_one_answer(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        store_write(store, of_length(100), "/a/%u", i);
        SAY(XS_WRITE, "OK\0");
    }
    assert_int_equal(store_flush(store, &fail), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_store, close_store)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(requests_are_sent_as_they_are_on_the_wire),
        TEST(values_and_lists_are_answers),
        TEST(the_first_failure_is_told_and_what_may_be_absent_is_none),
        TEST(events_come_amid_answers),
        TEST(messages_come_in_pieces),
        TEST(many_events_come_at_once),
        TEST(nonsense_ends_the_connection),
        TEST(an_answer_that_nobody_asked_for_is_told),
        TEST(a_xenstored_that_has_gone_is_told),
        TEST(a_xenstored_that_is_slow_is_waited_for),
        TEST(one_that_is_silent_is_given_up),
        TEST(one_that_is_deaf_is_given_up),
        TEST(what_is_long_is_sent_in_parts),
        TEST(what_is_too_long_is_not_even_sent),
        TEST(what_is_passed_on_is_answered_by_itself),
        TEST(many_requests_wait_for_one_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
