/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The input is what comes from the network, time that passes, memory that is short, and what a
 * program does with its sockets meanwhile. Underneath are lwIP with the guest's options, its port
 * and the kernel; the interface is the test's. Whatever the input is: no crash, none of lwIP's
 * assertions, and in the end no memory is missing.
 *
 * A frame in an input is a draft (packets.c): its checksums are made right and its numbers fit the
 * connection that there is, unless the input wants otherwise.
 */
#include <limits.h>
#include <netdb.h>
#include <unistd.h>

#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "lwip/dhcp.h"
#include "lwip/priv/tcp_priv.h"

#include <sprat/clock.h>
#include <sprat/thread.h>

#include "../../libc-glue/console.h"
#include "../../libc-glue/lwip/interface.h"
#include "../../libc-glue/lwip/net.h"

#include "fuzz.h"
#include "guest_libc.h"
#include "kernel.h"
#include "packets.h"
#include "vif.h"
#include "world.h"

#define STEPS_MAX  64
#define PORT       7
#define FDS_MAX    8
#define START_S    20 /* until addresses are checked and routers asked for */
#define END_S      95 /* until whatever waits for a fragment or an answer has given up */
#define ENDS_MAX   8
#define NS_PER_S   1000000000ull
#define FRAME_MAX  3000
#define SEND_MAX   60000
#define STACK_SIZE 0x20000

static struct {
    struct fuzz fuzz;
    bool started, asking;
    unsigned n_blocks, n_bufs; /* that are there when all is quiet */
    int listener, udp, raw, fds[FDS_MAX];
    unsigned n_fds;
    bool lazy; /* the program reads nothing */
} world;

static uint8_t byte(void)
{
    return fuzz_byte(&world.fuzz);
}

static void sleep_ns(uint64_t ns)
{
    thread_sleep_until(clock_monotonic() + ns);
}

/* The program */

static struct sockaddr_in6 address_of(const char *text, uint16_t port)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

    fuzz_check(inet_pton(AF_INET6, text, &in6.sin6_addr) == 1);
    in6.sin6_scope_id = if_nametoindex("vif0");
    return in6;
}

static void open_sockets(void)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};

    world.listener = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
    world.udp = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    world.raw = socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK, IPPROTO_ICMP);
    fuzz_check(bind(world.listener, (struct sockaddr *)&any, sizeof(any)) == 0);
    fuzz_check(listen(world.listener, 3) == 0);
    fuzz_check(bind(world.udp, (struct sockaddr *)&any, sizeof(any)) == 0);
    fuzz_check(world.raw >= 0);
}

static void keep_fd(int fd)
{
    if (fd >= 0 && world.n_fds == FDS_MAX)
        close(fd);
    else if (fd >= 0)
        world.fds[world.n_fds++] = fd;
}

static void drop_fd(unsigned i)
{
    close(world.fds[i]);
    world.fds[i] = world.fds[--world.n_fds];
}

static char block[SEND_MAX];

/* What it does by itself: take connections, send back what comes. */
static void serve(void)
{
    struct sockaddr_in6 from;
    socklen_t len = sizeof(from);
    ssize_t n;

    for (int fd; (fd = accept4(world.listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;)
        keep_fd(fd);
    if (world.lazy)
        return;
    while ((n = recvfrom(world.udp, block, sizeof(block), 0, (struct sockaddr *)&from, &len)) >= 0)
        sendto(world.udp, block, (size_t)n, 0, (struct sockaddr *)&from, len);
    while (recv(world.raw, block, sizeof(block), 0) >= 0)
        ;
    for (unsigned i = 0; i < world.n_fds; i++) {
        n = recv(world.fds[i], block, sizeof(block), 0);
        if (n > 0)
            send(world.fds[i], block, (size_t)n, 0);
    }
}

static void ask(void *arg)
{
    struct addrinfo *found, hints = {.ai_socktype = SOCK_STREAM};

    (void)arg;
    if (getaddrinfo("name.example", "http", &hints, &found) == 0)
        freeaddrinfo(found);
    world.asking = false;
}

static void use_socket(void)
{
    static const int options[] = {TCP_NODELAY, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT};
    uint8_t what = byte();
    int value = byte(), on = 1;
    struct linger linger = {.l_onoff = 1};

    if (!world.n_fds)
        return;
    unsigned i = what / 8u % world.n_fds;
    int fd = world.fds[i];
    switch (what % 8) {
    case 0:
        drop_fd(i);
        break;
    case 1:
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
        drop_fd(i);
        break;
    case 2:
        shutdown(fd, value % 3);
        break;
    case 3:
        recv(fd, block, (size_t)value * 64, 0);
        break;
    case 4:
        setsockopt(fd, IPPROTO_TCP, options[value % 4], &value, sizeof(value));
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
        break;
    default:
        send(fd, block, (size_t)value * (SEND_MAX / 256) + 1, what & 128 ? MSG_MORE : 0);
    }
}

static void connect_out(void)
{
    static const char *const hosts[] = {"::ffff:10.0.0.9", "fe80::9", "fd00::9", "::ffff:10.0.0.2"};
    struct sockaddr_in6 to = address_of(hosts[byte() % 4], 80);
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);

    if (fd >= 0)
        connect(fd, (struct sockaddr *)&to, sizeof(to));
    keep_fd(fd);
}

/* The network */

static void deliver(void)
{
    static uint8_t frame[FRAME_MAX];
    uint8_t how = byte(), pieces = byte();
    size_t len = byte();
    static const uint8_t csums[] = {NETBUF_CSUM_VALID, NETBUF_CSUM_VALID, NETBUF_CSUM_BLANK,
                                    NETBUF_CSUM_UNKNOWN};
    struct netbuf like = {.csum = csums[pieces >> 6]};

    len = len | (size_t)byte() << 8;
    len = fuzz_bytes(&world.fuzz, frame, len < sizeof(frame) ? len : sizeof(frame));
    packets_finish(frame, len, how);
    if (how & 128) {
        like.gso = NETBUF_GSO_TCPV4;
        like.gso_size = 500;
    }
    fake_vif_deliver(frame, len, &like, (pieces & 63) * 24);
}

static void change_interface(void)
{
    uint8_t what = byte();

    switch (what % 8) {
    case 0:
        fake_vif.link = NETFRONT_DOWN;
        break;
    case 1:
    case 2:
        fake_vif.room = what / 8u;
        break;
    case 3:
        fake_vif.features.gso_tcpv4 = what & 8;
        fake_vif.features.gso_tcpv6 = what & 16;
        fake_vif.features.sg = what & 32;
        fake_vif.features.csum_ipv4 = fake_vif.features.csum_ipv6 = what & 64;
        fake_vif.link = NETFRONT_DOWN; /* that needs another backend */
        break;
    case 4:
        if (!netif_dhcp_data(netif_default))
            dhcp_start(netif_default);
        break;
    default:
        fake_vif.room = FAKE_VIF_ROOM;
        fake_vif.link = NETFRONT_UP;
    }
    fake_vif_changed();
}

static void act(void)
{
    uint8_t what = byte();

    switch (what % 16) {
    case 8:
        sleep_ns((uint64_t)(byte() + 1) * byte() * (NS_PER_S / 1000));
        break;
    case 9:
        connect_out();
        break;
    case 10:
    case 11:
        use_socket();
        break;
    case 12:
        fake_libc_fails(what & 16 ? UINT_MAX : byte());
        break;
    case 13:
        change_interface();
        break;
    case 14:
        world.lazy = what & 16;
        break;
    case 15:
        if (!world.asking)
            world.asking = thread_start("asks", STACK_SIZE, ask, NULL) != NULL;
        break;
    default:
        deliver();
    }
}

/* One input's life */

static void reset_netif(struct netif *netif)
{
    struct interface *interface = netif->state;

    dhcpv6_stop(interface);
    memset(&interface->dhcpv6, 0, sizeof(interface->dhcpv6));
    dhcpv6_link_up(interface);
    if (netif_dhcp_data(netif)) {
        dhcp_stop(netif);
        dhcp_cleanup(netif);
    }
    for (s8_t i = 1; i < LWIP_IPV6_NUM_ADDRESSES; i++)
        netif_ip6_addr_set_state(netif, i, IP6_ADDR_INVALID);
    netif_set_down(netif); /* forgets neighbours and routers */
    netif_set_up(netif);
    ip4_addr_t address, mask, gateway;
    IP4_ADDR(&address, 10, 0, 0, 2);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    IP4_ADDR(&gateway, 10, 0, 0, 1);
    netif_set_addr(netif, &address, &mask, &gateway);
}

static void end(void)
{
    fake_libc_fails(UINT_MAX);
    fake_vif.room = FAKE_VIF_ROOM;
    fake_vif.features = (struct netfront_features){.n_queues = 1,
                                                   .sg = true,
                                                   .gso_tcpv4 = true,
                                                   .gso_tcpv6 = true,
                                                   .csum_ipv4 = true,
                                                   .csum_ipv6 = true,
                                                   .mtu = 1500,
                                                   .mac = PACKETS_GUEST_MAC};
    fake_vif.link = NETFRONT_DOWN;
    fake_vif_changed();
    sleep_ns(1000);
    fake_vif.link = NETFRONT_UP;
    fake_vif_changed();
    sleep_ns(1000);
    while (world.n_fds)
        drop_fd(0);
    close(world.listener);
    close(world.udp);
    close(world.raw);
    while (tcp_active_pcbs)
        tcp_abort(tcp_active_pcbs);
    while (tcp_tw_pcbs)
        tcp_abort(tcp_tw_pcbs);
    reset_netif(netif_default);
    net_leave();
    for (int i = 0; i < ENDS_MAX && (i == 0 || world.asking); i++)
        sleep_ns(END_S * NS_PER_S);
    fuzz_check(!world.asking);
}

static void start(void)
{
    fake_vif.link = NETFRONT_UP;
    fake_vif.sent = packets_learn;
    net_start();
    sleep_ns(START_S * NS_PER_S);
    for (int i = 0; i < 40; i++)
        keep_fd(socket(AF_INET, SOCK_STREAM, 0)); /* the table of descriptors grows now */
}

static void run_input(void)
{
    if (!world.started)
        start();
    open_sockets();
    world.lazy = false;
    packets_forget();
    for (int i = 0; i < STEPS_MAX && world.fuzz.left; i++) {
        act();
        sleep_ns(1000);
        serve();
        net_leave();
    }
    end();
    if (!world.started) {
        world.n_blocks = fake_libc_blocks();
        world.n_bufs = fake_vif.n_bufs;
    }
    world.started = true;
    if (fake_libc_blocks() == world.n_blocks && fake_vif.n_bufs == world.n_bufs)
        return;
    fake_libc_show(world.n_blocks);
    fake_fail("%u blocks and %u packets are left, not %u and %u", fake_libc_blocks(),
              fake_vif.n_bufs, world.n_blocks, world.n_bufs);
}

static void run(const uint8_t *data, size_t size)
{
    world.fuzz = (struct fuzz){data, size};
    int how = fake_run_kernel(run_input);
    if (how != FAKE_RETURNED)
        fake_fail("the guest ended (%d): %s", how, fake_log_text());
    fake_log_clear();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!world.started) {
        fake_vif_plug(FAKE_VIF_IP);
        run(data, 0);
    }
    run(data, size);
    return 0;
}
