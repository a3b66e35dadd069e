/* SPDX-License-Identifier: BSD-2-Clause */
/* A disk that gets another size while it runs. */
#include "block.h"

#include <sprat/compiler.h>

static unsigned n_changes;

static void changed(void *arg)
{
    (void)arg;
    n_changes++;
}

static void resize(const char *sectors)
{
    fake_blkback_key("sectors", sectors);
    fake_blkback_state(XenbusStateConnected);
    settle();
}

static void a_disk_grows_and_shrinks_while_it_runs(void **state)
{
    (void)state;
    assert_int_equal(blkfront_open(FAKE_VBD_NUMBER, NULL, changed, NULL, &bf), 0);
    settle();
    unsigned before = n_changes;
    assert_int_equal(do_one(BLKFRONT_WRITE, 1 << 20, memory, 512), -ERANGE);
    fake_blkback.bytes = 2 << 20;
    resize("4096");
    assert_int_equal(n_changes, before + 1);
    assert_int_equal(blkfront_geometry(bf)->bytes, 2 << 20);
    assert_int_equal(do_one(BLKFRONT_WRITE, 1 << 20, memory, 512), 0);
    resize("4096");
    assert_int_equal(n_changes, before + 1);
    fake_blkback.bytes = 1 << 19;
    resize("1024");
    assert_int_equal(n_changes, before + 2);
    assert_int_equal(do_one(BLKFRONT_WRITE, 1 << 20, memory, 512), -ERANGE);
    assert_int_equal(do_one(BLKFRONT_WRITE, 0, memory, 512), 0);
    assert_int_equal(blkfront_stats(bf)->connections, 1);
    block_down(0);
}

static void requests_that_wait_are_checked_against_the_new_size(void **state)
{
    struct one first[32], later;

    (void)state;
    block_up_as(NULL);
    fake_blkback.idle = true;
    for (unsigned i = 0; i < 32; i++)
        one_submit(&first[i], BLKFRONT_READ, 0, memory, 512);
    one_submit(&later, BLKFRONT_READ, 1 << 19, memory, 512);
    resize("1024");
    fake_blkback_serve();
    settle();
    assert_int_equal(first[31].request.status, 0);
    assert_int_equal(later.request.status, -ERANGE);
    fake_blkback.idle = false;
    block_down(0);
}

static void features_that_change_are_not_looked_at_until_the_next_connection(void **state)
{
    (void)state;
    block_up_as(NULL);
    fake_blkback_key("feature-persistent", "0");
    fake_blkback_key("feature-max-indirect-segments", "11");
    fake_blkback_key("info", "4");
    resize("2048");
    assert_true(blkfront_transport(bf)->persistent && blkfront_transport(bf)->indirect);
    assert_false(blkfront_geometry(bf)->read_only);
    assert_int_equal(do_one(BLKFRONT_WRITE, 0, memory, 1 << 20), 0);
    block_down(0);
}

static void a_new_size_that_cant_be_is_a_fault(void **state)
{
    const char *const sizes[] = {"0", "x", NULL, "18446744073709551615"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes) + 1; i++) {
        block_up_as(NULL);
        if (i == ARRAY_LEN(sizes))
            fake_blkback_key("sector-size", "4096");
        resize(i < ARRAY_LEN(sizes) ? sizes[i] : "2048");
        assert_has(fake_log_text(), "backend fault: the disk's new size or sector size can't be");
        assert_int_equal(blkfront_link(bf), BLKFRONT_DOWN);
        assert_int_equal(blkfront_stats(bf)->faults, 1);
        block_down(0);
        block_again();
    }
}

static unsigned n_reads;

/* While its keys are read, the backend lies on the ring. */
static int lie_meanwhile(struct xsd_sockmsg *header, char *payload)
{
    (void)payload;
    if (header->type == XS_READ && ++n_reads == 6) {
        fake_blkback_put(0, 60000, BLKIF_OP_READ, BLKIF_RSP_OKAY);
        fake_blkback_push(0);
    }
    return 1;
}

static void a_new_size_is_nothing_to_a_disk_that_is_left(void **state)
{
    struct one one;

    (void)state;
    block_up_as(NULL);
    fake_blkback.idle = true;
    one_submit(&one, BLKFRONT_READ, 0, memory, 512);
    fake_xenstored.tamper = lie_meanwhile;
    resize("0");
    assert_true(n_reads >= 6);
    assert_int_equal(blkfront_stats(bf)->faults, 1);
    assert_has(fake_log_text(), "id not in flight");
    assert_has_not(fake_log_text(), "can't be");
    fake_xenstored.tamper = NULL;
    block_down(0);
}

static void a_new_size_that_is_not_told_is_none(void **state)
{
    (void)state;
    block_up_as(NULL);
    fake_xenstored.refuse_type = XS_READ;
    fake_xenstored.refuse = "EACCES";
    resize("4096");
    assert_int_equal(blkfront_link(bf), BLKFRONT_UP);
    block_down(0);
}

/* What can't be read for want of memory is read the next time. */
static void a_new_size_that_cant_be_read_is_left(void **state)
{
    (void)state;
    block_up_as(NULL);
    for (unsigned fail = 0; fail < 4; fail++) {
        fake_alloc_fails(fail);
        resize("1024");
        fake_alloc_fails(UINT_MAX / 2);
        assert_int_equal(blkfront_link(bf), BLKFRONT_UP);
        assert_true(blkfront_geometry(bf)->bytes == 1 << 19 ||
                    blkfront_geometry(bf)->bytes == 1 << 20);
        resize("2048");
        assert_int_equal(blkfront_geometry(bf)->bytes, 1 << 20);
    }
    assert_has(fake_log_text(), "its new size can't be read: error 12");
    assert_int_equal(blkfront_stats(bf)->faults, 0);
    block_down(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_disk_grows_and_shrinks_while_it_runs, block_setup),
        cmocka_unit_test_setup(requests_that_wait_are_checked_against_the_new_size, block_setup),
        cmocka_unit_test_setup(features_that_change_are_not_looked_at_until_the_next_connection,
                               block_setup),
        cmocka_unit_test_setup(a_new_size_that_cant_be_is_a_fault, block_setup),
        cmocka_unit_test_setup(a_new_size_is_nothing_to_a_disk_that_is_left, block_setup),
        cmocka_unit_test_setup(a_new_size_that_is_not_told_is_none, block_setup),
        cmocka_unit_test_setup(a_new_size_that_cant_be_read_is_left, block_setup),
    };
    return RUN_TESTS(tests);
}
