/* SPDX-License-Identifier: BSD-2-Clause */
#include "diskspec.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX 64 /* bytes of a part other than the target, with the NUL */

/* Numbers of devices. Source: xen-vbd-interface(7). */
#define XVD_MAJOR    202
#define EXTENDED     (1u << 28)
#define EXTENDED_MAX (1u << 20) /* disks; each with 256 partitions */

struct reader {
    const char *text; /* what has not been read yet */
    struct diskspec *spec;
    struct fail *fail;
    bool has_format, has_access;
};

static int refuse(struct reader *reader, const char *word, const char *what)
{
    return fail_set(reader->fail, EINVAL, "%s %s", word, what);
}

static bool is_one_of(const char *word, const char *const words[])
{
    while (*words && strcmp(*words, word) != 0)
        words++;
    return *words != NULL;
}

/* "a" to "z", "aa" and on, from 0. UINT_MAX: there is no letter. */
static unsigned take_letters(const char **at)
{
    unsigned n = 0;

    for (; islower((unsigned char)**at) && n <= EXTENDED_MAX; ++*at)
        n = n * 26 + (unsigned)(**at - 'a') + 1;
    return n - 1;
}

/* Digits up to `end`; none at all are 0. @return whether there is nothing else, up to 9 digits. */
static bool take_digits(const char **at, char end, unsigned *number)
{
    size_t len = strspn(*at, "0123456789");

    if (len > 9 || (*at)[len] != end)
        return false;
    *number = (unsigned)strtoul(*at, NULL, 10);
    *at += len;
    return true;
}

static bool number_xvd(unsigned disk, unsigned partition, uint32_t *number)
{
    if (disk >= EXTENDED_MAX || partition > 255)
        return false;
    *number = disk < 16 && partition < 16 ? XVD_MAJOR << 8 | disk << 4 | partition
                                          : EXTENDED | disk << 8 | partition;
    return true;
}

static bool number_hd(unsigned disk, unsigned partition, uint32_t *number)
{
    if (disk > 3 || partition > 63)
        return false;
    *number = (disk < 2 ? 3u : 22u) << 8 | (disk & 1) << 6 | partition;
    return true;
}

static bool number_sd(unsigned disk, unsigned partition, uint32_t *number)
{
    if (disk > 15 || partition > 15)
        return false;
    *number = 8u << 8 | disk << 4 | partition;
    return true;
}

/* @return whether it is a disk's name, or its number. */
static bool read_vdev(const char *vdev, uint32_t *number)
{
    static const struct {
        const char *prefix;
        bool (*number)(unsigned disk, unsigned partition, uint32_t *number);
    } kinds[] = {{"xvd", number_xvd}, {"hd", number_hd}, {"sd", number_sd}};
    unsigned disk, partition;
    const char *at = vdev + 1;

    if (isdigit((unsigned char)*vdev)) {
        char *end;
        unsigned long plain = strtoul(vdev, &end, 0);
        *number = (uint32_t)plain;
        return !*end && plain <= EXTENDED + EXTENDED_MAX * 256ul;
    }
    if (*vdev == 'd' && isdigit((unsigned char)*at) && take_digits(&at, 'p', &disk) &&
        isdigit((unsigned char)*++at) && take_digits(&at, '\0', &partition))
        return number_xvd(disk, partition, number);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        size_t len = strlen(kinds[i].prefix);
        at = vdev + len;
        if (strncmp(vdev, kinds[i].prefix, len) != 0)
            continue;
        disk = take_letters(&at);
        return take_digits(&at, '\0', &partition) && kinds[i].number(disk, partition, number);
    }
    return false;
}

static int take_vdev(struct reader *reader, const char *value)
{
    if (*reader->spec->vdev)
        return refuse(reader, value, "is a second vdev: write one");
    if (strncmp(value, "/dev/", 5) == 0)
        value += 5;
    if (strlen(value) >= sizeof(reader->spec->vdev) || !read_vdev(value, &reader->spec->number))
        return refuse(reader, value, "names no disk: a guest's are called xvda, xvdb1, sda, d5p0");
    strcpy(reader->spec->vdev, value);
    return 0;
}

static int take_format(struct reader *reader, const char *value)
{
    if (*value && strcmp(value, "raw") != 0)
        return refuse(reader, value,
                      "is no format that the launcher serves: raw alone (qemu-img convert -O raw)");
    reader->has_format = true;
    return 0;
}

static int take_access(struct reader *reader, const char *value)
{
    static const char *const read_only[] = {"r", "ro", NULL}, *const both[] = {"w", "rw", "", NULL};

    if (reader->has_access)
        return refuse(reader, *value ? value : "access", "is a second access: write one");
    reader->spec->read_only = is_one_of(value, read_only);
    if (!reader->spec->read_only && !is_one_of(value, both))
        return refuse(reader, value, "is no access: write r, ro, w or rw");
    reader->has_access = true;
    return 0;
}

static int take_target(struct reader *reader, const char *value, size_t len)
{
    struct diskspec *spec = reader->spec;
    const char *folder = *value == '/' ? "" : "/dev/"; /* as Xen's block script has it */

    if (*spec->target)
        return refuse(reader, spec->target, "and another target are given: write one");
    if (!len)
        return fail_set(reader->fail, EINVAL,
                        "has no target: a drive without a disk in it is "
                        "nothing that the launcher can make");
    if (strlen(folder) + len >= sizeof(spec->target))
        return fail_set(reader->fail, EINVAL, "has a target of more than %zu bytes",
                        sizeof(spec->target) - 1);
    sprintf(spec->target, "%s%.*s", folder, (int)len, value);
    return 0;
}

static int take_key(struct reader *reader, const char *word, const char *key, const char *value)
{
    if (strcmp(key, "format") == 0)
        return take_format(reader, value);
    if (strcmp(key, "vdev") == 0)
        return take_vdev(reader, value);
    if (strcmp(key, "access") == 0)
        return take_access(reader, value);
    if (strcmp(key, "backendtype") == 0)
        return strcmp(value, "phy") == 0
                   ? 0
                   : refuse(reader, word, "is not served by the launcher: phy, or leave it out");
    if (strcmp(key, "script") == 0)
        return strcmp(value, "block") == 0
                   ? 0
                   : refuse(reader, word,
                            "is not run by the launcher, which does itself what \"block\" does");
    if (strcmp(key, "devtype") == 0 && strcmp(value, "disk") == 0)
        return 0;
    return refuse(reader, word, "is not known to the launcher; xl create may know it");
}

/* By its place: target, format, vdev, access. */
static int take_place(struct reader *reader, const char *word)
{
    if (!*reader->spec->target)
        return take_target(reader, word, strlen(word));
    if (!reader->has_format)
        return take_format(reader, word);
    if (!*reader->spec->vdev)
        return take_vdev(reader, word);
    if (!reader->has_access)
        return take_access(reader, word);
    return refuse(reader, word, "is one part too many: target, format, vdev, access");
}

/* A word without "=": some have no place of theirs. */
static int take_plain(struct reader *reader, const char *word)
{
    static const char *const flags[] = {"discard", "no-discard", NULL};
    static const char *const unknown[] = {"cdrom", "direct-io-safe", "trusted", "untrusted",
                                          "colo",  "no-colo",        NULL};

    if (is_one_of(word, unknown))
        return refuse(reader, word, "is not known to the launcher; xl create may know it");
    if (!is_one_of(word, flags))
        return take_place(reader, word);
    reader->spec->no_discard = *word == 'n';
    return 0;
}

/* "phy:" and the like, which xl calls deprecated, and all write. */
static int take_prefix(struct reader *reader)
{
    static const char *const served[] = {"phy", "file", "raw", NULL};
    size_t len = strspn(reader->text, "abcdefghijklmnopqrstuvwxyz0123456789");
    char prefix[WORD_MAX];

    if (reader->text[len] != ':' || len >= sizeof(prefix))
        return 0;
    memcpy(prefix, reader->text, len);
    prefix[len] = '\0';
    if (!is_one_of(prefix, served))
        return refuse(reader, prefix,
                      "is no kind of disk that the launcher serves: phy, file or raw");
    reader->text += len + 1;
    reader->has_format = true;
    return 0;
}

static int take_word(struct reader *reader)
{
    char word[WORD_MAX], key[WORD_MAX];
    const char *from = reader->text;
    size_t len = strcspn(from, ","), key_len = strcspn(from, ",=");

    reader->text += len + (from[len] == ',');
    if (len >= sizeof(word) && key_len == len && !*reader->spec->target)
        return take_target(reader, from, len);
    if (len >= sizeof(word))
        return fail_set(reader->fail, EINVAL, "has a part that is too long: %.20s...", from);
    memcpy(word, from, len);
    word[len] = '\0';
    if (key_len == len)
        return take_plain(reader, word);
    memcpy(key, word, key_len);
    key[key_len] = '\0';
    return take_key(reader, word, key, word + key_len + 1);
}

int diskspec_parse(struct diskspec *spec, const char *text, struct fail *fail)
{
    static const char target[] = "target=";
    struct reader reader = {.text = text, .spec = spec, .fail = fail};

    *spec = (struct diskspec){0};
    int error = 0;
    while (!error && *reader.text) {
        reader.text += strspn(reader.text, " \t");
        if (strncmp(reader.text, target, strlen(target)) == 0) {
            const char *value = reader.text + strlen(target);
            error = take_target(&reader, value, strlen(value));
            break;
        }
        if (!*spec->target)
            error = take_prefix(&reader);
        if (!error)
            error = take_word(&reader);
    }
    if (error)
        return error;
    if (!*spec->target)
        return fail_set(fail, EINVAL, "has no target: a block device, or a raw file");
    if (!*spec->vdev)
        return fail_set(fail, EINVAL, "%s has no vdev: how the guest calls it, xvda", spec->target);
    return 0;
}
