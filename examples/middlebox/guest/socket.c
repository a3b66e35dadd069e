/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ControlSocket over lwIP: one thread serves all ports and connections. A port that is closed and
 * opened again before the thread runs, as in a hot swap, stays open; connections outlive swaps.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sprat/netfront.h>

#include "../engine/control.h"
#include "control.h"

#define LISTENERS_MAX 4
#define CLIENTS_MAX   8
#define CHUNK         1024 /* bytes read at once */

struct listener {
    uint16_t port;
    bool readonly;
    unsigned users; /* calls of port_control_open() that want it */
    int fd;         /* or -1: free */
};

struct client {
    int fd; /* or -1: free */
    struct control control;
    size_t sent; /* of control.out */
};

static struct {
    struct engine *engine;
    bool started;
    int wake[2]; /* a pipe: ports were opened or closed */
    struct listener listeners[LISTENERS_MAX];
    struct client clients[CLIENTS_MAX];
} state;

/* Ports */

static int listen_on(uint16_t port)
{
    struct sockaddr_in6 address = {
        .sin6_family = AF_INET6,
        .sin6_port = htons(port),
        .sin6_addr = IN6ADDR_ANY_INIT,
    };
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -1;
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, CLIENTS_MAX)) {
        close(fd);
        return -1;
    }
    return fd;
}

static void wake_server(void)
{
    char byte = 0;

    /* A full pipe wakes it as well. */
    if (state.started)
        (void)!write(state.wake[1], &byte, 1);
}

static struct listener *listener_of(uint16_t port)
{
    for (unsigned i = 0; i < LISTENERS_MAX; i++)
        if (state.listeners[i].fd >= 0 && state.listeners[i].port == port)
            return &state.listeners[i];
    return NULL;
}

static struct listener *free_listener(void)
{
    for (unsigned i = 0; i < LISTENERS_MAX; i++)
        if (state.listeners[i].fd < 0)
            return &state.listeners[i];
    return NULL;
}

static void *serve(void *arg);

static bool start(void)
{
    pthread_t thread;

    if (state.started)
        return true;
    for (unsigned i = 0; i < LISTENERS_MAX; i++)
        state.listeners[i].fd = -1;
    for (unsigned i = 0; i < CLIENTS_MAX; i++)
        state.clients[i].fd = -1;
    if (pipe(state.wake))
        return false;
    if (pthread_create(&thread, NULL, serve, NULL)) {
        close(state.wake[0]);
        close(state.wake[1]);
        return false;
    }
    state.started = true;
    return true;
}

uint16_t port_control_open(uint16_t port, uint16_t last, bool readonly)
{
    if (!start())
        return 0;
    for (uint32_t at = port; at <= last; at++) {
        struct listener *l = listener_of((uint16_t)at);
        if (!l) {
            l = free_listener();
            int fd = l ? listen_on((uint16_t)at) : -1;
            if (fd < 0)
                continue;
            *l = (struct listener){.port = (uint16_t)at, .fd = fd};
        } else if (l->users && port != last) {
            continue; /* another ControlSocket of the configuration has it */
        }
        l->readonly = readonly;
        l->users++;
        wake_server();
        return (uint16_t)at;
    }
    return 0;
}

void port_control_close(uint16_t port)
{
    struct listener *l = listener_of(port);

    if (l && l->users) {
        l->users--;
        wake_server();
    }
}

void control_take_engine(struct engine *engine)
{
    state.engine = engine;
}

/* Connections */

static void drop(struct client *c)
{
    close(c->fd);
    control_close(&c->control);
    c->fd = -1;
}

/* Send what is there to say. It is gone, and the connection perhaps too, or the peer is slow. */
static void talk(struct client *c)
{
    struct text *out = &c->control.out;

    while (c->sent < out->len) {
        ssize_t n = send(c->fd, out->s + c->sent, out->len - c->sent, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (n <= 0) {
            drop(c);
            return;
        }
        c->sent += (size_t)n;
    }
    text_free(out);
    c->sent = 0;
    if (c->control.state == CONTROL_CLOSED)
        drop(c);
}

static void hear(struct client *c)
{
    char chunk[CHUNK];
    ssize_t n = recv(c->fd, chunk, sizeof(chunk), MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return;
    if (n <= 0) {
        drop(c);
        return;
    }
    control_receive(&c->control, chunk, (size_t)n);
    netfront_wake_any(); /* the engine may have work now, or be another one */
    talk(c);
}

static void welcome(const struct listener *l)
{
    int fd = accept(l->fd, NULL, NULL);

    if (fd < 0)
        return;
    for (unsigned i = 0; i < CLIENTS_MAX; i++) {
        struct client *c = &state.clients[i];
        if (c->fd >= 0)
            continue;
        *c = (struct client){.fd = fd};
        control_open(&c->control, state.engine, l->readonly);
        talk(c);
        return;
    }
    close(fd); /* there are enough */
}

/* The thread */

static void close_unwanted(void)
{
    for (unsigned i = 0; i < LISTENERS_MAX; i++) {
        struct listener *l = &state.listeners[i];
        if (l->fd >= 0 && !l->users) {
            close(l->fd);
            l->fd = -1;
        }
    }
}

/* A peer that does not take what was said is not heard, so that little waits for it. */
static short client_events(const struct client *c)
{
    return c->sent < c->control.out.len ? POLLOUT : POLLIN;
}

static void *serve(void *arg)
{
    struct pollfd fds[1 + LISTENERS_MAX + CLIENTS_MAX];

    (void)arg;
    for (;;) {
        close_unwanted();
        fds[0] = (struct pollfd){.fd = state.wake[0], .events = POLLIN};
        for (unsigned i = 0; i < LISTENERS_MAX; i++)
            fds[1 + i] = (struct pollfd){.fd = state.listeners[i].fd, .events = POLLIN};
        for (unsigned i = 0; i < CLIENTS_MAX; i++)
            fds[1 + LISTENERS_MAX + i] = (struct pollfd){
                .fd = state.clients[i].fd, .events = client_events(&state.clients[i])};
        if (poll(fds, sizeof(fds) / sizeof(fds[0]), -1) <= 0)
            continue;
        if (fds[0].revents) {
            char bytes[16];
            (void)!read(state.wake[0], bytes, sizeof(bytes));
        }
        for (unsigned i = 0; i < CLIENTS_MAX; i++) {
            short events = fds[1 + LISTENERS_MAX + i].revents;
            if (state.clients[i].fd < 0 || !events)
                continue;
            if (events & POLLOUT)
                talk(&state.clients[i]);
            else
                hear(&state.clients[i]);
        }
        for (unsigned i = 0; i < LISTENERS_MAX; i++)
            if (state.listeners[i].fd >= 0 && fds[1 + i].revents)
                welcome(&state.listeners[i]);
    }
    return NULL;
}
