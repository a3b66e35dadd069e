/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of proxy.c: a guest's xenstore requests, honest and hostile, on a real ring page. */
#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "host.h"

#include <xen/io/xs_wire.h>

#include "proxy.h"
#include "store.h"

static union {
    struct xenstore_domain_interface ring;
    char bytes[4096];
} page;
static struct proxy proxy;
static struct host host;

/* What the proxy passed on last, and what xenstored answers. */
static struct {
    unsigned n, n_flushes;
    uint32_t type, tx;
    char payload[XENSTORE_PAYLOAD_MAX];
    size_t len;
    int error;
    const char *reply;
} passed;

/* What waits for store_flush(). */
static struct {
    store_answered *answered;
    void *context;
} waiting[32];
static unsigned n_waiting;

void store_pass_on(struct store *store, uint32_t type, uint32_t tx, const void *payload, size_t len,
                   store_answered *answered, void *context)
{
    (void)store;
    passed.n++;
    passed.type = type;
    passed.tx = tx;
    memcpy(passed.payload, payload, len);
    passed.len = len;
    assert_true(n_waiting < sizeof(waiting) / sizeof(*waiting));
    waiting[n_waiting].answered = answered;
    waiting[n_waiting++].context = context;
}

int store_flush(struct store *store, struct fail *fail)
{
    (void)store;
    (void)fail;
    passed.n_flushes++;
    for (unsigned i = 0; i < n_waiting; i++)
        waiting[i].answered(waiting[i].context, passed.error, passed.reply, strlen(passed.reply));
    n_waiting = 0;
    return 0;
}

int xenevtchn_notify(xenevtchn_handle *handle, evtchn_port_t port)
{
    (void)handle;
    (void)port;
    return 0;
}

static int setup(void **state)
{
    (void)state;
    proxy_free(&proxy);
    memset(&page, 0, sizeof(page));
    memset(&passed, 0, sizeof(passed));
    passed.reply = "OK";
    proxy = (struct proxy){.ring = &page.ring, .port = 1, .domid = 7};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    proxy_free(&proxy);
    return 0;
}

static void put(const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        page.ring.req[MASK_XENSTORE_IDX(page.ring.req_prod + i)] = ((const char *)bytes)[i];
    page.ring.req_prod += (XENSTORE_RING_IDX)len;
}

static void ask(uint32_t type, uint32_t tx, const char *payload, size_t len)
{
    struct xsd_sockmsg header = {type, 42, tx, (uint32_t)len};

    put(&header, sizeof(header));
    put(payload, len);
    proxy_work(&proxy, &host);
}

/* A literal with its NULs; the C compiler's own last one does not count unless it is wanted. */
#define ASK(type, text) ask(type, 0, text, sizeof(text) - 1)

static struct {
    struct xsd_sockmsg header;
    char text[XENSTORE_PAYLOAD_MAX + 1];
} answer;

static bool take_answer(void)
{
    char *to = (char *)&answer;
    size_t available = page.ring.rsp_prod - page.ring.rsp_cons, need = sizeof(answer.header);

    if (available < need)
        return false;
    for (size_t i = 0; i < need; i++) {
        to[i] = page.ring.rsp[MASK_XENSTORE_IDX(page.ring.rsp_cons++)];
        if (i + 1 == sizeof(answer.header))
            need += answer.header.len;
    }
    answer.text[answer.header.len] = '\0';
    return true;
}

static void assert_answer(uint32_t type, const char *text)
{
    assert_true(take_answer());
    assert_int_equal(answer.header.type, type);
    assert_string_equal(answer.text, text);
}

static void own_nodes_are_passed_on_with_their_whole_path(void **state)
{
    (void)state;
    passed.reply = "value";
    ASK(XS_READ, "name\0");
    assert_answer(XS_READ, "value");
    assert_int_equal(answer.header.req_id, 42);
    assert_string_equal(passed.payload, "/local/domain/7/name");
    ASK(XS_WRITE, "data/ready\0"
                  "1");
    assert_answer(XS_WRITE, "value");
    assert_memory_equal(passed.payload,
                        "/local/domain/7/data/ready\0"
                        "1",
                        passed.len);
    ASK(XS_READ, "/local/domain/7/name\0");
    assert_string_equal(passed.payload, "/local/domain/7/name");
    assert_int_equal(passed.n, 3);
}

static void what_is_not_the_guests_is_refused(void **state)
{
    (void)state;
    ASK(XS_READ, "/local/domain/71/name\0");
    assert_answer(XS_ERROR, "EACCES");
    ASK(XS_READ, "/vm\0");
    assert_answer(XS_ERROR, "EACCES");
    ASK(XS_WRITE, "name\0x");
    assert_answer(XS_ERROR, "EACCES");
    ASK(XS_WRITE, "console/tty\0/etc/shadow");
    assert_answer(XS_ERROR, "EACCES");
    ASK(XS_RM, "/local/domain/7\0");
    assert_answer(XS_ERROR, "EACCES");
    ASK(XS_WRITE, "database\0x");
    assert_answer(XS_ERROR, "EACCES");
    ASK(XS_INTRODUCE, "1\0");
    assert_answer(XS_ERROR, "EACCES");
    ASK(XS_READ, "no NUL");
    assert_answer(XS_ERROR, "EINVAL");
    assert_int_equal(passed.n, 0);
}

static void what_is_asked_at_once_is_asked_at_once_and_answered_in_order(void **state)
{
    struct xsd_sockmsg header = {XS_READ, 1, 0, 2};

    (void)state;
    passed.reply = "value";
    for (header.req_id = 1; header.req_id <= 12; header.req_id++) {
        header.type = header.req_id == 6 ? XS_INTRODUCE : XS_READ; /* one that is refused here */
        put(&header, sizeof(header));
        put("a", 2);
    }
    proxy_work(&proxy, &host);
    assert_int_equal(passed.n, 11);
    assert_int_equal(passed.n_flushes, 2);
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
    passed.reply = names;
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

static void the_device_is_the_guests_and_its_backend_may_be_read(void **state)
{
    (void)state;
    ASK(XS_WRITE, "device/vif/0/queue-0/tx-ring-ref\0"
                  "8");
    assert_answer(XS_WRITE, "OK");
    ASK(XS_READ, "/local/domain/0/backend/vif/7/0/state\0");
    assert_answer(XS_READ, "OK");
    assert_string_equal(passed.payload, "/local/domain/0/backend/vif/7/0/state");
    unsigned n = passed.n;
    ASK(XS_WRITE, "device/vif/0\0x");
    assert_answer(XS_ERROR, "EACCES");
    ASK(XS_RM, "device/vif/0\0");
    assert_answer(XS_ERROR, "EACCES");
    ASK(XS_WRITE, "/local/domain/0/backend/vif/7/0/state\0"
                  "4");
    assert_answer(XS_ERROR, "EACCES");
    ASK(XS_READ, "/local/domain/0/backend/vif/71/0/state\0");
    assert_answer(XS_ERROR, "EACCES");
    ASK(XS_READ, "/local/domain/0/backend/vbd/7/0/state\0");
    assert_answer(XS_ERROR, "EACCES");
    ASK(XS_READ, "/local/domain/0/backend/vif\0");
    assert_answer(XS_ERROR, "EACCES");
    assert_int_equal(passed.n, n);
}

static void who_the_backend_is_needs_no_question(void **state)
{
    (void)state;
    proxy.n_vifs = 2;
    ASK(XS_READ, "device/vif/1/backend\0");
    assert_answer(XS_READ, "/local/domain/0/backend/vif/7/1");
    ASK(XS_READ, "/local/domain/7/device/vif/0/backend-id\0");
    assert_answer(XS_READ, "0");
    assert_int_equal(passed.n, 0);
    ASK(XS_READ, "device/vif/2/backend\0");
    assert_answer(XS_READ, "OK");
    ASK(XS_READ, "device/vif/1/backends\0");
    assert_answer(XS_READ, "OK");
    ASK(XS_DIRECTORY, "device/vif/1/backend\0");
    assert_answer(XS_DIRECTORY, "OK");
    assert_int_equal(passed.n, 3);
}

static void a_watch_on_the_backend_fires_when_it_changes(void **state)
{
    (void)state;
    ASK(XS_WATCH, "/local/domain/0/backend/vif/7/0/state\0"
                  "2\0");
    assert_answer(XS_WATCH, "OK");
    assert_true(take_answer());
    proxy_changed(&proxy, &host, "/local/domain/0/backend/vif/7/0/state");
    assert_true(take_answer());
    assert_int_equal(answer.header.type, XS_WATCH_EVENT);
    assert_memory_equal(answer.text,
                        "/local/domain/0/backend/vif/7/0/state\0"
                        "2",
                        40);
    proxy_changed(&proxy, &host, "/local/domain/0/backend/vif/7/0/feature-sg");
    assert_false(take_answer());
}

static void shutdown_is_known_to_be_absent_until_it_changes(void **state)
{
    (void)state;
    ASK(XS_READ, "control/shutdown\0");
    assert_answer(XS_ERROR, "ENOENT");
    assert_int_equal(passed.n, 0);
    proxy_changed(&proxy, &host, "/local/domain/7/control/shutdown");
    passed.reply = "poweroff";
    ASK(XS_READ, "control/shutdown\0");
    assert_answer(XS_READ, "poweroff");
}

static void a_watch_fires_at_once_and_at_each_change_below(void **state)
{
    (void)state;
    ASK(XS_WATCH, "control\0"
                  "7\0");
    assert_answer(XS_WATCH, "OK");
    assert_true(take_answer());
    assert_int_equal(answer.header.type, XS_WATCH_EVENT);
    assert_memory_equal(answer.text,
                        "control\0"
                        "7",
                        10);
    proxy_changed(&proxy, &host, "/local/domain/7/control/shutdown");
    assert_true(take_answer());
    assert_memory_equal(answer.text,
                        "control/shutdown\0"
                        "7",
                        19);
    proxy_changed(&proxy, &host, "/local/domain/7/controls");
    assert_false(take_answer());
    ASK(XS_WATCH, "control\0"
                  "7\0");
    assert_answer(XS_ERROR, "EEXIST");
    ASK(XS_UNWATCH, "control\0"
                    "7\0");
    assert_answer(XS_UNWATCH, "OK");
    proxy_changed(&proxy, &host, "/local/domain/7/control/shutdown");
    assert_false(take_answer());
    ASK(XS_UNWATCH, "control\0"
                    "7\0");
    assert_answer(XS_ERROR, "ENOENT");
}

static void watches_outlive_the_launcher(void **state)
{
    (void)state;
    ASK(XS_WATCH, "control/shutdown\0"
                  "7\0");
    page.ring.rsp_cons = page.ring.rsp_prod;
    proxy_free(&proxy);
    proxy = (struct proxy){.ring = &page.ring, .port = 1, .domid = 7};
    proxy_changed(&proxy, &host, "/local/domain/7/control/shutdown");
    assert_true(take_answer());
    assert_int_equal(answer.header.type, XS_WATCH_EVENT);
}

static void watches_are_counted(void **state)
{
    char payload[32];

    (void)state;
    for (int i = 0; i < 32; i++) {
        int len = sprintf(payload, "data%cw%02d", 0, i) + 1;
        ask(XS_WATCH, 0, payload, (size_t)len);
        assert_answer(XS_WATCH, "OK");
        assert_true(take_answer());
    }
    ask(XS_WATCH, 0, "data\0x\0", 7);
    assert_answer(XS_ERROR, "E2BIG");
}

static void a_stash_that_the_guest_spoiled_is_no_harm(void **state)
{
    (void)state;
    ASK(XS_WATCH, "control\0"
                  "7\0");
    page.ring.rsp_cons = page.ring.rsp_prod;
    for (unsigned value = 0; value < 256; value++) {
        memset(page.bytes + 3072 + 8, (int)value, 1024 - 8);
        proxy_changed(&proxy, &host, "/local/domain/7/control/shutdown");
        page.ring.rsp_cons = page.ring.rsp_prod;
    }
}

static void nodes_are_counted(void **state)
{
    char payload[32];

    (void)state;
    for (int i = 0; i < 128; i++) {
        int len = sprintf(payload, "data/%03d%cv", i, 0);
        ask(XS_WRITE, 0, payload, (size_t)len);
        assert_answer(XS_WRITE, "OK");
    }
    ASK(XS_WRITE, "data/128\0v");
    assert_answer(XS_ERROR, "ENOSPC");
    ASK(XS_WRITE, "data/127\0w");
    assert_answer(XS_WRITE, "OK");
    passed.reply = "4711";
    ASK(XS_TRANSACTION_START, "\0");
    assert_answer(XS_TRANSACTION_START, "4711");
    passed.reply = "OK";
    ask(XS_RM, 4711, "data/127", 9); /* the transaction may yet be dropped */
    assert_answer(XS_RM, "OK");
    ASK(XS_WRITE, "data/128\0v");
    assert_answer(XS_ERROR, "ENOSPC");
    ASK(XS_RM, "data/12\0");
    assert_answer(XS_RM, "OK");
    ASK(XS_WRITE, "data/128\0v");
    assert_answer(XS_ERROR, "ENOSPC");
    ASK(XS_RM, "data/127\0");
    assert_answer(XS_RM, "OK");
    ASK(XS_WRITE, "data/128/a\0v");
    assert_answer(XS_WRITE, "OK");
    ASK(XS_RM, "data/128\0");
    assert_answer(XS_RM, "OK");
    ASK(XS_WRITE, "data/129\0v");
    assert_answer(XS_WRITE, "OK");
    ASK(XS_WRITE, "data/a/b/c/d/e\0v");
    assert_answer(XS_ERROR, "EACCES");
}

static void a_path_is_one_or_refused(void **state)
{
    static const char *const wrong[] = {"", "//data", "data//a", "data/", "data/a b", "data/\xff"};

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        ask(XS_READ, 0, wrong[i], strlen(wrong[i]) + 1);
        assert_answer(XS_ERROR, "EINVAL");
    }
    ASK(XS_READ, "data/A-z_0@/9\0");
    assert_answer(XS_READ, "OK");
}

static void a_value_is_no_longer_than_xenstored_allows(void **state)
{
    static char payload[5 + 2049] = "data";

    (void)state;
    memset(payload + 5, 'v', 2049);
    for (size_t len = 5 + 2048; len <= sizeof(payload); len++) {
        struct xsd_sockmsg header = {XS_WRITE, 42, 0, (uint32_t)len};
        put(&header, sizeof(header));
        for (size_t at = 0, some; at < len; at += some) {
            some = len - at < 512 ? len - at : 512; /* the ring has 1024 */
            put(payload + at, some);
            proxy_work(&proxy, &host);
        }
        if (len < sizeof(payload))
            assert_answer(XS_WRITE, "OK");
        else
            assert_answer(XS_ERROR, "E2BIG");
    }
}

static void only_its_own_transactions_can_be_used(void **state)
{
    (void)state;
    ask(XS_READ, 99, "name", 5);
    assert_answer(XS_ERROR, "ENOENT");
    passed.reply = "99";
    ASK(XS_TRANSACTION_START, "\0");
    assert_answer(XS_TRANSACTION_START, "99");
    passed.reply = "x";
    ask(XS_READ, 99, "name", 5);
    assert_answer(XS_READ, "x");
    assert_int_equal(passed.tx, 99);
    ask(XS_TRANSACTION_END, 99, "T", 2);
    assert_answer(XS_TRANSACTION_END, "x");
    ask(XS_READ, 99, "name", 5);
    assert_answer(XS_ERROR, "ENOENT");
    ask(XS_TRANSACTION_END, 0, "T", 2);
    assert_answer(XS_ERROR, "ENOENT");
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
    assert_int_equal(passed.n, 0);
    put(payload + 1000, 100);
    proxy_work(&proxy, &host);
    assert_answer(XS_WRITE, "OK");
    assert_int_equal(passed.len, sizeof("/local/domain/7/") - 1 + sizeof(payload));
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
}

static void answers_wait_for_room(void **state)
{
    static char long_reply[901];

    (void)state;
    memset(long_reply, 'r', 900);
    passed.reply = long_reply;
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
    assert_int_equal(passed.n, 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(own_nodes_are_passed_on_with_their_whole_path),
        TEST(what_is_not_the_guests_is_refused),
        TEST(what_is_asked_at_once_is_asked_at_once_and_answered_in_order),
        TEST(a_turns_worth_of_long_answers_is_kept),
        TEST(the_device_is_the_guests_and_its_backend_may_be_read),
        TEST(who_the_backend_is_needs_no_question),
        TEST(a_watch_on_the_backend_fires_when_it_changes),
        TEST(shutdown_is_known_to_be_absent_until_it_changes),
        TEST(a_watch_fires_at_once_and_at_each_change_below),
        TEST(watches_outlive_the_launcher),
        TEST(watches_are_counted),
        TEST(a_stash_that_the_guest_spoiled_is_no_harm),
        TEST(nodes_are_counted),
        TEST(a_path_is_one_or_refused),
        TEST(a_value_is_no_longer_than_xenstored_allows),
        TEST(only_its_own_transactions_can_be_used),
        TEST(a_request_longer_than_the_ring_comes_in_parts),
        TEST(a_ring_that_makes_no_sense_is_left_alone),
        TEST(answers_wait_for_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
