/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of proxy_ring.c: requests and answers of any length, and a ring that lies. */
#include <string.h>

#include "proxy_guest.h"

static void what_is_asked_at_once_is_asked_at_once_and_answered_in_order(void **state)
{
    struct xsd_sockmsg header = {XS_READ, 1, 0, 2};

    (void)state;
    fake_store.reply = "value";
    for (header.req_id = 1; header.req_id <= 12; header.req_id++) {
        header.type = header.req_id == 6 ? XS_INTRODUCE : XS_READ; /* one that is refused here */
        put(&header, sizeof(header));
        put("a", 2);
    }
    proxy_work(&proxy, &host);
    assert_int_equal(fake_store.n, 11);
    assert_int_equal(fake_store.n_flushes, 2);
    for (uint32_t id = 1; id <= 12; id++) {
        assert_answer(id == 6 ? XS_ERROR : XS_READ, id == 6 ? "EACCES" : "value");
        assert_int_equal(answer.header.req_id, id);
    }
}

static void a_turns_worth_of_long_answers_is_kept(void **state)
{
    struct xsd_sockmsg header = {XS_DIRECTORY, 1, 0, 2};
    static char names[XENSTORE_PAYLOAD_MAX];
    unsigned n = 0;

    (void)state;
    memset(names, 'n', sizeof(names) - 1);
    fake_store.reply = names;
    for (int i = 0; i < 16; i++) {
        put(&header, sizeof(header));
        put("a", 2);
    }
    proxy_work(&proxy, &host);
    while (!proxy.broken && page.ring.rsp_prod != page.ring.rsp_cons) {
        n += page.ring.rsp_prod - page.ring.rsp_cons;
        page.ring.rsp_cons = page.ring.rsp_prod;
        proxy_work(&proxy, &host);
    }
    assert_false(proxy.broken);
    assert_int_equal(n, 16 * (sizeof(header) + sizeof(names) - 1));
}

static void a_request_longer_than_the_ring_comes_in_parts(void **state)
{
    struct xsd_sockmsg header = {XS_WRITE, 1, 0, 1100};
    char payload[1100] = "data/x";

    (void)state;
    memset(payload + 7, 'v', sizeof(payload) - 7);
    put(&header, sizeof(header));
    put(payload, 1000);
    proxy_work(&proxy, &host);
    assert_int_equal(fake_store.n, 0);
    put(payload + 1000, 100);
    proxy_work(&proxy, &host);
    assert_answer(XS_WRITE, "OK");
    assert_int_equal(fake_store.len, sizeof("/local/domain/7/") - 1 + sizeof(payload));
    ASK(XS_READ, "name\0");
    assert_answer(XS_READ, "OK"); /* what follows is read as it is */
}

static void a_ring_that_makes_no_sense_is_left_alone(void **state)
{
    struct xsd_sockmsg header = {XS_READ, 1, 0, 5000};

    (void)state;
    put(&header, sizeof(header));
    proxy_work(&proxy, &host);
    assert_true(proxy.broken);
    setup(NULL);
    page.ring.req_prod = 2000;
    proxy_work(&proxy, &host);
    assert_true(proxy.broken);
    setup(NULL);
    page.ring.rsp_cons = 5;
    ASK(XS_READ, "name\0");
    assert_true(proxy.broken);
    page.ring.rsp_cons = page.ring.rsp_prod; /* too late */
    ASK(XS_READ, "name\0");
    assert_int_equal(fake_store.n, 1);
    assert_int_equal(page.ring.rsp_prod, 0);
    proxy_changed(&proxy, &host, "/local/domain/7/control/shutdown");
    assert_int_equal(page.ring.rsp_prod, 0);
}

static const char *reply_of(size_t len)
{
    static char reply[XENSTORE_PAYLOAD_MAX];

    memset(reply, 'r', len);
    reply[len] = '\0';
    return reply;
}

static void answers_of_a_broken_ring_are_kept_back(void **state)
{
    (void)state;
    fake_store.reply = reply_of(900);
    ASK(XS_READ, "a\0");
    ASK(XS_READ, "b\0"); /* waits for room */
    XENSTORE_RING_IDX prod = page.ring.rsp_prod;
    page.ring.rsp_cons = prod + 1;
    proxy_work(&proxy, &host);
    assert_true(proxy.broken);
    page.ring.rsp_cons = prod;
    proxy_work(&proxy, &host);
    assert_int_equal(page.ring.rsp_prod, prod);
}

static void who_does_not_read_is_not_served(void **state)
{
    (void)state;
    fake_store.reply = reply_of(900);
    for (int i = 0; i < 10; i++)
        ASK(XS_READ, "a\0");
    assert_int_equal(fake_store.n, 2);
}

static void events_that_nobody_reads_end(void **state)
{
    (void)state;
    ASK(XS_WATCH, "control\0"
                  "token\0");
    for (int i = 0; i < 5000 && !proxy.broken; i++)
        proxy_changed(&proxy, &host, "/local/domain/7/control/shutdown");
    assert_true(proxy.broken);
}

static void an_event_does_not_overtake_an_answer(void **state)
{
    char bytes[2048];
    size_t n = 0;
    struct xsd_sockmsg header;

    (void)state;
    ASK(XS_WATCH, "control\0"
                  "token\0");
    page.ring.rsp_cons = page.ring.rsp_prod;
    fake_store.reply = reply_of(900);
    ASK(XS_READ, "a\0");
    page.ring.rsp_cons += (XENSTORE_RING_IDX)sizeof(header) + 900; /* it has been read */
    ASK(XS_READ, "b\0");
    ASK(XS_READ, "c\0"); /* goes in part */
    for (int turn = 0; turn < 3; turn++) {
        while (page.ring.rsp_cons != page.ring.rsp_prod)
            bytes[n++] = page.ring.rsp[MASK_XENSTORE_IDX(page.ring.rsp_cons++)];
        if (turn == 0) /* there is room now */
            proxy_changed(&proxy, &host, "/local/domain/7/control/shutdown");
        proxy_work(&proxy, &host);
    }
    size_t two = 2 * (sizeof(header) + 900);
    assert_int_equal(n, two + sizeof(header) + sizeof("control/shutdown") + sizeof("token"));
    memcpy(&header, bytes + two, sizeof(header));
    assert_int_equal(header.type, XS_WATCH_EVENT);
}

static void a_turn_has_an_end(void **state)
{
    struct xsd_sockmsg header = {XS_READ, 1, 0, 2};

    (void)state;
    for (int i = 0; i < 20; i++) {
        put(&header, sizeof(header));
        put("a", 2);
    }
    assert_true(proxy_work(&proxy, &host)); /* there is more, when it is its turn again */
    assert_int_equal(fake_store.n, 16);
    assert_false(proxy_work(&proxy, &host));
    assert_int_equal(fake_store.n, 20);
}

static void a_short_request_is_taken_when_it_is_whole(void **state)
{
    struct xsd_sockmsg header = {XS_READ, 1, 0, 5};

    (void)state;
    put(&header, sizeof(header) - 1);
    proxy_work(&proxy, &host);
    put((const char *)&header + sizeof(header) - 1, 1);
    put("na", 2);
    proxy_work(&proxy, &host);
    assert_int_equal(page.ring.req_cons, 0); /* nothing is lost with a launcher that is killed */
    put("me", 3);
    proxy_work(&proxy, &host);
    assert_answer(XS_READ, "OK");
    assert_string_equal(fake_store.payload, "/local/domain/7/name");
}

static void answers_wait_for_room(void **state)
{
    static char long_reply[901];

    (void)state;
    memset(long_reply, 'r', 900);
    fake_store.reply = long_reply;
    ASK(XS_READ, "a\0");
    ASK(XS_READ, "b\0");
    ASK(XS_READ, "c\0");
    for (int i = 0; i < 3; i++) {
        /* The guest takes what is there, whatever part of an answer that is. */
        size_t got = 0;
        while (got < sizeof(struct xsd_sockmsg) + 900) {
            size_t n = page.ring.rsp_prod - page.ring.rsp_cons;
            assert_true(n > 0);
            if (n > sizeof(struct xsd_sockmsg) + 900 - got)
                n = sizeof(struct xsd_sockmsg) + 900 - got;
            got += n;
            page.ring.rsp_cons += (XENSTORE_RING_IDX)n;
            proxy_work(&proxy, &host);
        }
    }
    assert_int_equal(page.ring.rsp_prod, page.ring.rsp_cons);
    assert_int_equal(fake_store.n, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_asked_at_once_is_asked_at_once_and_answered_in_order),
        TEST(a_turns_worth_of_long_answers_is_kept),
        TEST(a_request_longer_than_the_ring_comes_in_parts),
        TEST(a_ring_that_makes_no_sense_is_left_alone),
        TEST(answers_wait_for_room),
        TEST(answers_of_a_broken_ring_are_kept_back),
        TEST(who_does_not_read_is_not_served),
        TEST(events_that_nobody_reads_end),
        TEST(an_event_does_not_overtake_an_answer),
        TEST(a_turn_has_an_end),
        TEST(a_short_request_is_taken_when_it_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
