/* SPDX-License-Identifier: BSD-2-Clause */
/* Several paths, asked about together. */
#include "run.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <xen/xen.h>

#include <sprat/xenstore.h>

#include "machine.h"
#include "port.h"
#include "world.h"
#include "xenstored.h"

static char a[8], b[8], c[8];
static struct xenstore_item items[XENSTORE_ITEMS_MAX + 1] = {
    {.path = "a", .value = a, .size = sizeof(a)},
    {.path = "b", .value = b, .size = sizeof(b)},
    {.path = "c", .value = c, .size = sizeof(c)},
};

static int setup(void **state)
{
    (void)state;
    fake_build(&(struct fake_guest){0});
    for (int i = 3; i <= XENSTORE_ITEMS_MAX; i++)
        items[i] = items[i % 3];
    return xenstore_init(fake_xenstore_page(), fake_start_info()->store_evtchn);
}

static void each_is_read_with_a_result_of_its_own(void **state)
{
    (void)state;
    fake_xenstored_write("a", "1");
    fake_xenstored_write("c", "far too long");
    assert_int_equal(xenstore_read_items(XENSTORE_NO_TX, items, 3), 0);
    assert_int_equal(items[0].result, 1);
    assert_string_equal(a, "1");
    assert_int_equal(items[1].result, -ENOENT);
    assert_int_equal(items[2].result, -E2BIG);
}

static void all_are_sent_before_the_first_answer(void **state)
{
    (void)state;
    fake_xenstored.delay_ns = 1000;
    fake_xenstored.hold = 3; /* the last answer comes first */
    fake_xenstored_write("a", "1");
    fake_xenstored_write("b", "22");
    fake_xenstored_write("c", "333");
    assert_int_equal(xenstore_read_items(XENSTORE_NO_TX, items, 3), 0);
    assert_int_equal(fake_now(), FAKE_START_NS + 1000);
    assert_string_equal(a, "1");
    assert_string_equal(b, "22");
    assert_string_equal(c, "333");
}

static void each_is_written(void **state)
{
    char yes[] = "yes", none[] = "";
    struct xenstore_item writes[] = {{.path = "data/a", .value = yes},
                                     {.path = "data/b", .value = none}};

    (void)state;
    assert_int_equal(xenstore_write_items(XENSTORE_NO_TX, writes, 2), 0);
    assert_int_equal(writes[0].result, 0);
    assert_string_equal(fake_xenstored_value("data/a"), "yes");
    assert_string_equal(fake_xenstored_value("data/b"), "");
    fake_xenstored.refuse_type = XS_WRITE;
    fake_xenstored.refuse = "EACCES";
    assert_int_equal(xenstore_write_items(XENSTORE_NO_TX, writes, 2), 0);
    assert_int_equal(writes[0].result, -EACCES);
    assert_int_equal(writes[1].result, 0);
}

static void as_many_as_there_may_be_need_one_minute_of_patience(void **state)
{
    (void)state;
    fake_xenstored.silent = true;
    assert_int_equal(xenstore_read_items(XENSTORE_NO_TX, items, XENSTORE_ITEMS_MAX), -ETIMEDOUT);
    assert_int_equal(fake_now(), FAKE_START_NS + XENSTORE_TIMEOUT_NS);
    for (int i = 0; i < XENSTORE_ITEMS_MAX; i++)
        assert_int_equal(items[i].result, -ETIMEDOUT);
    /* nobody's stack is written to later */
    fake_xenstored.silent = false;
    fake_xenstored_write("a", "1");
    assert_int_equal(xenstore_read_items(XENSTORE_NO_TX, items, 1), 0);
}

static int too_long(struct xsd_sockmsg *header, char *payload)
{
    (void)payload;
    header->len = 5000;
    return fake_xenstored.n_requests == 2;
}

static void a_fault_ends_them_all(void **state)
{
    (void)state;
    fake_xenstored.tamper = too_long;
    assert_int_equal(xenstore_read_items(XENSTORE_NO_TX, items, 3), -EIO);
    for (int i = 0; i < 3; i++)
        assert_int_equal(items[i].result, -EIO);
    assert_int_equal(xenstore_read_items(XENSTORE_NO_TX, items, 3), -EIO);
}

static void without_xenstore_each_is_told_so(void **state)
{
    (void)state;
    fake_build(&(struct fake_guest){.no_xenstore = true});
    assert_int_equal(xenstore_read_items(XENSTORE_NO_TX, items, 2), -ENOSYS);
    assert_int_equal(items[1].result, -ENOSYS);
}

static void read_too_many(void)
{
    xenstore_read_items(XENSTORE_NO_TX, items, XENSTORE_ITEMS_MAX + 1);
}

static void write_too_many(void)
{
    xenstore_write_items(XENSTORE_NO_TX, items, XENSTORE_ITEMS_MAX + 1);
}

static void too_many_are_our_mistake(void **state)
{
    (void)state;
    assert_int_equal(fake_run_guest(read_too_many), FAKE_PANICKED);
    assert_int_equal(fake_run_guest(write_too_many), FAKE_PANICKED);
    assert_has(fake_log_text(), "assertion failed: n <= XENSTORE_ITEMS_MAX");
}

static void join_too_long(void)
{
    char path[8];
    xenstore_join(path, sizeof(path), "1234", "678");
}

static void a_path_is_joined_if_it_fits(void **state)
{
    char path[9];

    (void)state;
    assert_ptr_equal(xenstore_join(path, sizeof(path), "1234", "678"), path);
    assert_string_equal(path, "1234/678");
    assert_int_equal(fake_run_guest(join_too_long), FAKE_PANICKED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_is_read_with_a_result_of_its_own, setup),
        cmocka_unit_test_setup(all_are_sent_before_the_first_answer, setup),
        cmocka_unit_test_setup(each_is_written, setup),
        cmocka_unit_test_setup(as_many_as_there_may_be_need_one_minute_of_patience, setup),
        cmocka_unit_test_setup(a_fault_ends_them_all, setup),
        cmocka_unit_test(without_xenstore_each_is_told_so),
        cmocka_unit_test_setup(too_many_are_our_mistake, setup),
        cmocka_unit_test_setup(a_path_is_joined_if_it_fits, setup),
    };
    return RUN_TESTS(tests);
}
