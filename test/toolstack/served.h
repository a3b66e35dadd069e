/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * The daemon's socket with the rest of the daemon played, for tests. Each is a program of its own,
 * so these are its own functions.
 */
#ifndef TEST_TOOLSTACK_SERVED_H
#define TEST_TOOLSTACK_SERVED_H

#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "client.h"
#include "command.h"
#include "console.h"
#include "guest.h"
#include "host.h"
#include "wait.h"

#define PLACES 256 /* for clients */

static struct host host;
static struct fail fail;

/* Linked with --wrap. */

static bool no_memory;

void *__real_malloc(size_t len);
void *__wrap_malloc(size_t len);
void *__wrap_malloc(size_t len)
{
    return no_memory ? NULL : __real_malloc(len);
}

void *__real_calloc(size_t n, size_t len);
void *__wrap_calloc(size_t n, size_t len);
void *__wrap_calloc(size_t n, size_t len)
{
    return no_memory ? NULL : __real_calloc(n, len);
}

void *__real_realloc(void *bytes, size_t len);
void *__wrap_realloc(void *bytes, size_t len);
void *__wrap_realloc(void *bytes, size_t len)
{
    return no_memory ? NULL : __real_realloc(bytes, len);
}

char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);
char *__wrap_strdup(const char *text)
{
    return no_memory ? NULL : __real_strdup(text);
}

/* What client.c asks of the rest of the daemon. */

int host_poll(struct host *at, int fd, enum host_source source, uint32_t number, uint32_t events,
              struct fail *why)
{
    struct epoll_event event = {.events = events, .data.u64 = (uint64_t)source << 32 | number};

    return epoll_ctl(at->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? fail_errno(why, "epoll") : 0;
}

static uint64_t now_ns = 5000000000;

uint64_t host_now_ns(void)
{
    return now_ns;
}

static const char *said; /* on the console, or NULL */

bool console_has(const struct console *console, const char *text)
{
    (void)console;
    return said && strcmp(said, text) == 0;
}

static struct guest guest;
static uint64_t deadline_ns = UINT64_MAX; /* of who waits */

#define AGAIN_NS 2000000  /* before a request is served again */
#define LATER_NS 10000000 /* before "later" can be */

static unsigned n_again; /* how often it was not */

/*
 * "wait" waits for a guest, "later" is served after a while, "?" has a short answer, any other one
 * that no socket's buffer holds.
 */
void command_serve(struct host *at, struct client *client, const char *line, size_t len,
                   uint64_t since_ns)
{
    static char large[1 << 20];
    struct json_out out = {0};

    (void)at;
    memset(large, 'x', sizeof(large) - 1);
    json_open(&out, NULL, '{');
    if (len == 4 && memcmp(line, "wait", 4) == 0) {
        assert_int_equal(wait_for(client, &guest, "up", deadline_ns, &out, &fail), 0);
        return;
    }
    bool later = len == 5 && memcmp(line, "later", 5) == 0;
    if (later && now_ns - since_ns < LATER_NS) {
        n_again++;
        assert_int_equal(wait_again(client, line, len, since_ns, &fail), 0);
        free(out.text);
        return;
    }
    json_put_string(&out, "answer", len > 1 && !later ? large : "short");
    json_close(&out, '}');
    client_send(client, &out);
    free(out.text);
}

void command_refuse(struct json_out *out, const char *id, const char *why)
{
    (void)id;
    json_open(out, NULL, '{');
    json_put_string(out, "error", why);
    json_close(out, '}');
}

static inline struct sockaddr_un listen_here(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/sprat-client-%d", (int)getpid());
    host.epoll = epoll_create1(EPOLL_CLOEXEC);
    assert_int_equal(client_listen(&host, address.sun_path, &fail), 0);
    return address;
}

static inline void stop(void)
{
    client_close_all(&host);
    close(host.epoll);
}

static inline int connect_to(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    assert_int_equal(connect(fd, (const struct sockaddr *)address, sizeof(*address)), 0);
    return fd;
}

/* As the daemon does, until nothing is left to do. */
static inline void serve(void)
{
    struct epoll_event event;
    bool more = true;

    for (int turns = 0; turns < 1000; turns++) {
        client_deadlines(&host, now_ns);
        more |= client_has_answers();
        if (epoll_wait(host.epoll, &event, 1, 0) == 1) {
            if (event.data.u64 >> 32 == SOURCE_LISTEN)
                client_accept(&host);
            else
                client_ready(&host, (uint32_t)event.data.u64, event.events);
        } else if (!more) {
            return;
        }
        more = client_work(&host);
    }
    fail_msg("the daemon spins");
}

static inline void assert_served(const struct sockaddr_un *address)
{
    char answer[100] = "";
    int fd = connect_to(address);

    assert_int_equal(send(fd, "?\n", 2, MSG_NOSIGNAL), 2);
    serve();
    assert_true(recv(fd, answer, sizeof(answer) - 1, MSG_DONTWAIT) > 0);
    assert_has(answer, "short");
    close(fd);
    serve();
}

/* Read until the daemon closes. @return how many bytes came; `answer` has the last ones. */
static inline size_t read_all(int fd, char *answer, size_t size)
{
    size_t n_all = 0;

    for (;;) {
        ssize_t n = recv(fd, answer, size - 1, MSG_DONTWAIT);
        if (n == 0)
            return n_all;
        if (n > 0) {
            n_all += (size_t)n;
            answer[n] = '\0';
        }
        serve();
    }
}

/* All places are taken by clients that each have said `text`. */
static inline void take_all_places(const struct sockaddr_un *address, int fds[PLACES],
                                   const char *text)
{
    for (int i = 0; i < PLACES; i++) {
        fds[i] = connect_to(address);
        assert_int_equal(send(fds[i], text, strlen(text), MSG_NOSIGNAL), strlen(text));
        serve();
    }
}

static inline void give_places_back(int fds[PLACES])
{
    for (int i = 0; i < PLACES; i++)
        close(fds[i]);
    serve();
}

#endif
