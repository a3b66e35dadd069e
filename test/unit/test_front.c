/* SPDX-License-Identifier: BSD-2-Clause */
/* A frontend's life: each state of ours with each of the backend's. */
#include "run.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/io/xenbus.h>

#include <sprat/front.h>

#include "machine.h"
#include "port.h"
#include "thing.h"
#include "world.h"
#include "xenstored.h"

static int setup(void **state)
{
    (void)state;
    fake_build(&(struct fake_guest){0});
    return xenstore_init(fake_xenstore_page(), fake_start_info()->store_evtchn);
}

/* Nothing of front.c's is left either. */
static void end(void)
{
    thing_end();
    assert_int_equal(fake_n_blocks(), 0);
}

/* Where each pair leads, with all steps that follow from it. */
struct pair {
    enum front_state state;
    const char *calls;
};

#define STAY(state)                                                                                \
    {                                                                                              \
        FRONT_##state, ""                                                                          \
    }

static const struct pair pairs[FRONT_STATES][9] = {
    [FRONT_INITIALISING] = {STAY(INITIALISING),
                            STAY(INITIALISING),
                            {FRONT_PUBLISHED, "publish"},
                            STAY(INITIALISING),
                            STAY(INITIALISING),
                            STAY(INITIALISING),
                            STAY(INITIALISING),
                            STAY(INITIALISING),
                            STAY(INITIALISING)},
    [FRONT_PUBLISHED] = {{FRONT_CLOSED, "disconnect release"},
                         STAY(PUBLISHED),
                         STAY(PUBLISHED),
                         STAY(PUBLISHED),
                         {FRONT_CONNECTED, "connected"},
                         {FRONT_CLOSING, "disconnect"},
                         {FRONT_CLOSED, "disconnect release"},
                         STAY(PUBLISHED),
                         STAY(PUBLISHED)},
    [FRONT_CONNECTED] = {{FRONT_CLOSED, "disconnect release"},
                         {FRONT_INITIALISING, "disconnect release"},
                         {FRONT_PUBLISHED, "disconnect release publish"},
                         {FRONT_CLOSING, "disconnect"},
                         {FRONT_CONNECTED, "offered"},
                         {FRONT_CLOSING, "disconnect"},
                         {FRONT_CLOSED, "disconnect release"},
                         STAY(CONNECTED),
                         STAY(CONNECTED)},
    [FRONT_CLOSING] = {{FRONT_CLOSED, "release"},
                       {FRONT_INITIALISING, "release"},
                       {FRONT_PUBLISHED, "release publish"},
                       STAY(CLOSING),
                       STAY(CLOSING),
                       STAY(CLOSING),
                       {FRONT_CLOSED, "release"},
                       STAY(CLOSING),
                       STAY(CLOSING)},
    [FRONT_CLOSED] = {STAY(CLOSED),
                      {FRONT_INITIALISING, ""},
                      {FRONT_PUBLISHED, "publish"},
                      STAY(CLOSED),
                      STAY(CLOSED),
                      STAY(CLOSED),
                      STAY(CLOSED),
                      STAY(CLOSED),
                      STAY(CLOSED)},
    [FRONT_GONE] = {STAY(GONE), STAY(GONE), STAY(GONE), STAY(GONE), STAY(GONE), STAY(GONE),
                    STAY(GONE), STAY(GONE), STAY(GONE)},
};

static void each_pair_of_states_leads_where_it_should(void **state)
{
    (void)state;
    for (enum front_state ours = FRONT_INITIALISING; ours < FRONT_STATES; ours++) {
        for (unsigned theirs = 0; theirs < 9; theirs++) {
            thing_begin(ours);
            thing_backend_is(theirs);
            if (thing.front->state != pairs[ours][theirs].state ||
                strcmp(thing.calls, pairs[ours][theirs].calls) != 0)
                fail_msg("[%d][%u] leads to %d by \"%s\"", ours, theirs, thing.front->state,
                         thing.calls);
            end();
        }
    }
}

static void what_is_shown_follows_the_state(void **state)
{
    (void)state;
    thing_begin(FRONT_PUBLISHED);
    assert_int_equal(thing_shown(), XenbusStateConnected);
    thing_backend_is(XenbusStateConnected);
    assert_int_equal(thing_shown(), XenbusStateConnected);
    thing_backend_is(XenbusStateClosing);
    assert_int_equal(thing_shown(), XenbusStateClosed);
    thing_backend_is(XenbusStateClosed);
    thing_backend_is(XenbusStateInitialising);
    assert_int_equal(thing_shown(), XenbusStateInitialising);
    assert_int_equal(thing.n_changes, 5);
    end();
}

static void an_offer_is_new_only_when_the_backend_says_so(void **state)
{
    (void)state;
    thing_begin(FRONT_CONNECTED);
    fake_xenstored_write(THING "/backend", THING_BACKEND); /* a look, at what is as it was */
    thing_settle();
    thing_assert(FRONT_CONNECTED, "");
    thing_backend_is(XenbusStateConnected);
    thing_backend_is(XenbusStateConnected);
    thing_assert(FRONT_CONNECTED, "offered offered");
    assert_int_equal(thing.front->backend_state, XenbusStateConnected);
    thing.driver.offered = NULL;
    thing_backend_is(XenbusStateConnected);
    thing_assert(FRONT_CONNECTED, "offered offered");
    end();
}

static void a_driver_that_waits_as_initialised_shows_connected_later(void **state)
{
    struct front_driver disk = thing.driver;

    (void)state;
    disk.published = XenbusStateInitialised;
    thing_plug(XenbusStateInitWait);
    assert_int_equal(front_open(thing.front, &disk, 0), 0);
    thing_settle();
    assert_int_equal(thing_shown(), XenbusStateInitialised);
    thing_backend_is(XenbusStateConnected);
    assert_int_equal(thing_shown(), XenbusStateConnected);
    thing_assert(FRONT_CONNECTED, "publish connected");
    end();
}

static void a_state_that_is_no_number_is_an_unknown_one(void **state)
{
    const char *const texts[] = {"",
                                 "x",
                                 "4x",
                                 " 4",
                                 "-4",
                                 "99999999999999999999",
                                 "0000000000000000000000000000000000000004"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        thing_begin(FRONT_CONNECTED);
        thing_backend_shows(texts[i]);
        thing_assert(FRONT_CLOSED, "disconnect release");
        end();
    }
}

static void a_state_with_a_nul_is_an_unknown_one(void **state)
{
    (void)state;
    thing_begin(FRONT_CONNECTED);
    fake_xenstored_write_bytes(THING_BACKEND "/state", "4\0x", 3);
    thing_settle();
    thing_assert(FRONT_CLOSED, "disconnect release");
    end();
}

static void a_state_beyond_the_last_is_waited_out(void **state)
{
    const char *const texts[] = {"9", "10", "255", "256", "4294967296", "18446744073709551615"};

    (void)state;
    for (enum front_state ours = FRONT_INITIALISING; ours < FRONT_GONE; ours++) {
        thing_begin(ours);
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
            thing_backend_shows(texts[i]);
        thing_assert(ours, "");
        end();
    }
}

static void a_device_taken_away_is_let_go_of_in_each_state(void **state)
{
    const char *const expected[] = {
        [FRONT_INITIALISING] = "release",
        [FRONT_PUBLISHED] = "disconnect release",
        [FRONT_CONNECTED] = "disconnect release",
        [FRONT_CLOSING] = "release",
        [FRONT_CLOSED] = "",
    };

    (void)state;
    for (enum front_state ours = FRONT_INITIALISING; ours < FRONT_GONE; ours++) {
        thing_begin(ours);
        fake_xenstored_remove(THING);
        thing_settle();
        thing_assert(FRONT_GONE, expected[ours]);
        end();
        assert_string_equal(thing.calls, expected[ours]);
    }
}

/* Faults */

static void a_fault_disconnects_and_waits_for_the_backend(void **state)
{
    (void)state;
    thing_begin(FRONT_CONNECTED);
    front_fault(thing.front, "it lies");
    thing_settle();
    thing_assert(FRONT_CLOSING, "disconnect");
    assert_int_equal(thing_shown(), XenbusStateClosed);
    thing_backend_is(XenbusStateClosing);
    assert_int_equal(thing.front->state, FRONT_CLOSING);
    thing_backend_is(XenbusStateClosed);
    thing_assert(FRONT_CLOSED, "disconnect release");
    thing_backend_is(XenbusStateInitWait); /* it has started anew */
    thing_backend_is(XenbusStateConnected);
    thing_assert(FRONT_CONNECTED, "disconnect release publish connected");
    front_fault(thing.front, "it lies again");
    thing_settle();
    assert_int_equal(thing.front->state, FRONT_CLOSING);
    end();
}

static void faults_are_counted_and_said_once(void **state)
{
    (void)state;
    thing_begin(FRONT_CONNECTED);
    for (int i = 0; i < 5; i++)
        front_fault(thing.front, "it lies");
    thing_settle();
    assert_int_equal(thing.front->n_faults, 5);
    assert_string_equal(fake_log_text(),
                        "device/thing/0: backend fault: it lies; it is disconnected\n");
    end();
}

static void a_publish_that_fails_is_undone_and_not_repeated(void **state)
{
    (void)state;
    thing.publish_error = -ENOMEM;
    thing_plug(XenbusStateInitWait);
    assert_int_equal(front_open(thing.front, &thing.driver, 0), 0);
    thing_settle();
    thing_assert(FRONT_CLOSED, "publish disconnect release");
    assert_int_equal(thing_shown(), XenbusStateClosed);
    assert_has(fake_log_text(), "can't be offered to the backend: error 12");
    thing_backend_is(XenbusStateInitWait); /* it waits still */
    assert_string_equal(thing.calls, "publish disconnect release");
    thing.publish_error = 0;
    thing.calls[0] = '\0';
    thing_backend_is(XenbusStateClosed);
    thing_backend_is(XenbusStateInitWait);
    thing_assert(FRONT_PUBLISHED, "publish");
    end();
}

static void a_state_that_cant_be_shown_undoes_the_publish(void **state)
{
    (void)state;
    thing_plug(XenbusStateInitialising);
    assert_int_equal(front_open(thing.front, &thing.driver, 0), 0);
    thing_settle();
    fake_xenstored.refuse_type = XS_WRITE;
    fake_xenstored.refuse = "EACCES";
    thing_backend_is(XenbusStateInitWait);
    thing_assert(FRONT_CLOSED, "publish disconnect release");
    end();
}

static void a_connection_that_cant_be_used_is_given_up(void **state)
{
    (void)state;
    thing.connect_error = -EPROTO;
    thing_begin(FRONT_PUBLISHED);
    thing_backend_is(XenbusStateConnected);
    thing_assert(FRONT_CLOSING, "connected disconnect");
    assert_has(fake_log_text(), "can't work with the backend: error 71");
    thing_backend_is(XenbusStateClosed);
    thing_assert(FRONT_CLOSED, "connected disconnect release");
    end();
}

/* Opening */

static void a_device_that_is_not_there_is_not_opened(void **state)
{
    (void)state;
    thing_plug(XenbusStateInitWait);
    assert_int_equal(front_open(thing.front, &thing.driver, 1), -ENODEV);
    free(thing.front);
    assert_int_equal(fake_xenstored_watches(), 0);
}

static void a_device_that_is_open_is_not_opened_again(void **state)
{
    struct front second = {0};

    (void)state;
    thing_begin(FRONT_CONNECTED);
    assert_int_equal(front_open(&second, &thing.driver, 0), -EBUSY);
    assert_int_equal(front_open(&second, &thing.driver, 1), -ENODEV);
    end();
    thing_begin(FRONT_CONNECTED);
    end();
}

static void a_backend_id_that_is_none_is_refused(void **state)
{
    const char *const ids[] = {"", "x", "-1", "0x0", "32752", "65535", "65536", "4294967296"};

    (void)state;
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        thing_plug(XenbusStateInitWait);
        fake_xenstored_write(THING "/backend-id", ids[i]);
        assert_int_equal(front_open(thing.front, &thing.driver, 0), -EINVAL);
        free(thing.front);
    }
    thing_plug(XenbusStateInitWait);
    fake_xenstored_write_bytes(THING "/backend-id", "0\0x", 3);
    assert_int_equal(front_open(thing.front, &thing.driver, 0), -EINVAL);
    free(thing.front);
    thing_plug(XenbusStateInitWait);
    fake_xenstored_write(THING "/backend-id", "000000000000000000000000000000");
    assert_int_equal(front_open(thing.front, &thing.driver, 0), -E2BIG);
    free(thing.front);
    assert_int_equal(fake_xenstored_watches(), 0);
    assert_string_equal(thing.calls, "");
}

static void a_backend_path_that_is_none_is_refused(void **state)
{
    char path[FRONT_PATH_MAX + 1];

    (void)state;
    thing_plug(XenbusStateInitWait);
    fake_xenstored_write_bytes(THING "/backend", "/local\0/domain", 14);
    assert_int_equal(front_open(thing.front, &thing.driver, 0), -EINVAL);
    memset(path, 'x', sizeof(path));
    fake_xenstored_write_bytes(THING "/backend", path, FRONT_PATH_MAX);
    assert_int_equal(front_open(thing.front, &thing.driver, 0), -E2BIG);
    path[0] = '/';
    fake_xenstored_write_bytes(THING "/backend", path, FRONT_PATH_MAX - 1);
    assert_int_equal(front_open(thing.front, &thing.driver, 0), 0); /* nobody is there */
    thing_settle();
    thing_assert(FRONT_INITIALISING, "");
    end();
}

static void a_backend_that_becomes_none_changes_nothing(void **state)
{
    (void)state;
    thing_begin(FRONT_CONNECTED);
    fake_xenstored_write(THING "/backend-id", "nobody");
    fake_xenstored_write(THING "/backend", "\n");
    thing_settle();
    thing_assert(FRONT_CONNECTED, "");
    assert_has(fake_log_text(), "its backend can't be found out");
    end();
    assert_string_equal(thing.calls, "disconnect release");
}

static int refuse_the_next(struct xsd_sockmsg *header, char *payload)
{
    (void)payload;
    if (header->type == XS_WATCH) {
        fake_xenstored.refuse_type = XS_WATCH;
        fake_xenstored.refuse = "ENOSPC";
        fake_xenstored.tamper = NULL;
    }
    return 1;
}

static void a_watch_that_is_refused_leaves_nothing(void **state)
{
    (void)state;
    thing_plug(XenbusStateInitWait);
    fake_xenstored.refuse_type = XS_WATCH;
    fake_xenstored.refuse = "ENOSPC";
    assert_int_equal(front_open(thing.front, &thing.driver, 0), -ENOSPC);
    free(thing.front);
    thing_settle();

    thing_plug(XenbusStateInitWait);
    fake_xenstored.tamper = refuse_the_next;
    assert_int_equal(front_open(thing.front, &thing.driver, 0), -ENOSPC);
    free(thing.front);
    thing_settle();
    assert_int_equal(fake_xenstored_watches(), 0);
    assert_int_equal(fake_n_blocks(), 0);
}

/* Who asks for one need not know how far it is. */
static void an_errand_is_for_a_device_that_is_connected(void **state)
{
    (void)state;
    for (enum front_state ours = FRONT_INITIALISING; ours < FRONT_GONE; ours++) {
        thing_begin(ours);
        front_errand(thing.front);
        thing_settle();
        assert_string_equal(thing.calls, ours == FRONT_CONNECTED ? "errand" : "");
        end();
    }
}

static void devices_are_listed(void **state)
{
    unsigned numbers[4];

    (void)state;
    assert_int_equal(front_list("thing", numbers, 4), 0);
    thing_plug(XenbusStateInitWait);
    free(thing.front);
    fake_xenstored_write("device/thing/17/backend", "/x");
    fake_xenstored_write("device/thing/nothing/backend", "/x");
    fake_xenstored_write("device/thing/4294967296/backend", "/x");
    assert_int_equal(front_list("thing", numbers, 4), 2);
    assert_int_equal(numbers[0] + numbers[1], 17);
    assert_int_equal(front_list("thing", numbers, 1), 1);
}

static void a_list_that_can_not_be_had_is_none(void **state)
{
    unsigned numbers[4];

    (void)state;
    fake_xenstored_write("device/thing/17/backend", "/x");
    fake_xenstored.refuse_type = XS_DIRECTORY;
    fake_xenstored.refuse = "EACCES";
    assert_int_equal(front_list("thing", numbers, 4), -EACCES);
    fake_alloc_fails(0);
    assert_int_equal(front_list("thing", numbers, 4), -ENOMEM);
    assert_int_equal(fake_n_blocks(), 0);
}

/* Disks have long numbers: a hundred names are more than half a KiB. */
static void many_devices_are_listed(void **state)
{
    enum { MANY = 150 };
    unsigned numbers[MANY + 1];
    char path[64];

    (void)state;
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(path, sizeof(path), "device/thing/%u/backend", 268435456 + 256 * i);
        fake_xenstored_write(path, "/x");
    }
    assert_int_equal(front_list("thing", numbers, MANY + 1), MANY);
    assert_int_equal(fake_n_blocks(), 0);
}

static void a_number_of_the_backends_is_one_or_the_default(void **state)
{
    (void)state;
    thing_begin(FRONT_PUBLISHED);
    fake_xenstored_write(THING_BACKEND "/good", "42");
    fake_xenstored_write(THING_BACKEND "/bad", "4 2");
    assert_int_equal(front_backend_number(thing.front, "good", 7), 42);
    assert_int_equal(front_backend_number(thing.front, "bad", 7), 7);
    assert_int_equal(front_backend_number(thing.front, "missing", 7), 7);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_pair_of_states_leads_where_it_should, setup),
        cmocka_unit_test_setup(what_is_shown_follows_the_state, setup),
        cmocka_unit_test_setup(an_offer_is_new_only_when_the_backend_says_so, setup),
        cmocka_unit_test_setup(a_driver_that_waits_as_initialised_shows_connected_later, setup),
        cmocka_unit_test_setup(a_state_that_is_no_number_is_an_unknown_one, setup),
        cmocka_unit_test_setup(a_state_with_a_nul_is_an_unknown_one, setup),
        cmocka_unit_test_setup(a_state_beyond_the_last_is_waited_out, setup),
        cmocka_unit_test_setup(a_device_taken_away_is_let_go_of_in_each_state, setup),
        cmocka_unit_test_setup(a_fault_disconnects_and_waits_for_the_backend, setup),
        cmocka_unit_test_setup(faults_are_counted_and_said_once, setup),
        cmocka_unit_test_setup(a_publish_that_fails_is_undone_and_not_repeated, setup),
        cmocka_unit_test_setup(a_state_that_cant_be_shown_undoes_the_publish, setup),
        cmocka_unit_test_setup(a_connection_that_cant_be_used_is_given_up, setup),
        cmocka_unit_test_setup(a_device_that_is_not_there_is_not_opened, setup),
        cmocka_unit_test_setup(a_device_that_is_open_is_not_opened_again, setup),
        cmocka_unit_test_setup(a_backend_id_that_is_none_is_refused, setup),
        cmocka_unit_test_setup(a_backend_path_that_is_none_is_refused, setup),
        cmocka_unit_test_setup(a_backend_that_becomes_none_changes_nothing, setup),
        cmocka_unit_test_setup(a_watch_that_is_refused_leaves_nothing, setup),
        cmocka_unit_test_setup(devices_are_listed, setup),
        cmocka_unit_test_setup(an_errand_is_for_a_device_that_is_connected, setup),
        cmocka_unit_test_setup(a_list_that_can_not_be_had_is_none, setup),
        cmocka_unit_test_setup(many_devices_are_listed, setup),
        cmocka_unit_test_setup(a_number_of_the_backends_is_one_or_the_default, setup),
    };
    return RUN_TESTS(tests);
}
