/* SPDX-License-Identifier: BSD-2-Clause */
#include "blob.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX_BYTES (256u << 20) /* one that is longer is a mistake, or an attack on dom0 */

static struct blob *cache;

static int read_file(struct blob *blob, int fd, const struct stat *stat, struct fail *fail)
{
    if (!S_ISREG(stat->st_mode))
        return fail_set(fail, ENOEXEC, "no regular file");
    if ((uint64_t)stat->st_size > FILE_MAX_BYTES)
        return fail_set(fail, EFBIG, "longer than 256 MiB");
    blob->n_bytes = (size_t)stat->st_size;
    blob->bytes = malloc(blob->n_bytes ? blob->n_bytes : 1);
    if (!blob->bytes)
        return fail_set(fail, ENOMEM, "no memory for it");
    for (size_t got = 0; got < blob->n_bytes;) {
        ssize_t n = read(fd, blob->bytes + got, blob->n_bytes - got);
        if (n < 0)
            return fail_errno(fail, "cannot be read");
        if (n == 0)
            return fail_set(fail, ENOEXEC, "became shorter while it was read");
        got += (size_t)n;
    }
    return 0;
}

static void blob_free(struct blob *blob)
{
    free(blob->bytes);
    free(blob);
}

/* What the file was before will not be asked for again. */
static void forget_stale(const struct blob *current)
{
    for (struct blob **at = &cache; *at;) {
        struct blob *blob = *at;
        bool is_stale = blob != current && strcmp(blob->path, current->path) == 0;
        blob->is_stale |= is_stale;
        if (is_stale && blob->references == 0) {
            *at = blob->next;
            blob_free(blob);
        } else {
            at = &blob->next;
        }
    }
}

static bool is_same_file(const struct blob *blob, const struct stat *stat)
{
    return blob->device == stat->st_dev && blob->inode == stat->st_ino &&
           blob->n_bytes == (size_t)stat->st_size && blob->changed.tv_sec == stat->st_mtim.tv_sec &&
           blob->changed.tv_nsec == stat->st_mtim.tv_nsec;
}

static int open_file(const char *path, int *fd, struct stat *stat, struct fail *fail)
{
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0)
        return fail_errno(fail, "cannot be opened");
    if (fstat(*fd, stat) < 0) {
        int error = fail_errno(fail, "cannot be read");
        close(*fd);
        return error;
    }
    return 0;
}

int blob_get(const char *path, struct blob **result, struct fail *fail)
{
    struct stat stat = {0};

    if (strlen(path) >= sizeof((*result)->path))
        return fail_set(fail, ENAMETOOLONG, "its path is too long");
    int fd, error = open_file(path, &fd, &stat, fail);
    if (error)
        return error;
    for (struct blob *blob = cache; blob; blob = blob->next) {
        if (strcmp(blob->path, path) == 0 && is_same_file(blob, &stat)) {
            close(fd);
            *result = blob_share(blob);
            return 0;
        }
    }
    struct blob *blob = calloc(1, sizeof(*blob));
    error = blob ? read_file(blob, fd, &stat, fail) : fail_set(fail, ENOMEM, "no memory for it");
    close(fd);
    if (error) {
        if (blob)
            blob_free(blob);
        return error;
    }
    strcpy(blob->path, path);
    blob->device = stat.st_dev;
    blob->inode = stat.st_ino;
    blob->changed = stat.st_mtim;
    blob->references = 1;
    blob->next = cache;
    cache = blob;
    forget_stale(blob);
    *result = blob;
    return 0;
}

struct blob *blob_share(struct blob *blob)
{
    blob->references++;
    return blob;
}

void blob_put(struct blob *blob)
{
    if (!blob || --blob->references || !blob->is_stale)
        return;
    for (struct blob **at = &cache; *at; at = &(*at)->next) {
        if (*at == blob) {
            *at = blob->next;
            break;
        }
    }
    blob_free(blob);
}
