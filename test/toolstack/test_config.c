/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of cfg.c and config.c: what xl's configuration files say, and what is refused of them. */
#include "check.h"

#include <errno.h>

#include "config.h"

#define LEAST "name='a'\nkernel='/k'\nmemory=1\n"

static struct config config;
static struct fail fail;

static int parse(const char *text)
{
    return config_parse(&config, text, strlen(text), "x.cfg", &fail);
}

static void assert_refused(const char *text, const char *why)
{
    assert_int_equal(parse(text), -EINVAL);
    assert_has(fail.text, why);
}

static void the_file_that_cmake_writes_is_read(void **state)
{
    (void)state;
    assert_int_equal(parse("# comment\nname = \"hello\"\ntype = \"pv\"\nkernel = \"/b/hello.xen\"\n"
                           "memory = 1\nvcpus = 1\nextra = \"GREETING=\\x22Hi\\x22 \\\\n\"\n\n"
                           "tsc_mode = \"native\"\nmax_grant_frames = 3\nmax_maptrack_frames = 0\n"
                           "on_poweroff = \"destroy\"\non_reboot = \"restart\"\n"
                           "on_crash = \"preserve\"\n"),
                     0);
    assert_string_equal(config.name, "hello");
    assert_string_equal(config.kernel, "/b/hello.xen");
    assert_string_equal(config.cmdline, "GREETING=\"Hi\" \\n");
    assert_int_equal(config.memory_mib, 1);
    assert_int_equal(config.tsc_mode, 2);
    assert_int_equal(config.max_grant_frames, 3);
    assert_int_equal(config.on_reboot, ACTION_RESTART);
    assert_int_equal(config.on_crash, ACTION_PRESERVE);
}

static void interfaces_are_read(void **state)
{
    (void)state;
    assert_int_equal(parse(LEAST
                           "vif = [ 'mac=02:00:00:00:00:0a, bridge=xenbr0,ip=10.0.0.2 fd00::2',\n"
                           "        '' , ]\n"),
                     0);
    assert_int_equal(config.n_vifs, 2);
    assert_string_equal(config.vifs[0].bridge, "xenbr0");
    assert_string_equal(config.vifs[0].ip, "10.0.0.2 fd00::2");
    assert_int_equal(config.vifs[0].mac[5], 10);
    assert_false(config.vifs[1].mac_given);
}

static void an_unknown_key_is_refused_by_name_and_line(void **state)
{
    (void)state;
    assert_refused(LEAST "disk = [ 'phy:/dev/x,xvda,w' ]\n", "x.cfg:4:1");
    assert_has(fail.text, "the key disk");
    assert_refused(LEAST "type = 'hvm'\n", "type = \"hvm\"");
    assert_refused(LEAST "vif = ['model=e1000']\n", "vif: model is not known");
}

static void a_syntax_error_has_line_and_column(void **state)
{
    (void)state;
    assert_refused("name = hello\n", "x.cfg:1:8");
    assert_refused("name 'a'\n", "x.cfg:1:6");
    assert_refused("\n\nname = 'a\n", "x.cfg:3:8");
    assert_refused("memory = 1 2\n", "x.cfg:1:12");
    assert_refused("memory = 12abc\n", "x.cfg:1:10");
    assert_refused("vif = ['a' 'b']\n", "x.cfg:1:12");
    assert_refused("name = 'a\\q'\n", "escape");
    assert_refused("name = 'a\\x00'\n", "byte");
    assert_refused("= 1\n", "key = value");
}

static void a_key_set_twice_is_refused(void **state)
{
    (void)state;
    assert_refused(LEAST "memory = 2\n", "memory is set twice, first in line 3");
}

static void what_must_be_there_is_asked_for(void **state)
{
    (void)state;
    assert_refused("kernel='/k'\nmemory=1\n", "name is not set");
    assert_refused("name='a'\nmemory=1\n", "kernel is not set");
    assert_refused("name='a'\nkernel='/k'\n", "memory is not set");
}

static void numbers_have_bounds(void **state)
{
    (void)state;
    assert_refused("memory = 0\n", "from 1 to");
    assert_refused("memory = -1\n", "from 1 to");
    assert_refused("memory = 99999999999999999999\n", "64 bits");
    assert_refused(LEAST "vcpus = 2\n", "from 1 to 1");
    assert_refused("memory = '1'\n", "without quotes");
    assert_int_equal(parse("name='a'\nkernel='/k'\nmemory=0x10\n"), 0);
    assert_int_equal(config.memory_mib, 16);
}

static void names_that_xl_would_misread_are_refused(void **state)
{
    (void)state;
    assert_refused("name = '12'\n", "is a number");
    assert_refused("name = 'a/b'\n", "letters, digits");
    assert_refused("name = ''\n", "needs a name");
}

static void cpu_lists_are_sets(void **state)
{
    (void)state;
    assert_int_equal(parse(LEAST "cpus = '0-3,^2,9'\n"), 0);
    assert_int_equal(config.cpus[0], 0x0b);
    assert_int_equal(config.cpus[1], 0x02);
    assert_refused(LEAST "cpus = '3-1'\n", "list of CPUs");
    assert_refused(LEAST "cpus = '1,^1'\n", "leaves no CPU");
    assert_refused(LEAST "cpus = '256'\n", "list of CPUs");
}

static void macs_and_uuids_are_checked(void **state)
{
    char text[37];

    (void)state;
    assert_refused(LEAST "vif = ['mac=01:00:00:00:00:01']\n", "single station");
    assert_refused(LEAST "vif = ['mac=02:00:00:00:00']\n", "single station");
    assert_refused(LEAST "uuid = 'abc'\n", "uuid is like");
    assert_int_equal(parse(LEAST "uuid = '01234567-89ab-cdef-0123-456789abcdef'\n"), 0);
    config_format_uuid(config.uuid, text);
    assert_string_equal(text, "01234567-89ab-cdef-0123-456789abcdef");
}

/* Each beginning of a good file ends in an error or in a configuration, never outside of the text.
 * */
static void a_file_cut_off_anywhere_is_no_harm(void **state)
{
    static const char text[] =
        LEAST "vif=['mac=02:00:00:00:00:01,bridge=b',]\nextra=\"\\x41\\101\"\n";

    (void)state;
    for (size_t len = 0; len < sizeof(text); len++) {
        char *exact = test_malloc(len ? len : 1);
        memcpy(exact, text, len);
        config_parse(&config, exact, len, "x.cfg", &fail);
        test_free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_that_cmake_writes_is_read),
        cmocka_unit_test(interfaces_are_read),
        cmocka_unit_test(an_unknown_key_is_refused_by_name_and_line),
        cmocka_unit_test(a_syntax_error_has_line_and_column),
        cmocka_unit_test(a_key_set_twice_is_refused),
        cmocka_unit_test(what_must_be_there_is_asked_for),
        cmocka_unit_test(numbers_have_bounds),
        cmocka_unit_test(names_that_xl_would_misread_are_refused),
        cmocka_unit_test(cpu_lists_are_sets),
        cmocka_unit_test(macs_and_uuids_are_checked),
        cmocka_unit_test(a_file_cut_off_anywhere_is_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
