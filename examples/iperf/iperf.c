/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Throughput of TCP, with iperf (version 2) on the other side.
 *
 *     iperf                   serve: take what `iperf -c GUEST` sends, one after the other
 *     iperf HOST [SECONDS]    send to `iperf -s` on HOST
 */
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#define PORT       "5001"
#define SECONDS    10
#define PATIENCE_S 30
#define BLOCK      65536
#define NS_PER_S   1000000000ull

/* What is sent. iperf's server reads a header of options at its start: all zero asks for none. */
static char block[BLOCK];

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void report(const char *what, uint64_t bytes, uint64_t ns)
{
    uint64_t kbit_per_s = ns ? bytes * 8 * 1000000 / ns : 0;

    printf("%s %llu bytes in %llu.%03llu s: %llu.%03llu Mbit/s\n", what, (unsigned long long)bytes,
           (unsigned long long)(ns / NS_PER_S), (unsigned long long)(ns % NS_PER_S / 1000000),
           (unsigned long long)(kbit_per_s / 1000), (unsigned long long)(kbit_per_s % 1000));
}

static void fail(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static void serve(void)
{
    /* A client that says nothing for so long keeps others waiting no more. */
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(5001)};
    int listener = socket(AF_INET6, SOCK_STREAM, 0);

    if (listener < 0 || bind(listener, (struct sockaddr *)&any, sizeof(any)) || listen(listener, 8))
        fail("iperf: listen");
    puts("serving");
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0) {
            perror("iperf: accept"); /* that one is gone; the next may fare better */
            continue;
        }
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        uint64_t start_ns = now_ns(), bytes = 0;
        ssize_t n;
        while ((n = recv(fd, block, sizeof(block), 0)) > 0)
            bytes += (uint64_t)n;
        report("received", bytes, now_ns() - start_ns);
        if (n < 0)
            perror("iperf: recv");
        close(fd);
    }
}

static void send_for(const char *host, unsigned long seconds)
{
    struct addrinfo *address, hints = {.ai_socktype = SOCK_STREAM};
    int error = getaddrinfo(host, PORT, &hints, &address);

    if (error) {
        fprintf(stderr, "iperf: %s: %s\n", host, gai_strerror(error));
        exit(EXIT_FAILURE);
    }
    int fd = socket(address->ai_family, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, address->ai_addr, address->ai_addrlen))
        fail("iperf: connect");
    freeaddrinfo(address);
    uint64_t start_ns = now_ns(), end_ns = start_ns + seconds * NS_PER_S, bytes = 0;
    while (now_ns() < end_ns) {
        ssize_t n = send(fd, block, sizeof(block), 0);
        if (n < 0)
            fail("iperf: send");
        bytes += (uint64_t)n;
    }
    /* All is there when the other side has seen the end, and ends as well. */
    shutdown(fd, SHUT_WR);
    while (recv(fd, block, sizeof(block), 0) > 0)
        ;
    report("sent", bytes, now_ns() - start_ns);
    close(fd);
}

int main(int argc, char **argv)
{
    unsigned long seconds = SECONDS;
    char *end = "";

    if (argc > 2)
        seconds = strtoul(argv[2], &end, 10);
    if (argc > 3 || *end || !seconds || seconds > 3600) {
        fputs("usage: iperf [HOST [SECONDS]]\n", stderr);
        return EXIT_FAILURE;
    }
    if (argc > 1)
        send_for(argv[1], seconds);
    else
        serve();
    return EXIT_SUCCESS;
}
