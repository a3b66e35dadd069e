/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole server, on the host: a process of its own with a real socket, in which system calls
 * fail when a test says so. What comes over a connection is cut where the test likes.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "resp.h"

#define TIMEOUT_S   60
#define CLIENTS_MAX 1024
#define MIB         (1u << 20)
#define REQUEST_MAX (MIB + 128)

/* What the test and the server share. */
static struct {
    volatile unsigned fsyncs;
    volatile bool fsync_fails, write_fails, memory_fails;
} * shared;

static char dir[] = "/tmp/kv-XXXXXX";
static pid_t server;
static uint16_t port;
static int ready[2];
static char large[REQUEST_MAX];

/* ---- In the server ---- */

int __real_main(int argc, char **argv);
void *__real_calloc(size_t n, size_t len);
int __real_bind(int fd, const struct sockaddr *address, socklen_t len);
int __real_listen(int fd, int backlog);
int __wrap_fsync(int fd);
ssize_t __real_pwrite(int fd, const void *bytes, size_t len, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t len, off_t offset);
void *__wrap_calloc(size_t n, size_t len);
int __wrap_bind(int fd, const struct sockaddr *address, socklen_t len);
int __wrap_listen(int fd, int backlog);
int __wrap_main(void);

int __wrap_fsync(int fd)
{
    (void)fd; /* the host's own disk is not what is tested */
    shared->fsyncs++;
    errno = EIO;
    return shared->fsync_fails ? -1 : 0;
}

ssize_t __wrap_pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
    errno = EIO;
    return shared->write_fails ? -1 : __real_pwrite(fd, bytes, len, offset);
}

void *__wrap_calloc(size_t n, size_t len)
{
    return shared && shared->memory_fails ? NULL : __real_calloc(n, len);
}

/* Any port that is free. */
int __wrap_bind(int fd, const struct sockaddr *address, socklen_t len)
{
    const struct sockaddr_in6 loopback = {.sin6_family = AF_INET6,
                                          .sin6_addr = IN6ADDR_LOOPBACK_INIT};

    (void)address;
    return __real_bind(fd, (const struct sockaddr *)&loopback, len);
}

int __wrap_listen(int fd, int backlog)
{
    struct sockaddr_in6 own;
    socklen_t len = sizeof(own);
    int error = __real_listen(fd, backlog);

    if (!error && getsockname(fd, (struct sockaddr *)&own, &len) == 0)
        error = write(ready[1], &own.sin6_port, sizeof(own.sin6_port)) < 0;
    return error;
}

/* ---- The test's side ---- */

static int make_dir(void **state)
{
    (void)state;
    memset(shared, 0, sizeof(*shared));
    strcpy(dir, "/tmp/kv-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

/* @return 0, or -1 when it does not come to listening. */
static int start_server(void)
{
    static char name[] = "kv";
    char *argv[] = {name, dir, NULL};

    if (pipe(ready))
        return -1;
    fflush(NULL);
    server = fork();
    if (!server) {
        close(ready[0]);
        signal(SIGPIPE, SIG_IGN); /* the guest's sockets raise none */
        freopen("/dev/null", "w", stdout);
        exit(__real_main(2, argv));
    }
    close(ready[1]);
    ssize_t n = read(ready[0], &port, sizeof(port));
    close(ready[0]);
    return n == sizeof(port) ? 0 : -1;
}

static int start(void **state)
{
    return make_dir(state) ? -1 : start_server();
}

/* @return its status; none of the sanitizers' when it is still there. */
static int end_server(void)
{
    int status = -1;

    kill(server, SIGTERM);
    waitpid(server, &status, 0);
    return status;
}

static int stop(void **state)
{
    char path[64];

    (void)state;
    int status = server ? end_server() : 0;
    for (unsigned i = 0; i < 100; i++) {
        snprintf(path, sizeof(path), "%s/%08u.log", dir, i);
        unlink(path);
    }
    rmdir(dir);
    return server && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

/* Those that a test is about to see end by themselves. */
static void assert_server_fails(void)
{
    int status = 0;

    assert_int_equal(waitpid(server, &status, 0), server);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FAILURE);
    server = 0;
}

static int connect_client(void)
{
    struct sockaddr_in6 to = {
        .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT, .sin6_port = port};
    struct timeval timeout = {.tv_sec = TIMEOUT_S};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);

    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static void send_bytes(int fd, const char *bytes, size_t len)
{
    assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), len);
}

static void send_text(int fd, const char *text)
{
    send_bytes(fd, text, strlen(text));
}

static void assert_answered(int fd, const char *expected)
{
    char answer[4096];
    size_t len = strlen(expected);

    assert_true(len < sizeof(answer));
    ssize_t n = recv(fd, answer, len, MSG_WAITALL);
    answer[n < 0 ? 0 : n] = '\0';
    assert_string_equal(answer, expected);
}

static void assert_closed(int fd)
{
    char byte;
    ssize_t n = recv(fd, &byte, 1, 0);

    assert_true(n == 0 || (n < 0 && errno == ECONNRESET));
    close(fd);
}

/* Others are served, and all that was sent before has been looked at. */
static void assert_serving(void)
{
    int fd = connect_client();

    send_text(fd, "PING\r\n");
    assert_answered(fd, "+PONG\r\n");
    close(fd);
}

/* A SET of so many bytes is in `large`. @return its length. */
static size_t make_large(const char *key, size_t len)
{
    int n = snprintf(large, sizeof(large), "*3\r\n$3\r\nSET\r\n$%zu\r\n%s\r\n$%zu\r\n", strlen(key),
                     key, len);

    memset(large + n, 'v', len);
    strcpy(large + n + len, "\r\n");
    return (size_t)n + len + 2;
}

static void skip_bytes(int fd, size_t len)
{
    while (len) {
        ssize_t n = recv(fd, large, len < sizeof(large) ? len : sizeof(large), 0);
        assert_true(n > 0);
        len -= (size_t)n;
    }
}

static void a_request_may_come_in_any_pieces(void **state)
{
    static const char text[] = "*3\r\n$3\r\nSET\r\n$2\r\nbb\r\n$4\r\n\r\n!?\r\n*2\r\n$3\r\nGET\r\n"
                               "$2\r\nbb\r\nPING\r\n";
    int fd = connect_client(), other = connect_client();

    (void)state;
    for (size_t i = 0; i < sizeof(text) - 1; i++) {
        send_bytes(fd, text + i, 1);
        if (i % 8 == 0) { /* it was read alone */
            send_text(other, "PING\r\n");
            assert_answered(other, "+PONG\r\n");
        }
    }
    assert_answered(fd, "+OK\r\n$4\r\n\r\n!?\r\n+PONG\r\n");
    /* Whole ones and the beginning of the next, again and again. */
    for (unsigned i = 0; i < 100; i++) {
        send_text(fd, "SET n 1\r\nGET n\r\nGE");
        assert_answered(fd, "+OK\r\n$1\r\n1\r\n");
        send_text(fd, "T bb\r\n");
        assert_answered(fd, "$4\r\n\r\n!?\r\n");
    }
    close(fd);
    close(other);
}

static void a_large_request_comes_in_many_pieces(void **state)
{
    int fd = connect_client(), other = connect_client();

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        size_t len = make_large("large", RESP_WORD_MAX);
        send_bytes(fd, large, len / 2);
        send_text(other, "EXISTS large\r\n");
        assert_answered(other, i ? ":1\r\n" : ":0\r\n");
        send_bytes(fd, large + len / 2, len - len / 2);
        assert_answered(fd, "+OK\r\n");
    }
    send_text(fd, "STRLEN large\r\n");
    assert_answered(fd, ":1048576\r\n");
    close(fd);
    close(other);
}

static void what_is_no_request_ends_its_connection_only(void **state)
{
    int fd = connect_client(), other = connect_client();

    (void)state;
    send_text(other, "SET a 1\r\n");
    assert_answered(other, "+OK\r\n");
    send_text(fd, "PING\r\n*x\r\nPING\r\n");
    assert_answered(fd, "+PONG\r\n-ERR Protocol error: invalid multibulk length\r\n");
    assert_closed(fd);
    fd = connect_client();
    send_text(fd, "PING\r\nQUIT\r\nPING\r\n");
    assert_answered(fd, "+PONG\r\n+OK\r\n");
    assert_closed(fd);
    send_text(other, "GET a\r\n");
    assert_answered(other, "$1\r\n1\r\n");
    close(other);
}

/* An answer is a promise: it is given when the change has been synced. */
static void a_change_is_answered_behind_a_sync(void **state)
{
    int fd = connect_client(), other = connect_client();

    (void)state;
    send_text(fd, "SET a 1\r\n");
    assert_answered(fd, "+OK\r\n");
    unsigned before = shared->fsyncs;
    assert_true(before > 0);
    send_text(fd, "SET a 2\r\n");
    assert_answered(fd, "+OK\r\n");
    assert_int_equal(shared->fsyncs, before + 1);
    send_text(fd, "SET a 2\r\nSET b 2\r\nDEL a\r\nGET b\r\n"); /* one for what came together */
    assert_answered(fd, "+OK\r\n+OK\r\n:1\r\n$1\r\n2\r\n");
    assert_in_range(shared->fsyncs, before + 2, before + 5);
    before = shared->fsyncs;
    send_text(fd, "GET b\r\n"); /* what reads needs none */
    assert_answered(fd, "$1\r\n2\r\n");
    assert_int_equal(shared->fsyncs, before);
    /* When that fails, nobody is told that it is done, and the server ends. */
    shared->fsync_fails = true;
    send_text(fd, "SET a 3\r\n");
    assert_closed(fd);
    assert_closed(other);
    assert_server_fails();
}

static void a_change_that_can_t_be_written_is_not_answered(void **state)
{
    int fd = connect_client();

    (void)state;
    send_text(fd, "SET a 1\r\n");
    assert_answered(fd, "+OK\r\n");
    shared->write_fails = true;
    send_text(fd, "GET a\r\n");
    assert_answered(fd, "$1\r\n1\r\n");
    send_text(fd, "SET a 2\r\n");
    assert_closed(fd);
    assert_server_fails();
}

static void on_a_log_that_is_damaged_there_is_no_server(void **state)
{
    char path[64];

    (void)state;
    snprintf(path, sizeof(path), "%s/00000001.log", dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (unsigned i = 0; i < 100; i++)
        fputs("this is no record", file);
    fclose(file);
    assert_int_equal(start_server(), -1);
    assert_server_fails();
}

/* Who reads no answers is not asked what he wants; nothing is lost of it. */
static void who_reads_slowly_takes_little_memory(void **state)
{
    const unsigned n_gets = 400;
    char path[64], line[256];
    unsigned long kib = 0;
    int fd = connect_client();

    (void)state;
    size_t len = make_large("large", RESP_WORD_MAX);
    send_bytes(fd, large, len);
    assert_answered(fd, "+OK\r\n");
    for (unsigned i = 0; i < n_gets; i++)
        send_text(fd, "GET large\r\n");
    for (unsigned i = 0; i < 20; i++)
        assert_serving();
    snprintf(path, sizeof(path), "/proc/%d/status", (int)server);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file))
        if (memcmp(line, "VmRSS:", 6) == 0)
            kib = strtoul(line + 6, NULL, 10);
    fclose(file);
    assert_in_range(kib, 1, 200 * 1024);
    for (unsigned i = 0; i < n_gets; i++) {
        assert_answered(fd, "$1048576\r\n");
        skip_bytes(fd, RESP_WORD_MAX + 2);
    }
    send_text(fd, "PING\r\n");
    assert_answered(fd, "+PONG\r\n");
    close(fd);
}

static void who_goes_without_reading_leaves_the_others(void **state)
{
    const struct linger at_once = {.l_onoff = 1};

    (void)state;
    size_t len = make_large("large", RESP_WORD_MAX);
    int fd = connect_client();
    send_bytes(fd, large, len);
    assert_answered(fd, "+OK\r\n");
    close(fd);
    for (unsigned i = 0; i < 20; i++) {
        fd = connect_client();
        send_text(fd, "GET large\r\nGET large\r\nSET a");
        if (i % 2) /* a reset */
            assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
        close(fd);
        assert_serving();
    }
    fd = connect_client();
    send_text(fd, "INFO clients\r\n");
    assert_answered(fd, "$32\r\n# Clients\r\nconnected_clients:1\r\n\r\n");
    close(fd);
}

/* The last one waits until another has gone. */
static void there_are_so_many_clients_and_no_more(void **state)
{
    static int fds[CLIENTS_MAX];
    char byte;

    (void)state;
    for (unsigned i = 0; i < CLIENTS_MAX; i++)
        fds[i] = connect_client();
    send_text(fds[CLIENTS_MAX - 1], "PING\r\n");
    assert_answered(fds[CLIENTS_MAX - 1], "+PONG\r\n");
    int one_more = connect_client();
    send_text(one_more, "PING\r\n");
    for (unsigned round = 0; round < 3; round++) {
        send_text(fds[0], "PING\r\n");
        assert_answered(fds[0], "+PONG\r\n");
    }
    assert_int_equal(recv(one_more, &byte, 1, MSG_DONTWAIT), -1);
    close(fds[0]);
    assert_answered(one_more, "+PONG\r\n");
    close(one_more);
    for (unsigned i = 1; i < CLIENTS_MAX; i++)
        close(fds[i]);
    assert_serving();
}

static void who_comes_when_there_is_no_memory_is_sent_away(void **state)
{
    int fd = connect_client();

    (void)state;
    send_text(fd, "PING\r\n");
    assert_answered(fd, "+PONG\r\n");
    shared->memory_fails = true;
    assert_closed(connect_client());
    send_text(fd, "PING\r\n");
    assert_answered(fd, "+PONG\r\n");
    shared->memory_fails = false;
    assert_serving();
    close(fd);
}

#define SERVER_TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int __wrap_main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(a_request_may_come_in_any_pieces),
        SERVER_TEST(a_large_request_comes_in_many_pieces),
        SERVER_TEST(what_is_no_request_ends_its_connection_only),
        SERVER_TEST(a_change_is_answered_behind_a_sync),
        SERVER_TEST(a_change_that_can_t_be_written_is_not_answered),
        cmocka_unit_test_setup_teardown(on_a_log_that_is_damaged_there_is_no_server, make_dir,
                                        stop),
        SERVER_TEST(who_reads_slowly_takes_little_memory),
        SERVER_TEST(who_goes_without_reading_leaves_the_others),
        SERVER_TEST(there_are_so_many_clients_and_no_more),
        SERVER_TEST(who_comes_when_there_is_no_memory_is_sent_away),
    };
    struct rlimit files;

    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED || getrlimit(RLIMIT_NOFILE, &files))
        return EXIT_FAILURE;
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files))
        return EXIT_FAILURE;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
