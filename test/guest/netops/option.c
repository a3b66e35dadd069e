/* SPDX-License-Identifier: BSD-2-Clause */
/* What a socket is asked and told beside its data. */
#include "netops.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

static const struct option {
    const char *name;
    int level, number;
} options[] = {
#define OPTION(level, number)                                                                      \
    {                                                                                              \
#number, level, number                                                                     \
    }
    OPTION(SOL_SOCKET, SO_ERROR),
    OPTION(SOL_SOCKET, SO_TYPE),
    OPTION(SOL_SOCKET, SO_ACCEPTCONN),
    OPTION(SOL_SOCKET, SO_PROTOCOL),
    OPTION(SOL_SOCKET, SO_DOMAIN),
    OPTION(SOL_SOCKET, SO_REUSEADDR),
    OPTION(SOL_SOCKET, SO_REUSEPORT),
    OPTION(SOL_SOCKET, SO_KEEPALIVE),
    OPTION(SOL_SOCKET, SO_BROADCAST),
    OPTION(SOL_SOCKET, SO_RCVLOWAT),
    OPTION(IPPROTO_TCP, TCP_KEEPIDLE),
    OPTION(IPPROTO_TCP, TCP_KEEPINTVL),
    OPTION(IPPROTO_TCP, TCP_KEEPCNT),
    OPTION(IPPROTO_TCP, TCP_NODELAY),
    OPTION(IPPROTO_IP, IP_TTL),
    OPTION(IPPROTO_IP, IP_TOS),
    OPTION(IPPROTO_IP, IP_MULTICAST_TTL),
    OPTION(IPPROTO_IP, IP_MULTICAST_LOOP),
    OPTION(IPPROTO_IPV6, IPV6_V6ONLY),
    OPTION(IPPROTO_IPV6, IPV6_UNICAST_HOPS),
    OPTION(IPPROTO_IPV6, IPV6_TCLASS),
    OPTION(IPPROTO_IPV6, IPV6_MULTICAST_HOPS),
    OPTION(SOL_SOCKET, 999),
    OPTION(IPPROTO_TCP, 999),
    OPTION(IPPROTO_IP, 999),
    OPTION(IPPROTO_IPV6, 999),
    OPTION(999, SO_TYPE),
};
#define N_OPTIONS (sizeof(options) / sizeof(options[0]))

/* Groups are not TCP's, though Linux remembers some of these for TCP; and who is in groups of both
 * families may have other numbers for each there. */
static bool means_nothing(unsigned i, const struct option *option)
{
    struct sockaddr own = {0};
    socklen_t len = sizeof(own);

    getsockname(fds[i], &own, &len);
    return strstr(option->name, "MULTICAST") &&
           (is_type(i, SOCK_STREAM) ||
            (own.sa_family == AF_INET6) == (option->level == IPPROTO_IP));
}

void do_get(void)
{
    unsigned i = some_socket();
    const struct option *option = &options[below(3) ? below(N_OPTIONS) : 0];
    unsigned char value[16];
    socklen_t len = below(15) ? sizeof(int) : (socklen_t)below(16);

    if (means_nothing(i, option) || is_closed(i))
        return;
    if (option->level != SOL_SOCKET) /* of others, Linux tells a byte where there is no more room */
        len = sizeof(int);
    memset(value, 0x99, sizeof(value));
    int result = getsockopt(fds[i], option->level, option->number, value, &len);
    if (result < 0 && errno == EOPNOTSUPP) /* Linux' IPv4 has another word for it */
        errno = ENOPROTOOPT;
    tell(result, "%s: get %s", kind(i), option->name);
    printf("  %u:", (unsigned)len);
    for (socklen_t at = 0; at < len && at < sizeof(value); at++)
        printf(" %02x", value[at]);
    putchar('\n');
}

static void set_linger(unsigned i)
{
    struct linger linger = {below(2), below(3) ? 0 : 1}, found;
    socklen_t len = sizeof(linger);

    tell(setsockopt(fds[i], SOL_SOCKET, SO_LINGER, &linger, len), "%s: linger %d %d", kind(i),
         linger.l_onoff, linger.l_linger);
    if (getsockopt(fds[i], SOL_SOCKET, SO_LINGER, &found, &len) == 0)
        printf("  linger %d %d\n", found.l_onoff, found.l_linger);
}

void do_set(void)
{
    static const int values[] = {0, 1, 2, -1, 64, 255, 256, 32767, 32768, 1 << 20};
    unsigned i = some_socket();
    const struct option *option = &options[below(N_OPTIONS)];
    int value[2] = {values[below(10)], 0};
    socklen_t len = below(15) ? sizeof(int) : (socklen_t)below(sizeof(value) + 1);

    if (below(6) == 0) {
        set_linger(i);
        return;
    }
    if (means_nothing(i, option) || is_closed(i))
        return;
    if (option->level == SOL_SOCKET &&
        (option->number == SO_REUSEADDR || option->number == SO_REUSEPORT))
        return; /* see prepare() */
    if (option->level == IPPROTO_TCP && option->number == TCP_NODELAY)
        return;
    int result = setsockopt(fds[i], option->level, option->number, value, len);
    if (result < 0 && errno == ENOPROTOOPT && len < sizeof(int)) /* either word will do */
        errno = EINVAL;
    tell(result, "%s: set %s %d of %u", kind(i), option->name, value[0], (unsigned)len);
}

void do_name(void)
{
    unsigned i = some_socket();
    struct address address = {.len = (socklen_t)(below(8) ? sizeof(address.any) : below(30))};

    if (is_closed(i))
        return;
    if (below(2))
        tell(getsockname(fds[i], (struct sockaddr *)&address.any, &address.len), "%s: name",
             kind(i));
    else
        tell(getpeername(fds[i], (struct sockaddr *)&address.any, &address.len), "%s: peer",
             kind(i));
    printf("  %s\n", told(&address.any, address.len));
}

void do_shutdown(void)
{
    unsigned i = some_socket();
    int how = below(20) ? (int)below(3) : 3;
    struct address peer = {.len = sizeof(peer.any)};

    /* Linux gives who has no connection and sends in vain a port all the same. */
    if (is_closed(i) || (how != SHUT_RD && is_type(i, SOCK_DGRAM) &&
                         getpeername(fds[i], (struct sockaddr *)&peer.any, &peer.len) != 0))
        return;
    tell(shutdown(fds[i], how), "%s: shutdown %d", kind(i), how);
}

void do_file(void)
{
    unsigned i = some_socket(), j = some_socket();
    struct stat st;
    int value = 0;
    uint64_t how = below(6);

    if (how == 0) {
        value = fcntl(fds[i], F_GETFL);
        tell(value < 0 ? -1 : value & O_ACCMODE, "%s: flags%s", kind(i),
             value >= 0 && value & O_NONBLOCK ? " nonblock" : "");
    } else if (how == 1) {
        value = (int)below(2);
        tell(ioctl(fds[i], FIONBIO, &value), "%s: nonblock %d", kind(i), value);
    } else if (how == 2) {
        tell(fstat(fds[i], &st), "%s: stat", kind(i));
        if (fds[i] >= 0)
            printf("  socket %d\n", S_ISSOCK(st.st_mode));
    } else if (how == 3) {
        tell(lseek(fds[i], 0, SEEK_CUR), "%s: seek", kind(i));
    } else if (how == 4) {
        tell(pread(fds[i], bytes, 1, 0), "%s: pread", kind(i));
    } else if (i != j) {
        int fd = dup(fds[i]);
        tell(fd < 0 ? -1 : 0, "%s: dup to %u", kind(i), j);
        put(j, fd);
        name_as(j, i);
    }
}
