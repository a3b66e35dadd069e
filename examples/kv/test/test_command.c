/* SPDX-License-Identifier: BSD-2-Clause */
/* What is no command, and commands about keys, the connection and the server, on the host. */
#include "commanded.h"

#include "pattern.h"

#define UNKNOWN(what, of)                                                                          \
    "-ERR unknown subcommand '" what "' of '" of "', or it has too few or too many arguments"
#define NO_PASSWORD                                                                                \
    "-ERR AUTH <password> called without any password configured for the default user. Are you "   \
    "sure your configuration is correct?"
#define BAD_NAME "-ERR Client names cannot contain spaces, newlines or special characters."

static void what_is_no_command_is_told_on_one_line(void **state)
{
    char text[1024], expected[1024];

    (void)state;
    ASSERT_EXCHANGES(
        {"", ""}, {"*0", ""}, {"*-1", ""},
        {"NONSENSE a", "-ERR unknown command 'NONSENSE', with args beginning with: 'a' "},
        {"\"a\\r\\nb\"", "-ERR unknown command 'a  b', with args beginning with: "},
        {"no \"a\\r\\nb\"", "-ERR unknown command 'no', with args beginning with: 'a  b' "},
        {"\"\"", "-ERR unknown command '', with args beginning with: "});
    /* Of what is long, the beginning; nothing behind it is read. */
    memset(text, 'x', 600);
    text[300] = ' ';
    text[600] = '\0';
    snprintf(expected, sizeof(expected),
             "-ERR unknown command '%.*s', with args beginning with: '%.*s", 128, text, 127, text);
    assert_string_equal(ask(text), expected);
    /* Of many, the first ones. */
    strcpy(text, "no");
    for (unsigned i = 0; i < 100; i++)
        strcat(text, " word");
    snprintf(expected, sizeof(expected), "-ERR unknown command 'no', with args beginning with: ");
    for (unsigned i = 0; i < 18; i++)
        strcat(expected, "'word' ");
    assert_string_equal(ask(text), strcat(expected, "'w"));
    /* What has no end is none's string. */
    assert_string_equal(ask_bytes("*2\r\n$2\r\nno\r\n$3\r\na\0b\r\n", 21),
                        "-ERR unknown command 'no', with args beginning with: 'a' ");
}

static void each_command_says_how_many_words_it_takes(void **state)
{
    char line[1024], expected[128];

    (void)state;
    for (unsigned i = 0; i < command_count(); i++) {
        const struct command *command = command_at(i);
        unsigned wrong[2] = {command->least - 1, command->most + 1};
        snprintf(expected, sizeof(expected), "-ERR wrong number of arguments for '%s' command",
                 command->name);
        for (unsigned w = 0; w < 2; w++) {
            if (!wrong[w] || wrong[w] > RESP_WORDS_MAX)
                continue;
            strcpy(line, command->name);
            for (unsigned n = 1; n < wrong[w]; n++)
                strcat(line, " 1");
            assert_string_equal(ask(line), expected);
        }
    }
    assert_int_equal(store_stats(store)->n_changes, 0);
}

static void keys_are_found_counted_and_deleted(void **state)
{
    (void)state;
    ASSERT_EXCHANGES({"DBSIZE", ":0"}, {"MSET a 1 b 2 c 3", "+OK"}, {"EXISTS a b none a", ":3"},
                     {"TYPE a", "+string"}, {"TYPE none", "+none"}, {"DBSIZE", ":3"},
                     {"KEYS a", "*1\r\n$1\r\na"}, {"KEYS x*", "*0"}, {"DEL a none a", ":1"},
                     {"UNLINK b", ":1"}, {"DBSIZE", ":1"}, {"FLUSHALL NOW", NO_SYNTAX},
                     {"DBSIZE", ":1"}, {"FLUSHALL SYNC", "+OK"}, {"DBSIZE", ":0"},
                     {"SET a 1", "+OK"}, {"FLUSHDB ASYNC", "+OK"}, {"DBSIZE", ":0"},
                     {"SET a 1", "+OK"}, {"FLUSHDB", "+OK"}, {"DBSIZE", ":0"});
}

static void a_log_that_can_t_be_written_is_told_by_what_deletes(void **state)
{
    (void)state;
    assert_string_equal(ask("MSET a 1 b 2"), "+OK");
    disk_bytes = 0; /* not even what is kept for it */
    ASSERT_EXCHANGES({"DEL a b", DISK_FULL}, {"GETDEL a", DISK_FULL}, {"FLUSHALL", DISK_FULL},
                     {"EXPIRE a 0", DISK_FULL}, {"GET a", "$1\r\n1"});
    disk_bytes = DISK_BYTES;
    assert_string_equal(ask("DEL a b"), ":2");
}

static void names_are_matched_as_redis_does(void **state)
{
    static const struct {
        const char *pattern, *name;
        bool matches;
    } tries[] = {
        {"", "", true},
        {"", "a", false},
        {"a", "", false},
        {"a", "a", true},
        {"a", "b", false},
        {"a", "ab", false},
        {"ab", "a", false},
        {"?", "a", true},
        {"?", "", false},
        {"?", "ab", false},
        {"*", "", true},
        {"*", "abc", true},
        {"a*", "a", true},
        {"a*", "abc", true},
        {"a*c", "abcbc", true},
        {"a*c", "abcb", false},
        {"*b*", "abc", true},
        {"*b*", "acc", false},
        {"a**c", "abc", true},
        {"[abc]", "b", true},
        {"[abc]", "d", false},
        {"[a-c]", "b", true},
        {"[a-c]", "c", true},
        {"[a-c]", "d", false},
        {"[^a-c]", "b", false},
        {"[^a-c]", "d", true},
        {"[abc]", "", false},
        {"[^abc]", "", false},
        {"[", "[", false},
        {"[a", "a", true},
        {"[a", "b", false},
        {"[^", "a", true},
        {"[a-", "-", true},
        {"[a-", "a", true},
        {"[a-]b", "ab", false},
        {"[]", "a", false},
        {"\\*", "*", true},
        {"\\*", "a", false},
        {"\\", "\\", true},
        {"\\", "a", false},
        {"a\\?", "a?", true},
        {"a\\?", "ab", false},
        {"*a*a*a*b", "aaaaaaaaaaaa", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        size_t pattern_len = strlen(tries[i].pattern), len = strlen(tries[i].name);
        char *pattern = malloc(pattern_len + !pattern_len), *name = malloc(len + !len);
        memcpy(pattern, tries[i].pattern, pattern_len); /* without an end */
        memcpy(name, tries[i].name, len);
        if (pattern_match(pattern, pattern_len, name, len) != tries[i].matches)
            fail_msg("'%s' and '%s'", tries[i].pattern, tries[i].name);
        free(pattern);
        free(name);
    }
}

static void what_clients_ask_for_before_they_begin(void **state)
{
    (void)state;
    ASSERT_EXCHANGES(
        {"PING", "+PONG"}, {"PING x", "$1\r\nx"}, {"ECHO x", "$1\r\nx"}, {"CLIENT ID", ":7"},
        {"CLIENT GETNAME", "$-1"}, {"CLIENT SETNAME me", "+OK"}, {"CLIENT GETNAME", "$2\r\nme"},
        {"CLIENT SETNAME \"a b\"", BAD_NAME}, {"CLIENT SETNAME \"a\\x7f\"", BAD_NAME},
        {"CLIENT SETNAME \"\\xff\"", BAD_NAME}, {"CLIENT SETNAME \"\\n\"", BAD_NAME},
        {"CLIENT GETNAME", "$2\r\nme"}, {"CLIENT SETNAME !~", "+OK"},
        {"CLIENT GETNAME", "$2\r\n!~"}, {"CLIENT SETNAME \"\"", "+OK"}, {"CLIENT GETNAME", "$-1"},
        {"CLIENT SETINFO LIB-NAME x", "+OK"}, {"CLIENT SETINFO x", UNKNOWN("SETINFO", "client")},
        {"CLIENT ID x", UNKNOWN("ID", "client")},
        {"CLIENT GETNAME x", UNKNOWN("GETNAME", "client")},
        {"CLIENT SETNAME", UNKNOWN("SETNAME", "client")},
        {"CLIENT REPLY OFF", UNKNOWN("REPLY", "client")},
        {"HELLO 3", "-NOPROTO unsupported "
                    "protocol version"},
        {"HELLO 2 SETNAME", NO_SYNTAX}, {"HELLO 2 AUTH a", NO_SYNTAX},
        {"HELLO 2 WHAT a", NO_SYNTAX},
        {"HELLO x", "-ERR Protocol version is not an integer or out of range"},
        {"HELLO 2 SETNAME \"a b\"", BAD_NAME}, {"HELLO 2 AUTH a b", NO_PASSWORD},
        {"HELLO 2 SETNAME a AUTH a b", NO_PASSWORD}, {"AUTH secret", NO_PASSWORD},
        {"AUTH me secret", NO_PASSWORD}, {"SELECT 0", "+OK"},
        {"SELECT 1", "-ERR DB index is out of range"}, {"SELECT x", NO_INTEGER});
    assert_false(has_quit);
    assert_string_equal(ask("QUIT"), "+OK");
    assert_true(has_quit);
}

static void a_client_s_name_has_an_end(void **state)
{
    char line[128], expected[128];

    (void)state;
    memset(line, 'n', sizeof(line));
    memcpy(line, "CLIENT SETNAME ", 15);
    line[15 + COMMAND_NAME_MAX] = '\0';
    assert_string_equal(ask(line), "+OK");
    snprintf(expected, sizeof(expected), "$%d\r\n%s", COMMAND_NAME_MAX, line + 15);
    assert_string_equal(ask("CLIENT GETNAME"), expected);
    strcat(line, "n");
    assert_string_equal(ask(line), "-ERR client names have at most 64 bytes");
    assert_string_equal(ask("CLIENT GETNAME"), expected);
}

static void hello_says_who_is_there(void **state)
{
    (void)state;
    const char *answer = ask("HELLO 2 SETNAME you");
    assert_memory_equal(answer, "*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n", 41);
    assert_non_null(strstr(answer, "$5\r\nproto\r\n:2\r\n$2\r\nid\r\n:7\r\n"));
    assert_string_equal(ask("CLIENT GETNAME"), "$3\r\nyou");
    assert_memory_equal(ask("HELLO"), "*14", 3);
}

static void config_tells_what_is_asked_for(void **state)
{
    (void)state;
    ASSERT_EXCHANGES(
        {"CONFIG GET save", "*2\r\n$4\r\nsave\r\n$0\r\n"}, {"CONFIG GET nothing", "*0"},
        {"CONFIG GET app* port", "*6\r\n$10\r\nappendonly\r\n$3\r\nyes\r\n$11\r\nappendfsync\r\n"
                                 "$6\r\nalways\r\n$4\r\nport\r\n$4\r\n6379"},
        {"CONFIG GET", UNKNOWN("GET", "config")}, {"CONFIG SET save x", UNKNOWN("SET", "config")});
}

static void command_tells_of_commands(void **state)
{
    char expected[32];

    (void)state;
    ASSERT_EXCHANGES({"COMMAND DOCS get", "*0"}, {"COMMAND INFO no", "*1\r\n*-1"},
                     {"COMMAND INFO mset no get",
                      "*3\r\n*6\r\n$4\r\nmset\r\n:-3\r\n*1\r\n+write\r\n:1\r\n:-1\r\n"
                      ":2\r\n*-1\r\n*6\r\n$3\r\nget\r\n:2\r\n*1\r\n+readonly\r\n"
                      ":1\r\n:1\r\n:1"},
                     {"COMMAND INFO ping", "*1\r\n*6\r\n$4\r\nping\r\n:-1\r\n*0\r\n:0\r\n:0\r\n:0"},
                     {"COMMAND INFO", UNKNOWN("INFO", "command")},
                     {"COMMAND COUNT x", UNKNOWN("COUNT", "command")},
                     {"COMMAND WHAT", UNKNOWN("WHAT", "command")});
    snprintf(expected, sizeof(expected), ":%u", command_count());
    assert_string_equal(ask("COMMAND COUNT"), expected);
    snprintf(expected, sizeof(expected), "*%u\r\n", command_count());
    assert_memory_equal(ask("COMMAND"), expected, strlen(expected));
}

/* What is quoted of a word is its beginning. */
static void a_long_word_is_quoted_in_part(void **state)
{
    char line[256], expected[256];

    (void)state;
    memset(line, 'w', sizeof(line));
    memcpy(line, "CLIENT ", 7);
    line[7 + 100] = '\0';
    snprintf(expected, sizeof(expected),
             "-ERR unknown subcommand '%.64s' of 'client', or it has too few or too many arguments",
             line + 7);
    assert_string_equal(ask(line), expected);
    assert_string_equal(ask("SET e 1"), "+OK");
    memcpy(line, "EXPIRE e 1 ", 11);
    snprintf(expected, sizeof(expected), "-ERR Unsupported option %.64s", line + 11);
    assert_string_equal(ask(line), expected);
}

static void info_tells_the_sections_that_are_asked_for(void **state)
{
    static const char *const sections[] = {"Server", "Clients",     "Memory",  "Persistence",
                                           "Stats",  "Replication", "Keyspace"};
    static const char *const all[] = {"INFO", "INFO ALL", "INFO default", "INFO EVERYTHING"};
    char line[64], title[64];

    (void)state;
    assert_string_equal(ask("INFO nothing"), "$0\r\n");
    assert_string_equal(ask("INFO keyspace"), "$12\r\n# Keyspace\r\n");
    assert_string_equal(ask("MSET a 1 b 2"), "+OK");
    assert_string_equal(ask("EXPIRE a 100"), ":1");
    assert_string_equal(ask("INFO keyspace"),
                        "$44\r\n# Keyspace\r\ndb0:keys=2,expires=1,avg_ttl=0\r\n");
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
        snprintf(line, sizeof(line), "INFO none %s", sections[i]);
        snprintf(title, sizeof(title), "# %s\r\n", sections[i]);
        const char *answer = ask(line);
        assert_int_equal(strstr(answer, title) - strchr(answer, '\n'), 1);
        assert_null(strstr(answer, "\r\n\r\n"));
        for (size_t a = 0; a < sizeof(all) / sizeof(all[0]); a++)
            assert_non_null(strstr(ask(all[a]), title));
    }
    assert_non_null(strstr(ask("INFO stats keyspace"), "\r\n\r\n# Keyspace\r\n"));
    now_ms += 5000;
    assert_non_null(strstr(ask("INFO server"), "uptime_in_seconds:5\r\n"));
    assert_non_null(strstr(ask("INFO stats"), "total_commands_processed:"));
    assert_non_null(strstr(ask("INFO persistence"), "changes:3\r\n"));
}

/* Of an answer that there is no memory for nothing is sent, and the server hears of it. */
static void an_answer_without_memory_is_marked(void **state)
{
    (void)state;
    assert_string_equal(ask("SET a 1"), "+OK");
    resp_free(&out);
    for (unsigned n = 0; n < 3; n++) {
        struct resp_request info = {.n = 1};
        struct command_context context = {
            .store = store, .stats = &stats, .client = &client, .now_ms = now_ms};
        info.words[0] = (struct resp_word){(char[]){"INFO"}, 4};
        allocations = n;
        assert_int_equal(command_run(&context, &info, &out), 0);
        allocations = ~0u;
        assert_true(out.failed);
        resp_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        COMMAND_TEST(what_is_no_command_is_told_on_one_line),
        COMMAND_TEST(each_command_says_how_many_words_it_takes),
        COMMAND_TEST(keys_are_found_counted_and_deleted),
        COMMAND_TEST(a_log_that_can_t_be_written_is_told_by_what_deletes),
        COMMAND_TEST(names_are_matched_as_redis_does),
        COMMAND_TEST(what_clients_ask_for_before_they_begin),
        COMMAND_TEST(a_client_s_name_has_an_end),
        COMMAND_TEST(hello_says_who_is_there),
        COMMAND_TEST(config_tells_what_is_asked_for),
        COMMAND_TEST(command_tells_of_commands),
        COMMAND_TEST(a_long_word_is_quoted_in_part),
        COMMAND_TEST(info_tells_the_sections_that_are_asked_for),
        COMMAND_TEST(an_answer_without_memory_is_marked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
