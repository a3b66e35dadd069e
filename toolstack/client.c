/* SPDX-License-Identifier: BSD-2-Clause */
#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "command.h"
#include "host.h"
#include "log.h"
#include "wait.h"

#define CLIENTS_MAX 256
#define LINE_MAX_   65536     /* a request; a configuration file has a few hundred bytes */
#define ANSWERS_MAX (8 << 20) /* bytes that a client may leave unread */

#define SILENT_NS 1000000000ull /* who has said nothing for so long gives way when all is taken */
#define REST_NS   200000000ull  /* before another try, when nobody can even be refused */

struct client {
    int fd;
    uint32_t number;   /* its place, and above it a count: what epoll says of a former one is old */
    uint64_t moved_ns; /* when bytes last came, or went */
    char *in;
    size_t n_in, n_searched;
    char *out;
    size_t n_out, out_size;
    bool ended; /* sends no more; goes when all is answered */
    bool broken;
    unsigned n_waits;
};

static struct {
    int listener;
    int spare; /* given up to refuse a client when no other descriptor is left */
    bool complained;
    bool answered;    /* since client_work(): there is something to send */
    uint64_t now_ns;  /* of this turn */
    uint64_t rest_ns; /* until then connections wait in the kernel; 0: they are taken */
    char path[108];
    struct client *clients[CLIENTS_MAX];
    uint32_t n_accepted;
} state = {.listener = -1, .spare = -1};

int client_listen(struct host *host, const char *path, struct fail *fail)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof(address.sun_path))
        return fail_set(fail, ENAMETOOLONG, "the socket's path is too long: %s", path);
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fail_errno(fail, "no socket");
    unlink(path); /* the caller holds the lock: nobody serves it */
    mode_t mask = umask(077);
    int bound = bind(fd, (const struct sockaddr *)&address, sizeof(address));
    umask(mask);
    if (bound < 0 || listen(fd, 64) < 0) {
        int error = fail_errno(fail, "cannot listen at %s", path);
        close(fd);
        return error;
    }
    int error = host_poll(host, fd, SOURCE_LISTEN, 0, EPOLLIN, fail);
    if (error) {
        close(fd);
        return error;
    }
    state.listener = fd;
    state.spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    strcpy(state.path, path);
    return 0;
}

static void client_free(struct client *client)
{
    wait_drop(client);
    state.clients[client->number % CLIENTS_MAX] = NULL;
    close(client->fd);
    free(client->in);
    free(client->out);
    free(client);
}

static void refuse(int fd, const char *why)
{
    struct json_out out = {0};

    command_refuse(&out, NULL, why);
    json_end_line(&out);
    if (!out.failed) {
        ssize_t n = send(fd, out.text, out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        (void)n;
    }
    free(out.text);
    close(fd);
}

/* @return whether it could be done. */
static bool refuse_with_spare(void)
{
    if (state.spare < 0)
        return false;
    close(state.spare);
    int fd = accept4(state.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0)
        refuse(fd, "the launcher has no descriptor left for another client");
    state.spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return fd >= 0;
}

static void listen_again(struct host *host, bool yes)
{
    struct epoll_event event = {.events = yes ? EPOLLIN : 0,
                                .data.u64 = (uint64_t)SOURCE_LISTEN << 32};

    epoll_ctl(host->epoll, EPOLL_CTL_MOD, state.listener, &event);
    if (yes && state.spare < 0)
        state.spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/*
 * A connection cannot be taken. Left in the queue it would wake us for ever: it is refused, or,
 * when another process was quicker to take the machine's last descriptor, left alone for a while.
 */
static void cannot_accept(struct host *host, int error)
{
    if (error == EAGAIN || error == EINTR || error == ECONNABORTED)
        return;
    if (!state.complained)
        log_line("a client cannot be served: %s", strerror(error));
    state.complained = true;
    if (refuse_with_spare())
        return;
    state.rest_ns = state.now_ns + REST_NS;
    listen_again(host, false);
}

/* Whether all that it asked is answered, and it has said nothing for a while. */
static bool is_silent(const struct client *client)
{
    return client->n_waits == 0 && client->n_searched == client->n_in &&
           state.now_ns - client->moved_ns >= SILENT_NS;
}

static struct client *most_silent(void)
{
    struct client *found = NULL;

    for (uint32_t place = 0; place < CLIENTS_MAX; place++) {
        struct client *client = state.clients[place];
        if (is_silent(client) && (!found || client->moved_ns < found->moved_ns))
            found = client;
    }
    return found;
}

/* A place for another client. @return CLIENTS_MAX: there is none. */
static uint32_t find_place(void)
{
    for (uint32_t place = 0; place < CLIENTS_MAX; place++)
        if (!state.clients[place])
            return place;
    struct client *silent = most_silent();
    if (!silent)
        return CLIENTS_MAX;
    uint32_t place = silent->number % CLIENTS_MAX;
    client_free(silent);
    return place;
}

void client_accept(struct host *host)
{
    struct fail fail;
    int fd = accept4(state.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0) {
        cannot_accept(host, errno);
        return;
    }
    state.complained = false;
    uint32_t place = find_place();
    if (place == CLIENTS_MAX) {
        refuse(fd, "too many clients, and each waits for something");
        return;
    }
    struct client *client = calloc(1, sizeof(*client));
    uint32_t number = state.n_accepted++ * CLIENTS_MAX + place;
    if (client)
        client->in = malloc(LINE_MAX_);
    if (!client || !client->in || host_poll(host, fd, SOURCE_CLIENT, number, EPOLLIN, &fail) < 0) {
        if (client)
            free(client->in);
        free(client);
        refuse(fd, "the launcher has no memory for another client");
        return;
    }
    client->fd = fd;
    client->number = number;
    client->moved_ns = state.now_ns;
    state.clients[place] = client;
}

static void client_write(struct host *host, struct client *client)
{
    while (client->n_out) {
        ssize_t n = send(client->fd, client->out, client->n_out, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            client->broken = true;
        if (n <= 0)
            break;
        client->moved_ns = state.now_ns;
        memmove(client->out, client->out + n, client->n_out - (size_t)n);
        client->n_out -= (size_t)n;
    }
    struct epoll_event event = {.events =
                                    (client->n_in < LINE_MAX_ && !client->ended ? EPOLLIN : 0) |
                                    (client->n_out ? EPOLLOUT : 0),
                                .data.u64 = (uint64_t)SOURCE_CLIENT << 32 | client->number};
    epoll_ctl(host->epoll, EPOLL_CTL_MOD, client->fd, &event);
}

void client_ready(struct host *host, uint32_t number, uint32_t events)
{
    struct client *client = state.clients[number % CLIENTS_MAX];

    (void)host;
    if (!client || client->number != number)
        return;
    if (events & EPOLLIN && client->n_in < LINE_MAX_) {
        ssize_t n =
            recv(client->fd, client->in + client->n_in, LINE_MAX_ - client->n_in, MSG_DONTWAIT);
        if (n > 0) {
            client->n_in += (size_t)n;
            client->moved_ns = state.now_ns;
        } else if (n == 0) {
            client->ended = true;
        } else if (errno != EAGAIN && errno != EINTR) {
            client->broken = true;
        }
    } else if (events & (EPOLLERR | EPOLLHUP)) {
        client->broken = true;
    }
}

/* @return whether there was a line. */
static bool serve_line(struct host *host, struct client *client)
{
    char *end = memchr(client->in + client->n_searched, '\n', client->n_in - client->n_searched);

    if (!end) {
        client->n_searched = client->n_in;
        if (client->n_in == LINE_MAX_) {
            struct json_out out = {0};
            command_refuse(&out, NULL, "a request has at most 65536 bytes");
            client_send(client, &out);
            free(out.text);
            client->ended = true;
            client->n_in = client->n_searched = 0;
        }
        return false;
    }
    size_t len = (size_t)(end - client->in);
    command_serve(host, client, client->in, len, host_now_ns());
    client->n_in -= len + 1;
    client->n_searched = 0;
    memmove(client->in, end + 1, client->n_in);
    return true;
}

bool client_work(struct host *host)
{
    bool more = false;

    state.answered = false;
    for (uint32_t place = 0; place < CLIENTS_MAX; place++) {
        struct client *client = state.clients[place];
        if (!client)
            continue;
        bool served = !client->broken && client->n_out < ANSWERS_MAX && serve_line(host, client);
        more |= served && client->n_in;
        if (served || client->n_out || client->ended || client->n_in == LINE_MAX_)
            client_write(host, client);
        if (client->broken || (client->ended && !served && !client->n_out && !client->n_waits))
            client_free(client);
    }
    return more;
}

bool client_has_answers(void)
{
    return state.answered;
}

void client_hold(struct client *client)
{
    client->n_waits++;
}

void client_let_go(struct client *client)
{
    client->n_waits--;
}

void client_send(struct client *client, struct json_out *out)
{
    json_end_line(out);
    if (client->out_size - client->n_out < out->len) {
        size_t size = client->n_out + out->len + 4096;
        char *grown = realloc(client->out, size);
        if (!grown)
            out->failed = true;
        else {
            client->out = grown;
            client->out_size = size;
        }
    }
    if (out->failed) {
        client->broken = true; /* better no answer than half of one */
        return;
    }
    state.answered = true;
    memcpy(client->out + client->n_out, out->text, out->len);
    client->n_out += out->len;
    out->len = 0;
}

uint64_t client_deadlines(struct host *host, uint64_t now_ns)
{
    uint64_t next_ns = UINT64_MAX;

    state.now_ns = now_ns;
    if (state.rest_ns && state.rest_ns <= now_ns) {
        state.rest_ns = 0;
        listen_again(host, true);
    }
    if (state.rest_ns)
        next_ns = state.rest_ns;
    uint64_t due_ns = wait_due(host, now_ns);
    return due_ns < next_ns ? due_ns : next_ns;
}

void client_close_all(struct host *host)
{
    for (uint32_t place = 0; place < CLIENTS_MAX; place++) {
        if (state.clients[place]) {
            client_write(host, state.clients[place]);
            client_free(state.clients[place]);
        }
    }
    if (state.listener >= 0) {
        close(state.listener);
        unlink(state.path);
    }
    if (state.spare >= 0)
        close(state.spare);
    state.listener = state.spare = -1;
    state.rest_ns = 0;
}
