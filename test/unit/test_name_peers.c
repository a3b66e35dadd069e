/* SPDX-License-Identifier: BSD-2-Clause */
/* Name servers that lie, and others who answer in their names. */
#include "run.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "lwip/dns.h"

#include <sprat/thread.h>

#include "kernel.h"
#include "peer.h"
#include "wire.h"
#include "world.h"

#define SERVER_PORT 53
#define STACK       0x20000
#define QUESTIONS   64
#define HEADER      12
#define ANSWER_MAX  1400

enum { A = 1, CNAME = 5, AAAA = 28 };

static struct {
    char name[32];
    bool done;
    int error;
    uint32_t address;
} asked;

static uint16_t port; /* of the question */

static void ask(void *arg)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_INET};
    struct addrinfo *list;

    (void)arg;
    asked.error = getaddrinfo(asked.name, NULL, &hints, &list);
    if (!asked.error) {
        asked.address = ntohl(((struct sockaddr_in *)list->ai_addr)->sin_addr.s_addr);
        freeaddrinfo(list);
    }
    asked.done = true;
}

static void start(void)
{
    const ip_addr_t server = IPADDR4_INIT_BYTES(10, 0, 0, 9);

    peer_start();
    dns_setserver(0, &server);
}

/* A new question, which no answer is remembered for. */
static struct peer_packet begin(void)
{
    static unsigned n;

    memset(&asked, 0, sizeof(asked));
    snprintf(asked.name, sizeof(asked.name), "n%04u.example", n++);
    peer_forget();
    assert_true(thread_start("asks", STACK, ask, NULL));
    peer_wait_ms(100);
    struct peer_packet question = peer_last(PEER_UDP);
    port = (uint16_t)wire_get(question.bytes, 2);
    assert_int_equal(wire_get(question.bytes + 2, 2), SERVER_PORT);
    return question;
}

/* An answer in the making. */
struct answer {
    uint8_t bytes[ANSWER_MAX];
    size_t len;
    unsigned n; /* records */
};

static struct answer answer_to(const struct peer_packet *question)
{
    struct answer answer = {.len = question->len - 8};

    memcpy(answer.bytes, question->bytes + 8, answer.len);
    wire_put(answer.bytes + 2, 2, 0x8180);
    return answer;
}

/* A record about the name at an offset of the message. */
static void put_record(struct answer *answer, size_t name, unsigned type, const void *data,
                       size_t len)
{
    uint8_t *at = answer->bytes + answer->len;

    assert_true(answer->len + 12 + len <= ANSWER_MAX);
    wire_put(at, 2, 0xc000 | (uint32_t)name);
    wire_put(at + 2, 2, type);
    wire_put(at + 4, 2, 1);
    wire_put(at + 6, 4, 60);
    wire_put(at + 10, 2, (uint32_t)len);
    memcpy(at + 12, data, len);
    answer->len += 12 + len;
    wire_put(answer->bytes + 6, 2, ++answer->n);
}

static void put_address(struct answer *answer, uint32_t address)
{
    uint8_t bytes[4];

    wire_put(bytes, 4, address);
    put_record(answer, HEADER, A, bytes, sizeof(bytes));
}

static struct answer honest_answer(const struct peer_packet *question)
{
    struct answer answer = answer_to(question);

    put_address(&answer, 0x0a090909);
    return answer;
}

static void send_from(uint32_t from, uint16_t from_port, const struct answer *answer)
{
    peer_send_udp(from, from_port, port, answer->bytes, answer->len);
    peer_wait_ms(1);
}

static void send_answer(const struct answer *answer)
{
    send_from(PEER_HONEST, SERVER_PORT, answer);
}

static void assert_answered(void)
{
    assert_true(asked.done);
    assert_int_equal(asked.error, 0);
    assert_int_equal(asked.address, 0x0a090909);
}

/* From the server that was asked, at the port that asked, with its number and its question. */
static void believed_body(void)
{
    static const struct {
        size_t at;
        uint8_t change;
    } changes[] = {
        {0, 1},     {1, 1},  {1, 0x80}, /* another question's number */
        {2, 0x80},                      /* a question */
        {5, 1},     {5, 3},             /* to none, to two */
        {13, 1},    {20, 1},            /* about another name, */
        {28, 0x1d}, {30, 2},            /* another type, another class */
    };

    start();
    struct peer_packet question = begin();
    const struct answer honest = honest_answer(&question);
    struct answer answer;

    send_from(PEER_HONEST + 1, SERVER_PORT, &honest);
    send_from(PEER_HONEST, SERVER_PORT + 1, &honest);
    port ^= 1;
    send_answer(&honest);
    port ^= 1;
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        answer = honest;
        answer.bytes[changes[i].at] ^= changes[i].change;
        send_answer(&answer);
        assert_false(asked.done);
    }
    send_answer(&honest);
    assert_answered();
}

/* What is cut, at each length. */
static void cut_body(void)
{
    start();
    struct peer_packet question = begin();
    struct answer answer = answer_to(&question);

    put_record(&answer, HEADER, CNAME, "\3www\xc0\x12", 6);
    put_address(&answer, 0x0a090909);
    const size_t len = answer.len;
    for (answer.len = 0; answer.len < len; answer.len++) {
        send_answer(&answer);
        if (asked.done) { /* where nothing is missing but records, there is no address */
            assert_int_equal(asked.error, EAI_NONAME);
            question = begin();
            memcpy(answer.bytes, question.bytes + 8, 2);
            memcpy(answer.bytes + HEADER, question.bytes + 8 + HEADER, question.len - 8 - HEADER);
        }
    }
    send_answer(&answer);
    assert_answered();
}

/* Each byte is something else. */
static void spoilt_body(void)
{
    static const uint8_t changes[] = {0xff, 0xc0, 0x80, 1};

    start();
    struct peer_packet question = begin();
    const size_t len = honest_answer(&question).len;
    for (size_t at = 0; at < len; at++) {
        for (size_t i = 0; i < sizeof(changes); i++) {
            if (asked.done)
                question = begin();
            struct answer answer = honest_answer(&question);
            answer.bytes[at] ^= changes[i];
            send_answer(&answer);
        }
    }
    if (asked.done)
        question = begin();
    struct answer answer = honest_answer(&question);
    send_answer(&answer);
    assert_answered();
}

/* Names that are their own ends, and records that reach beyond the packet, are no answer, and the
 * guest waits for one. */
static void loops_body(void)
{
    static const uint16_t lengths[] = {5, 16, 0x7fff, 0xffff};

    start();
    struct peer_packet question = begin();
    struct answer answer = answer_to(&question);
    size_t name = answer.len;

    put_record(&answer, name, CNAME, (uint8_t[]){0xc0, (uint8_t)name}, 2);
    put_record(&answer, name + 2, CNAME, (uint8_t[]){0xc0, 12, 0xc0, 12}, 4);
    send_answer(&answer); /* it holds no address */
    peer_wait_ms(10);
    assert_true(asked.done);
    assert_int_equal(asked.error, EAI_NONAME);
    question = begin();
    answer = answer_to(&question);
    memset(answer.bytes + answer.len, 0x3f, 600); /* a name without an end */
    answer.len += 600;
    wire_put(answer.bytes + 6, 2, 1);
    send_answer(&answer);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        answer = honest_answer(&question);
        wire_put(answer.bytes + answer.len - 6, 2, lengths[i]);
        send_answer(&answer);
        if (asked.done) {
            assert_int_equal(asked.error, EAI_NONAME);
            question = begin();
        }
    }
    answer = honest_answer(&question);
    send_answer(&answer);
    assert_answered();
}

/* By way of other names, with addresses of the wrong family and size in between. */
static void aliases_body(void)
{
    static const uint8_t address6[16] = {0xfd};

    start();
    struct peer_packet question = begin();
    struct answer answer = answer_to(&question);

    for (int i = 0; i < 20; i++) {
        put_record(&answer, HEADER, CNAME, "\3www\xc0\x12", 6);
        put_record(&answer, HEADER, A, "\1\2\3\4\5", i % 4);
        put_record(&answer, HEADER, AAAA, address6, sizeof(address6) - (size_t)i % 2);
    }
    put_address(&answer, 0x0a090909);
    send_answer(&answer);
    assert_answered();
}

static void refused_body(void)
{
    start();
    for (uint8_t code = 1; code < 16; code++) {
        struct peer_packet question = begin();
        struct answer answer = honest_answer(&question);
        answer.bytes[3] |= code;
        send_answer(&answer);
        assert_true(asked.done);
        assert_int_equal(asked.error, code == 3 ? EAI_NONAME : EAI_AGAIN);
    }
}

/* Who would guess has 2^32 to guess of. */
static void chance_body(void)
{
    uint32_t seen[QUESTIONS];
    unsigned rising = 0;

    start();
    for (unsigned i = 0; i < QUESTIONS; i++) {
        struct peer_packet question = begin();
        struct answer answer = honest_answer(&question);
        seen[i] = (uint32_t)port << 16 | wire_get(question.bytes + 8, 2);
        for (unsigned j = 0; j < i; j++)
            assert_int_not_equal(seen[i], seen[j]);
        rising += i && (uint16_t)(seen[i] - seen[i - 1]) < 0x100;
        rising += i && (uint16_t)((seen[i] >> 16) - (seen[i - 1] >> 16)) < 0x40;
        send_answer(&answer);
        assert_answered();
    }
    assert_in_range(rising, 0, QUESTIONS / 4);
}

/* Nobody answers: the program gets an error, and the port is free again. */
static void silent_body(void)
{
    start();
    struct peer_packet question = begin();
    struct answer answer = honest_answer(&question);

    peer_wait_ms(60000);
    assert_true(asked.done);
    assert_int_equal(asked.error, EAI_AGAIN);
    send_answer(&answer);
    question = begin();
    answer = honest_answer(&question);
    send_answer(&answer);
    assert_answered();
}

IN_KERNEL(believed)
IN_KERNEL(cut)
IN_KERNEL(spoilt)
IN_KERNEL(loops)
IN_KERNEL(aliases)
IN_KERNEL(refused)
IN_KERNEL(chance)
IN_KERNEL(silent)

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"names_are_believed_of_who_was_asked", believed, NULL, NULL, NULL},
        {"an_answer_that_is_cut_is_none", cut, NULL, NULL, NULL},
        {"an_answer_with_any_byte_wrong_harms_nobody", spoilt, NULL, NULL, NULL},
        {"names_without_an_end_are_no_answer", loops, NULL, NULL, NULL},
        {"an_address_is_found_behind_other_records", aliases, NULL, NULL, NULL},
        {"a_server_may_know_nothing", refused, NULL, NULL, NULL},
        {"numbers_and_ports_are_by_chance", chance, NULL, NULL, NULL},
        {"a_server_may_be_silent", silent, NULL, NULL, NULL},
    };
    return RUN_TESTS(tests);
}
