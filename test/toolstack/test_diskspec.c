/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of diskspec.c: disks as xl-disk-configuration(5) writes them. */
#include "check.h"

#include <errno.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "diskspec.h"

static struct diskspec spec;
static struct fail fail;

static void assert_read(const char *text, const char *target, uint32_t number, bool read_only)
{
    if (diskspec_parse(&spec, text, &fail) != 0)
        fail_msg("'%s' is refused: %s", text, fail.text);
    assert_string_equal(spec.target, target);
    assert_int_equal(spec.number, number);
    assert_int_equal(spec.read_only, read_only);
}

static void assert_refused(const char *text, const char *why)
{
    assert_int_equal(diskspec_parse(&spec, text, &fail), -EINVAL);
    assert_has(fail.text, why);
}

static void parts_are_known_by_their_places(void **state)
{
    (void)state;
    assert_read("phy:/dev/vg/disk,xvda,w", "/dev/vg/disk", 51712, false);
    assert_read("phy:vg/disk,xvda,r", "/dev/vg/disk", 51712, true);
    assert_read("file:/a/b.img,xvdb", "/a/b.img", 51728, false);
    assert_read("raw:/a/b.img,xvdb,ro", "/a/b.img", 51728, true);
    assert_read("/a/b.img,raw,xvdc,rw", "/a/b.img", 51744, false);
    assert_read("/a/b.img,,xvdc,", "/a/b.img", 51744, false);
    assert_read(" /a/b.img, raw, xvda1,\tr", "/a/b.img", 51713, true);
    assert_string_equal(spec.vdev, "xvda1");
}

static void parts_are_known_by_their_keys(void **state)
{
    (void)state;
    assert_read("format=raw,vdev=xvda,access=rw,backendtype=phy,script=block,target=/b/kv.img",
                "/b/kv.img", 51712, false);
    assert_read("vdev=/dev/xvda,access=ro,devtype=disk,target=/a,b=c", "/a,b=c", 51712, true);
    assert_string_equal(spec.vdev, "xvda");
    assert_read("/a/b.img,vdev=xvda,raw,r", "/a/b.img", 51712, true);
    assert_read("format=,/a/b.img,xvda,access=w", "/a/b.img", 51712, false);
    assert_false(spec.no_discard);
    assert_read("no-discard,phy:/dev/x,xvda,w", "/dev/x", 51712, false);
    assert_true(spec.no_discard);
    assert_read("phy:/dev/x,discard,xvda,w", "/dev/x", 51712, false);
    assert_false(spec.no_discard);
}

/* Source: xen-vbd-interface(7). */
static void a_disks_name_tells_its_number(void **state)
{
    static const struct {
        const char *vdev;
        uint32_t number;
    } disks[] = {{"xvda", 51712},
                 {"xvdp15", 51967},
                 {"xvdq", 1u << 28 | 16 << 8},
                 {"xvda16", 1u << 28 | 16},
                 {"xvdaa", 1u << 28 | 26 << 8},
                 {"xvdaaa255", 1u << 28 | 702 << 8 | 255},
                 {"d0p0", 51712},
                 {"d5p2", 51712 + 5 * 16 + 2},
                 {"d536p37", 1u << 28 | 536 << 8 | 37},
                 {"hda", 768},
                 {"hdb2", 834},
                 {"hdc", 5632},
                 {"hdd63", 5632 + 64 + 63},
                 {"sda", 2048},
                 {"sdp15", 2303},
                 {"51712", 51712},
                 {"0x10001000", 1u << 28 | 16 << 8}};
    char text[64];

    (void)state;
    for (size_t i = 0; i < sizeof(disks) / sizeof(*disks); i++) {
        snprintf(text, sizeof(text), "phy:/dev/x,%s,w", disks[i].vdev);
        assert_read(text, "/dev/x", disks[i].number, false);
    }
}

static void what_names_no_disk_is_refused(void **state)
{
    static const char *const bad[] = {"xvd",
                                      "xvdA",
                                      "xvda256",
                                      "xvda-1",
                                      "xvdzzzzz",
                                      "xvdzzzzzzzzzzzz",
                                      "hde",
                                      "hda64",
                                      "sdq",
                                      "sda16",
                                      "d1",
                                      "d1p",
                                      "dp1",
                                      "d1p256",
                                      "d1p1x",
                                      "xvda1a",
                                      "vda",
                                      "x",
                                      "99999999999",
                                      "1x",
                                      "xvda1234567890",
                                      "d1px",
                                      "d1048576p0",
                                      "hdc:cdrom",
                                      "4294967296",
                                      "xvda0000000001",
                                      "d0000000001p1",
                                      "00000000000051712"};
    char text[64];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        snprintf(text, sizeof(text), "phy:/dev/x,%s,w", bad[i]);
        assert_refused(text, "names no disk");
        assert_has(fail.text, bad[i]);
    }
}

static void what_needs_more_than_blkback_is_refused_by_name(void **state)
{
    (void)state;
    assert_refused("qcow2:/a/b,xvda,w", "qcow2 is no kind of disk");
    assert_refused("tap:aio:/a/b,xvda,w", "tap is no kind of disk");
    assert_refused("nbd:localhost,xvda,w", "nbd is no kind of disk");
    assert_refused("/a/b,qcow2,xvda,w", "qcow2 is no format");
    assert_refused("format=vhd,vdev=xvda,target=/a/b", "vhd is no format");
    assert_refused("backendtype=qdisk,vdev=xvda,target=/a", "backendtype=qdisk is not served");
    assert_refused("script=block-drbd,vdev=xvda,target=/a", "script=block-drbd is not run");
    assert_refused("devtype=cdrom,vdev=xvda,target=/a", "devtype=cdrom is not known");
    assert_refused("phy:/dev/x,xvda,w,cdrom", "cdrom is not known");
    assert_refused("direct-io-safe,phy:/dev/x,xvda,w", "direct-io-safe is not known");
    assert_refused("backend=disks,vdev=xvda,target=/a", "backend=disks is not known");
    assert_refused("size=1,vdev=xvda,target=/a", "size=1 is not known");
}

static void what_is_missing_or_twice_is_told(void **state)
{
    (void)state;
    assert_refused("", "has no target");
    assert_refused("vdev=xvda,access=w", "has no target: a block device");
    assert_refused("vdev=xvda,target=", "has no target: a drive");
    assert_refused(",raw,xvda,w", "has no target: a drive");
    assert_refused("phy:/dev/x", "/dev/x has no vdev");
    assert_refused("phy:/dev/x,xvda,w,r", "r is one part too many");
    assert_refused("phy:/dev/x,xvda,x", "x is no access");
    assert_refused("phy:/dev/x,xvda,vdev=xvdb", "xvdb is a second vdev");
    assert_refused("access=r,vdev=xvda,access=,target=/a", "access is a second access");
    assert_refused("phy:/dev/x,xvda,w,access=r", "r is a second access");
    assert_refused("phy:/dev/x,xvda,target=/a", "/dev/x and another target");
}

/* A target of n bytes, after what comes before. */
static const char *with_target(const char *before, int n)
{
    static char text[512];
    snprintf(text, sizeof(text), "%s/%0*d", before, n - 1, 0);
    return text;
}

static void what_is_too_long_is_refused(void **state)
{
    char text[512];

    (void)state;
    assert_int_equal(diskspec_parse(&spec, with_target("vdev=xvda,target=", 255), &fail), 0);
    assert_int_equal(strlen(spec.target), 255);
    assert_refused(with_target("vdev=xvda,target=", 256), "a target of more than 255 bytes");
    snprintf(text, sizeof(text), "%s,raw,xvda,w", with_target("", 200));
    assert_int_equal(diskspec_parse(&spec, text, &fail), 0);
    assert_int_equal(strlen(spec.target), 200);
    snprintf(text, sizeof(text), "phy:%0*d,xvda,w", 251, 0); /* /dev/ comes before it */
    assert_refused(text, "a target of more than 255 bytes");
    snprintf(text, sizeof(text), "phy:/dev/x,%0*d,w", 64, 0);
    assert_refused(text, "a part that is too long");
    snprintf(text, sizeof(text), "vdev=%0*d,target=/a", 64, 0);
    assert_refused(text, "a part that is too long");
    snprintf(text, sizeof(text), "%0*d:/a,xvda,w", 64, 0);
    assert_int_equal(diskspec_parse(&spec, text, &fail), -EINVAL);
}

/* Each beginning of a good one ends in an error or in a disk, never outside of the text. */
static void a_text_cut_off_anywhere_is_no_harm(void **state)
{
    static const char text[] = "format=raw,vdev=xvda,access=rw,backendtype=phy,target=/a/b";

    (void)state;
    for (size_t len = 0; len < sizeof(text); len++) {
        char *exact = malloc(len + 1);
        memcpy(exact, text, len);
        exact[len] = '\0';
        diskspec_parse(&spec, exact, &fail);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_known_by_their_places),
        cmocka_unit_test(parts_are_known_by_their_keys),
        cmocka_unit_test(a_disks_name_tells_its_number),
        cmocka_unit_test(what_names_no_disk_is_refused),
        cmocka_unit_test(what_needs_more_than_blkback_is_refused_by_name),
        cmocka_unit_test(what_is_missing_or_twice_is_told),
        cmocka_unit_test(what_is_too_long_is_refused),
        cmocka_unit_test(a_text_cut_off_anywhere_is_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
