/* SPDX-License-Identifier: BSD-2-Clause */
/* All of kernel_main(), to the application's start and end. */
#include "run.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <xen/sched.h>
#include <xen/io/console.h>

#include <sprat/arch.h>
#include <sprat/clock.h>
#include <sprat/cpu.h>
#include <sprat/option.h>
#include <sprat/shutdown.h>
#include <sprat/thread.h>
#include <sprat/xenstore.h>

#include "consoled.h"
#include "kernel.h"
#include "machine.h"
#include "world.h"
#include "xenstored.h"

static char args[512];

static void note_args(int argc, char **argv, char **env)
{
    for (int i = 0; i <= argc; i++)
        snprintf(args + strlen(args), sizeof(args) - strlen(args), "[%s]",
                 argv[i] ? argv[i] : "NULL");
    for (; *env; env++)
        snprintf(args + strlen(args), sizeof(args) - strlen(args), "{%s}", *env);
}

static void refuse_rest(int argc, char **argv, char **env)
{
    note_args(argc, argv, env);
    option_refuse_rest();
}

static int boot(const char *cmdline)
{
    fake_build(&(struct fake_guest){.cmdline = cmdline});
    fake_app = note_args;
    return fake_run_guest(kernel_main);
}

static void the_application_gets_its_words(void **state)
{
    (void)state;
    assert_int_equal(boot("A=1 sprat.boottime 'hello world' B=2"), FAKE_RETURNED);
    assert_string_equal(args, "[tested][hello world][B=2][NULL]{A=1}");
    fake_settle();
    assert_has(fake_console_text(), "sprat: boot: ");
    assert_has(fake_console_text(), " ticks from the first instruction to main\n");
}

static void a_plain_boot_says_nothing(void **state)
{
    (void)state;
    assert_int_equal(boot(""), FAKE_RETURNED);
    assert_string_equal(args, "[tested][NULL]");
    fake_settle();
    assert_string_equal(fake_console_text(), "");
}

static void a_boot_waits_for_nobody(void **state)
{
    (void)state;
    fake_xenstored.dead = true;
    fake_consoled.dead = true;
    assert_int_equal(boot("x"), FAKE_RETURNED);
    assert_int_equal(fake_now(), FAKE_START_NS);
    assert_string_equal(args, "[tested][x][NULL]");
}

static void a_guest_without_console_and_xenstore_boots(void **state)
{
    (void)state;
    fake_build(&(struct fake_guest){.no_console = true, .no_xenstore = true});
    fake_app = note_args;
    assert_int_equal(fake_run_guest(kernel_main), FAKE_RETURNED);
    assert_string_equal(args, "[tested][NULL]");
}

static void an_option_that_is_none_is_said(void **state)
{
    (void)state;
    fake_build(&(struct fake_guest){.cmdline = "sprat.nonsense go"});
    fake_app = refuse_rest;
    assert_int_equal(fake_run_guest(kernel_main), FAKE_RETURNED);
    fake_settle();
    assert_has(fake_console_text(), "command line: 'sprat.nonsense' is no option of this image");
    assert_string_equal(args, "[tested][go][NULL]");
}

static void take_options(int argc, char **argv, char **env)
{
    note_args(argc, argv, env);
    assert_null(option_take("i"));
    assert_string_equal(option_take("ip"), "10.0.0.2/24");
    assert_null(option_take("ip")); /* it is taken */
    assert_string_equal(option_take("flag"), "");
    assert_string_equal(option_take("twice"), "2");
    assert_null(option_take("ipv6"));
    assert_string_equal(option_take_any("disk."), "xvda=/a");
    assert_string_equal(option_take_any("disk."), "b");
    assert_null(option_take_any("disk."));
    option_refuse_rest();
}

static void the_layers_take_their_options(void **state)
{
    (void)state;
    fake_build(&(struct fake_guest){
        .cmdline = "sprat.flag sprat.twice=1 sprat.ip=10.0.0.2/24 sprat.twice=2 "
                   "sprat.disk.xvda=/a sprat.disk.b go sprat.ip=1"});
    fake_app = take_options;
    assert_int_equal(fake_run_guest(kernel_main), FAKE_RETURNED);
    fake_settle();
    assert_string_equal(fake_console_text(), "");
    assert_string_equal(args, "[tested][go][sprat.ip=1][NULL]");
}

static void assert_refused(const char *cmdline, const char *why)
{
    assert_int_equal(boot(cmdline), SHUTDOWN_poweroff);
    assert_has(fake_console_text(), why);
    assert_string_equal(fake_xenstored_value(SHUTDOWN_STATUS_PATH), "64");
    assert_string_equal(args, "");
}

static void a_quote_that_is_not_closed_ends_the_guest_with_a_sentence(void **state)
{
    (void)state;
    assert_refused("go 'now", "command line: the quote that opens at byte 4 is not closed\n");
}

static void a_line_that_fills_xens_room_may_be_cut_and_is_refused(void **state)
{
    char line[MAX_GUEST_CMDLINE];

    (void)state;
    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = '\0';
    assert_refused(line, "command line: it fills all of Xen's 1023 bytes");
}

static void a_line_without_an_end_is_refused(void **state)
{
    (void)state;
    fake_build(&(struct fake_guest){0});
    memset(fake_start_info()->cmd_line, 'x', MAX_GUEST_CMDLINE);
    fake_app = note_args;
    assert_int_equal(fake_run_guest(kernel_main), SHUTDOWN_poweroff);
    assert_has(fake_console_text(), "command line: it fills all of Xen's 1023 bytes");
}

static void the_longest_line_is_read(void **state)
{
    char line[MAX_GUEST_CMDLINE];

    (void)state;
    for (size_t i = 0; i < sizeof(line); i++)
        line[i] = i % 2 ? ' ' : 'x';
    line[sizeof(line) - 2] = '\0';
    assert_int_equal(boot(line), FAKE_RETURNED);
    assert_has(args, "[tested][x][x][x]");
}

static void too_little_memory_is_said_with_what_is_needed(void **state)
{
    (void)state;
    fake_build(&(struct fake_guest){.n_pages = 256, .n_mapped = 256, .n_image = 240});
    assert_int_equal(fake_run_guest(kernel_main), SHUTDOWN_crash);
    /* 240 of image, 3, 4 of tables, 1 of bits: 8 are free and 16 are needed. */
    assert_has(fake_console_text(),
               "too little memory: the guest has 1024 KiB and needs 1056; say memory=2\n");
    assert_string_equal(args, "");
}

static void no_memory_at_all_is_said_too(void **state)
{
    (void)state;
    fake_build(&(struct fake_guest){.n_pages = 256, .n_mapped = 256, .n_image = 248});
    assert_int_equal(fake_run_guest(kernel_main), SHUTDOWN_crash);
    assert_has(fake_console_text(), "too little memory: the guest has 1024 KiB and needs 1088");
}

static void just_enough_memory_boots(void **state)
{
    (void)state;
    fake_build(&(struct fake_guest){.n_pages = 256, .n_mapped = 256, .n_image = 232});
    fake_app = note_args;
    assert_int_equal(fake_run_guest(kernel_main), FAKE_RETURNED);
}

static void wait_for_the_host(int argc, char **argv, char **env)
{
    (void)argc;
    (void)argv;
    (void)env;
    thread_sleep_until(clock_monotonic() + 1000);
    fake_xenstored_write("control/shutdown", "reboot");
    thread_sleep_until(clock_monotonic() + 1000);
    fake_fail("nobody ended the guest");
}

static void end_well(void)
{
    shutdown_exit(0);
}

static void the_host_may_end_the_guest(void **state)
{
    (void)state;
    fake_build(&(struct fake_guest){0});
    fake_app = wait_for_the_host;
    fake_app_terminate = end_well;
    assert_int_equal(fake_run_guest(kernel_main), SHUTDOWN_reboot);
}

static void the_canary_ends_strings_and_is_not_empty(void **state)
{
    (void)state;
    fake_random(0x1122334455667788);
    boot("");
    assert_int_equal(cpu_local.canary & 0xff, 0);
    assert_int_not_equal(cpu_local.canary, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_application_gets_its_words),
        cmocka_unit_test(a_plain_boot_says_nothing),
        cmocka_unit_test(a_boot_waits_for_nobody),
        cmocka_unit_test(a_guest_without_console_and_xenstore_boots),
        cmocka_unit_test(an_option_that_is_none_is_said),
        cmocka_unit_test(the_layers_take_their_options),
        cmocka_unit_test(a_quote_that_is_not_closed_ends_the_guest_with_a_sentence),
        cmocka_unit_test(a_line_that_fills_xens_room_may_be_cut_and_is_refused),
        cmocka_unit_test(a_line_without_an_end_is_refused),
        cmocka_unit_test(the_longest_line_is_read),
        cmocka_unit_test(too_little_memory_is_said_with_what_is_needed),
        cmocka_unit_test(no_memory_at_all_is_said_too),
        cmocka_unit_test(just_enough_memory_boots),
        cmocka_unit_test(the_host_may_end_the_guest),
        cmocka_unit_test(the_canary_ends_strings_and_is_not_empty),
    };
    return RUN_TESTS(tests);
}
