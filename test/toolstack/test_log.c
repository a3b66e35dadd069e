/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of log.c: what is written to stderr. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "log.h"

static FILE *file;
static int kept;
static char said[8192];

static int begin(void **state)
{
    (void)state;
    file = tmpfile();
    kept = dup(STDERR_FILENO);
    return file && kept >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0 ? 0 : -1;
}

static void take(void)
{
    fflush(stderr);
    rewind(file);
    said[fread(said, 1, sizeof(said) - 1, file)] = '\0';
    dup2(kept, STDERR_FILENO);
}

static int end(void **state)
{
    (void)state;
    close(kept);
    return fclose(file);
}

static void a_line_has_the_time(void **state)
{
    unsigned year, month, day, hour, minute, second;
    int at = 0;

    (void)state;
    log_line("%d things", 3);
    take();
    assert_int_equal(sscanf(said, "%4u-%2u-%2u %2u:%2u:%2u %n", &year, &month, &day, &hour, &minute,
                            &second, &at),
                     6);
    assert_string_equal(said + at, "spratd: 3 things\n");
}

static void a_guest_cannot_talk_to_the_readers_terminal(void **state)
{
    static const char words[] = "one\r\n\x1b[2Jtwo\xff\tthree";

    (void)state;
    log_last_words("web", words, sizeof(words) - 1);
    take();
    assert_string_equal(said, "    web: one\n    web: ?[2Jtwo??three\n");
}

static void of_much_the_last_whole_lines_are_written(void **state)
{
    static char words[5000];

    (void)state;
    memset(words, 'x', sizeof(words));
    words[3000] = '\n';
    words[4998] = '\n';
    log_last_words("web", words, sizeof(words));
    take();
    assert_int_equal(strlen(said), strlen("    web: \n    web: \n") + 1997 + 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_line_has_the_time),
        TEST(a_guest_cannot_talk_to_the_readers_terminal),
        TEST(of_much_the_last_whole_lines_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
