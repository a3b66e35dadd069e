/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What lab-traffic speaks to, by UDP and TCP:
 *
 *     9   discard   all that comes is taken; a connection is closed when the peer has ended
 *     19  chargen   as many datagrams as a 32-bit word asks for; as many bytes as a 64-bit one does
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <netinet/in.h>
#include <sys/socket.h>

#define PAYLOAD 18
#define BLOCK   65536

static char block[BLOCK];

static int bound(int type, uint16_t port)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    int fd = socket(AF_INET6, type, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) ||
        (type == SOCK_STREAM && listen(fd, 8))) {
        perror("traffic");
        exit(EXIT_FAILURE);
    }
    return fd;
}

static void *take_datagrams(void *arg)
{
    int fd = bound(SOCK_DGRAM, 9);

    (void)arg;
    while (recv(fd, block, sizeof(block), 0) >= 0)
        ;
    return NULL;
}

static void *send_datagrams(void *arg)
{
    int fd = bound(SOCK_DGRAM, 19);

    (void)arg;
    for (;;) {
        struct sockaddr_in6 peer;
        socklen_t len = sizeof(peer);
        uint32_t n;
        if (recvfrom(fd, &n, sizeof(n), 0, (struct sockaddr *)&peer, &len) != sizeof(n))
            continue;
        while (n--)
            if (sendto(fd, block, PAYLOAD, 0, (struct sockaddr *)&peer, len) < 0)
                perror("traffic: sendto");
    }
    return NULL;
}

static void *take_bytes(void *arg)
{
    int listener = bound(SOCK_STREAM, 9), fd;

    (void)arg;
    while ((fd = accept(listener, NULL, NULL)) >= 0) {
        while (recv(fd, block, sizeof(block), 0) > 0)
            ;
        close(fd);
    }
    return NULL;
}

static void *send_bytes(void *arg)
{
    int listener = bound(SOCK_STREAM, 19), fd;

    (void)arg;
    while ((fd = accept(listener, NULL, NULL)) >= 0) {
        uint64_t n = 0;
        if (recv(fd, &n, sizeof(n), MSG_WAITALL) != sizeof(n))
            n = 0;
        while (n) {
            ssize_t sent = send(fd, block, n < BLOCK ? n : BLOCK, 0);
            if (sent < 0)
                break;
            n -= (uint64_t)sent;
        }
        close(fd);
    }
    return NULL;
}

int main(void)
{
    void *(*const services[])(void *) = {take_datagrams, send_datagrams, take_bytes};

    for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, services[i], NULL)) {
            perror("traffic");
            return EXIT_FAILURE;
        }
    }
    send_bytes(NULL);
    return EXIT_SUCCESS;
}
