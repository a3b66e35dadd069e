/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many honest clients of a web server at once, from dom0:
 *
 *     crowd ADDRESS PORT CLIENTS ANSWERS
 *
 * Each fetches / so many times, on one connection as long as the server lets it. It tells in the
 * end how many answers came, and how many connections ended before the answer to a request.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENTS_MAX = 4000, ANSWER_MAX = 4096, PATIENCE_MS = 60000 };

static struct sockaddr_in to;
static struct pollfd fds[CLIENTS_MAX];
static struct client {
    unsigned n_answers;
    size_t len;
    char answer[ANSWER_MAX + 1];
} clients[CLIENTS_MAX];
static unsigned n_clients, n_wanted, n_answers, n_broken, n_through;

static void check(int is_so, const char *what)
{
    if (is_so)
        return;
    perror(what);
    exit(EXIT_FAILURE);
}

static void open_one(unsigned i)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    check(fd >= 0, "socket");
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
        check(errno == EINPROGRESS, "connect");
    fds[i] = (struct pollfd){.fd = fd, .events = POLLOUT};
    clients[i].len = 0;
}

static void close_one(unsigned i)
{
    close(fds[i].fd);
    fds[i].fd = -1;
}

static void ask(unsigned i)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: crowd\r\n\r\n";

    fds[i].events = POLLIN;
    clients[i].len = 0;
    send(fds[i].fd, request, sizeof(request) - 1, MSG_NOSIGNAL); /* an error, recv() will tell */
}

/* @return whether all of the answer is there. */
static int is_whole(struct client *client)
{
    client->answer[client->len] = '\0';
    const char *body = strstr(client->answer, "\r\n\r\n");
    const char *length = strstr(client->answer, "Content-Length: ");

    return body && length && length < body &&
           client->len >= (size_t)(body + 4 - client->answer) + strtoul(length + 16, NULL, 10);
}

static void take(unsigned i)
{
    struct client *client = &clients[i];
    ssize_t n =
        recv(fds[i].fd, client->answer + client->len, sizeof(client->answer) - 1 - client->len, 0);

    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        n_broken++;
        close_one(i);
        open_one(i);
        return;
    }
    client->len += (size_t)n;
    if (!is_whole(client))
        return;
    n_answers += strncmp(client->answer, "HTTP/1.1 200", 12) == 0;
    if (++client->n_answers == n_wanted) {
        n_through++;
        close_one(i);
    } else if (strstr(client->answer, "Connection: close")) {
        close_one(i);
        open_one(i);
    } else {
        ask(i);
    }
}

int main(int argc, char **argv)
{
    check(argc == 5 && inet_pton(AF_INET, argv[1], &to.sin_addr) == 1,
          "usage: crowd ADDRESS PORT CLIENTS ANSWERS");
    to.sin_family = AF_INET;
    to.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
    n_clients = (unsigned)strtoul(argv[3], NULL, 10);
    n_wanted = (unsigned)strtoul(argv[4], NULL, 10);
    check(n_clients <= CLIENTS_MAX, "too many");
    for (unsigned i = 0; i < n_clients; i++)
        open_one(i);
    while (n_through < n_clients && poll(fds, n_clients, PATIENCE_MS) > 0)
        for (unsigned i = 0; i < n_clients; i++) {
            if (fds[i].fd < 0 || !fds[i].revents)
                continue;
            if (fds[i].revents & POLLOUT)
                ask(i);
            else
                take(i);
        }
    printf("%u answers, %u broken, %u of %u clients through\n", n_answers, n_broken, n_through,
           n_clients);
    return n_through == n_clients ? EXIT_SUCCESS : EXIT_FAILURE;
}
