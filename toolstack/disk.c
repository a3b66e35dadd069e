/* SPDX-License-Identifier: BSD-2-Clause */
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "host.h"
#include "log.h"
#include "loop.h"
#include "store.h"

#define BACKEND_DRIVER "/sys/bus/xen-backend/drivers/vbd"
#define SECTOR_BYTES   512
#define NO_SCRIPT      "/bin/true" /* what xl runs when it takes a disk of ours away */

/* What is behind a disk, whatever its name: a block device (inode 0), or a file. */
struct backing {
    uint64_t device, inode;
};

struct disk {
    struct disk *next;
    uint32_t domid, number;
    struct backing backing;
    bool read_only;
    bool leaves; /* its domain was destroyed */
    int loop;    /* a descriptor that keeps the loop device, until the backend has it open; or -1 */
};

static struct backing backing_of_device(dev_t device)
{
    struct backing backing = {device, 0};

    loop_file_of(device, &backing.device, &backing.inode);
    return backing;
}

static bool is_same(const struct backing *a, const struct backing *b)
{
    return a->device == b->device && a->inode == b->inode;
}

static void let_loop_go(struct disk *disk)
{
    if (disk->loop >= 0)
        close(disk->loop);
    disk->loop = -1;
}

static void drop(struct disk **at)
{
    struct disk *disk = *at;

    *at = disk->next;
    let_loop_go(disk);
    free(disk);
}

static struct disk *add(struct host *host, uint32_t domid, uint32_t number, bool read_only,
                        struct fail *fail)
{
    struct disk *disk = calloc(1, sizeof(*disk));

    if (!disk) {
        fail_text(fail, "no memory for a disk");
        return NULL;
    }
    *disk = (struct disk){
        .next = host->disks, .domid = domid, .number = number, .read_only = read_only, .loop = -1};
    host->disks = disk;
    return disk;
}

/* "MAJOR:MINOR" and what follows. @return what does, or NULL: it is no such text. */
static const char *take_device(const char *text, int base, dev_t *device)
{
    char *end;
    unsigned long device_major = strtoul(text, &end, base);

    if (end == text || *end != ':')
        return NULL;
    text = end + 1;
    *device = makedev((unsigned)device_major, (unsigned)strtoul(text, &end, base));
    return end == text ? NULL : end;
}

static int read_node(struct host *host, uint32_t domid, uint32_t number, const char *key,
                     char **value)
{
    char path[DEVICE_PATH_MAX + 32];
    struct fail fail;

    device_back(&(struct device){"vbd", domid, number}, path);
    strcat(path, "/");
    return store_read(host->store, strcat(path, key), value, &fail);
}

/* What a backend in xenstore has. @return whether it has anything. */
static bool read_backend(struct host *host, uint32_t domid, uint32_t number,
                         struct backing *backing, bool *read_only)
{
    dev_t device;
    char *value;

    if (read_node(host, domid, number, "physical-device", &value) < 0)
        return false;
    bool is_number = take_device(value, 16, &device) != NULL;
    free(value);
    if (!is_number)
        return false;
    *backing = backing_of_device(device);
    value = NULL;
    *read_only = read_node(host, domid, number, "mode", &value) == 0 && *value == 'r';
    free(value);
    return true;
}

/* ---- Who uses it already ---- */

static int refuse_use(const struct diskspec *spec, uint32_t domid, struct fail *fail)
{
    return fail_set(fail, EBUSY,
                    "disk %s: %s is a disk of domain %" PRIu32
                    "%s: two could share it only if both have it for reading (access r)",
                    spec->vdev, spec->target, domid, domid ? "" : ", which is dom0");
}

static int open_target(const struct diskspec *spec, int *fd, struct stat *stat, struct fail *fail)
{
    int flags = (spec->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK;
    int error = 0;

    *fd = open(spec->target, flags);
    if (*fd < 0)
        return fail_errno(fail, "disk %s: %s", spec->vdev, spec->target);
    if (fstat(*fd, stat) < 0)
        error = fail_errno(fail, "disk %s: %s", spec->vdev, spec->target);
    else if (!S_ISBLK(stat->st_mode) && !S_ISREG(stat->st_mode))
        error = fail_set(fail, EINVAL, "disk %s: %s is neither a block device nor a file",
                         spec->vdev, spec->target);
    else if (S_ISREG(stat->st_mode) && stat->st_size < SECTOR_BYTES)
        error = fail_set(fail, EINVAL, "disk %s: %s has no sector of 512 bytes: make it longer",
                         spec->vdev, spec->target);
    if (error)
        close(*fd);
    return error;
}

static struct backing backing_of(const struct stat *stat)
{
    return S_ISREG(stat->st_mode) ? (struct backing){stat->st_dev, stat->st_ino}
                                  : backing_of_device(stat->st_rdev);
}

/* What its backend has under way is done when the domain has gone. */
static bool is_leaving(struct host *host, const struct disk *disk)
{
    xc_domaininfo_t info;

    return disk->leaves && hyper_domain_info(&host->hyper, disk->domid, &info) != -ESRCH;
}

static int check_left(struct host *host, const struct diskspec *spec, struct fail *fail)
{
    struct backing backing;
    struct stat stat = {0};
    int fd;

    if (open_target(spec, &fd, &stat, fail) < 0)
        return 0; /* that is told when it is plugged */
    close(fd);
    backing = backing_of(&stat);
    for (struct disk *disk = host->disks; disk; disk = disk->next)
        if (is_same(&disk->backing, &backing) && is_leaving(host, disk) &&
            !(disk->read_only && spec->read_only))
            return fail_set(fail, EAGAIN,
                            "disk %s: %s is still being written for domain %" PRIu32
                            ", which was destroyed: try again when that has gone",
                            spec->vdev, spec->target, disk->domid);
    return 0;
}

int disk_check_left(struct host *host, const struct diskspec *specs, unsigned n_specs,
                    struct fail *fail)
{
    int error = 0;

    for (unsigned i = 0; i < n_specs && !error; i++)
        error = check_left(host, &specs[i], fail);
    return error;
}

/* Those that this launcher has given away. One that another has taken back is forgotten. */
static int refuse_own(struct host *host, const struct diskspec *spec, const struct backing *backing,
                      struct fail *fail)
{
    for (struct disk **at = &host->disks; *at;) {
        struct disk *disk = *at;
        char *value;
        if (!is_same(&disk->backing, backing) || (disk->read_only && spec->read_only)) {
            at = &disk->next;
            continue;
        }
        if (is_leaving(host, disk))
            return refuse_use(spec, disk->domid, fail);
        if (!disk->leaves && read_node(host, disk->domid, disk->number, "frontend", &value) == 0) {
            free(value);
            return refuse_use(spec, disk->domid, fail);
        }
        drop(at);
    }
    return 0;
}

/* Those of a domain that another gave it. */
static int refuse_others(struct host *host, uint32_t domid, const struct diskspec *spec,
                         const struct backing *backing, struct fail *fail)
{
    uint32_t *numbers;
    unsigned n;
    int error = device_list(host, "vbd", domid, &numbers, &n, fail);

    for (unsigned i = 0; !error && i < n; i++) {
        struct backing other;
        bool read_only;
        if (read_backend(host, domid, numbers[i], &other, &read_only) && is_same(&other, backing) &&
            !(read_only && spec->read_only))
            error = refuse_use(spec, domid, fail);
    }
    free(numbers);
    return error;
}

/* The next of the fields of a line. */
static const char *next_field(const char *at)
{
    at += strcspn(at, " ");
    return at + strspn(at, " ");
}

/*
 * What dom0 has mounted: for writing, or at all if the guest would write.
 * A line is "ID PARENT MAJOR:MINOR ROOT PLACE ... - TYPE SOURCE OPTIONS": those of all its mounts.
 */
static int refuse_mount(const struct diskspec *spec, const struct backing *backing,
                        const char *line, struct fail *fail)
{
    dev_t device;
    const char *at = take_device(next_field(next_field(line)), 10, &device);
    const char *last = strrchr(line, ' ');

    if (!at)
        return 0;
    struct backing mounted = backing_of_device(device);
    bool only_read = spec->read_only && last && strncmp(last, " ro", 3) == 0;
    if (!is_same(&mounted, backing) || only_read)
        return 0;
    at = next_field(next_field(at));
    return fail_set(fail, EBUSY, "disk %s: %s is mounted in dom0, at %.*s: unmount it", spec->vdev,
                    spec->target, (int)strcspn(at, " "), at);
}

static int refuse_mounted(const struct diskspec *spec, const struct backing *backing,
                          struct fail *fail)
{
    FILE *mounts = fopen("/proc/self/mountinfo", "re");
    char *line = NULL;
    size_t size = 0;
    int error = 0;

    if (!mounts)
        return fail_errno(fail, "/proc/self/mountinfo");
    while (!error && getline(&line, &size, mounts) > 0)
        error = refuse_mount(spec, backing, line, fail);
    free(line);
    fclose(mounts);
    return error;
}

static int refuse_shared(struct host *host, const struct diskspec *spec,
                         const struct backing *backing, struct fail *fail)
{
    int error = refuse_own(host, spec, backing, fail);

    if (!error && host->domains_appeared)
        error = host_learn_foreign(host, fail);
    for (size_t i = 0; !error && i < host->n_foreign; i++)
        error = refuse_others(host, host->foreign[i].domid, spec, backing, fail);
    return error ? error : refuse_mounted(spec, backing, fail);
}

/* ---- Giving it to a guest ---- */

/* One that is mounted, swap, or a part of another device cannot be opened alone. */
static int refuse_held(const struct diskspec *spec, struct fail *fail)
{
    if (spec->read_only)
        return 0;
    int fd = open(spec->target, O_RDWR | O_EXCL | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return fail_errno(fail, "disk %s: %s is in use in dom0", spec->vdev, spec->target);
    close(fd);
    return 0;
}

/*
 * What libxl writes for a disk, less what neither Linux nor xl reads. `xl block-list` and
 * `xl block-detach` look into /libxl, where all but the physical device is said again.
 */
static void write_nodes(struct host *host, const struct device *device, bool introduced,
                        const struct diskspec *spec, dev_t physical)
{
    char number[12], physical_text[24];
    const struct {
        const char *key, *value;
    } nodes[] = {
        {"params", spec->target},
        {"type", "phy"},
        {"dev", spec->vdev},
        {"device-type", "disk"},
        {"removable", "0"},
        {"script", NO_SCRIPT},
        {"mode", spec->read_only ? "r" : "w"},
    };

    snprintf(number, sizeof(number), "%" PRIu32, spec->number);
    snprintf(physical_text, sizeof(physical_text), "%x:%x", major(physical), minor(physical));
    device_begin(host, device, introduced);
    device_say_front(host, device, "virtual-device", number);
    device_say_front(host, device, "device-type", "disk");
    for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++) {
        device_say_back(host, device, nodes[i].key, nodes[i].value);
        device_note(host, device, nodes[i].key, nodes[i].value);
    }
    if (spec->no_discard || spec->read_only)
        device_say_back(host, device, "discard-enable", "0");
    device_say_back(host, device, "physical-device", physical_text);
    device_say_back(host, device, "hotplug-status", "connected");
    device_offer(host, device);
}

static int plug(struct host *host, uint32_t domid, bool introduced, const struct diskspec *spec,
                struct fail *fail)
{
    struct stat stat = {0};
    dev_t physical;
    struct disk *disk = NULL;
    int fd, error = open_target(spec, &fd, &stat, fail);

    if (error)
        return error;
    bool is_file = S_ISREG(stat.st_mode);
    struct backing backing = backing_of(&stat);
    error = refuse_shared(host, spec, &backing, fail);
    if (!error && !is_file)
        error = refuse_held(spec, fail);
    if (!error) {
        disk = add(host, domid, spec->number, spec->read_only, fail);
        error = disk ? 0 : -ENOMEM;
    }
    physical = stat.st_rdev;
    if (!error && is_file) {
        disk->loop = loop_take(fd, spec->target, spec->read_only, &physical, fail);
        if (disk->loop < 0) {
            error = disk->loop;
            fail_prefix(fail, "disk %s: %.255s", spec->vdev, spec->target);
        }
    }
    close(fd);
    if (error)
        return error;
    disk->backing = backing;
    write_nodes(host, &(struct device){"vbd", domid, spec->number}, introduced, spec, physical);
    return 0;
}

int disk_plug(struct host *host, uint32_t domid, bool introduced, const struct diskspec *specs,
              unsigned n_specs, struct fail *fail)
{
    if (access(BACKEND_DRIVER, F_OK) < 0)
        return fail_set(fail, ENODEV,
                        "disk: dom0's kernel has no backend for disks: modprobe xen-blkback");
    if (!host->hears_disks)
        store_watch(host->store, VBD_BACKENDS, HOST_TOKEN_DISK);
    host->hears_disks = true;
    int error = 0;
    for (unsigned i = 0; i < n_specs && !error; i++)
        error = plug(host, domid, introduced, &specs[i], fail);
    return error ? error : store_flush(host->store, fail);
}

/* ---- Afterwards ---- */

void disk_unplug(struct host *host, uint32_t domid)
{
    for (struct disk *disk = host->disks; disk; disk = disk->next) {
        if (disk->domid == domid) {
            disk->leaves = true;
            let_loop_go(disk);
        }
    }
    device_remove_all(host, "vbd", domid);
}

int disk_adopt(struct host *host, uint32_t domid, unsigned *n_disks, struct fail *fail)
{
    uint32_t *numbers;
    int error = device_list(host, "vbd", domid, &numbers, n_disks, fail);

    for (unsigned i = 0; !error && i < *n_disks; i++) {
        struct backing backing;
        bool read_only;
        if (!read_backend(host, domid, numbers[i], &backing, &read_only))
            continue;
        struct disk *disk = add(host, domid, numbers[i], read_only, fail);
        if (disk)
            disk->backing = backing;
        else
            error = -ENOMEM;
    }
    free(numbers);
    return error;
}

/* The size is what a backend says when it has the device open: it keeps it from now on. */
void disk_changed(struct host *host, const char *path)
{
    static const char folder[] = VBD_BACKENDS "/";
    char *end;

    if (strncmp(path, folder, strlen(folder)) != 0)
        return;
    unsigned long domid = strtoul(path + strlen(folder), &end, 10);
    unsigned long number = *end == '/' ? strtoul(end + 1, &end, 10) : 0;
    if (strcmp(end, "/sectors") != 0)
        return;
    for (struct disk *disk = host->disks; disk; disk = disk->next)
        if (disk->domid == domid && disk->number == number)
            let_loop_go(disk);
}

void disk_settle(struct host *host)
{
    xc_domaininfo_t info;
    struct fail fail;
    bool any = false;

    for (struct disk **at = &host->disks; *at;) {
        struct disk *disk = *at;
        if (!disk->leaves || hyper_domain_info(&host->hyper, disk->domid, &info) != -ESRCH) {
            at = &disk->next;
            continue;
        }
        /* A backend that was about to connect may have written once more. */
        device_remove_all(host, "vbd", disk->domid);
        drop(at);
        any = true;
    }
    if (any && store_flush(host->store, &fail) < 0)
        log_line("disks: %s", fail.text);
}

void disk_close_all(struct host *host)
{
    while (host->disks)
        drop(&host->disks);
}
