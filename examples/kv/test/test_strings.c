/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands that read and set values, on the host: as redis 7 answers them. */
#include "commanded.h"

#define BAD_SET_EXPIRY "-ERR invalid expire time in 'set' command"

static void set_has_the_options_of_redis(void **state)
{
    (void)state;
    ASSERT_EXCHANGES(
        {"SET o 1 XX", "$-1"}, {"EXISTS o", ":0"}, {"SET o 1 NX GET", "$-1"},
        {"SET o 2 NX GET", "$1\r\n1"}, {"SET o 2 nx", "$-1"}, {"GET o", "$1\r\n1"},
        {"SET o 3 GET", "$1\r\n1"}, {"SET o 4 XX", "+OK"}, {"SET o 4 EX 100", "+OK"},
        {"TTL o", ":100"}, {"SET o 5 KEEPTTL", "+OK"}, {"TTL o", ":100"}, {"SET o 6", "+OK"},
        {"TTL o", ":-1"}, {"SET o 7 KEEPTTL", "+OK"}, {"TTL o", ":-1"}, {"SET o 7 PX 2500", "+OK"},
        {"PTTL o", ":2500"}, {"SET o 7 px 2500 xx get", "$1\r\n7"},
        {"SET o 7 PXAT 99999999999999", "+OK"}, {"PEXPIRETIME o", ":99999999999999"},
        {"SET o 8 EXAT 99999999999", "+OK"}, {"EXPIRETIME o", ":99999999999"},
        {"SET o 9 PXAT 1", "+OK"}, {"GET o", "$-1"}, {"SET o 1 EX 0", BAD_SET_EXPIRY},
        {"SET o 1 EX -1", BAD_SET_EXPIRY}, {"SET o 1 EX 9223372036854775807", BAD_SET_EXPIRY},
        {"SET o 1 PX 9223372036854775807", BAD_SET_EXPIRY}, {"SET o 1 EX x", NO_INTEGER},
        {"SET o 1 EX", NO_SYNTAX}, {"SET o 1 EX 5 PX 5", NO_SYNTAX},
        {"SET o 1 EX 5 KEEPTTL", NO_SYNTAX}, {"SET o 1 NX XX", NO_SYNTAX},
        {"SET o 1 XX NX", NO_SYNTAX}, {"SET o 1 KEEPTTL EX 5", NO_SYNTAX},
        {"SET o 1 FROG", NO_SYNTAX}, {"EXISTS o", ":0"});
}

static void shorter_ways_to_set(void **state)
{
    (void)state;
    ASSERT_EXCHANGES(
        {"SETNX n 1", ":1"}, {"SETNX n 2", ":0"}, {"GET n", "$1\r\n1"}, {"SETEX n 10 v", "+OK"},
        {"TTL n", ":10"}, {"PSETEX n 99999 v", "+OK"}, {"PTTL n", ":99999"},
        {"SETEX n 0 w", "-ERR invalid expire time in 'setex' command"},
        {"PSETEX n -1 w", "-ERR invalid expire time in 'psetex' command"},
        {"SETEX n 9223372036854775807 w", "-ERR invalid expire time in 'setex' command"},
        {"SETEX n x w", NO_INTEGER}, {"GET n", "$1\r\nv"}, {"GETSET n 3", "$1\r\nv"},
        {"TTL n", ":-1"}, {"GETDEL n", "$1\r\n3"}, {"GETDEL n", "$-1"}, {"GETSET n 4", "$-1"},
        {"STRLEN n", ":1"}, {"STRLEN none", ":0"},
        {"MGET n none n", "*3\r\n$1\r\n4\r\n$-1\r\n$1\r\n4"}, {"MSET a 3 b 4 a 5", "+OK"},
        {"MGET a b", "*2\r\n$1\r\n5\r\n$1\r\n4"},
        {"MSET a 6 b", "-ERR wrong number of arguments for 'mset' command"}, {"GET a", "$1\r\n5"});
}

static void numbers_are_written_in_one_way(void **state)
{
    (void)state;
    ASSERT_EXCHANGES(
        {"INCR i", ":1"}, {"DECR i", ":0"}, {"DECR i", ":-1"}, {"GET i", "$2\r\n-1"},
        {"SET i 007", "+OK"}, {"INCR i", NO_INTEGER}, {"SET i +1", "+OK"}, {"INCR i", NO_INTEGER},
        {"SET i -0", "+OK"}, {"INCR i", NO_INTEGER}, {"SET i \"\"", "+OK"}, {"INCR i", NO_INTEGER},
        {"SET i 0", "+OK"}, {"DECRBY i -5", ":5"},
        {"DECRBY i -9223372036854775808", "-ERR decrement would overflow"},
        {"INCRBY i 9223372036854775807", "-ERR increment or decrement would overflow"},
        {"GET i", "$1\r\n5"}, {"INCRBY i 01", NO_INTEGER}, {"DECRBY i 01", NO_INTEGER},
        {"SET i 1 EX 100", "+OK"}, {"INCR i", ":2"}, {"TTL i", ":100"}, {"INCRBY i -3", ":-1"});
}

static void a_key_that_is_too_long_is_refused_by_all_that_would_make_it(void **state)
{
    static const char *const commands[] = {"SET", "SETNX", "GETSET", "INCRBY", "MSET"};

    (void)state;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        assert_string_equal(ask_with_key(commands[i], STORE_KEY_MAX + 1, "1"),
                            "-ERR a key has at most 65535 bytes");
        assert_string_equal(ask("DBSIZE"), ":0");
    }
    assert_string_equal(ask_with_key("GET", STORE_KEY_MAX + 1, NULL), "$-1");
    assert_string_equal(ask_with_key("INCR", STORE_KEY_MAX + 1, NULL),
                        "-ERR a key has at most 65535 bytes");
    assert_string_equal(ask_with_key("SET", STORE_KEY_MAX, "1"), "+OK");
    assert_string_equal(ask_with_key("GET", STORE_KEY_MAX, NULL), "$1\r\n1");
}

/* One answer, whatever is wrong: the old value was the answer until the new one was refused. */
static void a_set_with_get_that_is_refused_has_one_answer(void **state)
{
    char text[STORE_KEY_MAX + 128];
    int n = sprintf(text, "*4\r\n$3\r\nSET\r\n$%d\r\n", STORE_KEY_MAX + 1);

    (void)state;
    memset(text + n, 'k', STORE_KEY_MAX + 1);
    n += STORE_KEY_MAX + 1;
    n += sprintf(text + n, "\r\n$1\r\n1\r\n$3\r\nGET\r\n");
    assert_string_equal(ask_bytes(text, (size_t)n), "-ERR a key has at most 65535 bytes");
    assert_string_equal(ask("SET a old"), "+OK");
    disk_bytes = disk_used;
    assert_string_equal(ask("SET a new GET"), DISK_FULL);
    assert_string_equal(ask("GETSET a new"), DISK_FULL);
    assert_string_equal(ask("GET a"), "$3\r\nold");
}

static void a_value_that_is_damaged_on_the_disk_is_told_and_not_given(void **state)
{
    (void)state;
    assert_string_equal(ask("SET a 1"), "+OK");
    damage_last();
    ASSERT_EXCHANGES({"GET a", DAMAGED}, {"MGET a none", "*2\r\n" DAMAGED "\r\n$-1"},
                     {"INCR a", "-ERR the disk failed"}, {"STRLEN a", ":0"},
                     {"EXPIRE a 10", "-ERR the value can't be read"}, {"TTL a", ":-1"},
                     {"DEL a", ":1"}, {"GET a", "$-1"});
}

static void a_disk_that_fails_to_read_is_told(void **state)
{
    (void)state;
    assert_string_equal(ask("SET a 1"), "+OK");
    failing = "pread";
    ASSERT_EXCHANGES({"GET a", "-ERR the disk failed"}, {"INCR a", "-ERR the disk failed"},
                     {"EXPIRE a 10", "-ERR the value can't be read"});
    failing = "";
    assert_string_equal(ask("GET a"), "$1\r\n1");
}

static void without_memory_or_room_nothing_is_set(void **state)
{
    static const char *const requests[] = {
        "SET new 1", "SETNX new 1", "GETSET new 1", "SETEX new 9 1", "MSET a 2 new 1", "INCR new",
    };

    (void)state;
    assert_string_equal(ask("SET a 1"), "+OK");
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        disk_bytes = disk_used;
        assert_string_equal(ask(requests[i]), DISK_FULL);
        disk_bytes = DISK_BYTES;
        ASSERT_EXCHANGES({"GET a", "$1\r\n1"}, {"EXISTS new", ":0"}, {"DBSIZE", ":1"});
    }
    largest = 1u << 20; /* less than is left alone, so there is none for a large key */
    assert_string_equal(ask_with_key("SET", STORE_KEY_MAX, "1"), NO_MEMORY);
    assert_string_equal(ask_with_key("INCR", STORE_KEY_MAX, NULL), NO_MEMORY);
    ASSERT_EXCHANGES({"GET a", "$1\r\n1"}, {"DBSIZE", ":1"}, {"SET a 2", "+OK"});
    largest = SIZE_MAX;
    assert_string_equal(ask_with_key("SET", STORE_KEY_MAX, "1"), "+OK");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        COMMAND_TEST(set_has_the_options_of_redis),
        COMMAND_TEST(shorter_ways_to_set),
        COMMAND_TEST(numbers_are_written_in_one_way),
        COMMAND_TEST(a_key_that_is_too_long_is_refused_by_all_that_would_make_it),
        COMMAND_TEST(a_set_with_get_that_is_refused_has_one_answer),
        COMMAND_TEST(a_value_that_is_damaged_on_the_disk_is_told_and_not_given),
        COMMAND_TEST(a_disk_that_fails_to_read_is_told),
        COMMAND_TEST(without_memory_or_room_nothing_is_set),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
