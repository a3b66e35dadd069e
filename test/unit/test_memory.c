/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's memcpy, memmove and memset, at each size and alignment, against a byte at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum {
    SIZE_MAX_TRIED = 600,
    ALIGNMENTS = 16,
    MARGIN = 64, /* before and after what is written: must stay as it is */
    ROOM = MARGIN + ALIGNMENTS + SIZE_MAX_TRIED + MARGIN,
};

void *guest_memcpy(void *to, const void *from, size_t size);
void *guest_memmove(void *to, const void *from, size_t size);
void *guest_memset(void *to, int byte, size_t size);

static unsigned char source[ROOM], got[ROOM], expected[ROOM];

static void fill(unsigned char *bytes, unsigned seed)
{
    for (unsigned i = 0; i < ROOM; i++)
        bytes[i] = (unsigned char)((i * 167u + seed) ^ (i >> 8));
}

static void check(const char *function, unsigned to, unsigned from, unsigned size)
{
    for (unsigned i = 0; i < ROOM; i++)
        if (got[i] != expected[i])
            fail_msg("%s of %u bytes from %u to %u: byte %u is %u, not %u", function, size, from,
                     to, i, got[i], expected[i]);
}

static void memcpy_copies_each_size_at_each_alignment(void **state)
{
    (void)state;
    fill(source, 1);
    for (unsigned size = 0; size <= SIZE_MAX_TRIED; size++)
        for (unsigned pair = 0; pair < ALIGNMENTS * ALIGNMENTS; pair++) {
            const unsigned to = MARGIN + pair % ALIGNMENTS, from = MARGIN + pair / ALIGNMENTS;
            fill(got, 2);
            fill(expected, 2);
            for (unsigned i = 0; i < size; i++)
                expected[to + i] = source[from + i];
            assert_ptr_equal(guest_memcpy(got + to, source + from, size), got + to);
            check("memcpy", to, from, size);
        }
}

static void memmove_copies_what_overlaps(void **state)
{
    (void)state;
    for (unsigned size = 0; size <= SIZE_MAX_TRIED; size++)
        for (unsigned to = 0; to <= 2 * MARGIN; to++) {
            const unsigned from = MARGIN + size % ALIGNMENTS;
            fill(got, 3);
            fill(source, 3);
            fill(expected, 3);
            for (unsigned i = 0; i < size; i++)
                expected[to + i] = source[from + i];
            assert_ptr_equal(guest_memmove(got + to, got + from, size), got + to);
            check("memmove", to, from, size);
        }
}

static void memset_fills_each_size_at_each_alignment(void **state)
{
    (void)state;
    for (unsigned size = 0; size <= SIZE_MAX_TRIED; size++)
        for (unsigned to = MARGIN; to < MARGIN + ALIGNMENTS; to++) {
            fill(got, 4);
            fill(expected, 4);
            for (unsigned i = 0; i < size; i++)
                expected[to + i] = 0xa5;
            assert_ptr_equal(guest_memset(got + to, 0x7a5, size), got + to);
            check("memset", to, 0, size);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memcpy_copies_each_size_at_each_alignment),
        cmocka_unit_test(memmove_copies_what_overlaps),
        cmocka_unit_test(memset_fills_each_size_at_each_alignment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
