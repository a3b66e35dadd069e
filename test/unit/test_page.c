/* SPDX-License-Identifier: BSD-2-Clause */
#include "run.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <xen/sched.h>

#include <sprat/arch.h>
#include <sprat/compiler.h>
#include <sprat/mmu.h>
#include <sprat/page.h>
#include <sprat/port.h>

#include "kernel.h"
#include "machine.h"
#include "world.h"

#define MANY 20000 /* more than one block of bits is for */

/* Write all of each page, so that one given twice or not mapped shows. */
static void *pages(size_t n)
{
    char *run = page_alloc(n, 1);
    if (run)
        memset(run, (int)((uintptr_t)run >> PAGE_BITS), n * PAGE_BYTES);
    return run;
}

static void assert_whole(const void *run, size_t n)
{
    const unsigned char *bytes = run;

    for (size_t i = 0; i < n * PAGE_BYTES; i += 512)
        assert_int_equal(bytes[i], (unsigned char)((uintptr_t)run >> PAGE_BITS));
}

static void the_builders_pages_are_used_and_the_rest_is_free(void **state)
{
    (void)state;
    fake_build(&(struct fake_guest){.n_pages = 1024, .n_mapped = 256, .n_image = 16});
    size_t n_free = page_init();
    assert_int_equal(page_total(), 1024);
    assert_int_equal(page_free_count(), n_free);
    /* image, start_info, two rings, four page tables; one page of bits. */
    assert_int_equal(n_free, 1024 - 16 - 3 - 4 - 1);
    assert_true(page_used(mmu_va(0)));
    assert_true(page_used(fake_start_info()));
    assert_true(page_used((char *)mmu_va(23) + 4095));
    assert_false(page_used(mmu_va(24)));
    assert_false(page_used(mmu_va(2000)));
    assert_false(page_used((void *)8));
    assert_ptr_equal(pages(1), mmu_va(24));
}

static void a_builder_may_map_more_than_one_block_is_for(void **state)
{
    (void)state;
    fake_build(&(struct fake_guest){.n_pages = 2 * MANY, .n_mapped = 20480, .n_image = 16});
    assert_int_equal(page_init(), 2 * MANY - 16 - 3 - 4 - 2);
    assert_true(page_used(mmu_va(24)) && !page_used(mmu_va(25)));
    char *run = pages(MANY);
    assert_non_null(run);
    assert_whole(run, MANY);
    page_free(run);
}

static void a_run_is_split_and_given_back_in_parts(void **state)
{
    (void)state;
    fake_build(&(struct fake_guest){.n_pages = 1024, .n_mapped = 256, .n_image = 16});
    size_t n_free = page_init();
    char *run = pages(5);
    assert_true(page_split(run));
    assert_true(page_split(run + 2 * PAGE_BYTES));
    assert_int_equal(page_run(run), 2);
    assert_int_equal(page_run(run + 2 * PAGE_BYTES), 3);
    page_free(run);
    assert_int_equal(page_free_count(), n_free - 3);
    assert_false(page_split(run));
    assert_false(page_split(run + 2 * PAGE_BYTES + 1));
    assert_false(page_split(mmu_va(1)));
    assert_false(page_split(mmu_va(2000)));
    page_free(run + 2 * PAGE_BYTES);
    assert_int_equal(page_free_count(), n_free);
}

static void rings_behind_the_page_tables_are_not_given_away(void **state)
{
    (void)state;
    fake_build(&(struct fake_guest){.rings_last = true});
    page_init();
    assert_true(page_used(fake_xenstore_page()));
    assert_true(page_used(fake_console_page()));
    assert_in_range((uintptr_t)pages(1), (uintptr_t)fake_console_page() + PAGE_BYTES, UINTPTR_MAX);
}

static void all_pages_are_given_once_and_taken_back(void **state)
{
    static void *runs[1024];
    size_t n = 0;

    (void)state;
    fake_build(&(struct fake_guest){.n_pages = 1024, .n_mapped = 128});
    size_t n_free = page_init();
    while ((runs[n] = pages(1)))
        n++;
    assert_int_equal(n, n_free - fake_n_tables());
    assert_int_equal(page_free_count(), 0);
    for (size_t i = 0; i < n; i++) {
        assert_whole(runs[i], 1);
        assert_int_equal(page_run(runs[i]), 1);
        page_free(runs[i]);
    }
    assert_int_equal(page_free_count(), n);
    assert_non_null(pages(n / 3)); /* and in one piece */
}

static void more_memory_than_one_block_of_bits_is_for_is_mapped_when_used(void **state)
{
    size_t n = 0;

    (void)state;
    fake_build(&(struct fake_guest){.n_pages = MANY, .n_mapped = 256});
    size_t n_free = page_init();
    assert_false(fake_readable((uintptr_t)mmu_va(256)));
    assert_int_equal(fake_n_tables(), 0);
    while (pages(1))
        n++;
    assert_int_equal(n, n_free - fake_n_tables() - 1 /* the second block */);
}

static void more_memory_than_there_are_blocks_for_is_not_used(void **state)
{
    (void)state;
    fake_build(&(struct fake_guest){0});
    fake_start_info()->nr_pages = (32ul << 30) / PAGE_BYTES + MANY;
    page_init();
    assert_int_equal(page_total(), (32ul << 30) / PAGE_BYTES);
}

static void a_small_guest_has_small_room(void **state)
{
    size_t n = 0;

    (void)state;
    fake_build(&(struct fake_guest){.n_pages = 100, .n_mapped = 100});
    size_t n_free = page_init();
    while (pages(1))
        n++;
    assert_int_equal(n, n_free);
}

static void a_run_is_given_whole(void **state)
{
    (void)state;
    fake_build(&(struct fake_guest){0});
    page_init();
    void *a = pages(3), *b = pages(200), *c = pages(1);
    assert_int_equal(page_run(a), 3);
    assert_int_equal(page_run(b), 200);
    assert_int_equal(page_run((char *)b + PAGE_BYTES), 0);
    assert_int_equal(page_run((char *)b + 8), 0);
    assert_whole(a, 3);
    assert_whole(b, 200);
    page_free(b);
    assert_int_equal(page_run(b), 0);
    assert_ptr_equal(pages(200), b);
    assert_whole(c, 1);
}

static void a_hole_is_filled_only_by_what_fits(void **state)
{
    (void)state;
    fake_build(&(struct fake_guest){0});
    page_init();
    void *a = pages(2), *b = pages(1), *c = pages(2);
    page_free(a);
    assert_true((uintptr_t)pages(3) > (uintptr_t)c);
    assert_ptr_equal(pages(1), a);
    page_free(b);
    assert_ptr_equal(pages(2), (char *)a + PAGE_BYTES);
}

static void runs_are_aligned_as_addresses_are(void **state)
{
    (void)state;
    fake_build(&(struct fake_guest){.n_pages = 8192});
    page_init();
    for (size_t align = 1; align <= 2048; align *= 2) {
        void *run = page_alloc(3, align);
        assert_non_null(run);
        assert_int_equal((uintptr_t)run % (align * PAGE_BYTES), 0);
        memset(run, 1, 3 * PAGE_BYTES);
    }
}

static void more_than_there_is_is_refused(void **state)
{
    (void)state;
    fake_build(&(struct fake_guest){0});
    size_t n_free = page_init();
    assert_null(page_alloc(n_free + 1, 1));
    assert_null(page_alloc(SIZE_MAX, 1));
    assert_false(fake_readable((uintptr_t)mmu_va(1023))); /* nor is anything mapped for it */
    assert_null(page_alloc(1, 1ull << 40));
    assert_non_null(pages(10));
}

static void a_refusal_of_xens_is_no_memory(void **state)
{
    size_t n = 0;

    (void)state;
    fake_build(&(struct fake_guest){.n_pages = 1024, .n_mapped = 256});
    page_init();
    fake_map_fails(1, -EINVAL);
    while (pages(1))
        n++;
    assert_in_range(n, 256, 256 + 64);
    assert_null(page_alloc(1, 1));
}

/* Random use, against a plain map of who owns what. */
static void no_page_ever_has_two_owners(void **state)
{
    static struct {
        void *run;
        size_t n;
    } runs[64];
    (void)state;
    fake_build(&(struct fake_guest){.n_pages = 2048});
    page_init();
    srandom(1);
    for (int i = 0; i < 20000; i++) {
        int at = (int)(random() % 64);
        if (runs[at].run) {
            assert_whole(runs[at].run, runs[at].n);
            assert_int_equal(page_run(runs[at].run), runs[at].n);
            page_free(runs[at].run);
            runs[at].run = NULL;
        } else {
            runs[at].n = 1 + (size_t)random() % (at % 8 == 0 ? 100 : 5);
            runs[at].run = pages(runs[at].n);
        }
    }
}

static void *victim;

static void free_victim(void)
{
    page_free(victim);
}

static void assert_freeing_ends_the_guest(void *address)
{
    victim = address;
    assert_int_equal(fake_run_kernel(free_victim), SHUTDOWN_crash);
    assert_has(fake_log_text(), "is freed, but no allocation starts there");
}

static void nothing(void)
{
}

static void a_run_freed_twice_ends_the_guest(void **state)
{
    (void)state;
    fake_run_kernel(nothing);
    void *run = pages(2);
    page_free(run);
    assert_freeing_ends_the_guest(run);
}

static void the_middle_of_a_run_cant_be_freed(void **state)
{
    (void)state;
    fake_run_kernel(nothing);
    assert_freeing_ends_the_guest((char *)pages(2) + PAGE_BYTES);
}

static void half_a_page_cant_be_freed(void **state)
{
    (void)state;
    fake_run_kernel(nothing);
    assert_freeing_ends_the_guest((char *)pages(2) + 16);
}

static void the_builders_pages_cant_be_freed(void **state)
{
    (void)state;
    fake_run_kernel(nothing);
    assert_freeing_ends_the_guest(mmu_va(0));
}

static void an_address_outside_the_memory_cant_be_freed(void **state)
{
    (void)state;
    fake_run_kernel(nothing);
    assert_freeing_ends_the_guest((void *)PAGE_BYTES);
}

static void alloc_nothing(void)
{
    page_alloc(0, 1);
}

static void a_run_of_no_pages_is_our_mistake(void **state)
{
    (void)state;
    assert_int_equal(fake_run_kernel(alloc_nothing), SHUTDOWN_crash);
    assert_has(fake_log_text(), "assertion failed");
}

static void assert_nothing_in(const char *page)
{
    for (size_t i = 0; i < PAGE_BYTES; i++)
        assert_int_equal(page[i], 0);
}

static void pages_that_others_see_hold_nothing_old(void **state)
{
    (void)state;
    fake_build(&(struct fake_guest){0});
    page_init();
    char *freed = pages(2), *kept = pages(2);
    memset(freed, 0xaa, 2 * PAGE_BYTES);
    memset(kept, 0xaa, 2 * PAGE_BYTES);
    page_free(freed);
    page_trim(kept, 1);
    assert_ptr_equal(port_pages_alloc(2), freed);
    assert_nothing_in(freed);
    assert_nothing_in(freed + PAGE_BYTES);
    assert_ptr_equal(port_pages_alloc(1), kept + PAGE_BYTES);
    assert_nothing_in(kept + PAGE_BYTES);
}

static void pages_that_were_never_used_are_not_touched(void **state)
{
    (void)state;
    fake_build(&(struct fake_guest){0});
    page_init();
    char *next = pages(1) + PAGE_BYTES;
    next[5] = 'x'; /* as Xen left it */
    assert_ptr_equal(port_pages_alloc(1), next);
    assert_int_equal(next[5], 'x');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_builders_pages_are_used_and_the_rest_is_free),
        cmocka_unit_test(a_builder_may_map_more_than_one_block_is_for),
        cmocka_unit_test(a_run_is_split_and_given_back_in_parts),
        cmocka_unit_test(rings_behind_the_page_tables_are_not_given_away),
        cmocka_unit_test(all_pages_are_given_once_and_taken_back),
        cmocka_unit_test(more_memory_than_there_are_blocks_for_is_not_used),
        cmocka_unit_test(more_memory_than_one_block_of_bits_is_for_is_mapped_when_used),
        cmocka_unit_test(a_small_guest_has_small_room),
        cmocka_unit_test(a_run_is_given_whole),
        cmocka_unit_test(a_hole_is_filled_only_by_what_fits),
        cmocka_unit_test(runs_are_aligned_as_addresses_are),
        cmocka_unit_test(more_than_there_is_is_refused),
        cmocka_unit_test(a_refusal_of_xens_is_no_memory),
        cmocka_unit_test(no_page_ever_has_two_owners),
        cmocka_unit_test(a_run_freed_twice_ends_the_guest),
        cmocka_unit_test(the_middle_of_a_run_cant_be_freed),
        cmocka_unit_test(half_a_page_cant_be_freed),
        cmocka_unit_test(the_builders_pages_cant_be_freed),
        cmocka_unit_test(an_address_outside_the_memory_cant_be_freed),
        cmocka_unit_test(a_run_of_no_pages_is_our_mistake),
        cmocka_unit_test(pages_that_others_see_hold_nothing_old),
        cmocka_unit_test(pages_that_were_never_used_are_not_touched),
    };
    return RUN_TESTS(tests);
}
