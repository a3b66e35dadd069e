/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The other end of datagrams, for tests: a program of dom0's.
 *
 *     peer echo ADDRESS PORT                       answers each with "ADDRESS PORT TEXT": from whom
 *                                                  it came, and what it was
 *     peer ask FROM PORT ADDRESS PORT TEXT         sends one, prints the answer
 *     peer hear ADDRESS PORT N                     prints N as they come: "ADDRESS PORT HEX"
 *     peer send FROM PORT ADDRESS PORT N BYTES     sends N of BYTES each
 *
 * Waiting ends after 20 seconds, with exit status 1.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

enum { WAIT_S = 20, DATAGRAM_MAX = 65536, EXIT_USAGE = 2 };

static char data[DATAGRAM_MAX];

static void __attribute__((noreturn)) fail(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static struct sockaddr_in address_of(char **words)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)strtoul(words[1], NULL, 10))};

    if (inet_pton(AF_INET, words[0], &address.sin_addr) != 1) {
        fprintf(stderr, "peer: %s is no address\n", words[0]);
        exit(EXIT_USAGE);
    }
    return address;
}

/* A socket at the address and port that two words name. */
static int bound(char **words, int wait_s)
{
    struct sockaddr_in address = address_of(words);
    struct timeval wait = {.tv_sec = wait_s};
    int on = 1, s = socket(AF_INET, SOCK_DGRAM, 0);

    if (s < 0 || setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
        setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) ||
        bind(s, (struct sockaddr *)&address, sizeof(address)))
        fail("peer: bind");
    return s;
}

static size_t receive(int s, struct sockaddr_in *from)
{
    socklen_t len = sizeof(*from);
    ssize_t n = recvfrom(s, data, sizeof(data), 0, (struct sockaddr *)from, &len);

    if (n < 0)
        fail("peer: nothing came");
    return (size_t)n;
}

static void send_to(int s, const struct sockaddr_in *to, const void *bytes, size_t len)
{
    if (sendto(s, bytes, len, 0, (const struct sockaddr *)to, sizeof(*to)) < 0)
        fail("peer: sendto");
}

static void echo(char **words)
{
    static char answer[DATAGRAM_MAX + 32];
    int s = bound(words, 0);

    for (;;) {
        struct sockaddr_in from;
        size_t n = receive(s, &from);
        int head = snprintf(answer, sizeof(answer), "%s %u ", inet_ntoa(from.sin_addr),
                            ntohs(from.sin_port));

        memcpy(answer + head, data, n);
        send_to(s, &from, answer, (size_t)head + n);
    }
}

static void ask(char **words)
{
    struct sockaddr_in to = address_of(words + 2), from;
    int s = bound(words, WAIT_S);

    send_to(s, &to, words[4], strlen(words[4]));
    printf("%.*s\n", (int)receive(s, &from), data);
}

static void hear(char **words)
{
    int s = bound(words, WAIT_S);

    for (unsigned long left = strtoul(words[2], NULL, 10); left; left--) {
        struct sockaddr_in from;
        size_t n = receive(s, &from);

        printf("%s %u ", inet_ntoa(from.sin_addr), ntohs(from.sin_port));
        for (size_t i = 0; i < n; i++)
            printf("%02x", (unsigned char)data[i]);
        printf("\n");
        fflush(stdout);
    }
}

static void send_many(char **words)
{
    struct sockaddr_in to = address_of(words + 2);
    size_t len = strtoul(words[5], NULL, 10);
    int s = bound(words, WAIT_S);

    for (unsigned long left = strtoul(words[4], NULL, 10); left; left--)
        send_to(s, &to, data, len < sizeof(data) ? len : sizeof(data));
}

int main(int argc, char **argv)
{
    static const struct {
        const char *word;
        int words;
        void (*run)(char **words);
    } ways[] = {{"echo", 2, echo}, {"ask", 5, ask}, {"hear", 3, hear}, {"send", 6, send_many}};

    for (size_t i = 0; argc > 1 && i < sizeof(ways) / sizeof(*ways); i++) {
        if (strcmp(argv[1], ways[i].word) == 0 && argc == 2 + ways[i].words) {
            ways[i].run(argv + 2);
            return EXIT_SUCCESS;
        }
    }
    fprintf(stderr, "usage: peer echo|ask|hear|send WORDS: see its source\n");
    return EXIT_USAGE;
}
