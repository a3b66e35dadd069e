/* SPDX-License-Identifier: BSD-2-Clause */
#include "run.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xen/sched.h>

#include <sprat/compiler.h>
#include <sprat/heap.h>
#include <sprat/page.h>

#include "kernel.h"
#include "machine.h"
#include "world.h"

#define SIZES_END 9000 /* past the largest slot and two pages */

static void nothing(void)
{
}

static int setup(void **state)
{
    (void)state;
    return fake_run_kernel(nothing) == FAKE_RETURNED ? 0 : -1;
}

static void blocks_of_every_size_are_writable_and_aligned(void **state)
{
    (void)state;
    for (size_t size = 0; size < SIZES_END; size++) {
        char *block = heap_alloc(size);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % 16, 0);
        memset(block, 0xff, size);
        assert_int_equal(heap_size(block), size);
        heap_free(block);
    }
}

static void nothing_may_be_freed(void **state)
{
    (void)state;
    heap_free(NULL);
}

static void freed_memory_becomes_pages_again(void **state)
{
    static void *blocks[2000];

    (void)state;
    heap_free(heap_alloc(100));
    size_t before = page_free_count();
    for (int i = 0; i < 2000; i++)
        blocks[i] = heap_alloc(100);
    assert_in_range(page_free_count(), 0, before - 40);
    for (int i = 0; i < 2000; i++)
        heap_free(blocks[i]);
    assert_int_equal(page_free_count(), before);
}

static void alignments_are_kept(void **state)
{
    (void)state;
    for (size_t align = 1; align <= 1 << 21; align *= 2) {
        char *block = heap_alloc_aligned(align, 100);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % align, 0);
        memset(block, 1, 100);
        heap_free(block);
    }
}

static void what_there_is_not_is_refused(void **state)
{
    (void)state;
    assert_null(heap_alloc(SIZE_MAX));
    assert_null(heap_alloc(SIZE_MAX - 7));
    assert_null(heap_alloc(1ull << 40));
    assert_null(heap_alloc_aligned(64, SIZE_MAX));
    assert_null(heap_alloc_aligned(64, SIZE_MAX - 7));
    while (heap_alloc(100))
        ;
    assert_null(heap_alloc(100));
}

static void a_block_keeps_its_bytes_when_it_is_resized(void **state)
{
    static const size_t sizes[] = {1, 8, 9, 100, 90, 24, 3000, 5000, 8184, 8185, 2000, 3, 0, 50};
    unsigned char *block = heap_resize(NULL, 0);
    size_t old = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        block = heap_resize(block, sizes[i]);
        assert_non_null(block);
        assert_int_equal(heap_size(block), sizes[i]);
        for (size_t j = 0; j < old && j < sizes[i]; j++)
            assert_int_equal(block[j], (unsigned char)(j * 7));
        for (size_t j = 0; j < sizes[i]; j++)
            block[j] = (unsigned char)(j * 7);
        old = sizes[i];
    }
    heap_free(block);
}

/* The seal tells up to 64 KiB behind a block's end: what was large must not keep more. */
static void a_large_block_that_shrinks_gives_pages_back(void **state)
{
    char *block = heap_alloc(1 << 20);
    char *next = heap_alloc(1 << 20);
    size_t before = page_free_count();

    (void)state;
    memset(block, 7, 1 << 20);
    memset(next, 9, 1 << 20);
    assert_ptr_equal(heap_resize(block, 600 << 10), block);
    assert_int_equal(heap_size(block), 600 << 10);
    assert_int_equal(page_free_count(), before + (1 << 20) / 4096 - (600 << 10) / 4096);
    assert_ptr_equal(heap_alloc(300 << 10), block + ((600 << 10) + 4096));
    assert_ptr_equal(heap_resize(block, 5000), block);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(block[i], 7);
    heap_free(block);
    assert_int_equal(heap_size(next), 1 << 20);
    assert_int_equal(next[0], 9);
}

static void a_block_that_cant_grow_stays_whole(void **state)
{
    char *block = heap_alloc(6);

    (void)state;
    strcpy(block, "hello");
    assert_null(heap_resize(block, 1ull << 40));
    assert_null(heap_resize(block, SIZE_MAX));
    assert_string_equal(block, "hello");
    assert_int_equal(heap_size(block), 6);
}

/* Random use; each block is filled with its own byte and looked at when it goes. */
static void blocks_never_overlap(void **state)
{
    static struct {
        unsigned char *bytes;
        size_t size;
    } blocks[256];

    (void)state;
    srandom(2);
    for (int i = 0; i < 30000; i++) {
        int at = (int)(random() % 256);
        size_t size = (size_t)random() % (at % 16 == 0 ? 10000 : 200);
        if (blocks[at].bytes) {
            for (size_t j = 0; j < blocks[at].size; j++)
                assert_int_equal(blocks[at].bytes[j], (unsigned char)at);
            assert_int_equal(heap_size(blocks[at].bytes), blocks[at].size);
        }
        if (random() % 3 == 0 && blocks[at].bytes) {
            heap_free(blocks[at].bytes);
            blocks[at].bytes = NULL;
            continue;
        }
        unsigned char *resized = heap_resize(blocks[at].bytes, size);
        if (!resized)
            continue;
        blocks[at].bytes = resized;
        blocks[at].size = size;
        memset(resized, at, size);
    }
}

/* Corruption. Each ends the guest with a report. */

static char *victim;

static void free_victim(void)
{
    heap_free(victim);
}

static void resize_victim(void)
{
    heap_resize(victim, 1);
}

static void measure_victim(void)
{
    heap_size(victim);
}

static void assert_ends(void (*body)(void), const char *why)
{
    fake_log_clear();
    int end = fake_run_kernel(body);
    assert_int_equal(end, SHUTDOWN_crash);
    assert_has(fake_log_text(), "panic: heap corruption: block 0x");
    assert_has(fake_log_text(), why);
}

static size_t overflow_size, overflow_by;

static void one_byte_too_far(void)
{
    victim = heap_alloc(overflow_size);
    victim[overflow_size + overflow_by]++;
    heap_free(victim);
}

/* A guest ends once; so each of many has a process. */
static void assert_ends_in_child(void (*body)(void), const char *why)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        assert_ends(body, why);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void a_write_past_the_end_is_found_when_freed(void **state)
{
    (void)state;
    for (overflow_size = 0; overflow_size < SIZES_END; overflow_size += 61)
        for (overflow_by = 0; overflow_by < 8; overflow_by += 7)
            assert_ends_in_child(one_byte_too_far, "something wrote past its end");
}

static void a_write_past_the_end_is_found_when_resized(void **state)
{
    (void)state;
    victim = heap_alloc(100);
    victim[100] = '\0';
    assert_ends(resize_victim, "something wrote past its end");
}

static void a_write_past_the_end_is_found_when_measured(void **state)
{
    (void)state;
    victim = heap_alloc(5000);
    victim[5000] = 'x';
    assert_ends(measure_victim, "something wrote past its end");
}

static void a_write_onto_the_seal_alone_is_found(void **state)
{
    (void)state;
    victim = heap_alloc(4096); /* the seal is 4088 bytes behind */
    memset(victim + 8192 - 2, 0, 2);
    assert_ends(free_victim, "something wrote past its end");
}

static void a_seal_copied_from_another_block_is_found(void **state)
{
    (void)state;
    char *other = heap_alloc(24);
    victim = heap_alloc(24);
    memcpy(victim + 24, other + 24, 8);
    assert_ends(free_victim, "something wrote past its end");
}

/* Its low 16 bits say how much room is left behind the block: more than there is leads in front of
 * it. */
static void a_seal_that_claims_too_much_room_is_found(void **state)
{
    char *before = heap_alloc(2008);
    uint16_t low;

    (void)state;
    victim = heap_alloc(2008);
    assert_ptr_equal(victim, before + 2016);
    memset(before, 0xa5, 2008); /* what fills the room behind a block */
    memcpy(&low, victim + 2008, sizeof(low));
    low ^= 3008;
    memcpy(victim + 2008, &low, sizeof(low));
    assert_ends(free_victim, "something wrote past its end");
}

static void a_small_block_freed_twice_is_found(void **state)
{
    (void)state;
    heap_alloc(100); /* so that the page stays */
    victim = heap_alloc(100);
    heap_free(victim);
    assert_ends(free_victim, "it is freed already");
}

static void a_large_block_freed_twice_is_found(void **state)
{
    (void)state;
    victim = heap_alloc(5000);
    heap_free(victim);
    assert_ends(free_victim, "malloc never gave this address, or it is freed already");
}

static void the_last_block_of_a_page_freed_twice_is_found(void **state)
{
    (void)state;
    static void *blocks[200];
    for (int i = 0; i < 200; i++)
        blocks[i] = heap_alloc(100);
    for (int i = 0; i < 200; i++)
        heap_free(blocks[i]);
    int last = 199;
    while (page_used(blocks[last]))
        last--;
    victim = blocks[last];
    assert_ends(free_victim, "malloc never gave this address");
}

static void an_address_inside_a_block_is_found(void **state)
{
    (void)state;
    victim = (char *)heap_alloc(100) + 16;
    assert_ends(free_victim, "malloc never gave this address");
}

static void an_address_inside_a_large_block_is_found(void **state)
{
    (void)state;
    victim = (char *)heap_alloc(10000) + PAGE_BYTES;
    assert_ends(free_victim, "malloc never gave this address");
}

static void an_odd_address_inside_a_large_block_is_found(void **state)
{
    (void)state;
    char *block = heap_alloc(10000);
    memset(block, 0, 10000);
    victim = block + 64;
    assert_ends(free_victim, "malloc never gave this address");
}

static void an_address_on_the_stack_is_found(void **state)
{
    char here[64];

    (void)state;
    victim = here + 16;
    assert_ends(free_victim, "malloc never gave this address");
}

static void an_address_of_a_static_object_is_found(void **state)
{
    static _Alignas(PAGE_BYTES) char object[PAGE_BYTES];

    (void)state;
    victim = object;
    assert_ends(free_victim, "malloc never gave this address");
}

static void a_page_that_is_free_is_found(void **state)
{
    (void)state;
    char *page = page_alloc(1, 1);
    page_free(page);
    victim = page + 64;
    assert_ends(free_victim, "malloc never gave this address");
}

/* The header in front of the slots, and what is left behind the last, for every size of slot. */
static void an_address_beside_the_slots_is_found(void **state)
{
    static const size_t sizes[] = {8,   24,  40,  56,  72,  88,  120,  152,  184, 232,
                                   296, 392, 488, 568, 664, 792, 1000, 1336, 2008};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        char *slab = (char *)((uintptr_t)heap_alloc(sizes[i]) & ~(PAGE_BYTES - 1));
        size_t room = (sizes[i] + 8 + 15) / 16 * 16;
        size_t end = 64 + (PAGE_BYTES - 64) / room * room;
        for (size_t at = 8; at < PAGE_BYTES; at = at == 56 ? end : at + 8) {
            victim = slab + at;
            assert_ends_in_child(free_victim, "malloc never gave this address");
        }
    }
}

static void a_page_header_that_was_overwritten_is_found(void **state)
{
    (void)state;
    victim = heap_alloc(100);
    *(char *)((uintptr_t)victim & ~(PAGE_BYTES - 1)) += 1;
    assert_ends(free_victim, "its page's header was overwritten");
}

static void align_to_three(void)
{
    heap_alloc_aligned(3, 100);
}

static void an_alignment_that_is_no_power_of_two_is_our_mistake(void **state)
{
    (void)state;
    assert_int_equal(fake_run_kernel(align_to_three), SHUTDOWN_crash);
    assert_has(fake_log_text(), "assertion failed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(blocks_of_every_size_are_writable_and_aligned, setup),
        cmocka_unit_test_setup(nothing_may_be_freed, setup),
        cmocka_unit_test_setup(freed_memory_becomes_pages_again, setup),
        cmocka_unit_test_setup(alignments_are_kept, setup),
        cmocka_unit_test_setup(what_there_is_not_is_refused, setup),
        cmocka_unit_test_setup(a_block_keeps_its_bytes_when_it_is_resized, setup),
        cmocka_unit_test_setup(a_large_block_that_shrinks_gives_pages_back, setup),
        cmocka_unit_test_setup(a_block_that_cant_grow_stays_whole, setup),
        cmocka_unit_test_setup(blocks_never_overlap, setup),
        cmocka_unit_test_setup(a_write_past_the_end_is_found_when_freed, setup),
        cmocka_unit_test_setup(a_write_past_the_end_is_found_when_resized, setup),
        cmocka_unit_test_setup(a_write_past_the_end_is_found_when_measured, setup),
        cmocka_unit_test_setup(a_write_onto_the_seal_alone_is_found, setup),
        cmocka_unit_test_setup(a_seal_copied_from_another_block_is_found, setup),
        cmocka_unit_test_setup(a_seal_that_claims_too_much_room_is_found, setup),
        cmocka_unit_test_setup(a_small_block_freed_twice_is_found, setup),
        cmocka_unit_test_setup(a_large_block_freed_twice_is_found, setup),
        cmocka_unit_test_setup(the_last_block_of_a_page_freed_twice_is_found, setup),
        cmocka_unit_test_setup(an_address_inside_a_block_is_found, setup),
        cmocka_unit_test_setup(an_address_inside_a_large_block_is_found, setup),
        cmocka_unit_test_setup(an_odd_address_inside_a_large_block_is_found, setup),
        cmocka_unit_test_setup(an_address_on_the_stack_is_found, setup),
        cmocka_unit_test_setup(an_address_of_a_static_object_is_found, setup),
        cmocka_unit_test_setup(a_page_that_is_free_is_found, setup),
        cmocka_unit_test_setup(an_address_beside_the_slots_is_found, setup),
        cmocka_unit_test_setup(a_page_header_that_was_overwritten_is_found, setup),
        cmocka_unit_test_setup(an_alignment_that_is_no_power_of_two_is_our_mistake, setup),
    };
    return RUN_TESTS(tests);
}
