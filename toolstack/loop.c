/* SPDX-License-Identifier: BSD-2-Clause */
#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/loop.h>
#include <linux/major.h>

#define CONTROL "/dev/loop-control"
#define RACES   64 /* others may take the one that was free; so often it is no chance any more */

/* The kernel loads it by itself where udev made the node ahead. */
static void load_module(void)
{
    char *const argv[] = {"modprobe", "-q", "loop", NULL};
    pid_t pid;

    if (posix_spawnp(&pid, *argv, NULL, NULL, argv, environ) == 0)
        waitpid(pid, NULL, 0);
}

static int open_control(struct fail *fail)
{
    int fd = open(CONTROL, O_RDWR | O_CLOEXEC);

    if (fd < 0) {
        load_module();
        fd = open(CONTROL, O_RDWR | O_CLOEXEC);
    }
    return fd < 0 ? fail_errno(fail, "dom0 has no loop devices: " CONTROL) : fd;
}

static int open_device(dev_t device)
{
    char link[64], target[256], path[64];

    snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", major(device), minor(device));
    ssize_t len = readlink(link, target, sizeof(target) - 1);
    if (len < 0)
        return -1;
    target[len] = '\0';
    const char *name = strrchr(target, '/');
    snprintf(path, sizeof(path), "/dev/%.48s", name ? name + 1 : target);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* One try. @return a descriptor, -EBUSY if another was quicker, or another -errno. */
static int take_number(int number, int file, const char *name, bool read_only, struct fail *fail)
{
    struct loop_config config = {.fd = (uint32_t)file};
    char path[32];

    snprintf((char *)config.info.lo_file_name, LO_NAME_SIZE, "%s", name);
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR | (read_only ? (unsigned)LO_FLAGS_READ_ONLY : 0u);
    snprintf(path, sizeof(path), "/dev/loop%d", number);
    int fd = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(fail, "%s", path);
    if (ioctl(fd, LOOP_CONFIGURE, &config) < 0) {
        int error = fail_errno(fail, "%s", path);
        close(fd);
        return error;
    }
    return fd;
}

int loop_take(int file, const char *path, bool read_only, dev_t *device, struct fail *fail)
{
    int control = open_control(fail), fd = -EBUSY;
    struct stat stat;

    if (control < 0)
        return control;
    for (int i = 0; fd == -EBUSY && i < RACES; i++) {
        int number = ioctl(control, LOOP_CTL_GET_FREE);
        fd = number < 0 ? fail_errno(fail, CONTROL ": no loop device is free")
                        : take_number(number, file, path, read_only, fail);
    }
    close(control);
    if (fd < 0)
        return fd;
    if (fstat(fd, &stat) < 0) {
        int error = fail_errno(fail, "a loop device has no number");
        close(fd);
        return error;
    }
    *device = stat.st_rdev;
    return fd;
}

bool loop_file_of(dev_t device, uint64_t *file_device, uint64_t *file_inode)
{
    struct loop_info64 info;

    if (major(device) != LOOP_MAJOR)
        return false;
    int fd = open_device(device);
    if (fd < 0)
        return false;
    bool is_used = ioctl(fd, LOOP_GET_STATUS64, &info) == 0;
    close(fd);
    if (is_used) {
        *file_device = info.lo_device;
        *file_inode = info.lo_inode;
    }
    return is_used;
}
