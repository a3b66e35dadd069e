/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory that runs out, in each call: it is done or refused, and the file system goes on. */
#include "changes.h"

#include <malloc.h>

#include "spare.h"

#define PIECE_BYTES 16384 /* of what is kept */
#define N_STOLEN    8     /* of ten */

/* Linked with --wrap: memory as large as a test says. */
static size_t used, limit = SIZE_MAX;

static void *note(void *bytes)
{
    used += malloc_usable_size(bytes);
    return bytes;
}

void *__real_malloc(size_t len);
void *__wrap_malloc(size_t len);
void *__wrap_malloc(size_t len)
{
    return used + len <= limit ? note(__real_malloc(len)) : NULL;
}

void __real_free(void *bytes);
void __wrap_free(void *bytes);
void __wrap_free(void *bytes)
{
    used -= malloc_usable_size(bytes);
    __real_free(bytes);
}

void *__real_calloc(size_t n, size_t len);
void *__wrap_calloc(size_t n, size_t len);
void *__wrap_calloc(size_t n, size_t len)
{
    return used + n * len <= limit ? note(__real_calloc(n, len)) : NULL;
}

void *__real_realloc(void *bytes, size_t len);
void *__wrap_realloc(void *bytes, size_t len);
void *__wrap_realloc(void *bytes, size_t len)
{
    size_t before = malloc_usable_size(bytes);

    if (used - before + len > limit)
        return NULL;
    used -= before;
    return note(__real_realloc(bytes, len));
}

/* libext2fs finds what is kept for it, and of what else there is none a call says so. */
static void without_memory_a_call_is_done_or_refused_and_the_file_system_goes_on(void **state)
{
    (void)state;
    for (unsigned twice = 0; twice < 2; twice++) {
        make_all(twice ? "-t ext3 -b 1024" : "-t ext4 -b 1024");
        for (size_t i = 0; i < N_CHANGES; i++) {
            begin();
            limit = used;
            ssize_t result = changes[i].run();
            int synced = ext4_sync(fs);
            limit = SIZE_MAX;
            if (result < 0)
                assert_int_equal(result, -ENOMEM);
            assert_int_equal(synced, 0);
            check(&changes[i], result, synced);
        }
        free(made);
    }
}

/* Others take what is kept, where a call gave it back to the guest's memory. */
static void steal(void *stolen[], unsigned n)
{
    limit = used;
    for (unsigned i = 0; i < n; i++)
        stolen[i] = spare_malloc(PIECE_BYTES);
}

static void give_back(void *stolen[], unsigned n)
{
    limit = SIZE_MAX;
    for (unsigned i = 0; i < n; i++)
        free(stolen[i]);
}

static void when_what_is_kept_is_gone_calls_are_refused_until_there_is_memory(void **state)
{
    void *stolen[N_STOLEN];

    (void)state;
    make_all("-t ext4 -b 1024");
    for (size_t i = 0; i < N_CHANGES; i++) {
        begin();
        assert_int_equal(do_overwrite(), 1);
        steal(stolen, N_STOLEN);
        assert_int_equal(changes[i].run(), -ENOMEM);
        assert_int_equal(ext4_sync(fs), -ENOMEM);
        give_back(stolen, N_STOLEN);
        assert_int_equal(ext4_sync(fs), 0);
        if (changes[i].is_done && changes[i].run != do_overwrite)
            assert_false(changes[i].is_done());
        /* With more than half of it, what is there can be read and synced. */
        steal(stolen, N_STOLEN / 2);
        ssize_t result = changes[i].run();
        if (changes[i].is_done)
            assert_int_equal(result, -ENOMEM);
        else
            assert_true(result >= 0);
        assert_int_equal(ext4_sync(fs), 0);
        give_back(stolen, N_STOLEN / 2);
        assert_true(is_overwritten());
        check(&changes[i], changes[i].run == do_overwrite ? 1 : -ENOMEM, 0);
    }
    free(made);
    memset(&sim, 0, sizeof(sim));
}

static void a_mount_without_memory_is_refused(void **state)
{
    const size_t step = 1000;
    int error = -ENOMEM;
    unsigned n = 0;

    (void)state;
    make_all("-t ext4 -b 1024");
    for (; error; n++) {
        simdisk_make(&sim, made, IMAGE_BYTES, 512);
        limit = used + n * step;
        error = mount_as(false);
        limit = SIZE_MAX;
        if (error) {
            assert_int_equal(error, -ENOMEM);
            assert_string_equal(why, "there is not enough memory: give the guest more");
            assert_null(fs);
            assert_mounted();
        }
        unmount();
        if (n % 50 == 0)
            assert_clean();
        simdisk_free(&sim);
    }
    assert_true(n > 20);
    free(made);
    memset(&sim, 0, sizeof(sim));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EXT4_TEST(without_memory_a_call_is_done_or_refused_and_the_file_system_goes_on),
        EXT4_TEST(when_what_is_kept_is_gone_calls_are_refused_until_there_is_memory),
        EXT4_TEST(a_mount_without_memory_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
