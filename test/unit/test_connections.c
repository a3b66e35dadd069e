/* SPDX-License-Identifier: BSD-2-Clause */
/* Many connections, found by their ends. */
#include "run.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lwip/tcp.h"

#include "connections.h"
#include "kernel.h"
#include "peer.h"
#include "world.h"

#define PORT       7
#define MANY       300 /* more than the table has room for at first */
#define FIRST_PORT 49152
#define N_PORTS    (65536 - FIRST_PORT)
#define GIVE_UP_MS 30000 /* longer than a half-open connection is kept */

static int listener, servers[MANY];
static struct peer_tcp peers[MANY];

static void start(void)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};

    peer_start();
    listener = socket(AF_INET6, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&any, sizeof(any)), 0);
    assert_int_equal(listen(listener, 255), 0);
}

static void connect_one(unsigned i)
{
    uint16_t from_port = (uint16_t)(5000 + i);

    peers[i] = i % 3 ? peer_connect(PEER_HONEST, from_port, PORT) : peer_connect6(from_port, PORT);
    servers[i] = accept(listener, NULL, NULL);
    assert_true(servers[i] >= 0);
}

static void assert_talks(unsigned i)
{
    unsigned got;

    peer_say(&peers[i], &i, sizeof(i));
    assert_int_equal(recv(servers[i], &got, sizeof(got), MSG_DONTWAIT), sizeof(got));
    assert_int_equal(got, i);
}

/* The guest ends it first, and remembers it. */
static void end_one(unsigned i)
{
    char c;

    assert_int_equal(shutdown(servers[i], SHUT_WR), 0);
    peer_wait_ms(1);
    peers[i].guest_next++;
    peer_segment(&peers[i], PEER_ACK | PEER_FIN, peers[i].next++, peers[i].guest_next, NULL, 0);
    assert_int_equal(recv(servers[i], &c, 1, 0), 0);
    assert_int_equal(close(servers[i]), 0);
}

static void many_body(void)
{
    start();
    for (unsigned i = 0; i < MANY; i++)
        connect_one(i);
    for (unsigned i = 0; i < MANY; i++)
        assert_talks(i * 7 % MANY);
    for (unsigned i = 0; i < MANY; i += 2)
        if (i % 4)
            end_one(i);
        else
            peer_segment(&peers[i], PEER_RST, peers[i].next, 0, NULL, 0);
    for (unsigned i = 1; i < MANY; i += 2)
        assert_talks(i);
    for (unsigned i = 0; i < MANY; i += 4)
        connect_one(i); /* those that were reset are gone, and may come again */
    for (unsigned i = 0; i < MANY; i += 4)
        assert_talks(i);
    /* Those that are over answer still. */
    peer_forget();
    peer_segment(&peers[2], PEER_ACK | PEER_FIN, peers[2].next - 1, peers[2].guest_next, NULL, 0);
    assert_int_equal(peer_last(PEER_TCP).bytes[13], PEER_ACK);
}

/* lwIP itself takes those out of its lists that are not completed, or are over for long enough. */
static void given_up_body(void)
{
    start();
    for (unsigned i = 0; i < 9; i++)
        connect_one(i);
    struct peer_tcp half = peers[8];
    for (half.from_port = 7000; half.from_port < 7009; half.from_port++)
        peer_segment(&half, PEER_SYN, 1000, 0, NULL, 0);
    for (unsigned i = 1; i < 9; i += 2)
        end_one(i);
    peer_wait_ms(GIVE_UP_MS);
    for (unsigned i = 0; i < 9; i += 2)
        assert_talks(i);
    peer_wait_ms(5 * GIVE_UP_MS);
    for (unsigned i = 1; i < 9; i += 2)
        connect_one(i);
    for (half.from_port = 7000; half.from_port < 7009; half.from_port++) {
        half.next = 1000;
        peer_open(&half);
    }
    for (unsigned i = 0; i < 9; i++)
        assert_talks(i);
}

/* RFC 6191: the same client from the same port again, while the guest remembers the last time. */
static void again_body(void)
{
    struct peer_tcp again;

    start();
    connect_one(1);
    end_one(1);
    again = peers[1];
    again.next -= 5;
    peer_forget();
    peer_segment(&again, PEER_SYN, again.next, 0, NULL, 0); /* an old one, on its way for long */
    assert_int_equal(peer_last(PEER_TCP).bytes[13], PEER_ACK);
    again.next += 1000;
    peer_open(&again);
    peers[1] = again;
    servers[1] = accept(listener, NULL, NULL);
    assert_talks(1);
}

static uint16_t port_of_next(struct sockaddr_in *to)
{
    struct sockaddr_in name;
    socklen_t len = sizeof(name);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)to, sizeof(*to)), -1);
    assert_int_equal(errno, EINPROGRESS);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &len), 0);
    return ntohs(name.sin_port);
}

static void ports_body(void)
{
    static bool seen[65536];
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(PEER_HONEST), .sin_port = htons(PORT)};
    struct sockaddr_in mine = {.sin_family = AF_INET, .sin_port = htons(50000)};
    const ip_addr_t local = IPADDR4_INIT(htonl(PEER_GUEST));
    const ip_addr_t remote = IPADDR4_INIT(htonl(PEER_HONEST));
    unsigned n = 0;

    peer_start();
    listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&mine, sizeof(mine)), 0);
    assert_int_equal(listen(listener, 1), 0);
    for (unsigned i = 0; i < 20; i++) {
        uint16_t port = port_of_next(&to);
        assert_false(seen[port]);
        seen[port] = true;
    }
    assert_false(seen[50000]);
    seen[50000] = true;
    /* All others are free to the same place; to another, all but the listener's are. */
    for (unsigned i = 0; i < N_PORTS; i++) {
        uint16_t port = connections_port(&local, &remote, PORT);
        assert_true(port >= FIRST_PORT);
        assert_false(seen[port] && i < N_PORTS - 21);
        n += !seen[port];
        seen[port] = true;
    }
    assert_int_equal(n, N_PORTS - 21);
    memset(seen, 0, sizeof(seen));
    for (unsigned i = 0; i < N_PORTS; i++)
        seen[connections_port(&local, &remote, PORT + 1)] = true;
    for (n = FIRST_PORT; n < 65536; n++)
        assert_int_equal(seen[n], n != 50000);
}

IN_KERNEL(many)
IN_KERNEL(given_up)
IN_KERNEL(again)
IN_KERNEL(ports)

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"each_of_many_is_found", many, NULL, NULL, NULL},
        {"those_that_lwip_gives_up_are_gone", given_up, NULL, NULL, NULL},
        {"a_client_may_use_its_port_again", again, NULL, NULL, NULL},
        {"a_port_is_used_for_many_places", ports, NULL, NULL, NULL},
    };
    return RUN_TESTS(tests);
}
