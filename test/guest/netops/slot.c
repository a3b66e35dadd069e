/* SPDX-License-Identifier: BSD-2-Clause */
/* The sockets that there are. */
#include "netops.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#define SPEND_MAX 20000 /* bytes, with what a message costs */
#define MESSAGE   256

int fds[N_SOCKETS] = {-1, -1, -1, -1, -1, -1, -1, -1};
char bytes[BYTES_MAX];

static size_t spent[N_SOCKETS];
static bool named[N_SOCKETS], bound[N_SOCKETS];

unsigned some_socket(void)
{
    unsigned i = (unsigned)below(N_SOCKETS);

    /* One that is there, mostly. */
    for (unsigned n = 0; n < N_SOCKETS && fds[i] < 0 && below(8); n++)
        i = (i + 1) % N_SOCKETS;
    return i;
}

void forget(unsigned i)
{
    if (fds[i] >= 0)
        close(fds[i]);
    event_forget(i);
    fds[i] = -1;
    spent[i] = 0;
    named[i] = bound[i] = false;
}

void name(unsigned i)
{
    named[i] = true;
}

void name_as(unsigned i, unsigned j)
{
    named[i] = named[j];
    bound[i] = bound[j];
}

void name_bound(unsigned i)
{
    bound[i] = true;
}

bool is_bound(unsigned i)
{
    return bound[i];
}

bool is_named(unsigned i)
{
    return named[i];
}

void put(unsigned i, int fd)
{
    forget(i);
    fds[i] = fd;
}

bool spend(unsigned i, size_t n)
{
    if (spent[i] + n + MESSAGE > SPEND_MAX)
        return false;
    spent[i] += n + MESSAGE;
    return true;
}

static int number(int fd, int name)
{
    int value = -1;
    socklen_t len = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, name, &value, &len) == 0 ? value : -1;
}

bool is_type(unsigned i, int type)
{
    return number(fds[i], SO_TYPE) == type;
}

bool is_closed(unsigned i)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);

    return getsockopt(fds[i], IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
           info.tcpi_state == TCP_CLOSE;
}

bool is_over(unsigned i)
{
    struct pollfd at = {.fd = fds[i], .events = POLLIN};

    return is_closed(i) && poll(&at, 1, 0) == 1 && at.revents & POLLIN;
}

const char *kind(unsigned i)
{
    static char texts[2][16];
    static unsigned turn;
    char *text = texts[turn++ % 2];
    int error = errno; /* of the call that this is told of */
    int type = number(fds[i], SO_TYPE), domain = number(fds[i], SO_DOMAIN);

    snprintf(text, sizeof(texts[0]), "%u:%c%c", i,
             type == SOCK_STREAM  ? 't'
             : type == SOCK_DGRAM ? 'u'
             : type == SOCK_RAW   ? 'r'
                                  : '-',
             domain == AF_INET    ? '4'
             : domain == AF_INET6 ? '6'
                                  : '-');
    errno = error;
    return text;
}
