/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of loop.c: loop devices that others take first, of which there are none, what they are. */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <linux/loop.h>

#include "loop.h"

static struct fail fail;
static bool has_module, module_comes, has_device, has_link, is_configured, no_stat;
static unsigned n_spawned, n_taken_by_others;
static int n_free; /* what the kernel answers; negative: an errno */
static int configure_error;
static struct loop_config configured;
static int opened_flags;
static char opened[64];

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    bool is_control = strcmp(path, "/dev/loop-control") == 0;

    if (is_control ? !has_module : !has_device) {
        errno = is_control ? ENOENT : ENXIO;
        return -1;
    }
    if (!is_control) {
        opened_flags = flags;
        strcpy(opened, path);
    }
    return __real_open("/dev/null", O_RDWR);
}

int __wrap_posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const argv[],
                        char *const environment[]);
int __wrap_posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const argv[],
                        char *const environment[])
{
    (void)pid;
    (void)actions;
    (void)attributes;
    (void)argv;
    (void)environment;
    assert_string_equal(file, "modprobe");
    n_spawned++;
    has_module = module_comes;
    return ENOENT;
}

int __wrap_ioctl(int fd, unsigned long request, void *argument);
int __wrap_ioctl(int fd, unsigned long request, void *argument)
{
    (void)fd;
    switch (request) {
    case LOOP_CTL_GET_FREE:
        errno = n_free < 0 ? -n_free : 0;
        return n_free < 0 ? -1 : n_free;
    case LOOP_CONFIGURE:
        if (n_taken_by_others) {
            n_taken_by_others--;
            errno = EBUSY;
            return -1;
        }
        if (configure_error) {
            errno = configure_error;
            return -1;
        }
        memcpy(&configured, argument, sizeof(configured));
        return 0;
    default:
        assert_int_equal(request, LOOP_GET_STATUS64);
        *(struct loop_info64 *)argument = (struct loop_info64){.lo_device = 3, .lo_inode = 4};
        return is_configured ? 0 : -1;
    }
}

ssize_t __wrap_readlink(const char *path, char *target, size_t size);
ssize_t __wrap_readlink(const char *path, char *target, size_t size)
{
    static const char link[] = "../../devices/virtual/block/loop5";

    assert_string_equal(path, "/sys/dev/block/7:5");
    assert_true(size >= sizeof(link));
    memcpy(target, link, sizeof(link) - 1); /* as the kernel does, without a NUL */
    return has_link ? (ssize_t)sizeof(link) - 1 : -1;
}

int __wrap_fstat(int fd, struct stat *stat);
int __wrap_fstat(int fd, struct stat *stat)
{
    stat->st_rdev = makedev(7, 5);
    errno = EBADF;
    return no_stat || fd < 0 ? -1 : 0;
}

static int begin(void **state)
{
    (void)state;
    has_module = has_device = has_link = is_configured = true;
    module_comes = no_stat = false;
    n_spawned = n_taken_by_others = 0;
    n_free = 5;
    configure_error = 0;
    return 0;
}

static int take(bool read_only)
{
    dev_t device = 0;
    int fd = loop_take(9, "/a/file", read_only, &device, &fail);

    if (fd >= 0) {
        assert_int_equal(device, makedev(7, 5));
        close(fd);
    }
    return fd;
}

static void one_is_taken_for_a_file(void **state)
{
    (void)state;
    assert_true(take(false) >= 0);
    assert_string_equal(opened, "/dev/loop5");
    assert_int_equal(opened_flags & O_ACCMODE, O_RDWR);
    assert_int_equal(configured.fd, 9);
    assert_int_equal(configured.info.lo_flags, LO_FLAGS_AUTOCLEAR);
    assert_string_equal((const char *)configured.info.lo_file_name, "/a/file");
    assert_true(take(true) >= 0);
    assert_int_equal(opened_flags & O_ACCMODE, O_RDONLY);
    assert_int_equal(configured.info.lo_flags, LO_FLAGS_AUTOCLEAR | LO_FLAGS_READ_ONLY);
    assert_int_equal(n_spawned, 0);
}

static void others_may_be_quicker_for_a_while(void **state)
{
    (void)state;
    n_taken_by_others = 10;
    assert_true(take(false) >= 0);
    n_taken_by_others = 1000;
    assert_int_equal(take(false), -EBUSY);
}

static void the_module_is_loaded_when_it_is_not_there(void **state)
{
    (void)state;
    has_module = false;
    assert_int_equal(take(false), -ENOENT);
    assert_has(fail.text, "no loop devices");
    module_comes = true;
    assert_true(take(false) >= 0);
    assert_int_equal(n_spawned, 2);
}

static void what_the_kernel_refuses_is_told(void **state)
{
    (void)state;
    n_free = -ENOSPC;
    assert_int_equal(take(false), -ENOSPC);
    assert_has(fail.text, "no loop device is free");
    n_free = 5;
    configure_error = EINVAL;
    assert_int_equal(take(false), -EINVAL);
    configure_error = 0;
    has_device = false;
    assert_int_equal(take(false), -ENXIO);
    assert_has(fail.text, "/dev/loop5");
    has_device = true;
    no_stat = true;
    assert_true(take(false) < 0);
}

static void a_device_tells_its_file(void **state)
{
    uint64_t device = 0, inode = 0;

    (void)state;
    assert_true(loop_file_of(makedev(7, 5), &device, &inode));
    assert_string_equal(opened, "/dev/loop5");
    assert_int_equal(device, 3);
    assert_int_equal(inode, 4);
    inode = 0;
    assert_false(loop_file_of(makedev(8, 5), &device, &inode)); /* it is another kind */
    is_configured = false;
    assert_false(loop_file_of(makedev(7, 5), &device, &inode));
    has_device = false;
    assert_false(loop_file_of(makedev(7, 5), &device, &inode));
    has_link = false;
    assert_false(loop_file_of(makedev(7, 5), &device, &inode));
    assert_int_equal(inode, 0);
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_is_taken_for_a_file),
        TEST(others_may_be_quicker_for_a_while),
        TEST(the_module_is_loaded_when_it_is_not_there),
        TEST(what_the_kernel_refuses_is_told),
        TEST(a_device_tells_its_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
