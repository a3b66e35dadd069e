/* SPDX-License-Identifier: BSD-2-Clause */
/* Many threads ask at once. */
#include "run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sprat/clock.h>
#include <sprat/thread.h>
#include <sprat/xenstore.h>

#include "kernel.h"
#include "machine.h"
#include "world.h"
#include "xenstored.h"

#define N_THREADS 30

static int results[N_THREADS];
static unsigned n_done;

static void ask(void *arg)
{
    int i = (int)((int *)arg - results);
    char path[32], value[1000], back[1000];

    snprintf(path, sizeof(path), "data/%d", i);
    memset(value, 'a' + i % 26, sizeof(value));
    value[i * 31] = '\0';
    results[i] = xenstore_write(XENSTORE_NO_TX, path, value);
    if (results[i] == 0)
        results[i] = xenstore_read(XENSTORE_NO_TX, path, back, sizeof(back));
    if (results[i] >= 0 && strcmp(back, value) != 0)
        results[i] = -EPROTO;
    n_done++;
}

static void ask_all(void)
{
    for (int i = 0; i < N_THREADS; i++)
        thread_start("asks", 65536, ask, &results[i]);
    while (n_done < N_THREADS)
        thread_sleep_until(clock_monotonic() + XENSTORE_TIMEOUT_NS * 2);
}

static void assert_all_answered(void)
{
    assert_int_equal(fake_run_kernel(ask_all), FAKE_RETURNED);
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(results[i], i * 31);
    assert_string_equal(fake_log_text(), "");
}

static void each_gets_its_own_answer(void **state)
{
    (void)state;
    assert_all_answered();
}

static void each_gets_its_own_answer_in_small_pieces(void **state)
{
    (void)state;
    fake_xenstored.piece = 5;
    assert_all_answered();
}

static void each_gets_its_own_answer_from_the_last_to_the_first(void **state)
{
    (void)state;
    fake_xenstored.hold = N_THREADS;
    fake_xenstored.piece = 100;
    assert_all_answered();
}

static int broken(struct xsd_sockmsg *header, char *payload)
{
    (void)payload;
    header->len = 5000;
    return fake_xenstored.n_requests == 10;
}

static void a_fault_ends_the_waiting_of_all(void **state)
{
    (void)state;
    fake_xenstored.tamper = broken;
    assert_int_equal(fake_run_kernel(ask_all), FAKE_RETURNED);
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(results[i], -EIO);
    assert_has(fake_log_text(), "sprat: xenstore: fault: an answer longer than 4096 bytes");
    assert_in_range(fake_now(), 0, FAKE_START_NS + XENSTORE_TIMEOUT_NS * 2);
}

static void a_silent_xenstored_is_given_up_by_all(void **state)
{
    (void)state;
    fake_xenstored.silent = true;
    assert_int_equal(fake_run_kernel(ask_all), FAKE_RETURNED);
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(results[i], -ETIMEDOUT);
}

static void ask_and_wait(void)
{
    thread_start("asks", 65536, ask, &results[0]);
    thread_yield();
    results[1] = xenstore_quiet(PORT_FOREVER);
}

static void what_is_given_up_keeps_nobody_waiting(void **state)
{
    (void)state;
    fake_xenstored.silent = true;
    assert_int_equal(fake_run_kernel(ask_and_wait), FAKE_RETURNED);
    assert_int_equal(results[0], -ETIMEDOUT);
    assert_int_equal(results[1], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_gets_its_own_answer),
        cmocka_unit_test(each_gets_its_own_answer_in_small_pieces),
        cmocka_unit_test(each_gets_its_own_answer_from_the_last_to_the_first),
        cmocka_unit_test(a_fault_ends_the_waiting_of_all),
        cmocka_unit_test(a_silent_xenstored_is_given_up_by_all),
        cmocka_unit_test(what_is_given_up_keeps_nobody_waiting),
    };
    return RUN_TESTS(tests);
}
