/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of proxy.c: a guest's xenstore requests, honest and hostile, on a real ring page. */
#include <stdio.h>

#include "proxy_guest.h"

static void own_nodes_are_passed_on_with_their_whole_path(void **state)
{
    (void)state;
    fake_store.reply = "value";
    ASK(XS_READ, "name\0");
    assert_answer(XS_READ, "value");
    assert_int_equal(answer.header.req_id, 42);
    assert_string_equal(fake_store.payload, "/local/domain/7/name");
    ASK(XS_WRITE, "data/ready\0"
                  "1");
    assert_answer(XS_WRITE, "value");
    assert_memory_equal(fake_store.payload,
                        "/local/domain/7/data/ready\0"
                        "1",
                        fake_store.len);
    ASK(XS_READ, "/local/domain/7/name\0");
    assert_string_equal(fake_store.payload, "/local/domain/7/name");
    assert_int_equal(fake_store.n, 3);
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
    ASK(XS_READ, "@releaseDomain\0");
    assert_answer(XS_ERROR, "EACCES");
    assert_int_equal(fake_store.n, 0);
}

static void the_device_is_the_guests_and_its_backend_may_be_read(void **state)
{
    (void)state;
    ASK(XS_WRITE, "device/vif/0/queue-0/tx-ring-ref\0"
                  "8");
    assert_answer(XS_WRITE, "OK");
    ASK(XS_READ, "/local/domain/0/backend/vif/7/0/state\0");
    assert_answer(XS_READ, "OK");
    assert_string_equal(fake_store.payload, "/local/domain/0/backend/vif/7/0/state");
    ASK(XS_READ, "/local/domain/0/backend/vbd/7/51712/sectors\0");
    assert_answer(XS_READ, "OK");
    unsigned n = fake_store.n;
    ASK(XS_WRITE, "device/vif/0\0x");
    assert_answer(XS_ERROR, "EACCES");
    ASK(XS_RM, "device/vif/0\0");
    assert_answer(XS_ERROR, "EACCES");
    ASK(XS_WRITE, "/local/domain/0/backend/vif/7/0/state\0"
                  "4");
    assert_answer(XS_ERROR, "EACCES");
    ASK(XS_READ, "/local/domain/0/backend/vif/71/0/state\0");
    assert_answer(XS_ERROR, "EACCES");
    ASK(XS_READ, "/local/domain/0/backend/vbd/71/51712/state\0");
    assert_answer(XS_ERROR, "EACCES");
    ASK(XS_READ, "/local/domain/0/backend/console/7/0/state\0");
    assert_answer(XS_ERROR, "EACCES");
    ASK(XS_READ, "/local/domain/0/backend/vif\0");
    assert_answer(XS_ERROR, "EACCES");
    assert_int_equal(fake_store.n, n);
}

static void who_the_backend_is_needs_no_question(void **state)
{
    (void)state;
    proxy.n_vifs = 2;
    ASK(XS_READ, "device/vif/1/backend\0");
    assert_answer(XS_READ, "/local/domain/0/backend/vif/7/1");
    ASK(XS_READ, "/local/domain/7/device/vif/0/backend-id\0");
    assert_answer(XS_READ, "0");
    assert_int_equal(fake_store.n, 0);
    ASK(XS_READ, "device/vif/2/backend\0");
    assert_answer(XS_READ, "OK");
    ASK(XS_READ, "device/vif/1/backends\0");
    assert_answer(XS_READ, "OK");
    ASK(XS_DIRECTORY, "device/vif/1/backend\0");
    assert_answer(XS_DIRECTORY, "OK");
    assert_int_equal(fake_store.n, 3);
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
    ASK(XS_WRITE, "control/shutdown\0"); /* whoever asked waits for this */
    assert_answer(XS_WRITE, "OK");
    ASK(XS_WRITE, "data/127\0w");
    assert_answer(XS_WRITE, "OK");
    ASK(XS_WRITE, "data/12\0v"); /* another one, although data/127 begins like it */
    assert_answer(XS_ERROR, "ENOSPC");
    fake_store.reply = "4711";
    ASK(XS_TRANSACTION_START, "\0");
    assert_answer(XS_TRANSACTION_START, "4711");
    fake_store.reply = "OK";
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
    ASK(XS_WRITE, "data/128\0v");
    assert_answer(XS_WRITE, "OK");
    ASK(XS_RM, "data/128\0");
    assert_answer(XS_RM, "OK");
    ASK(XS_WRITE, "data/129\0v");
    assert_answer(XS_WRITE, "OK");
    ASK(XS_WRITE, "data/a/b/c/d/e\0v");
    assert_answer(XS_ERROR, "EACCES");
}

/* Those on the way to a node stay when it goes, and were dom0's for ever. */
static void nodes_made_on_the_way_are_counted(void **state)
{
    char payload[32];

    (void)state;
    for (int i = 0; i < 126; i++) {
        int len = sprintf(payload, "data/%03d/a%cv", i, 0);
        ask(XS_WRITE, 0, payload, (size_t)len);
        assert_answer(XS_WRITE, "OK");
        ask(XS_RM, 0, payload, strlen(payload) + 1);
        assert_answer(XS_RM, "OK");
    }
    ASK(XS_WRITE, "data/126/a/b\0v"); /* three, of which there are two */
    assert_answer(XS_ERROR, "ENOSPC");
    ASK(XS_WRITE, "data/127/a\0v"); /* none of the three has been counted */
    assert_answer(XS_WRITE, "OK");
    ASK(XS_WRITE, "data/126\0v");
    assert_answer(XS_ERROR, "ENOSPC");
    ASK(XS_RM, "data\0");
    assert_answer(XS_RM, "OK");
    ASK(XS_WRITE, "data/126/a/b\0v");
    assert_answer(XS_WRITE, "OK");
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

static void a_payload_without_an_end_is_refused(void **state)
{
    static const uint32_t types[] = {XS_READ, XS_WATCH, XS_UNWATCH, XS_GET_DOMAIN_PATH};
    static char payload[XENSTORE_PAYLOAD_MAX];

    (void)state;
    memset(payload, '1', sizeof(payload));
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        ask_long(types[i], payload, sizeof(payload));
        assert_answer(XS_ERROR, "EINVAL");
        ask(types[i], 0, NULL, 0);
        assert_answer(XS_ERROR, "EINVAL");
    }
    assert_int_equal(fake_store.n, 0);
}

static void a_path_that_is_too_long_as_a_whole_is_refused(void **state)
{
    static char path[XENSTORE_PAYLOAD_MAX];

    (void)state;
    memset(path, 'p', sizeof(path) - 1);
    ask_long(XS_READ, path, sizeof(path));
    assert_answer(XS_ERROR, "E2BIG");
    ask_long(XS_READ, path + 16, sizeof(path) - 16); /* /local/domain/7/ has as much */
    assert_answer(XS_READ, "OK");
}

static void a_value_is_no_longer_than_xenstored_allows(void **state)
{
    static char payload[5 + 2049] = "data";

    (void)state;
    memset(payload + 5, 'v', 2049);
    for (size_t len = 5 + 2048; len <= sizeof(payload); len++) {
        ask_long(XS_WRITE, payload, len);
        if (len < sizeof(payload))
            assert_answer(XS_WRITE, "OK");
        else
            assert_answer(XS_ERROR, "E2BIG");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(own_nodes_are_passed_on_with_their_whole_path),
        TEST(what_is_not_the_guests_is_refused),
        TEST(the_device_is_the_guests_and_its_backend_may_be_read),
        TEST(who_the_backend_is_needs_no_question),
        TEST(nodes_are_counted),
        TEST(nodes_made_on_the_way_are_counted),
        TEST(a_path_is_one_or_refused),
        TEST(a_payload_without_an_end_is_refused),
        TEST(a_path_that_is_too_long_as_a_whole_is_refused),
        TEST(a_value_is_no_longer_than_xenstored_allows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
