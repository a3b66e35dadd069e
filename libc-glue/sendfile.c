/* SPDX-License-Identifier: BSD-2-Clause */
#include <sys/sendfile.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sprat/compiler.h>
#include <sprat/file.h>
#include <sprat/fs.h>

#define COPIED_BYTES 16384 /* at once */

/* The file's bytes from `at` on, at most `len`: where they are in memory, or in `copy`. */
static ssize_t get(int in, const struct fs_node *node, off_t at, size_t len, void *copy,
                   const void **bytes)
{
    struct stat st;

    *bytes = copy;
    if (copy)
        return pread(in, copy, len < COPIED_BYTES ? len : COPIED_BYTES, at);
    int error = fs_stat(node, &st);
    if (error)
        return file_result(error);
    *bytes = (const char *)node->fs->ops->map(node->fs, node->id) + at;
    size_t left = at < st.st_size ? (size_t)(st.st_size - at) : 0;
    return (ssize_t)(len < left ? len : left);
}

static ssize_t send_from(int out, int in, const struct fs_node *node, off_t *at, size_t len,
                         void *copy)
{
    ssize_t n = 1, done = 0;
    const void *bytes;

    while (n > 0 && (size_t)done < len) {
        ssize_t n_read = get(in, node, *at, len - (size_t)done, copy, &bytes);
        n = n_read > 0 ? write(out, bytes, (size_t)n_read) : n_read;
        *at += n > 0 ? n : 0;
        done += n > 0 ? n : 0;
        if (n < n_read)
            break;
    }
    return done ? done : n < 0 ? -1 : 0;
}

SPRAT_API ssize_t sendfile(int out, int in, off_t *offset, size_t len)
{
    struct file *file = file_hold(in);
    struct fs_node node = {0};
    void *copy = NULL;

    if (!file)
        return file_result(-EBADF);
    bool has_offsets = file->ops->pread;
    bool in_memory =
        fs_node_of(file, &node) && node.fs->ops->map && node.fs->ops->map(node.fs, node.id);
    file_release(file);
    off_t at = !has_offsets ? -1 : offset ? *offset : lseek(in, 0, SEEK_CUR);
    if (at < 0)
        return file_result(-EINVAL);
    if (!in_memory && !(copy = malloc(COPIED_BYTES)))
        return -1;
    ssize_t done = send_from(out, in, &node, &at, len, copy);
    free(copy);
    if (offset)
        *offset = at;
    else if (done > 0)
        lseek(in, at, SEEK_SET);
    return done;
}
