/* SPDX-License-Identifier: BSD-2-Clause */
/* Errors of ICMP and ICMPv6: those that a socket's datagram may have met are told to it, and what
 * anybody makes up is not. */
#include "run.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lwip/dhcp.h"
#include "lwip/netif.h"

#include <sprat/thread.h>

#include "../../libc-glue/lwip/quoted.h"

#include "kernel.h"
#include "peer.h"
#include "wire.h"
#include "world.h"

#define PORT      7
#define PEER_PORT 4000
#define LEAST     1280
#define STACK     0x20000

static const uint8_t guest6[16] = {0xfe, 0x80, [8] = 0x02, 0x16, 0x3e,
                                   0xff, 0xfe, 0x01,       0x02, 0x03},
                     honest6[16] = {0xfe, 0x80, [15] = 9};

/* What an error says, and of which datagram. */
struct forged {
    uint8_t type, code, protocol;
    uint32_t from, to; /* IPv4; of IPv6 the last bytes count */
    uint16_t from_port, to_port;
    uint16_t fragment; /* IPv4's field */
    uint8_t version, header_words;
    bool bad_sum;
    size_t cut; /* bytes that are missing at the end */
};

static const struct forged true4 = {.type = 3,
                                    .code = 3,
                                    .protocol = PEER_UDP,
                                    .from = PEER_GUEST,
                                    .to = PEER_HONEST,
                                    .from_port = PORT,
                                    .to_port = PEER_PORT,
                                    .version = 4,
                                    .header_words = 5},
                           true6 = {.type = 1,
                                    .code = 4,
                                    .protocol = PEER_UDP,
                                    .from = 0x010203,
                                    .to = 9,
                                    .from_port = PORT,
                                    .to_port = PEER_PORT,
                                    .version = 6};

static int sock;

static void send4(const struct forged *forged)
{
    uint8_t message[8 + 20 + 8] = {forged->type, forged->code};
    uint8_t *ip = message + 8, *udp = ip + 20;

    ip[0] = (uint8_t)(forged->version << 4 | forged->header_words);
    wire_put(ip + 6, 2, forged->fragment);
    ip[9] = forged->protocol;
    wire_put(ip + 12, 4, forged->from);
    wire_put(ip + 16, 4, forged->to);
    wire_put(udp, 2, forged->from_port);
    wire_put(udp + 2, 2, forged->to_port);
    size_t len = sizeof(message) - forged->cut;
    wire_put(message + 2, 2, wire_fold(wire_sum(message, len, 0)) ^ forged->bad_sum);
    peer_send4(PEER_HONEST, PEER_ICMP, 0, 0, message, len);
    peer_wait_ms(0);
}

static void send6(const struct forged *forged)
{
    uint8_t message[8 + 40 + 8] = {forged->type, forged->code};
    uint8_t *ip = message + 8, *udp = ip + 40;

    wire_put(message + 4, 4, LEAST); /* where it is about a size */
    ip[0] = (uint8_t)(forged->version << 4);
    ip[6] = forged->protocol;
    memcpy(ip + 8, guest6, 16);
    wire_put(ip + 21, 3, forged->from);
    memcpy(ip + 24, honest6, 16);
    wire_put(ip + 36, 4, forged->to);
    wire_put(udp, 2, forged->from_port);
    wire_put(udp + 2, 2, forged->to_port);
    peer_sum_error = forged->bad_sum;
    peer_send6(33, PEER_ICMP6, message, sizeof(message) - forged->cut);
    peer_sum_error = 0;
    peer_wait_ms(0);
}

static void send_error(const struct forged *forged)
{
    (forged->version == 6 ? send6 : send4)(forged);
}

/* @return what recv() fails with. */
static int receive_error(void)
{
    char byte;

    return recv(sock, &byte, 1, MSG_DONTWAIT) < 0 ? errno : 0;
}

static int option(int level, int name)
{
    socklen_t len = sizeof(int);
    int value = 0;

    return getsockopt(sock, level, name, &value, &len) ? -errno : value;
}

static short events(void)
{
    struct pollfd wait = {.fd = sock, .events = POLLIN};

    assert_true(poll(&wait, 1, 0) >= 0);
    return wait.revents;
}

/* The socket, which takes both families. */
static void open_socket(void)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};

    sock = socket(AF_INET6, SOCK_DGRAM, 0);
    assert_int_equal(bind(sock, (struct sockaddr *)&any, sizeof(any)), 0);
}

static void connect_socket(bool ip6)
{
    struct sockaddr_in6 to = {
        .sin6_family = AF_INET6, .sin6_port = htons(PEER_PORT), .sin6_scope_id = 2};

    memcpy(&to.sin6_addr, honest6, 16);
    if (!ip6) {
        memset(&to.sin6_addr, 0, 16);
        wire_put((uint8_t *)&to.sin6_addr + 10, 2, 0xffff);
        wire_put((uint8_t *)&to.sin6_addr + 12, 4, PEER_HONEST);
    }
    assert_int_equal(connect(sock, (struct sockaddr *)&to, sizeof(to)), 0);
}

static void tell(const struct forged *forged)
{
    bool ip6 = forged->version == 6;
    struct forged passing = *forged;
    char byte;

    passing.code = 0;

    open_socket();
    connect_socket(ip6);
    send_error(forged);
    send_error(&passing);
    assert_int_equal(events(), POLLERR);
    assert_int_equal(receive_error(), ECONNREFUSED);
    assert_int_equal(receive_error(), EAGAIN);
    assert_int_equal(events(), 0);
    send_error(forged);
    peer_forget();
    assert_int_equal(send(sock, "x", 1, 0), -1);
    assert_int_equal(errno, ECONNREFUSED);
    assert_int_equal(peer_count(PEER_UDP), 0);
    assert_int_equal(send(sock, "x", 1, 0), 1);
    send_error(forged);
    assert_int_equal(option(SOL_SOCKET, SO_ERROR), ECONNREFUSED);
    assert_int_equal(option(SOL_SOCKET, SO_ERROR), 0);
    /* It comes before what was received. */
    if (ip6)
        peer_send_udp6(NULL, 9, PEER_PORT, PORT, "d", 1);
    else
        peer_send_udp(PEER_HONEST, PEER_PORT, PORT, "d", 1);
    peer_wait_ms(0);
    send_error(forged);
    assert_int_equal(events(), POLLIN | POLLERR);
    assert_int_equal(receive_error(), ECONNREFUSED);
    assert_int_equal(recv(sock, &byte, 1, MSG_DONTWAIT), 1);
    close(sock);
}

static void told_body(void)
{
    peer_start();
    tell(&true4);
    tell(&true6);
}

/* A thread that waits hears of it. */
static int heard;

static void wait_for_it(void *arg)
{
    char byte;

    (void)arg;
    heard = recv(sock, &byte, 1, 0) < 0 ? errno : 0;
}

static void waiting_body(void)
{
    peer_start();
    open_socket();
    connect_socket(false);
    assert_true(thread_start("waits", STACK, wait_for_it, NULL));
    peer_wait_ms(1);
    assert_int_equal(heard, 0);
    send_error(&true4);
    peer_wait_ms(1);
    assert_int_equal(heard, ECONNREFUSED);
}

/* Who is connected to nobody can't tell whose error it is; nor are lwIP's own clients sockets. */
static void unconnected_body(void)
{
    const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    const struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    struct forged to_nobody = true4, of_dhcp = true4;

    peer_start();
    to_nobody.to = to_nobody.to_port = 0;
    of_dhcp.from_port = 68;
    of_dhcp.to = 0;
    of_dhcp.to_port = 67;
    assert_int_equal(dhcp_start(netif_default), ERR_OK);
    for (int ip6 = 0; ip6 < 2; ip6++) {
        open_socket();
        connect_socket(ip6);
        assert_int_equal(connect(sock, &nobody, sizeof(nobody)), 0);
        send_error(ip6 ? &true6 : &true4);
        send_error(&of_dhcp);
        assert_int_equal(receive_error(), EAGAIN);
        close(sock);
    }
    sock = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(sock, (const struct sockaddr *)&any, sizeof(any)), 0);
    send_error(&to_nobody);
    assert_int_equal(receive_error(), EAGAIN);
}

/* Linux's errno for each, and 0 for what may pass. */
static void codes_body(void)
{
    static const struct {
        uint8_t version, type, code;
        int error;
    } codes[] = {
        {4, 3, 0, 0},
        {4, 3, 1, 0},
        {4, 3, 2, ENOPROTOOPT},
        {4, 3, 3, ECONNREFUSED},
        {4, 3, 4, 0},
        {4, 3, 5, 0},
        {4, 3, 6, ENETUNREACH},
        {4, 3, 7, EHOSTDOWN},
        {4, 3, 9, ENETUNREACH},
        {4, 3, 10, EHOSTUNREACH},
        {4, 3, 11, 0},
        {4, 3, 12, 0},
        {4, 3, 13, EHOSTUNREACH},
        {4, 3, 14, EHOSTUNREACH},
        {4, 3, 15, EHOSTUNREACH},
        {4, 3, 16, 0},
        {4, 3, 255, 0},
        {4, 11, 0, 0},
        {4, 12, 0, EPROTO},
        {4, 0, 3, 0},
        {4, 8, 3, 0},
        {6, 1, 0, 0},
        {6, 1, 1, EACCES},
        {6, 1, 2, 0},
        {6, 1, 3, 0},
        {6, 1, 4, ECONNREFUSED},
        {6, 1, 5, EACCES},
        {6, 1, 6, EACCES},
        {6, 1, 7, EPROTO},
        {6, 1, 255, EPROTO},
        {6, 2, 0, EMSGSIZE},
        {6, 3, 0, 0},
        {6, 4, 0, EPROTO},
        {6, 129, 4, 0},
    };

    peer_start();
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        struct forged forged = codes[i].version == 6 ? true6 : true4;
        open_socket();
        connect_socket(codes[i].version == 6);
        forged.type = codes[i].type;
        forged.code = codes[i].code;
        send_error(&forged);
        assert_int_equal(receive_error(), codes[i].error ? codes[i].error : EAGAIN);
        close(sock);
    }
}

/* Each thing that does not fit what the socket may have sent. */
static void try_lies(const struct forged *honest)
{
    struct forged forged;

    open_socket();
    connect_socket(honest->version == 6);
#define TRY(change)                                                                                \
    forged = *honest;                                                                              \
    forged.change;                                                                                 \
    send_error(&forged);                                                                           \
    assert_int_equal(receive_error(), EAGAIN)
    TRY(from_port = PORT + 1);
    TRY(to_port = PEER_PORT + 1);
    TRY(from ^= 1);
    TRY(to ^= 1);
    TRY(protocol = PEER_TCP);
    TRY(version = 5);
    for (size_t cut = 1; cut <= 36; cut++) {
        TRY(cut = cut);
    }
    TRY(bad_sum = true);
    if (honest->version == 4) {
        TRY(fragment = 1);
        TRY(header_words = 4);
        TRY(header_words = 15);
    }
#undef TRY
    send_error(honest);
    assert_int_equal(receive_error(), ECONNREFUSED);
    close(sock);
}

static void lies_body(void)
{
    peer_start();
    try_lies(&true4);
    try_lies(&true6);
}

/* The guest's own, from a port that nobody listens at. */
static void loopback_body(void)
{
    static const uint8_t selves[][16] = {{[15] = 1}, {[10] = 0xff, 0xff, 127, 0, 0, 1}};
    struct sockaddr_in6 self = {.sin6_family = AF_INET6, .sin6_port = htons(PEER_PORT)};

    peer_start();
    for (int i = 0; i < 2; i++) {
        open_socket();
        memcpy(&self.sin6_addr, selves[i], 16);
        assert_int_equal(connect(sock, (struct sockaddr *)&self, sizeof(self)), 0);
        assert_int_equal(send(sock, "x", 1, 0), 1);
        peer_wait_ms(0);
        assert_int_equal(receive_error(), ECONNREFUSED);
        close(sock);
    }
}

/* A quoted packet as it is in memory: nothing behind it is read. */
static void assert_quoted(uint8_t first, size_t len, bool whole)
{
    uint8_t *packet = malloc(len ? len : 1);
    struct quoted quoted;

    memset(packet, 0, len);
    if (len)
        packet[0] = first;
    assert_int_equal(quoted_read(&quoted, packet + (len ? 0 : 1), len), whole);
    free(packet);
}

static void quoted_body(void)
{
    for (size_t len = 0; len < 80; len++) {
        assert_quoted(0x60, len, len >= 40 + 8);
        for (uint8_t words = 0; words < 16; words++)
            assert_quoted(0x40 | words, len, words >= 5 && len >= words * 4u + 8);
        assert_quoted(0x55, len, false);
    }
}

/* A socket that is bound to another address has not sent it. */
static void bound_body(void)
{
    struct sockaddr_in6 own = {
        .sin6_family = AF_INET6, .sin6_port = htons(PORT), .sin6_scope_id = 2};
    ip6_addr_t other = {.addr = {htonl(0xfe800000), 0, 0, htonl(0x77)}};

    peer_start();
    assert_int_equal(netif_add_ip6_address(netif_default, &other, NULL), ERR_OK);
    memcpy(&own.sin6_addr, other.addr, 16);
    sock = socket(AF_INET6, SOCK_DGRAM, 0);
    assert_int_equal(bind(sock, (struct sockaddr *)&own, sizeof(own)), 0);
    connect_socket(true);
    send_error(&true6);
    assert_int_equal(receive_error(), EAGAIN);
}

/* A path that another socket has written to is not narrow for what this one has not sent there. */
static void assert_other_is_wide(const struct forged *forged)
{
    struct sockaddr_in6 to = {
        .sin6_family = AF_INET6, .sin6_port = htons(PEER_PORT), .sin6_scope_id = 2};
    struct forged other = *forged;
    const int kept = sock;

    sock = socket(AF_INET6, SOCK_DGRAM, 0);
    memcpy(&to.sin6_addr, honest6, 16);
    to.sin6_addr.s6_addr[15] ^= 1;
    other.to ^= 1;
    assert_int_equal(connect(sock, (struct sockaddr *)&to, sizeof(to)), 0);
    assert_int_equal(send(sock, "x", 1, 0), 1);
    send_error(&other);
    assert_int_equal(option(IPPROTO_IPV6, IPV6_MTU), 1500);
    close(sock);
    sock = kept;
}

/* A path that is narrow: told once, and known from then on. */
static void narrow_body(void)
{
    struct forged forged = true6;

    peer_start();
    open_socket();
    assert_int_equal(option(IPPROTO_IPV6, IPV6_MTU), -ENOTCONN);
    assert_int_equal(option(IPPROTO_IP, IP_MTU), -ENOTCONN);
    connect_socket(true);
    assert_int_equal(send(sock, "x", 1, 0), 1);
    assert_int_equal(option(IPPROTO_IPV6, IPV6_MTU), 1500);
    forged.type = 2;
    forged.code = 0;
    forged.to_port ^= 1; /* nobody has written there */
    send_error(&forged);
    forged.to_port ^= 1;
    assert_int_equal(option(IPPROTO_IPV6, IPV6_MTU), 1500);
    assert_other_is_wide(&forged);
    send_error(&forged);
    assert_int_equal(option(IPPROTO_IPV6, IPV6_MTU), LEAST);
    assert_int_equal(send(sock, "x", 1, 0), -1);
    assert_int_equal(errno, EMSGSIZE);
    assert_int_equal(send(sock, "x", 1, 0), 1);
    connect_socket(false);
    assert_int_equal(option(IPPROTO_IP, IP_MTU), 1500);
}

IN_KERNEL(told)
IN_KERNEL(waiting)
IN_KERNEL(unconnected)
IN_KERNEL(codes)
IN_KERNEL(lies)
IN_KERNEL(loopback)
IN_KERNEL(quoted)
IN_KERNEL(bound)
IN_KERNEL(narrow)

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"an_error_is_told_once_and_first", told, NULL, NULL, NULL},
        {"who_waits_hears_of_an_error", waiting, NULL, NULL, NULL},
        {"a_socket_that_is_not_connected_hears_of_none", unconnected, NULL, NULL, NULL},
        {"each_code_is_told_as_on_linux", codes, NULL, NULL, NULL},
        {"errors_about_what_was_not_sent_are_not_believed", lies, NULL, NULL, NULL},
        {"a_guest_hears_of_its_own_errors", loopback, NULL, NULL, NULL},
        {"a_quoted_packet_ends_where_it_ends", quoted, NULL, NULL, NULL},
        {"an_error_is_about_the_address_that_sent", bound, NULL, NULL, NULL},
        {"a_narrow_path_is_told_and_known", narrow, NULL, NULL, NULL},
    };
    return RUN_TESTS(tests);
}
