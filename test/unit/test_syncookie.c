/* SPDX-License-Identifier: BSD-2-Clause */
/* More requests for a connection than a listener has places: whoever loses his is served all the
 * same, when he acknowledges what he was answered. */
#include "run.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel.h"
#include "peer.h"
#include "wire.h"
#include "world.h"

#define PORT       7
#define PLACES     4
#define FIRST_PORT 2000
#define FIRST      77000 /* a peer's first number */
#define GOOD_MS    69000 /* a cookie's life at least; twice as long at most */
#define RIVALS     0x0a000100u

static int listener;

static void listen_with(int places)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};

    peer_start();
    listener = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&any, sizeof(any)), 0);
    assert_int_equal(listen(listener, places), 0);
}

/* Send a request, and be answered. @return that end, its next segment being the acknowledgement. */
static struct peer_tcp request(struct peer_tcp tcp)
{
    tcp.port = PORT;
    tcp.next = FIRST;
    tcp.window = 5000;
    peer_forget();
    peer_segment(&tcp, PEER_SYN, tcp.next++, 0, NULL, 0);
    peer_wait_ms(1);
    struct peer_packet answer = peer_last(PEER_TCP);
    assert_int_equal(answer.bytes[13], PEER_SYN | PEER_ACK);
    assert_int_equal(wire_get(answer.bytes + 8, 4), tcp.next);
    tcp.guest_next = wire_get(answer.bytes + 4, 4) + 1;
    peer_forget();
    return tcp;
}

static struct peer_tcp honest(uint16_t port)
{
    return request((struct peer_tcp){.from = PEER_HONEST, .from_port = port});
}

/* As many requests as there are places, by those who never answer. */
static void crowd(unsigned n)
{
    static uint16_t port = 10000;

    while (n--) {
        struct peer_tcp rival = {.from = PEER_HONEST, .from_port = port++, .port = PORT};
        peer_segment(&rival, PEER_SYN, 1, 0, NULL, 0);
    }
    peer_forget();
}

/* @return the connection that its peer has completed with some words. */
static int accept_with(struct peer_tcp *tcp)
{
    char bytes[16];

    peer_say(tcp, "hello", 5);
    int fd = accept(listener, NULL, NULL);
    assert_true(fd >= 0);
    assert_int_equal(recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT), 5);
    assert_memory_equal(bytes, "hello", 5);
    return fd;
}

static void assert_lives(int fd, struct peer_tcp *tcp)
{
    char bytes[16];

    peer_forget();
    assert_int_equal(send(fd, "reply", 5, MSG_DONTWAIT), 5);
    struct peer_packet packet = peer_last(PEER_TCP);
    assert_int_equal(wire_get(packet.bytes + 4, 4), tcp->guest_next);
    assert_memory_equal(packet.bytes + packet.len - 5, "reply", 5);
    tcp->guest_next += 5;
    peer_say(tcp, "more", 4);
    assert_int_equal(recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT), 4);
}

static void assert_nobody(void)
{
    assert_int_equal(accept(listener, NULL, NULL), -1);
    assert_int_equal(errno, EAGAIN);
}

static void assert_refused(void)
{
    assert_true(peer_last(PEER_TCP).bytes[13] & PEER_RST);
    assert_nobody();
    peer_forget();
}

/* The guest answers what it does not believe as any TCP does that has no such connection. */
static void acknowledge_in_vain(const struct peer_tcp *tcp, uint32_t next, uint32_t guest_next)
{
    peer_segment(tcp, PEER_ACK, next, guest_next, NULL, 0);
    assert_refused();
}

static void served_body(void)
{
    listen_with(PLACES);
    struct peer_tcp tcp = honest(FIRST_PORT);
    crowd(3 * PLACES);
    int fd = accept_with(&tcp);
    for (unsigned i = 0; i < peer_count(PEER_TCP); i++) /* it is not answered once more */
        assert_int_equal(peer_last(PEER_TCP).bytes[13] & PEER_SYN, 0);
    assert_int_equal(peer_count(PEER_TCP), 0);
    assert_lives(fd, &tcp);
}

static void served6_body(void)
{
    listen_with(PLACES);
    peer_connect6(FIRST_PORT, PORT);
    close(accept(listener, NULL, NULL));
    struct peer_tcp tcp =
        request((struct peer_tcp){.from = 9, .ip6 = true, .from_port = FIRST_PORT + 1});
    crowd(PLACES);
    int fd = accept_with(&tcp);
    assert_lives(fd, &tcp);
}

/* All of a burst that is larger than the backlog, each after the last has asked. */
static void burst_body(void)
{
    struct peer_tcp burst[5 * PLACES];

    listen_with(PLACES);
    for (unsigned i = 0; i < 5 * PLACES; i++)
        burst[i] = honest((uint16_t)(FIRST_PORT + i));
    for (unsigned i = 0; i < 5 * PLACES; i++) {
        int fd = accept_with(&burst[i]);
        assert_lives(fd, &burst[i]);
    }
    assert_nobody();
}

static struct tcp_info info_of(int fd)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);

    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
    return info;
}

/* What two ends agreed on is as if nothing had come between. */
static void abilities_body(void)
{
    static const uint8_t all[] = {2, 4, 1220 >> 8, 1220 & 255, 4, 2, 8, 10, 0, 0,
                                  1, 0, 0,         0,          0, 0, 1, 3,  3, 9};
    static const uint8_t time[] = {1, 1, 8, 10, 0, 0, 1, 0, 0, 0, 0, 0};
    const struct peer_tcp able = {.from = PEER_HONEST, .options = all, .options_len = sizeof(all)};
    struct tcp_info infos[2];

    listen_with(PLACES);
    for (int i = 0; i < 2; i++) {
        struct peer_tcp tcp = able;
        tcp.from_port = (uint16_t)(FIRST_PORT + i);
        tcp = request(tcp);
        if (i)
            crowd(PLACES);
        tcp.options = time;
        tcp.options_len = sizeof(time);
        int fd = accept_with(&tcp);
        infos[i] = info_of(fd);
        assert_lives(fd, &tcp);
    }
    assert_int_equal(infos[1].tcpi_options, TCPI_OPT_TIMESTAMPS | TCPI_OPT_SACK | TCPI_OPT_WSCALE);
    assert_int_equal(infos[1].tcpi_snd_wscale, 9);
    assert_int_equal(infos[1].tcpi_snd_mss, 1220);
    assert_memory_equal(&infos[0].tcpi_options, &infos[1].tcpi_options,
                        sizeof(infos[0].tcpi_options));
    assert_int_equal(infos[0].tcpi_snd_mss, infos[1].tcpi_snd_mss);
    assert_int_equal(infos[0].tcpi_rcv_wscale, infos[1].tcpi_rcv_wscale);
}

/* And what it did not offer, it is not taken to have. */
static void plain_body(void)
{
    static const uint8_t none[] = {1, 1, 1, 0};

    listen_with(PLACES);
    struct peer_tcp tcp = request((struct peer_tcp){.from = PEER_HONEST,
                                                    .from_port = FIRST_PORT,
                                                    .options = none,
                                                    .options_len = sizeof(none)});
    crowd(PLACES);
    int fd = accept_with(&tcp);
    assert_int_equal(info_of(fd).tcpi_options, 0);
    assert_int_equal(info_of(fd).tcpi_snd_mss, 536);
}

/* Who was not answered knows no number. */
static void forged_body(void)
{
    listen_with(PLACES);
    struct peer_tcp tcp = honest(FIRST_PORT), other = tcp;
    crowd(PLACES);
    for (uint32_t bit = 1; bit; bit <<= 1) {
        uint32_t forged = ((tcp.guest_next - 1) ^ bit) + 1;
        peer_segment(&tcp, PEER_ACK, tcp.next, forged, NULL, 0);
        assert_nobody();
    }
    peer_segment(&tcp, PEER_ACK, tcp.next + 1, tcp.guest_next, NULL, 0);
    assert_nobody();
    acknowledge_in_vain(&tcp, tcp.next, tcp.guest_next ^ 0x7ffff);
    other.from_port++;
    acknowledge_in_vain(&other, tcp.next, tcp.guest_next);
    peer_segment(&tcp, PEER_RST | PEER_ACK, tcp.next, tcp.guest_next, NULL, 0);
    assert_nobody();
    close(accept_with(&tcp));
}

/* A number is good for a while, as long as others lose their places. */
static void old_body(void)
{
    listen_with(PLACES);
    struct peer_tcp young = honest(FIRST_PORT), old = honest(FIRST_PORT + 1);
    crowd(2 * PLACES);
    peer_wait_ms(GOOD_MS - 5000);
    crowd(2 * PLACES);
    close(accept_with(&young));
    peer_wait_ms(GOOD_MS + 10000);
    crowd(2 * PLACES);
    acknowledge_in_vain(&old, old.next, old.guest_next);
}

/* Nobody has lost his place for long: such a number is nothing special. */
static void unneeded_body(void)
{
    listen_with(PLACES);
    struct peer_tcp tcp = honest(FIRST_PORT);
    peer_segment(&tcp, PEER_RST, tcp.next, 0, NULL, 0);
    peer_forget();
    acknowledge_in_vain(&tcp, tcp.next, tcp.guest_next);
}

/* Where all places are taken by complete ones, the peer's words are not heard, nor refused. */
static void full_body(void)
{
    listen_with(1);
    struct peer_tcp first = honest(FIRST_PORT), second = honest(FIRST_PORT + 1);
    peer_say(&second, "hello", 5);
    peer_forget();
    peer_segment(&first, PEER_ACK, first.next, first.guest_next, "hello", 5);
    assert_int_equal(peer_count(PEER_TCP), 0);
    int fd = accept(listener, NULL, NULL);
    assert_true(fd >= 0);
    assert_nobody();
    fd = accept_with(&first);
    assert_lives(fd, &first);
}

/* So are words before which others are missing: a peer with much to say says it all at once. */
static void later_words_body(void)
{
    listen_with(PLACES);
    struct peer_tcp tcp = honest(FIRST_PORT);
    crowd(PLACES);
    peer_segment(&tcp, PEER_ACK, tcp.next + 1000, tcp.guest_next, "later", 5);
    assert_int_equal(peer_count(PEER_TCP), 0);
    assert_nobody();
    int fd = accept_with(&tcp);
    assert_lives(fd, &tcp);
}

/* Options that do not fit into their header are none. */
static void broken_options_body(void)
{
    static const uint8_t broken[][4] = {{4, 2, 3, 200}, {4, 2, 3, 1}, {4, 2, 1, 3}, {4, 2, 3, 0}};

    listen_with(PLACES);
    for (unsigned i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
        struct peer_tcp tcp = request((struct peer_tcp){.from = PEER_HONEST,
                                                        .from_port = (uint16_t)(FIRST_PORT + i),
                                                        .options = broken[i],
                                                        .options_len = sizeof(broken[i])});
        crowd(PLACES);
        int fd = accept_with(&tcp);
        assert_int_equal(info_of(fd).tcpi_options, TCPI_OPT_SACK);
        close(fd);
    }
}

IN_KERNEL(served)
IN_KERNEL(served6)
IN_KERNEL(burst)
IN_KERNEL(abilities)
IN_KERNEL(plain)
IN_KERNEL(forged)
IN_KERNEL(old)
IN_KERNEL(unneeded)
IN_KERNEL(full)
IN_KERNEL(later_words)
IN_KERNEL(broken_options)

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"who_loses_his_place_is_served", served, NULL, NULL, NULL},
        {"so_is_one_of_ipv6", served6, NULL, NULL, NULL},
        {"so_are_all_of_a_burst", burst, NULL, NULL, NULL},
        {"what_the_ends_agreed_on_stays", abilities, NULL, NULL, NULL},
        {"who_offers_nothing_is_taken_to_have_nothing", plain, NULL, NULL, NULL},
        {"a_number_that_was_not_given_is_refused", forged, NULL, NULL, NULL},
        {"a_number_is_good_for_a_minute_or_two", old, NULL, NULL, NULL},
        {"a_number_is_good_only_when_places_were_lost", unneeded, NULL, NULL, NULL},
        {"without_room_words_are_left_for_later", full, NULL, NULL, NULL},
        {"so_are_words_before_which_others_are_missing", later_words, NULL, NULL, NULL},
        {"options_that_do_not_fit_are_none", broken_options, NULL, NULL, NULL},
    };
    return RUN_TESTS(tests);
}
