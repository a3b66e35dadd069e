/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of client.c, the daemon's socket, when it runs out of descriptors. */
#include "check.h"

#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "client.h"
#include "command.h"
#include "console.h"
#include "host.h"

static struct host host;
static struct fail fail;

/* What client.c asks of the rest of the daemon. */

int host_poll(struct host *at, int fd, enum host_source source, uint32_t number, uint32_t events,
              struct fail *why)
{
    struct epoll_event event = {.events = events, .data.u64 = (uint64_t)source << 32 | number};

    return epoll_ctl(at->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? fail_errno(why, "epoll") : 0;
}

uint64_t host_now_ns(void)
{
    return 0;
}

bool console_has(const struct console *console, const char *text)
{
    (void)console;
    (void)text;
    return false;
}

void command_serve(struct host *at, struct client *client, const char *line, size_t len)
{
    (void)at;
    (void)client;
    (void)line;
    (void)len;
}

void command_refuse(struct json_out *out, const char *id, const char *why)
{
    (void)out;
    (void)id;
    (void)why;
}

static void a_client_without_a_descriptor_is_told_and_wakes_nobody(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct rlimit old, low;
    struct epoll_event event;
    char answer[100] = "";

    (void)state;
    snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/sprat-client-%d", (int)getpid());
    host.epoll = epoll_create1(EPOLL_CLOEXEC);
    assert_int_equal(client_listen(&host, address.sun_path, &fail), 0);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = old;
    low.rlim_cur = (rlim_t)fd + 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(epoll_wait(host.epoll, &event, 1, 0), 1);
        client_accept(&host);
        assert_int_equal(epoll_wait(host.epoll, &event, 1, 0), 0);
        assert_true(recv(fd, answer, sizeof(answer) - 1, MSG_DONTWAIT) > 0);
        assert_has(answer, "too many clients");
        close(fd);
        fd = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_true(fd >= 0);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    close(fd);
    client_close_all(&host);
    close(host.epoll);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_without_a_descriptor_is_told_and_wakes_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
