/* SPDX-License-Identifier: BSD-2-Clause */
#include "load.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/stat.h>

#include "master.h"
#include "say.h"

#define SUFFIX         ".zone"
#define PATH_MAX_BYTES 512

static bool is_zone_file(const char *name)
{
    size_t len = strlen(name), suffix = strlen(SUFFIX);

    return len > suffix && strcmp(name + len - suffix, SUFFIX) == 0;
}

/* The origin that a file's name says; NULL when it says none. */
static const struct name *origin_of(const char *path, struct name *origin)
{
    static const struct name root = {.len = 1};
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

    if (!is_zone_file(name))
        return NULL;
    return name_parse(origin, name, strlen(name) - strlen(SUFFIX), &root) ? NULL : origin;
}

static void complain(const char *path, const char *why)
{
    say("dns: ");
    say(path);
    say(": ");
    say(why);
    say("\n");
}

static void say_zone_error(const char *path, const struct zone_error *error)
{
    say("dns: ");
    say(path);
    say(":");
    say_number(error->line);
    say(":");
    say_number(error->column);
    say(": ");
    say(error->why);
    if (error->about[0]) {
        say(" (");
        say(error->about);
        say(")");
    }
    say("\n");
}

static int load_text(struct zones *zones, const char *path, const char *text, size_t len,
                     struct load_sums *sums)
{
    struct zone_error error = {0};
    struct name origin;
    struct zone *zone = master_read(text, len, origin_of(path, &origin), &error);

    if (!zone) {
        say_zone_error(path, &error);
        return -1;
    }
    if (zones_add(zones, zone)) {
        complain(path, "another file has a zone of this name");
        zone_free(zone);
        return -1;
    }
    sums->n_zones++;
    sums->n_names += zone->n_nodes;
    sums->n_records += zone->n_records;
    return 0;
}

int load_file(struct zones *zones, const char *path, struct load_sums *sums)
{
    struct stat st;
    int fd = open(path, O_RDONLY);

    if (fd < 0 || fstat(fd, &st)) {
        complain(path, "there is no such file");
        if (fd >= 0)
            close(fd);
        return -1;
    }
    void *text = st.st_size ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : "";
    close(fd); /* the mapping stays */
    if (text == MAP_FAILED) {
        complain(path, "this can't be read as a file");
        return -1;
    }
    return load_text(zones, path, text, (size_t)st.st_size, sums);
}

int load_folder(struct zones *zones, const char *path, struct load_sums *sums)
{
    char file[PATH_MAX_BYTES];
    const struct dirent *entry;
    DIR *folder = opendir(path);
    int result = 0;

    if (!folder) {
        complain(path, "there is no such folder");
        return -1;
    }
    while (result == 0 && (entry = readdir(folder))) {
        if (!is_zone_file(entry->d_name))
            continue;
        if (strlen(path) + 1 + strlen(entry->d_name) >= sizeof(file)) {
            complain(entry->d_name, "this name is too long");
            result = -1;
            break;
        }
        strcat(strcat(strcpy(file, path), "/"), entry->d_name);
        result = load_file(zones, file, sums);
    }
    closedir(folder);
    return result;
}
