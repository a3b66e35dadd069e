/* SPDX-License-Identifier: BSD-2-Clause */
#include "run.h"

#include <errno.h>
#include <string.h>

#include <sprat/blkfront.h>
#include <sprat/compiler.h>

static const struct {
    const char *name;
    unsigned number;
} disks[] = {
    {"xvda", 202 << 8},
    {"xvda1", 202 << 8 | 1},
    {"xvda15", 202 << 8 | 15},
    {"xvdb", 202 << 8 | 16},
    {"xvdp15", 202 << 8 | 255},
    {"xvda16", 1 << 28 | 16},
    {"xvdp16", 1 << 28 | 15 << 8 | 16},
    {"xvdq", 1 << 28 | 16 << 8},
    {"xvdz", 1 << 28 | 25 << 8},
    {"xvdaa", 1 << 28 | 26 << 8},
    {"xvdzz255", 1 << 28 | 701 << 8 | 255},
    {"sda", 8 << 8},
    {"sdp15", 8 << 8 | 255},
    {"hda", 3 << 8},
    {"hda63", 3 << 8 | 63},
    {"hdb", 3 << 8 | 64},
    {"hdc", 22 << 8},
    {"hdt1", 91 << 8 | 65},
};

static void a_name_has_a_number_and_the_other_way_round(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(disks); i++) {
        char name[BLKFRONT_NAME_MAX];
        unsigned number = 0;
        assert_int_equal(blkfront_number(disks[i].name, &number), 0);
        assert_int_equal(number, disks[i].number);
        assert_string_equal(blkfront_name(number, name), disks[i].name);
    }
}

static void a_number_is_a_name_too(void **state)
{
    const unsigned others[] = {0,         51,       5 << 8,       3 << 8 | 128,
                               202 << 16, 1u << 29, 2u << 28 | 5, UINT32_MAX};
    char name[BLKFRONT_NAME_MAX];
    unsigned number;

    (void)state;
    assert_int_equal(blkfront_number("51712", &number), 0);
    assert_string_equal(blkfront_name(number, name), "xvda");
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        assert_int_equal(blkfront_number(blkfront_name(others[i], name), &number), 0);
        assert_int_equal(number, others[i]);
    }
}

static void what_is_no_name_is_refused(void **state)
{
    const char *const names[] = {"",
                                 "xvd",
                                 "xvd1",
                                 "xvdA",
                                 "xvda256",
                                 "xvda01",
                                 "xvda0",
                                 "xvda1x",
                                 "xvda-1",
                                 "xvda 1",
                                 " xvda",
                                 "sdq",
                                 "sda16",
                                 "hdu",
                                 "hda64",
                                 "vda",
                                 "nvme0n1",
                                 "4294967296",
                                 "-1",
                                 "0x10",
                                 "xvdzzzzzzzzzzzz",
                                 "xvdbgqcw",
                                 "/dev/xvda",
                                 "xvda18446744073709551617",
                                 "xvdmwlqkww" /* xvda in 32 bits */,
                                 "xvda4294967297"};
    unsigned number;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (blkfront_number(names[i], &number) != -EINVAL)
            fail_msg("\"%s\" is %u", names[i], number);
}

static void the_last_disk_has_the_last_number(void **state)
{
    char name[BLKFRONT_NAME_MAX];
    unsigned number;

    (void)state;
    blkfront_name((1u << 29) - 1, name);
    assert_int_equal(blkfront_number(name, &number), 0);
    assert_int_equal(number, (1u << 29) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_has_a_number_and_the_other_way_round),
        cmocka_unit_test(a_number_is_a_name_too),
        cmocka_unit_test(what_is_no_name_is_refused),
        cmocka_unit_test(the_last_disk_has_the_last_number),
    };
    return RUN_TESTS(tests);
}
