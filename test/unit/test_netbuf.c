/* SPDX-License-Identifier: BSD-2-Clause */
#include "run.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include <sprat/netbuf.h>

#include "machine.h"
#include "port.h"
#include "queue.h"

#define KEPT_MIN 128

static struct netbuf *bufs[KEPT_MIN + 20];

static int setup(void **state)
{
    (void)state;
    fake_build(&(struct fake_guest){0});
    return 0;
}

static void a_new_packet_is_empty_with_headroom(void **state)
{
    (void)state;
    struct netbuf *buf = netbuf_alloc();
    assert_non_null(buf);
    assert_int_equal(netbuf_headroom(buf), NETBUF_HEADROOM);
    assert_int_equal(netbuf_tailroom(buf), NETBUF_BYTES - NETBUF_HEADROOM);
    assert_int_equal(buf->len + buf->total + buf->gso + buf->csum + buf->gso_size, 0);
    assert_null(buf->piece);
    assert_null(buf->packet);
    assert_null(buf->release);
    netbuf_free(buf);
}

static void a_buffer_used_again_is_like_new(void **state)
{
    (void)state;
    struct netbuf *buf = netbuf_alloc(), *before = buf;
    uint8_t *page = buf->page;
    memset(buf, 0xee, sizeof(*buf));
    buf->page = page;
    buf->piece = NULL;
    buf->release = NULL;
    netbuf_free(buf);
    buf = netbuf_alloc();
    assert_ptr_equal(buf, before);
    assert_ptr_equal(buf->page, page);
    assert_int_equal(netbuf_headroom(buf), NETBUF_HEADROOM);
    assert_null(buf->packet);
    assert_null(buf->owner[0]);
    assert_int_equal(buf->total + buf->gso + buf->csum + buf->gso_size, 0);
    netbuf_free(buf);
}

static void all_pieces_are_freed(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        bufs[i] = netbuf_alloc();
    bufs[0]->piece = bufs[1];
    bufs[1]->piece = bufs[2];
    netbuf_free(bufs[0]);
    netbuf_free(NULL);
    fake_pages_left(0);
    for (int i = 0; i < 3; i++)
        assert_non_null(netbuf_alloc());
    assert_null(netbuf_alloc());
}

static void use_and_free(int n)
{
    for (int i = 0; i < n; i++)
        assert_non_null(bufs[i] = netbuf_alloc());
    for (int i = 0; i < n; i++)
        netbuf_free(bufs[i]);
}

static void no_more_than_128_are_kept(void **state)
{
    (void)state;
    use_and_free(KEPT_MIN + 20);
    assert_int_equal(fake_n_pages(), KEPT_MIN);
    assert_int_equal(fake_n_blocks(), KEPT_MIN);
}

static void more_are_kept_for_who_asks(void **state)
{
    (void)state;
    netbuf_keep(KEPT_MIN + 10);
    netbuf_keep(1); /* another one, who needs fewer */
    use_and_free(KEPT_MIN + 20);
    assert_int_equal(fake_n_pages(), KEPT_MIN + 10);
}

static void without_memory_there_is_none_and_nothing_is_lost(void **state)
{
    (void)state;
    for (unsigned at = 0; at < 2; at++) {
        fake_alloc_fails(at);
        assert_null(netbuf_alloc());
        assert_int_equal(fake_n_blocks(), 0);
        assert_int_equal(fake_n_pages(), 0);
    }
    struct netbuf *buf = netbuf_alloc();
    assert_non_null(buf);
    netbuf_free(buf);
}

static const struct netbuf *released;

static void release(struct netbuf *buf)
{
    released = buf;
}

static void a_page_of_somebody_elses_is_given_back_to_him(void **state)
{
    (void)state;
    struct netbuf theirs = {.release = release};
    bufs[0] = netbuf_alloc();
    bufs[0]->piece = &theirs;
    netbuf_free(bufs[0]);
    assert_ptr_equal(released, &theirs);
    assert_int_equal(fake_n_pages(), 1);
    fake_pages_left(0);
    assert_ptr_equal(netbuf_alloc(), bufs[0]);
    assert_null(netbuf_alloc());
}

static bool holds(const uint8_t *from, size_t n, uint8_t byte)
{
    for (size_t i = 0; i < n; i++)
        if (from[i] != byte)
            return false;
    return true;
}

static void what_a_domain_has_not_seen_is_not_shown_to_it(void **state)
{
    (void)state;
    struct netbuf *buf = netbuf_alloc();
    memset(buf->page, 'o', NETBUF_BYTES); /* our own */
    netbuf_free(buf);
    buf = netbuf_alloc();
    netbuf_show_empty(buf, 1);
    assert_true(holds(buf->page, NETBUF_BYTES, 0));
    memset(buf->page, '1', NETBUF_BYTES); /* what domain 1 wrote */
    netbuf_show_empty(buf, 1);
    assert_true(holds(buf->page, NETBUF_BYTES, '1'));

    buf->data = buf->page + 500;
    buf->len = 60;
    netbuf_show_data(buf, 2);
    assert_true(holds(buf->page, 500, 0));
    assert_true(holds(buf->data, 60, '1'));
    assert_true(holds(buf->data + 60, NETBUF_BYTES - 560, 0));
    memset(buf->page, '2', NETBUF_BYTES);
    netbuf_show_data(buf, 2);
    assert_true(holds(buf->page, NETBUF_BYTES, '2'));
    netbuf_show_empty(buf, 1);
    assert_true(holds(buf->page, NETBUF_BYTES, 0));
    netbuf_free(buf);
}

/* Xen's pages are zeros: they are not cleared once more. What is somebody else's is left alone. */
static void pages_are_cleared_only_where_it_matters(void **state)
{
    (void)state;
    struct netbuf *bufs_of_all[KEPT_MIN];
    unsigned n = netbuf_kept();
    for (unsigned i = 0; i < n; i++)
        bufs_of_all[i] = netbuf_alloc();
    struct netbuf *buf = netbuf_alloc();
    memset(buf->page, 'n', NETBUF_BYTES);
    netbuf_show_empty(buf, 1);
    assert_true(holds(buf->page, NETBUF_BYTES, 'n'));
    uint8_t page[NETBUF_BYTES];
    memset(page, 'l', sizeof(page));
    struct netbuf lent = {.page = page, .data = page + 9, .len = 9, .release = netbuf_free};
    netbuf_show_data(&lent, 2);
    assert_true(holds(page, sizeof(page), 'l'));
    netbuf_free(buf);
    while (n)
        netbuf_free(bufs_of_all[--n]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_new_packet_is_empty_with_headroom, setup),
        cmocka_unit_test_setup(what_a_domain_has_not_seen_is_not_shown_to_it, setup),
        cmocka_unit_test_setup(pages_are_cleared_only_where_it_matters, setup),
        cmocka_unit_test_setup(a_buffer_used_again_is_like_new, setup),
        cmocka_unit_test_setup(all_pieces_are_freed, setup),
        cmocka_unit_test_setup(no_more_than_128_are_kept, setup),
        cmocka_unit_test_setup(more_are_kept_for_who_asks, setup),
        cmocka_unit_test_setup(without_memory_there_is_none_and_nothing_is_lost, setup),
        cmocka_unit_test_setup(a_page_of_somebody_elses_is_given_back_to_him, setup),
    };
    return RUN_TESTS(tests);
}
