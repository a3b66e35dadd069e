/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests to a backend that does what it should. */
#include "block.h"

#include <sprat/compiler.h>

/* Data goes where it belongs */

static void what_is_written_is_read_again(void **state)
{
    const size_t sizes[] = {512, 1024, 4096, 4608, 11 * 4096, 11 * 4096 + 512, 12 * 4096, 1 << 20};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        size_t len = sizes[i];
        uint64_t offset = ((1 << 20) - len) / 512 / 2 * 512;
        memset(fake_blkback.disk, 0x5a, fake_blkback.bytes);
        fill(memory, offset, len);
        assert_int_equal(do_one(BLKFRONT_WRITE, offset, memory, len), 0);
        assert_pattern(fake_blkback.disk + offset, offset, len);
        for (uint64_t at = 0; at < fake_blkback.bytes; at++)
            if (at < offset || at >= offset + len)
                assert_int_equal(fake_blkback.disk[at], 0x5a);
        memset(memory, 0, len + 1);
        assert_int_equal(do_one(BLKFRONT_READ, offset, memory, len), 0);
        assert_pattern(memory, offset, len);
        assert_int_equal(memory[len], 0);
    }
    const struct blkfront_stats *stats = blkfront_stats(bf);
    assert_int_equal(stats->reads, ARRAY_LEN(sizes));
    assert_int_equal(stats->writes, ARRAY_LEN(sizes));
    assert_int_equal(stats->read_bytes, stats->written_bytes);
    block_down(0);
}

static void memory_may_lie_anywhere_and_in_pieces(void **state)
{
    struct blkfront_buffer buffers[64];
    const size_t lens[] = {1, 511, 3, 0, 4096, 777, 5000, 0, 13};

    (void)state;
    for (unsigned round = 0; round < 2; round++) {
        size_t total = 0, at = 1;
        unsigned n = 0;
        for (; n < 40; n++) {
            buffers[n] = (struct blkfront_buffer){memory + at, lens[n % ARRAY_LEN(lens)]};
            if (!buffers[n].len)
                buffers[n].bytes = NULL; /* it is nowhere */
            if (round == 0)
                fill(buffers[n].bytes, total, buffers[n].len);
            at += buffers[n].len + 5;
            total += buffers[n].len;
        }
        buffers[n] = (struct blkfront_buffer){memory + at, 512 - total % 512};
        if (round == 0)
            fill(buffers[n].bytes, total, buffers[n].len);
        total += buffers[n++].len;
        struct blkfront_request request = {.op = round ? BLKFRONT_READ : BLKFRONT_WRITE,
                                           .offset = 512 * 3,
                                           .buffers = buffers,
                                           .n_buffers = n};
        if (round)
            memset(memory, 0, sizeof(memory));
        assert_int_equal(blkfront_do(bf, &request), 0);
        assert_int_equal(request.length, total);
        if (round == 0)
            assert_pattern(fake_blkback.disk + 512 * 3, 0, total);
        size_t done = 0;
        for (unsigned i = 0; i < n; done += buffers[i++].len) {
            assert_pattern(buffers[i].bytes, done, buffers[i].len);
            if (buffers[i].len)
                assert_int_equal(((uint8_t *)buffers[i].bytes)[buffers[i].len], 0);
        }
    }
    block_down(0);
}

static void a_request_larger_than_all_pages_is_done_in_parts(void **state)
{
    (void)state;
    fake_blkback.bytes = 4 << 20;
    block_down(0);
    block_again();
    fake_blkback.bytes = 4 << 20;
    fake_blkback_number("sectors", (4 << 20) / 512);
    block_up_as(&(struct blkfront_config){.pages_max = 100});
    fill(memory, 0, sizeof(memory));
    assert_int_equal(do_one(BLKFRONT_WRITE, 0, memory, sizeof(memory)), 0);
    assert_pattern(fake_blkback.disk, 0, sizeof(memory));
    memset(memory, 0, sizeof(memory));
    assert_int_equal(do_one(BLKFRONT_READ, 0, memory, sizeof(memory)), 0);
    assert_pattern(memory, 0, sizeof(memory));
    assert_in_range(gnttab_used(), 2, 101);
    block_down(0);
}

static void without_indirect_requests_it_takes_eleven_pages_at_a_time(void **state)
{
    (void)state;
    block_down(0);
    block_again();
    block_up_as(&(struct blkfront_config){.no_indirect = true});
    assert_int_equal(blkfront_transport(bf)->segments, 11);
    fill(memory, 0, 1 << 20);
    assert_int_equal(do_one(BLKFRONT_WRITE, 0, memory, 1 << 20), 0);
    assert_pattern(fake_blkback.disk, 0, 1 << 20);
    assert_int_equal(fake_blkback.n_writes, (256 + 10) / 11);
    assert_int_equal(fake_blkback.n_indirect, 0);
    block_down(0);
}

static void requests_name_the_disk_and_their_sectors(void **state)
{
    struct one small, large;

    (void)state;
    fake_blkback.idle = true;
    one_submit(&small, BLKFRONT_READ, 512 * 5, memory, 512 * 9);
    one_submit(&large, BLKFRONT_WRITE, 512 * 100, memory, 512 * 97);
    assert_true(fake_blkback_take(0, &block));
    assert_false(block.indirect);
    assert_int_equal(block.handle, (uint16_t)FAKE_VBD_NUMBER);
    assert_int_equal(block.sector, 5);
    assert_int_equal(block.n_sectors, 9);
    fake_blkback_answer(0, &block);
    assert_true(fake_blkback_take(0, &block));
    assert_true(block.indirect);
    assert_int_equal(block.handle, (uint16_t)FAKE_VBD_NUMBER);
    assert_int_equal(block.sector, 100);
    assert_int_equal(block.n_sectors, 97);
    fake_blkback_answer(0, &block);
    settle();
    assert_int_equal(small.n_done + large.n_done, 2);
    block_down(0);
}

/* Pages */

static void a_page_holds_nothing_but_what_is_written(void **state)
{
    struct one one;

    (void)state;
    fake_blkback.idle = true;
    memset(memory, 0xee, 512);
    one_submit(&one, BLKFRONT_WRITE, 0, memory, 512);
    assert_true(fake_blkback_take(0, &block));
    const uint8_t *page = fake_blkback_page(block.segments[0].gref, false);
    for (unsigned i = 0; i < PAGE_BYTES; i++)
        assert_int_equal(page[i], i < 512 ? 0xee : 0);
    fake_blkback_answer(0, &block);
    settle();
    block_down(0);
}

static void what_is_to_be_read_into_holds_nothing_of_the_guests(void **state)
{
    struct one one;

    (void)state;
    fake_blkback.idle = true;
    memset(memory, 0xee, 4096);
    one_submit(&one, BLKFRONT_READ, 0, memory, 4096);
    assert_true(fake_blkback_take(0, &block));
    const uint8_t *page = fake_blkback_page(block.segments[0].gref, false);
    for (unsigned i = 0; i < PAGE_BYTES; i++)
        assert_int_equal(page[i], 0);
    fake_blkback_answer(0, &block);
    settle();
    block_down(0);
}

static void persistent_pages_are_granted_once_and_used_again(void **state)
{
    (void)state;
    assert_true(blkfront_transport(bf)->persistent);
    do_one(BLKFRONT_WRITE, 0, memory, 4096);
    unsigned used = gnttab_used();
    for (unsigned i = 0; i < 20; i++) {
        do_one(BLKFRONT_READ, 0, memory, 4096);
        do_one(BLKFRONT_WRITE, 0, memory, 4096 * 3);
    }
    assert_int_equal(gnttab_used(), used);
    block_down(0);
}

static void other_pages_are_granted_while_they_are_in_flight(void **state)
{
    struct one write, read;

    (void)state;
    block_down(0);
    block_again();
    fake_blkback_key("feature-persistent", "0");
    block_up_as(NULL);
    assert_false(blkfront_transport(bf)->persistent);
    unsigned ring = gnttab_used();
    fake_blkback.idle = true;
    one_submit(&write, BLKFRONT_WRITE, 0, memory, 4096 * 20);
    one_submit(&read, BLKFRONT_READ, 0, memory, 4096 * 20);
    assert_int_equal(gnttab_used(), ring + 42); /* the lists, too */
    for (unsigned i = 0; i < 2; i++) {
        assert_true(fake_blkback_take(0, &block));
        bool readable = block.operation == BLKIF_OP_WRITE;
        for (unsigned j = 0; j < 20; j++)
            assert_int_equal(!!(fake_gnttab_entry(block.segments[j].gref)->flags & GTF_readonly),
                             readable);
        assert_true(fake_gnttab_entry(block.list_ref)->flags & GTF_readonly);
        fake_blkback_answer(0, &block);
    }
    settle();
    assert_int_equal(gnttab_used(), ring);
    block_down(0);
}

static void a_guest_that_wants_no_persistent_pages_says_so(void **state)
{
    (void)state;
    block_down(0);
    block_again();
    block_up_as(&(struct blkfront_config){.no_persistent = true});
    assert_string_equal(fake_xenstored_value(FAKE_VBD "/feature-persistent"), "0");
    assert_false(blkfront_transport(bf)->persistent);
    unsigned ring = gnttab_used();
    assert_int_equal(do_one(BLKFRONT_WRITE, 0, memory, 4096), 0);
    assert_int_equal(gnttab_used(), ring);
    block_down(0);
}

static void without_memory_it_makes_do_with_few_pages(void **state)
{
    (void)state;
    fill(memory, 0, 1 << 20);
    fake_pages_left(0);
    assert_int_equal(do_one(BLKFRONT_WRITE, 0, memory, 1 << 20), 0);
    assert_pattern(fake_blkback.disk, 0, 1 << 20);
    assert_int_equal(gnttab_used(), 1 + 8);
    fake_pages_left(UINT_MAX);
    block_down(0);
}

static void without_grants_it_makes_do_with_few_pages(void **state)
{
    grant_ref_t ref;
    void *page = port_pages_alloc(1);

    (void)state;
    while (gnttab_grant(1, page, true, &ref) == 0)
        ;
    unsigned used = gnttab_used();
    fill(memory, 0, 1 << 20);
    assert_int_equal(do_one(BLKFRONT_WRITE, 0, memory, 1 << 20), 0);
    assert_pattern(fake_blkback.disk, 0, 1 << 20);
    assert_int_equal(gnttab_used(), used);
}

static void without_any_grant_a_request_fails(void **state)
{
    grant_ref_t ref, last = 0;

    (void)state;
    block_down(0);
    block_again();
    fake_blkback_key("feature-persistent", "0");
    block_up_as(NULL);
    void *page = port_pages_alloc(1);
    while (gnttab_grant(1, page, true, &ref) == 0)
        last = ref;
    assert_int_equal(do_one(BLKFRONT_WRITE, 0, memory, 512), -ENOMEM);
    gnttab_revoke(last);
    assert_int_equal(do_one(BLKFRONT_WRITE, 0, memory, 1 << 20), 0);
}

/* Bad requests */

static void a_request_that_cant_be_is_refused(void **state)
{
    static const struct {
        uint64_t offset, len;
        int error;
    } cases[] = {
        {0, 0, -EINVAL},
        {1, 512, -EINVAL},
        {511, 512, -EINVAL},
        {0, 511, -EINVAL},
        {0, 513, -EINVAL},
        {1 << 20, 512, -ERANGE},
        {(1 << 20) - 512, 1024, -ERANGE},
        {UINT64_MAX - 511, 512, -ERANGE},
        {UINT64_MAX - 511, 1024, -ERANGE},
        {512, UINT64_MAX - 511, -ERANGE},
        {(1 << 20) - 512, 512, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (enum blkfront_op op = BLKFRONT_READ; op <= BLKFRONT_SECURE_DISCARD; op++)
            if (op != BLKFRONT_FLUSH)
                assert_int_equal(do_one(op, cases[i].offset, memory, cases[i].len), cases[i].error);
    assert_int_equal(do_one((enum blkfront_op)9, 0, memory, 512), -EINVAL);
    assert_int_equal(blkfront_stats(bf)->sent, 4);
    assert_int_equal(blkfront_stats(bf)->errors, 10 * 4 + 1);
    struct blkfront_buffer endless[] = {{memory, SIZE_MAX - 511}, {memory, 1024}};
    struct blkfront_request request = {
        .op = BLKFRONT_READ, .buffers = endless, .n_buffers = ARRAY_LEN(endless)};
    assert_int_equal(blkfront_do(bf, &request), -EINVAL);
    block_down(0);
}

static void what_the_backend_cant_do_is_an_error(void **state)
{
    (void)state;
    fill(memory, 0, 512);
    fake_blkback.status = BLKIF_RSP_ERROR;
    assert_int_equal(do_one(BLKFRONT_READ, 0, memory, 512), -EIO);
    assert_pattern(memory, 0, 512); /* nothing came */
    assert_int_equal(do_one(BLKFRONT_WRITE, 0, memory, 1 << 20), -EIO);
    assert_int_equal(do_one(BLKFRONT_FLUSH, 0, NULL, 0), -EIO);
    assert_int_equal(do_one(BLKFRONT_DISCARD, 0, NULL, 512), -EIO);
    fake_blkback.status = BLKIF_RSP_EOPNOTSUPP;
    assert_int_equal(do_one(BLKFRONT_READ, 0, memory, 512), -EIO);
    assert_true(blkfront_geometry(bf)->discard);
    assert_int_equal(do_one(BLKFRONT_DISCARD, 0, NULL, 512), -EOPNOTSUPP);
    assert_false(blkfront_geometry(bf)->discard || blkfront_geometry(bf)->secure_discard);
    fake_blkback.status = BLKIF_RSP_OKAY;
    assert_int_equal(do_one(BLKFRONT_DISCARD, 0, NULL, 512), -EOPNOTSUPP);
    assert_int_equal(do_one(BLKFRONT_READ, 0, memory, 512), 0);
    assert_int_equal(blkfront_stats(bf)->faults, 0);
    assert_int_equal(blkfront_link(bf), BLKFRONT_UP);
    block_down(0);
}

static void one_part_that_fails_fails_the_request_once(void **state)
{
    struct one one;

    (void)state;
    block_down(0);
    block_again();
    block_up_as(&(struct blkfront_config){.no_indirect = true});
    fake_blkback.idle = true;
    one_submit(&one, BLKFRONT_WRITE, 0, memory, 1 << 20);
    unsigned n = 0;
    for (; fake_blkback_take(0, &block); n++) {
        fake_blkback.status = n == 3 ? BLKIF_RSP_ERROR : BLKIF_RSP_OKAY;
        fake_blkback_answer(0, &block);
        if (n == 10)
            settle();
    }
    settle();
    assert_int_equal(one.n_done, 1);
    assert_int_equal(one.request.status, -EIO);
    fake_blkback.status = BLKIF_RSP_OKAY;
    block_down(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_is_written_is_read_again, block_up),
        cmocka_unit_test_setup(memory_may_lie_anywhere_and_in_pieces, block_up),
        cmocka_unit_test_setup(a_request_larger_than_all_pages_is_done_in_parts, block_up),
        cmocka_unit_test_setup(without_indirect_requests_it_takes_eleven_pages_at_a_time, block_up),
        cmocka_unit_test_setup(requests_name_the_disk_and_their_sectors, block_up),
        cmocka_unit_test_setup(a_page_holds_nothing_but_what_is_written, block_up),
        cmocka_unit_test_setup(what_is_to_be_read_into_holds_nothing_of_the_guests, block_up),
        cmocka_unit_test_setup(persistent_pages_are_granted_once_and_used_again, block_up),
        cmocka_unit_test_setup(other_pages_are_granted_while_they_are_in_flight, block_up),
        cmocka_unit_test_setup(a_guest_that_wants_no_persistent_pages_says_so, block_up),
        cmocka_unit_test_setup(without_memory_it_makes_do_with_few_pages, block_up),
        cmocka_unit_test_setup(without_grants_it_makes_do_with_few_pages, block_up),
        cmocka_unit_test_setup(without_any_grant_a_request_fails, block_up),
        cmocka_unit_test_setup(a_request_that_cant_be_is_refused, block_up),
        cmocka_unit_test_setup(what_the_backend_cant_do_is_an_error, block_up),
        cmocka_unit_test_setup(one_part_that_fails_fails_the_request_once, block_up),
    };
    return RUN_TESTS(tests);
}
