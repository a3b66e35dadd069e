/* SPDX-License-Identifier: BSD-2-Clause */
#include "stack.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <netinet/in.h>
#include <sys/socket.h>

#include "lwip/netif.h"
#include "lwip/pbuf.h"

#include <sprat/clock.h>
#include <sprat/file.h>
#include <sprat/thread.h>

#include "../../libc-glue/lwip/net.h"

#include "vif.h"
#include "world.h"

struct file console_file; /* the first descriptors; nobody uses them */

#define START_NS 20000000000ull /* until addresses are checked and routers asked for */

/* LeakSanitizer would read the kernel's pages, some of which are protected. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

void fake_stack_start_early(void)
{
    fake_vif.link = NETFRONT_UP;
    net_start();
    thread_yield();
}

void fake_stack_start(void)
{
    fake_stack_start_early();
    thread_sleep_until(clock_monotonic() + START_NS);
}

int fake_stack_output(const uint8_t *frame, size_t len)
{
    struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)len, PBUF_RAM);

    if (!p)
        return ERR_MEM;
    memcpy(p->payload, frame, len);
    err_t error = netif_default->linkoutput(netif_default, p);
    pbuf_free(p);
    net_leave();
    return error;
}

static int told(int result)
{
    return result < 0 ? -errno : result;
}

static struct sockaddr_in6 address_of(const char *text, uint16_t port)
{
    struct sockaddr_in6 in6 = {
        .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_scope_id = 2};

    if (inet_pton(AF_INET6, text, &in6.sin6_addr) != 1)
        fake_fail("%s is no address", text);
    return in6;
}

int fake_stack_socket(bool datagrams, bool waits)
{
    int type = datagrams ? SOCK_DGRAM : SOCK_STREAM;

    return told(socket(AF_INET6, waits ? type : type | SOCK_NONBLOCK, 0));
}

int fake_stack_connect(int fd, const char *address, uint16_t port)
{
    struct sockaddr_in6 to = address_of(address, port);

    return told(connect(fd, (struct sockaddr *)&to, sizeof(to)));
}

int fake_stack_send_to(int fd, const char *address, uint16_t port)
{
    struct sockaddr_in6 to = address_of(address, port);

    return told((int)sendto(fd, "", 1, 0, (struct sockaddr *)&to, sizeof(to)));
}

int fake_stack_send(int fd, const void *bytes, size_t len)
{
    return told((int)send(fd, bytes, len, 0));
}

int fake_stack_error(int fd)
{
    int error = 0;
    socklen_t len = sizeof(error);

    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) ? -errno : -error;
}

int fake_stack_events(int fd)
{
    struct pollfd pollfd = {.fd = fd, .events = POLLIN | POLLOUT};

    return told(poll(&pollfd, 1, 0));
}

int fake_stack_close(int fd)
{
    return told(close(fd));
}
