/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of proxy.c: a guest's transactions, which are xenstored's, on the launcher's account. */
#include <errno.h>
#include <string.h>

#include "proxy_guest.h"

static void only_its_own_transactions_can_be_used(void **state)
{
    (void)state;
    ask(XS_READ, 99, "name", 5);
    assert_answer(XS_ERROR, "ENOENT");
    fake_store.reply = "99";
    ASK(XS_TRANSACTION_START, "\0");
    assert_answer(XS_TRANSACTION_START, "99");
    fake_store.reply = "x";
    ask(XS_READ, 99, "name", 5);
    assert_answer(XS_READ, "x");
    assert_int_equal(fake_store.tx, 99);
    ask(XS_TRANSACTION_END, 99, "T", 2);
    assert_answer(XS_TRANSACTION_END, "x");
    ask(XS_READ, 99, "name", 5);
    assert_answer(XS_ERROR, "ENOENT");
    ask(XS_TRANSACTION_END, 0, "T", 2);
    assert_answer(XS_ERROR, "ENOENT");
}

static void start_transaction(const char *number)
{
    fake_store.reply = number;
    ASK(XS_TRANSACTION_START, "\0");
    assert_answer(XS_TRANSACTION_START, number);
    fake_store.reply = "OK";
}

static const struct {
    const char *payload;
    size_t len;
} wrong[] = {{"X", 2}, {"T", 1}, {"TF", 2}, {"T\0", 3}, {"", 1}, {NULL, 0}};

static void a_transaction_is_open_until_xenstored_ends_it(void **state)
{
    (void)state;
    start_transaction("99");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        ask(XS_TRANSACTION_END, 99, wrong[i].payload, wrong[i].len);
        assert_answer(XS_ERROR, "EINVAL");
    }
    assert_int_equal(fake_store.n, 1);
    fake_store.error = -EAGAIN; /* another's change came between: it has to be begun anew */
    ask(XS_TRANSACTION_END, 99, "T", 2);
    assert_answer(XS_ERROR, "EAGAIN");
    ask(XS_TRANSACTION_END, 99, "F", 2);
    assert_answer(XS_ERROR, "ENOENT");
}

static void transactions_are_counted(void **state)
{
    static const char *const numbers[] = {"1", "2", "3", "4"};

    (void)state;
    for (size_t i = 0; i < 4; i++)
        start_transaction(numbers[i]);
    ASK(XS_TRANSACTION_START, "\0");
    assert_answer(XS_ERROR, "ENOSPC");
    ask(XS_TRANSACTION_END, 2, "F", 2);
    assert_answer(XS_TRANSACTION_END, "OK");
    start_transaction("5");
}

static void so_much_can_be_asked_in_a_transaction(void **state)
{
    (void)state;
    start_transaction("99");
    for (int i = 0; i < 1024; i++) {
        ask(XS_READ, 99, "data", 5);
        assert_answer(XS_READ, "OK");
    }
    for (int i = 0; i < 2; i++) {
        ask(XS_READ, 99, "data", 5);
        assert_answer(XS_ERROR, "ENOSPC");
    }
    assert_int_equal(fake_store.n, 1025);
    ask(XS_TRANSACTION_END, 99, "T", 2);
    assert_answer(XS_TRANSACTION_END, "OK");
    start_transaction("99");
    ask(XS_READ, 99, "data", 5);
    assert_answer(XS_READ, "OK");
}

static void assert_dropped(uint32_t number)
{
    assert_int_equal(fake_store.type, XS_TRANSACTION_END);
    assert_int_equal(fake_store.tx, number);
    assert_memory_equal(fake_store.payload, "F", 2);
}

static void transactions_go_with_their_guest(void **state)
{
    (void)state;
    start_transaction("99");
    proxy_free(&proxy, &host);
    assert_dropped(99);
    assert_int_equal(fake_store.n, 2);
}

static void a_guest_that_begins_anew_has_none_of_its_transactions(void **state)
{
    (void)state;
    start_transaction("99");
    ASK(XS_RESET_WATCHES, "\0");
    assert_answer(XS_RESET_WATCHES, "OK");
    assert_dropped(99);
    ask(XS_READ, 99, "data", 5);
    assert_answer(XS_ERROR, "ENOENT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(only_its_own_transactions_can_be_used),
        TEST(a_transaction_is_open_until_xenstored_ends_it),
        TEST(transactions_are_counted),
        TEST(so_much_can_be_asked_in_a_transaction),
        TEST(transactions_go_with_their_guest),
        TEST(a_guest_that_begins_anew_has_none_of_its_transactions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
