/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of disk.c: what may be given to a guest, by what files, xenstore and dom0's mounts say. */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "disk.h"
#include "host.h"
#include "log.h"
#include "loop.h"
#include "store.h"

#define BLOCK "/dev/sprat-block" /* stands for a block device, 8:1 */

static struct host host;
static struct fail fail;
static char file[] = "/tmp/sprat-disk-XXXXXX";
static struct stat file_stat;
static char asked[4096], mounts[512];
static const char *nodes[16]; /* path, value */
static uint32_t living;       /* a domain that Xen knows; 0: none */
static bool has_driver, is_held;
static dev_t block_number;
static int block_fd, loop_fd, loop_error;
static struct host_foreign foreign = {9, NULL};

/* What disk.c asks of the rest of the daemon and of the machine. */

void log_line(const char *format, ...)
{
    (void)format;
}

void store_write(struct store *store, const char *value, const char *path, ...)
{
    va_list args;

    (void)store;
    va_start(args, path);
    vsnprintf(asked + strlen(asked), sizeof(asked) - strlen(asked), path, args);
    va_end(args);
    snprintf(asked + strlen(asked), sizeof(asked) - strlen(asked), "=%s ", value);
}

void store_mkdir(struct store *store, const char *path, ...)
{
    (void)store;
    (void)path;
}

void store_permit(struct store *store, const char *permissions, const char *path, ...)
{
    (void)store;
    (void)permissions;
    (void)path;
}

void store_remove(struct store *store, const char *path, ...)
{
    va_list args;

    (void)store;
    va_start(args, path);
    vsnprintf(asked + strlen(asked), sizeof(asked) - strlen(asked), path, args);
    va_end(args);
    strcat(asked, " ");
}

void store_watch(struct store *store, const char *path, const char *token)
{
    (void)store;
    (void)path;
    (void)token;
}

void store_unwatch(struct store *store, const char *path, const char *token)
{
    (void)store;
    (void)path;
    (void)token;
}

int store_flush(struct store *store, struct fail *why)
{
    (void)store;
    (void)why;
    return 0;
}

int store_read(struct store *store, const char *path, char **value, struct fail *why)
{
    (void)store;
    for (size_t i = 0; nodes[i]; i += 2) {
        if (strcmp(nodes[i], path) == 0) {
            *value = strdup(nodes[i + 1]);
            return 0;
        }
    }
    return fail_set(why, ENOENT, "there is no %s", path);
}

/* Domain 9 has one disk, and one folder that is none. */
int store_list(struct store *store, const char *path, char ***names, struct fail *why)
{
    (void)store;
    if (strcmp(path, VBD_BACKENDS "/9") != 0)
        return fail_set(why, ENOENT, "there is no %s", path);
    *names = calloc(3, sizeof(**names));
    (*names)[0] = (char *)"51712";
    (*names)[1] = (char *)"x";
    return 0;
}

int hyper_domain_info(struct hyper *hyper, uint32_t domid, xc_domaininfo_t *info)
{
    (void)hyper;
    (void)info;
    return living && domid == living ? 0 : -ESRCH;
}

int host_learn_foreign(struct host *at, struct fail *why)
{
    (void)why;
    at->domains_appeared = false;
    at->foreign = &foreign;
    at->n_foreign = 1;
    return 0;
}

int loop_take(int fd, const char *path, bool read_only, dev_t *device, struct fail *why)
{
    (void)fd;
    (void)path;
    (void)read_only;
    if (loop_error)
        return fail_set(why, -loop_error, "no loop");
    *device = makedev(7, 5);
    loop_fd = dup(0);
    return loop_fd;
}

/* 7:5 is one for the file. */
bool loop_file_of(dev_t device, uint64_t *file_device, uint64_t *file_inode)
{
    if (device != makedev(7, 5))
        return false;
    *file_device = file_stat.st_dev;
    *file_inode = file_stat.st_ino;
    return true;
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    if (strcmp(path, BLOCK) != 0)
        return __real_open(path, flags, 0600);
    if (is_held && flags & O_EXCL) {
        errno = EBUSY;
        return -1;
    }
    block_fd = __real_open("/dev/null", O_RDWR);
    return block_fd;
}

int __real_fstat(int fd, struct stat *stat);
int __wrap_fstat(int fd, struct stat *stat);
int __wrap_fstat(int fd, struct stat *stat)
{
    int result = __real_fstat(fd, stat);

    if (fd == block_fd) {
        stat->st_mode = S_IFBLK | 0600;
        stat->st_rdev = block_number;
    }
    return result;
}

FILE *__wrap_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode)
{
    assert_string_equal(path, "/proc/self/mountinfo");
    if (!*mounts) {
        errno = EACCES;
        return NULL;
    }
    return fmemopen(mounts, strlen(mounts), mode);
}

int __wrap_access(const char *path, int mode);
int __wrap_access(const char *path, int mode)
{
    (void)path;
    (void)mode;
    return has_driver ? 0 : -1;
}

static void lengthen(off_t len)
{
    assert_int_equal(truncate(file, len), 0);
}

static int begin(void **state)
{
    (void)state;
    lengthen(4096);
    *asked = '\0';
    strcpy(mounts, "22 1 0:5 / /dev rw - devtmpfs dev rw\n");
    memset(nodes, 0, sizeof(nodes));
    living = 0;
    has_driver = true;
    is_held = false;
    block_number = makedev(8, 1);
    block_fd = loop_fd = -1;
    loop_error = 0;
    host.foreign = NULL;
    host.n_foreign = 0;
    return 0;
}

static int end(void **state)
{
    (void)state;
    disk_close_all(&host);
    return 0;
}

static struct diskspec spec_of(const char *target, bool read_only)
{
    struct diskspec spec = {.vdev = "xvda", .number = 51712, .read_only = read_only};

    strcpy(spec.target, target);
    return spec;
}

static int give(uint32_t domid, const char *target, bool read_only)
{
    struct diskspec spec = spec_of(target, read_only);

    return disk_plug(&host, domid, false, &spec, 1, &fail);
}

static bool loop_is_held(void)
{
    return fcntl(loop_fd, F_GETFD) >= 0;
}

static void a_file_has_a_loop_device_and_a_device_is_itself(void **state)
{
    struct diskspec spec = spec_of(file, false);

    (void)state;
    assert_int_equal(give(5, file, false), 0);
    assert_has(asked, VBD_BACKENDS "/5/51712/physical-device=7:5 ");
    assert_has(asked, VBD_BACKENDS "/5/51712/mode=w ");
    assert_null(strstr(asked, "discard-enable"));
    assert_int_equal(give(6, BLOCK, true), 0);
    assert_has(asked, VBD_BACKENDS "/6/51712/physical-device=8:1 ");
    assert_has(asked, VBD_BACKENDS "/6/51712/mode=r ");
    assert_has(asked, VBD_BACKENDS "/6/51712/discard-enable=0 ");
    spec.no_discard = true;
    assert_int_equal(disk_plug(&host, 7, false, &spec, 1, &fail), 0);
    assert_has(asked, VBD_BACKENDS "/7/51712/discard-enable=0 ");
}

static void what_cannot_be_a_disk_is_refused(void **state)
{
    (void)state;
    assert_int_equal(give(5, "/nowhere", false), -ENOENT);
    assert_int_equal(give(5, "/dev/null", false), -EINVAL);
    assert_has(fail.text, "neither a block device nor a file");
    lengthen(511);
    assert_int_equal(give(5, file, false), -EINVAL);
    assert_has(fail.text, "no sector");
    lengthen(512);
    loop_error = -ENOSPC;
    assert_int_equal(give(5, file, false), -ENOSPC);
    assert_has(fail.text, file);
    has_driver = false;
    assert_int_equal(give(5, file, false), -ENODEV);
    assert_string_equal(asked, "");
}

static void two_share_a_disk_only_if_both_read(void **state)
{
    (void)state;
    nodes[0] = VBD_BACKENDS "/5/51712/frontend";
    nodes[1] = "/local/domain/5/device/vbd/51712";
    assert_int_equal(give(5, file, true), 0);
    assert_int_equal(give(6, file, true), 0);
    assert_int_equal(give(7, file, false), -EBUSY);
    assert_has(fail.text, "a disk of domain 5");
    disk_close_all(&host);
    assert_int_equal(give(5, file, false), 0);
    assert_int_equal(give(6, file, true), -EBUSY);
    assert_int_equal(give(6, BLOCK, false), 0);
    nodes[0] = NULL; /* xl has taken it back */
    assert_int_equal(give(6, file, true), 0);
}

static void a_disk_that_another_gave_its_domain_is_not_given(void **state)
{
    static const char *const no_device[] = {"", "x", "7", "7:", "7:x", "7/5"};

    (void)state;
    host.domains_appeared = true; /* one of which has it */
    nodes[0] = VBD_BACKENDS "/9/51712/physical-device";
    nodes[1] = "7:5";
    assert_int_equal(give(5, file, true), -EBUSY); /* without "mode" it may write */
    assert_has(fail.text, "domain 9");
    nodes[2] = VBD_BACKENDS "/9/51712/mode";
    nodes[3] = "r";
    assert_int_equal(give(5, file, false), -EBUSY);
    assert_int_equal(give(5, file, true), 0);
    nodes[3] = "w";
    nodes[1] = "7:6"; /* another one */
    assert_int_equal(give(6, file, true), 0);
    disk_close_all(&host);
    for (size_t i = 0; i < sizeof(no_device) / sizeof(*no_device); i++) {
        nodes[1] = no_device[i];
        if (give(5, file, false) < 0)
            fail_msg("refused for '%s': %s", no_device[i], fail.text);
        disk_close_all(&host);
    }
    nodes[1] = ":1";
    block_number = makedev(0, 1);
    assert_int_equal(give(5, BLOCK, false), 0);
}

static void what_dom0_has_mounted_is_not_given(void **state)
{
    static const char *const no_mount[] = {"\n", "22\n", "22 1\n", "22 1 x:5 / /mnt rw\n",
                                           "22 1 7 / /mnt rw\n"};

    (void)state;
    strcpy(mounts, "22 1 0:5 / /dev rw - devtmpfs dev rw\n"
                   "23 1 7:5 / /mnt rw,noatime - ext4 /dev/loop5 rw\n");
    assert_int_equal(give(5, file, false), -EBUSY);
    assert_has(fail.text, "mounted in dom0, at /mnt:");
    assert_int_equal(give(5, file, true), -EBUSY); /* it is written */
    strcpy(mounts, "23 1 7:5 / /mnt ro - ext4 /dev/loop5 ro\n");
    assert_int_equal(give(5, file, false), -EBUSY);
    assert_int_equal(give(5, file, true), 0);
    disk_close_all(&host);
    for (size_t i = 0; i < sizeof(no_mount) / sizeof(*no_mount); i++) {
        strcpy(mounts, no_mount[i]);
        assert_int_equal(give(5, file, false), 0);
        disk_close_all(&host);
    }
    *mounts = '\0'; /* what cannot be looked at may be mounted */
    assert_int_equal(give(5, file, false), -EACCES);
}

static void a_device_that_dom0_holds_is_given_for_reading_alone(void **state)
{
    (void)state;
    is_held = true;
    assert_int_equal(give(5, BLOCK, false), -EBUSY);
    assert_has(fail.text, "in use in dom0");
    assert_int_equal(give(5, BLOCK, true), 0);
}

static void a_disk_is_nobodys_while_its_domain_goes(void **state)
{
    struct diskspec writes = spec_of(file, false), reads = spec_of(file, true);
    struct diskspec gone = spec_of("/nowhere", false);

    (void)state;
    living = 5;
    assert_int_equal(give(5, file, true), 0);
    assert_int_equal(disk_check_left(&host, &writes, 1, &fail), 0);
    disk_unplug(&host, 5);
    assert_int_equal(disk_check_left(&host, &reads, 1, &fail), 0);
    assert_int_equal(disk_check_left(&host, &writes, 1, &fail), -EAGAIN);
    assert_int_equal(disk_check_left(&host, &gone, 1, &fail), 0); /* told when it is plugged */
    assert_int_equal(give(6, file, false), -EBUSY);
    disk_settle(&host);
    assert_non_null(host.disks);
    living = 0;
    assert_int_equal(disk_check_left(&host, &writes, 1, &fail), 0);
    *asked = '\0';
    disk_settle(&host);
    assert_null(host.disks);
    assert_string_equal(asked, VBD_BACKENDS "/5 ");
    assert_int_equal(give(6, file, false), 0);
    disk_settle(&host);
    assert_non_null(host.disks); /* its domain was not destroyed by us */
}

static void a_loop_device_is_kept_until_its_backend_has_it(void **state)
{
    static const char *const others[] = {
        "/local/domain/5/sectors",        VBD_BACKENDS "/5/51712/state",
        VBD_BACKENDS "/5/51713/sectors",  VBD_BACKENDS "/6/51712/sectors",
        VBD_BACKENDS "/5/sectors",        VBD_BACKENDS "/",
        VBD_BACKENDS "/5/51712/sectors/x"};

    (void)state;
    assert_int_equal(give(5, file, false), 0);
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        disk_changed(&host, others[i]);
        if (!loop_is_held())
            fail_msg("let go by %s", others[i]);
    }
    disk_changed(&host, VBD_BACKENDS "/5/51712/sectors");
    assert_false(loop_is_held());
    assert_int_equal(give(6, BLOCK, true), 0);
    disk_unplug(&host, 5);
}

static void those_of_an_earlier_launcher_are_known(void **state)
{
    unsigned n;

    (void)state;
    nodes[0] = VBD_BACKENDS "/9/51712/physical-device";
    nodes[1] = "7:5";
    nodes[2] = VBD_BACKENDS "/9/51712/frontend";
    nodes[3] = "/local/domain/9/device/vbd/51712";
    assert_int_equal(disk_adopt(&host, 9, &n, &fail), 0);
    assert_int_equal(n, 1);
    assert_int_equal(give(5, file, false), -EBUSY);
    assert_int_equal(disk_adopt(&host, 8, &n, &fail), 0);
    assert_int_equal(n, 0);
    disk_close_all(&host);
    nodes[1] = "garbage";
    assert_int_equal(disk_adopt(&host, 9, &n, &fail), 0);
    assert_null(host.disks);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_has_a_loop_device_and_a_device_is_itself),
        TEST(what_cannot_be_a_disk_is_refused),
        TEST(two_share_a_disk_only_if_both_read),
        TEST(a_disk_that_another_gave_its_domain_is_not_given),
        TEST(what_dom0_has_mounted_is_not_given),
        TEST(a_device_that_dom0_holds_is_given_for_reading_alone),
        TEST(a_disk_is_nobodys_while_its_domain_goes),
        TEST(a_loop_device_is_kept_until_its_backend_has_it),
        TEST(those_of_an_earlier_launcher_are_known),
    };
    int fd = mkstemp(file);

    if (fd < 0 || fstat(fd, &file_stat) < 0)
        return 1;
    close(fd);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(file);
    return failed;
}
