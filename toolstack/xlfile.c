/* SPDX-License-Identifier: BSD-2-Clause */
#include "xlfile.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "log.h"

#define PREFIX   "userdata-"
#define UUID_LEN 36

void xlfile_path(uint32_t domid, const uint8_t uuid[16], const char *kind, const char *what,
                 char path[XLFILE_PATH_MAX])
{
    char text[UUID_LEN + 1];

    config_format_uuid(uuid, text);
    snprintf(path, XLFILE_PATH_MAX, XLFILE_FOLDER "/" PREFIX "%s.%" PRIu32 ".%s.%s", kind, domid,
             text, what);
}

/*
 * As libxl does it: a lock counts if its file is still there when it is had, and who lets it go
 * removes the file first.
 *
 * @return a descriptor that holds it, -EWOULDBLOCK, or another -errno: there can be no lock.
 */
static int take_lock(const char *path)
{
    struct stat here, there;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &here) == 0 && stat(path, &there) == 0 &&
        here.st_dev == there.st_dev && here.st_ino == there.st_ino)
        return fd;
    close(fd);
    return -EWOULDBLOCK;
}

int xlfile_remove(uint32_t domid, const uint8_t uuid[16])
{
    static const struct {
        const char *kind, *what;
    } files[] = {{"d", "libxl-json"}, {"n", "libxl-json"}, {"l", "libxl-device-changes-lock"}};
    char path[XLFILE_PATH_MAX], lock[XLFILE_PATH_MAX];

    xlfile_path(domid, uuid, "l", "domain-userdata-lock", lock);
    int fd = take_lock(lock);
    if (fd == -EWOULDBLOCK)
        return fd;
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        xlfile_path(domid, uuid, files[i].kind, files[i].what, path);
        unlink(path);
    }
    unlink(lock);
    if (fd >= 0)
        close(fd);
    return 0;
}

/* "userdata-KIND.DOMID.UUID.WHAT" @return whether it is such a name. */
static bool read_name(const char *name, uint32_t *domid, uint8_t uuid[16])
{
    char text[UUID_LEN + 1], *end;

    if (strncmp(name, PREFIX, sizeof(PREFIX) - 1) != 0)
        return false;
    name += sizeof(PREFIX) - 1;
    if (!isalpha((unsigned char)name[0]) || name[1] != '.' || !isdigit((unsigned char)name[2]))
        return false;
    unsigned long number = strtoul(name + 2, &end, 10);
    if (*end != '.' || number > UINT32_MAX)
        return false;
    const char *stop = strchr(++end, '.');
    if (!stop || stop - end != UUID_LEN)
        return false;
    memcpy(text, end, UUID_LEN);
    text[UUID_LEN] = '\0';
    *domid = (uint32_t)number;
    return config_parse_uuid(text, uuid);
}

/*
 * libxl makes a domain before it writes of it, so Xen is asked behind each name: the domain of a
 * file that was seen is there by then, or no more.
 */
void xlfile_remove_stale(struct hyper *hyper)
{
    DIR *folder = opendir(XLFILE_FOLDER);
    char path[sizeof(XLFILE_FOLDER) + NAME_MAX + 2];
    struct dirent *entry;

    while (folder && (entry = readdir(folder))) {
        uint32_t domid;
        uint8_t uuid[16];
        xc_domaininfo_t info;
        if (!read_name(entry->d_name, &domid, uuid))
            continue;
        int error = hyper_domain_info(hyper, domid, &info);
        if (error ? error != -ESRCH : memcmp(info.handle, uuid, sizeof(uuid)) == 0)
            continue;
        snprintf(path, sizeof(path), XLFILE_FOLDER "/%s", entry->d_name);
        if (unlink(path) < 0 && errno != ENOENT)
            log_line("%s: %s", path, strerror(errno));
    }
    if (folder)
        closedir(folder);
}
