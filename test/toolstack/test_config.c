/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of cfg.c and config.c: what xl's configuration files say, and what is refused of them. */
#include "check.h"

#include <errno.h>
#include <stdio.h>

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

static void disks_and_a_ramdisk_are_read(void **state)
{
    (void)state;
    assert_int_equal(parse(LEAST "ramdisk = '/b/files.cpio'\n"
                                 "disk = [ 'phy:/dev/ram0,xvda,w', '/b/x.img,raw,xvdb,ro' ]\n"),
                     0);
    assert_string_equal(config.ramdisk, "/b/files.cpio");
    assert_int_equal(config.n_disks, 2);
    assert_string_equal(config.disks[0].target, "/dev/ram0");
    assert_int_equal(config.disks[0].number, 51712);
    assert_false(config.disks[0].read_only);
    assert_string_equal(config.disks[1].target, "/b/x.img");
    assert_int_equal(config.disks[1].number, 51728);
    assert_true(config.disks[1].read_only);
    assert_refused(LEAST "disk = ['phy:/dev/ram0,xvda,w',\n 'phy:/dev/ram1,d0p0,w']\n",
                   "x.cfg:5:2: disk: d0p0 is there twice");
    assert_refused(LEAST "disk = ['qcow2:/b/x,xvda,w']\n", "x.cfg:4:9: disk: qcow2 is no kind");
    assert_refused("disk = 'phy:/dev/ram0,xvda,w'\n", "disk is a list of strings");
    assert_refused("disk = [1]\n", "disk is a list of strings");
    assert_refused("disk = ['','','','','','','','','','','','','','','','','']\n", "more than 16");
    assert_refused("ramdisk = 1\n", "ramdisk is a string");
}

static void an_unknown_key_is_refused_by_name_and_line(void **state)
{
    (void)state;
    assert_refused(LEAST "pci = [ '01:00.0' ]\n", "x.cfg:4:1");
    assert_has(fail.text, "the key pci");
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
    assert_refused("memory = 1048577\n", "from 1 to");
    assert_refused("max_grant_frames = 0\n", "from 1 to 65536");
    assert_refused("max_grant_frames = 65537\n", "from 1 to 65536");
    assert_refused("max_maptrack_frames = -1\n", "from 0 to 65536");
    assert_refused("max_maptrack_frames = 65537\n", "from 0 to 65536");
    assert_refused("max_event_channels = 2\n", "from 3 to 131071");
    assert_refused("max_event_channels = 131072\n", "from 3 to 131071");
    assert_int_equal(parse("name='a'\nkernel='/k'\nmemory=0x10\n"), 0);
    assert_int_equal(config.memory_mib, 16);
}

/* A setting of so many characters. */
static const char *of_length(const char *before, int n, const char *behind)
{
    static char text[8192];
    snprintf(text, sizeof(text), "%s%0*d%s", before, n, 0, behind);
    return text;
}

static void what_is_too_long_is_refused(void **state)
{
    (void)state;
    assert_int_equal(parse(of_length(LEAST "extra = '", 1023, "'\n")), 0);
    assert_refused(of_length("extra = '", 1024, "'\n"), "extra is too long");
    assert_refused(of_length("kernel = '/", 4096, "'\n"), "kernel is too long");
    assert_int_equal(parse(of_length("kernel='/k'\nmemory=1\nname='a", 62, "'\n")), 0);
    assert_int_equal(config_check_name(of_length("a", CONFIG_NAME_MAX - 2, ""), &fail), 0);
    assert_int_equal(config_check_name(of_length("a", CONFIG_NAME_MAX - 1, ""), &fail), -EINVAL);
    assert_has(fail.text, "has more than");
    assert_refused(of_length("vif = ['bridge=", 16, "']\n"), "bridge is too long");
    assert_refused(of_length("vif = ['ip=", 159, "']\n"), "a part that is too long");
    assert_refused("vif = ['','','','','','','','','']\n", "more than 8");
}

static void values_are_of_their_keys_kind(void **state)
{
    (void)state;
    assert_refused("name = 1\n", "name is a string");
    assert_refused("type = 1\n", "type is a string");
    assert_refused("uuid = 1\n", "uuid is like");
    assert_refused("cpus = 1\n", "cpus is a list of CPUs");
    assert_refused("vif = 'bridge=b'\n", "vif is a list of strings");
    assert_refused("vif = [1]\n", "vif is a list of strings");
    assert_refused("vif = ['bridge']\n", "bridge is no key=value");
    assert_refused("vif = ['script=vif-bridge']\n", "leave it out");
}

static void two_words_for_one_thing_must_agree(void **state)
{
    (void)state;
    assert_refused("extra = 'a'\ncmdline = 'b'\n", "write one");
    assert_refused("maxmem = 2\nmemory = 1\n", "guests of one size");
    assert_int_equal(parse(LEAST "maxmem = 1\nmaxvcpus = 1\n"), 0);
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
    static const char *const bad[] = {"256",  "0-256", "",    "a", "1-", "0-",
                                      "0-+3", "1,",    "1;2", "^", "1 2"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        char text[32];
        snprintf(text, sizeof(text), "cpus = '%s'\n", bad[i]);
        assert_refused(text, "list of CPUs");
    }
}

static void a_cpu_pool_is_taken_by_name(void **state)
{
    (void)state;
    assert_int_equal(parse(LEAST "pool = 'slow'\n"), 0);
    assert_string_equal(config.pool, "slow");
}

static void macs_and_uuids_are_checked(void **state)
{
    char text[64];

    (void)state;
    assert_refused(LEAST "vif = ['mac=01:00:00:00:00:01']\n", "single station");
    static const char *const bad[] = {"02:00:00:00:00",     "g2:00:00:00:00:01",
                                      "0g:00:00:00:00:01",  "02-00-00-00-00-01",
                                      "02:00:00:00:00:01:", "02:00:00:00:00:011"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        snprintf(text, sizeof(text), "vif = ['mac=%s']\n", bad[i]);
        assert_refused(text, "single station");
    }
    assert_refused("uuid = '01234567-89ab-cdef-0123-456789abcdef0'\n", "uuid is like");
    assert_refused(LEAST "uuid = 'abc'\n", "uuid is like");
    assert_refused(LEAST "uuid = 'g1234567-89ab-cdef-0123-456789abcdef'\n", "uuid is like");
    assert_refused(LEAST "uuid = '0g234567-89ab-cdef-0123-456789abcdef'\n", "uuid is like");
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
        cmocka_unit_test(disks_and_a_ramdisk_are_read),
        cmocka_unit_test(an_unknown_key_is_refused_by_name_and_line),
        cmocka_unit_test(a_syntax_error_has_line_and_column),
        cmocka_unit_test(a_key_set_twice_is_refused),
        cmocka_unit_test(what_must_be_there_is_asked_for),
        cmocka_unit_test(numbers_have_bounds),
        cmocka_unit_test(what_is_too_long_is_refused),
        cmocka_unit_test(values_are_of_their_keys_kind),
        cmocka_unit_test(two_words_for_one_thing_must_agree),
        cmocka_unit_test(names_that_xl_would_misread_are_refused),
        cmocka_unit_test(cpu_lists_are_sets),
        cmocka_unit_test(a_cpu_pool_is_taken_by_name),
        cmocka_unit_test(macs_and_uuids_are_checked),
        cmocka_unit_test(a_file_cut_off_anywhere_is_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
