/* SPDX-License-Identifier: BSD-2-Clause */
/* Sending and receiving. */
#include "netops.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define PARTS 3

struct flag {
    int flag;
    const char *name;
};

static const struct flag send_flags[] = {
    {MSG_DONTWAIT, " dontwait"},
    {MSG_DONTROUTE, " dontroute"},
};
static const struct flag receive_flags[] = {
    {MSG_PEEK, " peek"},
    {MSG_TRUNC, " trunc"},
    {MSG_DONTWAIT, " dontwait"},
    {MSG_WAITALL, " waitall"},
};

static int some_flags(const struct flag *flags, size_t n, char *text)
{
    int all = 0;

    *text = '\0';
    for (; n; n--, flags++) {
        if (below(6))
            continue;
        all |= flags->flag;
        strcat(text, flags->name);
    }
    return all;
}

/* In three parts, one of them without a byte. */
static void parts_of(struct iovec parts[PARTS], size_t len)
{
    parts[0] = (struct iovec){bytes, len / 3};
    parts[1] = (struct iovec){bytes, 0};
    parts[2] = (struct iovec){bytes + len / 3, len - len / 3};
}

static size_t some_length(void)
{
    static const size_t lengths[] = {0, 1, 2, 100, 1000, BYTES_MAX};

    return below(2) ? lengths[below(6)] : (size_t)below(200);
}

/* A datagram to nobody gives a socket a port on Linux, though nothing is sent. */
static bool has_no_port(unsigned i)
{
    struct sockaddr_in6 own = {0};
    socklen_t len = sizeof(own);

    return is_type(i, SOCK_DGRAM) && !is_bound(i) &&
           getpeername(fds[i], (struct sockaddr *)&own, &len) != 0;
}

void do_send(void)
{
    unsigned i = some_socket();
    size_t len = some_length();
    struct address to;
    struct iovec parts[PARTS];
    char text[80];
    int flags = some_flags(send_flags, 2, text) | MSG_NOSIGNAL;
    uint64_t how = below(6);
    ssize_t n;

    if (!len && is_type(i, SOCK_STREAM))
        return; /* Linux finds fault with the socket all the same */
    if (!spend(i, len) || (how < 4 && has_no_port(i)))
        return;
    memset(bytes, (int)below(256), len);
    parts_of(parts, len);
    if (how < 2) {
        n = send(fds[i], bytes, len, flags);
        tell(n, "%s: send %zu%s", kind(i), len, text);
    } else if (how == 2) {
        n = len && below(2) ? write(fds[i], bytes, len) : writev(fds[i], parts, PARTS);
        tell(n, "%s: write %zu", kind(i), len);
    } else if (how == 3) {
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = PARTS};
        n = sendmsg(fds[i], &message, flags);
        tell(n, "%s: sendmsg %zu%s", kind(i), len, text);
    } else {
        some_address(i, &to);
        name(i); /* a datagram's sender has a port */
        n = sendto(fds[i], bytes, len, flags, (struct sockaddr *)&to.any, to.len);
        tell(n, "%s: sendto %zu%s %s", kind(i), len, text, told(&to.any, to.len));
    }
}

void do_receive(void)
{
    unsigned i = some_socket();
    size_t len = some_length();
    struct address from = {.len = (socklen_t)(below(5) ? sizeof(from.any) : below(30))};
    struct iovec parts[PARTS];
    struct msghdr message = {
        .msg_iov = parts, .msg_iovlen = PARTS, .msg_name = &from.any, .msg_namelen = from.len};
    char text[80];
    int flags = some_flags(receive_flags, 4, text);
    uint64_t how = below(6);
    ssize_t n;

    if (!len && is_type(i, SOCK_STREAM))
        return; /* Linux waits for a byte, unless by read() */
    memset(bytes, 0, sizeof(bytes));
    parts_of(parts, len);
    if (how < 2) {
        n = recv(fds[i], bytes, len, flags);
        tell(n, "%s: recv %zu%s", kind(i), len, text);
    } else if (how == 2) {
        n = below(2) ? read(fds[i], bytes, len) : readv(fds[i], parts, PARTS);
        tell(n, "%s: read %zu", kind(i), len);
    } else if (how == 3) {
        n = recvmsg(fds[i], &message, flags);
        tell(n, "%s: recvmsg %zu%s", kind(i), len, text);
        if (n >= 0)
            printf("  flags %x from %s\n", (unsigned)message.msg_flags & MSG_TRUNC,
                   told(&from.any, message.msg_namelen));
    } else {
        n = recvfrom(fds[i], bytes, len, flags, (struct sockaddr *)&from.any, &from.len);
        tell(n, "%s: recvfrom %zu%s", kind(i), len, text);
        if (n >= 0)
            printf("  from %s\n", told(&from.any, from.len));
    }
    if (n > 0)
        printf("  bytes %016" PRIx64 "\n", hash_of(bytes, sizeof(bytes)));
}

/* All that a socket has. */
void do_drain(void)
{
    unsigned i = some_socket();
    long long total = 0;
    ssize_t n;
    int reads = 0;

    while ((n = recv(fds[i], bytes, sizeof(bytes), MSG_DONTWAIT)) > 0 && ++reads < 200)
        total += n;
    tell(n, "%s: drain %lld", kind(i), total);
}
