/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of proxy_watch.c: what a guest watches, and where its watches are kept. */
#include <stdio.h>
#include <string.h>

#include "proxy_guest.h"

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
    ASK(XS_WATCH, "device\0"
                  "3\0");
    page.ring.rsp_cons = page.ring.rsp_prod;
    proxy_changed(&proxy, &host, "/local/domain/0/backend/vif/7/0/mode");
    assert_false(take_answer());
}

static void shutdown_is_known_to_be_absent_until_it_changes(void **state)
{
    (void)state;
    ASK(XS_READ, "control/shutdown\0");
    assert_answer(XS_ERROR, "ENOENT");
    assert_int_equal(fake_store.n, 0);
    proxy_changed(&proxy, &host, "/local/domain/7/control/shutdown");
    fake_store.reply = "poweroff";
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

/* xenstored tells of what is removed, and not of what was below it. */
static void a_watch_fires_when_the_folder_it_lies_in_is_removed(void **state)
{
    (void)state;
    ASK(XS_WATCH, "device/vbd/51712/backend\0"
                  "7\0");
    assert_answer(XS_WATCH, "OK");
    assert_true(take_answer());
    ASK(XS_WATCH, "/local/domain/0/backend/vbd/7/51712/state\0"
                  "8\0");
    assert_answer(XS_WATCH, "OK");
    assert_true(take_answer());
    proxy_changed(&proxy, &host, "/local/domain/7/device/vbd/5");
    proxy_changed(&proxy, &host, "/local/domain/7/device/vif");
    proxy_changed(&proxy, &host, "/local/domain/0/backend/vbd/7/51728");
    assert_false(take_answer());
    proxy_changed(&proxy, &host, "/local/domain/7/device/vbd/51712");
    assert_true(take_answer());
    assert_memory_equal(answer.text,
                        "device/vbd/51712/backend\0"
                        "7",
                        27);
    assert_false(take_answer());
    proxy_changed(&proxy, &host, "/local/domain/0/backend/vbd/7/51712");
    assert_true(take_answer());
    assert_memory_equal(answer.text,
                        "/local/domain/0/backend/vbd/7/51712/state\0"
                        "8",
                        44);
    assert_false(take_answer());
}

static void watches_outlive_the_launcher(void **state)
{
    (void)state;
    ASK(XS_WATCH, "control/shutdown\0"
                  "7\0");
    page.ring.rsp_cons = page.ring.rsp_prod;
    proxy_free(&proxy, &host);
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
    ASK(XS_RESET_WATCHES, "\0");
    assert_answer(XS_RESET_WATCHES, "OK");
    proxy_changed(&proxy, &host, "/local/domain/7/data");
    assert_false(take_answer());
}

static void all_watches_have_so_much_room(void **state)
{
    static char payload[900] = "data";

    (void)state;
    memset(payload + 5, 't', sizeof(payload) - 6);
    ask(XS_WATCH, 0, payload, sizeof(payload));
    assert_answer(XS_WATCH, "OK");
    page.ring.rsp_cons = page.ring.rsp_prod;
    proxy_work(&proxy, &host);
    page.ring.rsp_cons = page.ring.rsp_prod;
    ask(XS_WATCH, 0, payload + 700, 200); /* no path at all, and a token */
    assert_answer(XS_ERROR, "EINVAL");
    payload[750] = '\0';
    ask(XS_WATCH, 0, payload + 700, 200);
    assert_answer(XS_ERROR, "E2BIG");
}

static void a_watch_has_a_path_and_a_token(void **state)
{
    static const uint32_t types[] = {XS_WATCH, XS_UNWATCH};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        ASK(types[i], "data\0token"); /* of which the NUL is missing */
        assert_answer(XS_ERROR, "EINVAL");
        ASK(types[i], "data\0");
        assert_answer(XS_ERROR, "EINVAL");
    }
}

static void an_event_that_is_too_long_is_none(void **state)
{
    static char path[4000] = "/local/domain/7/data/", payload[200] = "data";

    (void)state;
    memset(payload + 5, 't', sizeof(payload) - 6);
    ask(XS_WATCH, 0, payload, sizeof(payload));
    page.ring.rsp_cons = page.ring.rsp_prod;
    memset(path + 21, 'p', sizeof(path) - 22);
    proxy_changed(&proxy, &host, path);
    assert_false(take_answer());
    path[500] = '\0';
    proxy_changed(&proxy, &host, path);
    assert_true(take_answer());
}

static void a_guest_that_xenstored_serves_is_told_nothing(void **state)
{
    (void)state;
    proxy.ring = NULL;
    proxy_changed(&proxy, &host, "/local/domain/7/data");
}

/* What is not a path and a token each, with their ends, is no watch. */
static void a_stash_is_read_as_far_as_it_makes_sense(void **state)
{
    static const struct {
        const char *magic, *text;
        uint16_t len;
        bool fires;
    } stashes[] = {
        {"sprat-w1", "control\0token", 14, true},    {"sprat-w0", "control\0token", 14, false},
        {"sprat-w1", "control\0token", 13, false},   {"sprat-w1", "control", 8, false},
        {"sprat-w1", "control\0token", 2000, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(stashes) / sizeof(*stashes); i++) {
        memcpy(page.bytes + 3072, stashes[i].magic, 8);
        memcpy(page.bytes + 3080, &stashes[i].len, 2);
        memcpy(page.bytes + 3082, stashes[i].text, stashes[i].len < 14 ? stashes[i].len : 14);
        proxy_changed(&proxy, &host, "/local/domain/7/control/shutdown");
        assert_int_equal(take_answer(), stashes[i].fires);
    }
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_watch_on_the_backend_fires_when_it_changes),
        TEST(shutdown_is_known_to_be_absent_until_it_changes),
        TEST(a_watch_fires_at_once_and_at_each_change_below),
        TEST(a_watch_fires_when_the_folder_it_lies_in_is_removed),
        TEST(watches_outlive_the_launcher),
        TEST(watches_are_counted),
        TEST(a_stash_that_the_guest_spoiled_is_no_harm),
        TEST(a_stash_is_read_as_far_as_it_makes_sense),
        TEST(all_watches_have_so_much_room),
        TEST(a_watch_has_a_path_and_a_token),
        TEST(an_event_that_is_too_long_is_none),
        TEST(a_guest_that_xenstored_serves_is_told_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
