/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands about when keys expire, on the host: as redis 7 answers them. */
#include "commanded.h"

#define AT_ONCE "options at the same time are not compatible"

static void a_time_is_set_on_redis_conditions(void **state)
{
    (void)state;
    ASSERT_EXCHANGES(
        {"EXPIRE e 10", ":0"}, {"SET e 1", "+OK"}, {"EXPIRE e 10 XX", ":0"},
        {"EXPIRE e 10 GT", ":0"}, {"TTL e", ":-1"}, {"EXPIRE e 100 NX", ":1"},
        {"EXPIRE e 200 NX", ":0"}, {"EXPIRE e 100 GT", ":0"}, {"EXPIRE e 50 GT", ":0"},
        {"TTL e", ":100"}, {"EXPIRE e 200 gt", ":1"}, {"EXPIRE e 200 LT", ":0"},
        {"EXPIRE e 300 LT", ":0"}, {"TTL e", ":200"}, {"EXPIRE e 150 XX LT", ":1"},
        {"TTL e", ":150"}, {"EXPIRE e 160 XX GT", ":1"}, {"EXPIRE e 170 XX", ":1"},
        {"TTL e", ":170"}, {"PERSIST e", ":1"}, {"PERSIST e", ":0"}, {"PERSIST none", ":0"},
        {"TTL e", ":-1"}, {"EXPIRE e 10 LT", ":1"}, {"TTL e", ":10"},
        {"EXPIRE e 10 GT LT", "-ERR GT and LT " AT_ONCE},
        {"EXPIRE e 10 LT GT", "-ERR GT and LT " AT_ONCE},
        {"EXPIRE e 10 NX XX", "-ERR NX and XX, GT or LT " AT_ONCE},
        {"EXPIRE e 10 NX GT", "-ERR NX and XX, GT or LT " AT_ONCE},
        {"EXPIRE e 10 LT NX", "-ERR NX and XX, GT or LT " AT_ONCE},
        {"EXPIRE e 10 ZZ", "-ERR Unsupported option ZZ"}, {"EXPIRE e x", NO_INTEGER},
        {"EXPIRE e 9223372036854775807", "-ERR invalid expire time in 'expire' command"},
        {"PEXPIRE e 9223372036854775807", "-ERR invalid expire time in 'pexpire' command"},
        {"EXPIREAT e 9223372036854775807", "-ERR invalid expire time in 'expireat' command"},
        {"TTL e", ":10"});
}

static void times_are_told_in_each_unit(void **state)
{
    (void)state;
    ASSERT_EXCHANGES(
        {"SET e 1", "+OK"}, {"PEXPIREAT e 9223372036854775807", ":1"},
        {"EXPIRETIME e", ":9223372036854776"}, {"PEXPIRETIME e", ":9223372036854775807"},
        {"PEXPIRE e 1499", ":1"}, {"TTL e", ":1"}, {"PTTL e", ":1499"}, {"PEXPIRE e 1500", ":1"},
        {"TTL e", ":2"}, {"EXPIREAT e 2000", ":1"}, {"TTL e", ":1000"}, {"EXPIRETIME e", ":2000"},
        {"PTTL e", ":1000000"}, {"GET e", "$1\r\n1"}, {"TTL none", ":-2"}, {"PTTL none", ":-2"},
        {"EXPIRETIME none", ":-2"}, {"PEXPIRETIME none", ":-2"}, {"PERSIST e", ":1"},
        {"PTTL e", ":-1"}, {"EXPIRETIME e", ":-1"}, {"PEXPIRETIME e", ":-1"});
}

static void a_time_that_is_over_deletes(void **state)
{
    static const char *const requests[] = {"EXPIRE e 0", "PEXPIRE e -1", "EXPIREAT e 1000",
                                           "PEXPIREAT e -1"};

    (void)state;
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        assert_string_equal(ask("SET e 1"), "+OK");
        assert_string_equal(ask(requests[i]), ":1");
        ASSERT_EXCHANGES({"GET e", "$-1"}, {"DBSIZE", ":0"}, {"TTL e", ":-2"});
    }
}

/* Not a moment before it, and nobody sees it from then on. */
static void a_key_is_there_until_its_time(void **state)
{
    (void)state;
    ASSERT_EXCHANGES({"SET e 1 PX 100", "+OK"}, {"SET f 2", "+OK"});
    now_ms = NOW_MS + 99;
    ASSERT_EXCHANGES({"GET e", "$1\r\n1"}, {"PTTL e", ":1"}, {"DBSIZE", ":2"});
    now_ms = NOW_MS + 100;
    ASSERT_EXCHANGES({"GET e", "$-1"}, {"PTTL e", ":-2"}, {"DBSIZE", ":1"}, {"EXISTS e", ":0"},
                     {"KEYS *", "*1\r\n$1\r\nf"}, {"DEL e", ":0"}, {"EXPIRE e 10", ":0"},
                     {"PERSIST e", ":0"}, {"STRLEN e", ":0"}, {"GETDEL e", "$-1"},
                     {"SET e 3 XX", "$-1"}, {"INCR e", ":1"}, {"TTL e", ":-1"});
}

static void on_a_full_disk_a_time_is_refused(void **state)
{
    (void)state;
    assert_string_equal(ask("SET e 1"), "+OK");
    disk_bytes = disk_used;
    assert_string_equal(ask("EXPIRE e 10"), DISK_FULL);
    assert_string_equal(ask("TTL e"), ":-1");
    disk_bytes = DISK_BYTES;
    assert_string_equal(ask("EXPIRE e 10"), ":1");
    disk_bytes = disk_used;
    assert_string_equal(ask("PERSIST e"), DISK_FULL);
    assert_string_equal(ask("TTL e"), ":10");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        COMMAND_TEST(a_time_is_set_on_redis_conditions),
        COMMAND_TEST(times_are_told_in_each_unit),
        COMMAND_TEST(a_time_that_is_over_deletes),
        COMMAND_TEST(a_key_is_there_until_its_time),
        COMMAND_TEST(on_a_full_disk_a_time_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
