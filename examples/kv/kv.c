/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A key-value server that talks the redis protocol and loses nothing:
 *
 *     kv [DIRECTORY]      default /data
 *
 * One thread, and rounds: all requests that have come are done, then one fsync makes all their
 * changes durable, then the answers go out. So an answer is a promise, and what many clients write
 * at the same time costs one flush.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "command.h"
#include "reserve.h"

#define PORT        6379
#define BACKLOG     128
#define CLIENTS_MAX 1024
#define READ_BYTES  16384
#define IN_FIRST    256
#define IN_SOME     2048         /* for that much there is memory when there is not much */
#define OUT_MAX     (256u << 10) /* bytes: who reads no answers is not asked what he wants */

struct client {
    int fd;
    char *in; /* of what it sent, the rest that is not done: most have none, and no memory for it */
    size_t in_len, in_max;
    struct resp_out out;
    struct command_client told;
    bool more;    /* what is kept may hold whole requests: nobody read the answers to others */
    bool closing; /* when the answers are sent */
    bool gone;
};

static struct client *clients[CLIENTS_MAX];
static struct pollfd fds[CLIENTS_MAX + 1]; /* the listener is the last one */
static unsigned n_clients;
static struct command_stats stats;
static struct resp_request request;
static char arrived[READ_BYTES]; /* from the client whose turn it is */

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Without its disk the server has nothing to promise. */
static _Noreturn void fail(const char *doing, int error)
{
    fprintf(stderr, "kv: %s: %s\n", doing, strerror(-error));
    exit(EXIT_FAILURE);
}

static int open_listener(void)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;

    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) || listen(fd, BACKLOG))
        fail("listening", -errno);
    return fd;
}

static void accept_all(int listener)
{
    int fd, one = 1;

    while (n_clients < CLIENTS_MAX && (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct client *client = calloc(1, sizeof(*client));
        if (!client) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        client->fd = fd;
        client->told.id = (int64_t)++stats.n_connections;
        clients[n_clients++] = client;
    }
    stats.n_clients = n_clients;
}

static void free_client(struct client *client)
{
    close(client->fd);
    free(client->in);
    resp_free(&client->out);
    free(client);
}

/* @return false when there is no memory for so much behind what is kept of it. */
static bool make_room(struct client *client, size_t n_bytes)
{
    size_t max = client->in_max ? client->in_max : IN_FIRST;

    while (max - client->in_len < n_bytes)
        max *= 2;
    if (max == client->in_max)
        return true;
    char *in = max <= IN_SOME ? realloc(client->in, max) : reserve_realloc(client->in, max);
    if (!in) {
        client->gone = true;
        return false;
    }
    client->in = in;
    client->in_max = max;
    return true;
}

/* @param came  receives what it sent, behind what is kept of it. @return its length; 0: nothing. */
static size_t receive(struct client *client, char **came)
{
    *came = arrived;
    if (client->in_len) {
        if (!make_room(client, READ_BYTES))
            return 0;
        *came = client->in;
    }
    ssize_t n = read(client->fd, *came + client->in_len, READ_BYTES);
    if (n > 0)
        return client->in_len + (size_t)n;
    if (n == 0 || errno != EAGAIN)
        client->gone = true;
    return 0;
}

/*
 * Of some bytes, which may be those that are kept, so many are done: keep the rest. Who sends large
 * requests keeps the memory for it, or when there is little his next one might not be heard.
 */
static void keep(struct client *client, const char *bytes, size_t done, size_t len)
{
    bool is_kept = bytes == client->in;
    size_t rest = len - done;

    client->in_len = 0;
    if (!rest && client->in_max <= READ_BYTES) {
        free(client->in);
        client->in = NULL;
        client->in_max = 0;
    } else if (is_kept || make_room(client, rest)) {
        memmove(client->in, bytes + done, rest);
        client->in_len = rest;
    }
}

/* Do the requests that are here. */
static void serve(struct store *store, struct client *client, char *bytes, size_t len)
{
    struct command_context context = {
        .store = store, .stats = &stats, .client = &client->told, .now_ms = now_ms()};
    size_t at = 0, used;
    const char *why;
    int result = 1;

    while (!client->closing && client->out.len - client->out.sent < OUT_MAX &&
           (result = resp_parse(bytes + at, len - at, &request, &used, &why)) > 0) {
        int error = command_run(&context, &request, &client->out);
        if (error)
            fail("writing", error);
        at += used;
        client->closing = context.quit;
    }
    client->more = result > 0 && !client->closing;
    if (result < 0) {
        char text[128];
        snprintf(text, sizeof(text), "ERR %s", why);
        resp_error(&client->out, text);
        client->closing = true;
    }
    keep(client, bytes, at, len);
}

static void send_answers(struct client *client)
{
    struct resp_out *out = &client->out;

    if (out->failed)
        client->gone = true; /* there was no memory for all of them */
    while (out->sent < out->len && !client->gone) {
        ssize_t n = write(client->fd, out->bytes + out->sent, out->len - out->sent);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0)
            client->gone = true;
        else
            out->sent += (size_t)n;
    }
    out->len = out->sent = 0;
    if (client->closing)
        client->gone = true;
}

static void drop_gone(void)
{
    unsigned n = 0;

    for (unsigned i = 0; i < n_clients; i++) {
        if (clients[i]->gone)
            free_client(clients[i]);
        else
            clients[n++] = clients[i];
    }
    n_clients = stats.n_clients = n;
}

/* @param more  there is something to be done besides. */
static void wait_for_some(int listener, bool more)
{
    for (unsigned i = 0; i < n_clients; i++) {
        const struct resp_out *out = &clients[i]->out;
        bool waits = out->sent < out->len;
        short events = waits ? POLLOUT : clients[i]->more ? 0 : POLLIN;
        fds[i] = (struct pollfd){.fd = clients[i]->fd, .events = events};
        more |= clients[i]->more && !waits;
    }
    fds[n_clients] =
        (struct pollfd){.fd = n_clients < CLIENTS_MAX ? listener : -1, .events = POLLIN};
    if (poll(fds, n_clients + 1, more ? 0 : -1) < 0 && errno != EINTR)
        fail("waiting", -errno);
}

static bool do_round(struct store *store, int listener, bool more)
{
    wait_for_some(listener, more);
    bool more_clients = fds[n_clients].revents;
    for (unsigned i = 0; i < n_clients; i++) {
        struct client *client = clients[i];
        if (fds[i].revents & POLLOUT)
            send_answers(client);
        char *bytes;
        size_t len = fds[i].revents & ~POLLOUT ? receive(client, &bytes) : 0;
        if (len)
            serve(store, client, bytes, len);
        else if (client->more && !client->out.len)
            serve(store, client, client->in, client->in_len);
    }
    int error = store_sync(store);
    if (error)
        fail("syncing", error);
    for (unsigned i = 0; i < n_clients; i++)
        if (clients[i]->out.len)
            send_answers(clients[i]);
    drop_gone();
    if (more_clients)
        accept_all(listener);
    int result = store_compact(store, now_ms());
    if (result < 0 && result != -ENOSPC)
        fail("compacting", result);
    return result > 0;
}

int main(int argc, char **argv)
{
    const char *dir = argc > 1 ? argv[1] : "/data";
    struct store *store;
    bool more = false;
    char why[128];

    int error = store_open(dir, &store, why, sizeof(why));
    if (error) {
        fprintf(stderr, "kv: %s\n", why);
        fail(dir, error);
    }
    stats.started_ms = now_ms();
    int listener = open_listener();
    printf("kv: %llu keys; port %d\n", (unsigned long long)store_stats(store)->n_keys, PORT);
    fflush(stdout);
    for (;;)
        more = do_round(store, listener, more);
}
