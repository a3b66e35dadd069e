/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of pool.c: which shells there are, for whom, and when more are made. */
#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "config.h"
#include "guest.h"
#include "host.h"
#include "image.h"
#include "json.h"
#include "life.h"
#include "log.h"
#include "pool.h"
#include "store.h"

static struct host host;
static struct fail fail;
static struct config config;
static struct image images[2];
static struct blob ramdisks[2];
static unsigned n_image, n_ramdisk; /* what the files are by now */
static int image_error, ramdisk_error, build_error, flush_error;
static int n_shells, n_references;
static struct guest *newest;
static char said[1024];

/* What pool.c asks of the rest of the daemon. */

void log_line(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(said + strlen(said), sizeof(said) - strlen(said), format, args);
    va_end(args);
}

int image_get(const char *path, struct image **image, struct fail *why)
{
    (void)path;
    *image = &images[n_image];
    n_references += !image_error;
    return image_error ? fail_set(why, image_error, "no image") : 0;
}

void image_put(struct image *image)
{
    n_references -= image != NULL;
}

int blob_get(const char *path, struct blob **blob, struct fail *why)
{
    (void)path;
    if (ramdisk_error)
        return fail_set(why, ramdisk_error, "no ramdisk");
    *blob = &ramdisks[n_ramdisk];
    n_references++;
    return 0;
}

void blob_put(struct blob *blob)
{
    n_references -= blob != NULL;
}

int guest_build(struct host *at, const struct config *of, const char *cmdline, struct guest **guest,
                struct fail *why)
{
    (void)at;
    assert_null(cmdline); /* it is given at the launch */
    if (build_error)
        return fail_set(why, build_error, "Xen is out of memory");
    *guest = newest = calloc(1, sizeof(**guest));
    (*guest)->image = &images[n_image];
    (*guest)->ramdisk = *of->ramdisk ? &ramdisks[n_ramdisk] : NULL;
    n_shells++;
    return 0;
}

int guest_destroy(struct host *at, struct guest *guest, bool announce, struct fail *why)
{
    (void)at;
    (void)why;
    assert_false(announce);
    free(guest);
    n_shells--;
    return 0;
}

int store_flush(struct store *store, struct fail *why)
{
    (void)store;
    return flush_error ? fail_set(why, flush_error, "xenstore refuses") : 0;
}

void life_sweep(void)
{
}

static int begin(void **state)
{
    (void)state;
    image_error = ramdisk_error = build_error = flush_error = 0;
    n_image = n_ramdisk = 0;
    *said = '\0';
    config = (struct config){.kernel = "/a", .memory_mib = 4};
    return 0;
}

static int end(void **state)
{
    (void)state;
    pool_close(&host);
    assert_int_equal(n_shells, 0);
    assert_int_equal(n_references, 0);
    return 0;
}

static void fill(void)
{
    while (pool_work(&host))
        ;
}

static struct guest *take(void)
{
    struct guest *guest = pool_take(&host, &config);

    if (guest) { /* its launch and its end */
        n_shells--;
        free(guest);
    }
    return guest;
}

static void sizes_that_make_no_sense_are_refused(void **state)
{
    static const unsigned sizes[][2] = {{POOL_MAX + 1, 1}, {3, 0}, {3, 4}};

    (void)state;
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pool_set(&config, sizes[i][0], sizes[i][1], &fail), -EINVAL);
    fill();
    assert_int_equal(n_shells, 0);
    assert_int_equal(pool_set(&config, POOL_MAX, 1, &fail), 0);
    assert_int_equal(pool_set(&config, 0, 0, &fail), 0);
}

static void it_is_filled_when_few_are_left(void **state)
{
    (void)state;
    assert_null(take()); /* there is no pool */
    assert_int_equal(pool_set(&config, 3, 2, &fail), 0);
    assert_null(take()); /* it is empty yet */
    fill();
    assert_int_equal(n_shells, 3);
    assert_non_null(take());
    fill();
    assert_int_equal(n_shells, 2);
    assert_non_null(take());
    fill();
    assert_int_equal(n_shells, 3);
    assert_int_equal(pool_set(&config, 1, 1, &fail), 0);
    fill();
    assert_int_equal(n_shells, 1);
    assert_int_equal(pool_set(&config, 0, 0, &fail), 0);
    fill();
    assert_int_equal(n_shells, 0);
    assert_null(take());
}

static void a_guest_of_another_shape_gets_none(void **state)
{
    struct config others[9];

    (void)state;
    for (size_t i = 0; i < 9; i++)
        others[i] = config;
    strcpy(others[0].kernel, "/b");
    strcpy(others[1].ramdisk, "/r");
    strcpy(others[2].pool, "slow");
    others[3].memory_mib = 5;
    others[4].tsc_mode = 1;
    others[5].max_event_channels = 9;
    others[6].max_grant_frames = 9;
    others[7].max_maptrack_frames = 9;
    others[8].cpus_given = true;
    assert_int_equal(pool_set(&config, 1, 1, &fail), 0);
    fill();
    for (size_t i = 0; i < 9; i++)
        assert_null(pool_take(&host, &others[i]));
    others[8].cpus[0] = 1;
    config = others[8];
    config.cpus[0] = 2;
    assert_int_equal(pool_set(&config, 1, 1, &fail), 0);
    fill();
    assert_null(pool_take(&host, &others[8]));
    strcpy(config.name, "of no concern");
    config.n_vifs = 1;
    assert_non_null(take());
}

static void what_is_of_files_that_have_changed_is_of_no_use(void **state)
{
    (void)state;
    strcpy(config.ramdisk, "/r");
    assert_int_equal(pool_set(&config, 2, 1, &fail), 0);
    fill();
    n_image = 1;
    assert_null(take());
    assert_int_equal(n_shells, 0);
    fill();
    n_ramdisk = 1;
    assert_null(take());
    assert_int_equal(n_shells, 0);
    fill();
    image_error = ENOENT; /* whether it has changed is not known */
    assert_null(take());
    image_error = 0;
    ramdisk_error = ENOENT;
    assert_null(take());
    ramdisk_error = 0;
    assert_non_null(take());
}

static void what_cannot_be_filled_waits_until_somebody_wants_one(void **state)
{
    struct json_out out = {0};

    (void)state;
    build_error = ENOMEM;
    assert_int_equal(pool_set(&config, 2, 2, &fail), 0);
    fill(); /* it comes to an end */
    assert_has(said, "pool of /a: Xen is out of memory");
    pool_report(&out, "pools");
    assert_has(out.text, "\"shells\":0");
    assert_has(out.text, "\"trouble\":\"Xen is out of memory\"");
    *said = '\0';
    assert_null(take());
    fill();
    assert_string_equal(said, ""); /* told once */
    build_error = 0;
    flush_error = EDQUOT;
    assert_null(take());
    fill();
    assert_has(said, "xenstore refuses");
    assert_int_equal(n_shells, 0);
    flush_error = 0;
    assert_null(take());
    fill();
    assert_int_equal(n_shells, 2);
    out.len = 0;
    pool_report(&out, "pools");
    assert_null(strstr(out.text, "trouble"));
    assert_has(out.text, "\"missed\":3");
    free(out.text);
}

static void one_that_somebody_destroys_is_made_again(void **state)
{
    struct guest other = {0};

    (void)state;
    assert_int_equal(pool_set(&config, 2, 2, &fail), 0);
    fill();
    pool_lose(&other); /* it has none of this */
    pool_lose(newest);
    free(newest);
    n_shells--;
    fill();
    assert_int_equal(n_shells, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sizes_that_make_no_sense_are_refused),
        TEST(it_is_filled_when_few_are_left),
        TEST(a_guest_of_another_shape_gets_none),
        TEST(what_is_of_files_that_have_changed_is_of_no_use),
        TEST(what_cannot_be_filled_waits_until_somebody_wants_one),
        TEST(one_that_somebody_destroys_is_made_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
