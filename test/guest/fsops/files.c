/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls on open files. */
#include "fsops.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

void do_open(void)
{
    static const int accesses[] = {O_RDONLY, O_WRONLY, O_RDWR};
    static const struct {
        int flag;
        char letter;
    } flags[] = {{O_CREAT, 'c'},  {O_EXCL, 'x'},      {O_TRUNC, 't'},
                 {O_APPEND, 'a'}, {O_DIRECTORY, 'd'}, {O_NOFOLLOW, 'n'}};
    char letters[8] = "";
    struct where where;
    unsigned i = some_file(), n = 0;
    int how = accesses[below(3)];

    for (size_t f = 0; f < sizeof(flags) / sizeof(flags[0]); f++) {
        if (below(f == 0 ? 2 : 6))
            continue;
        how |= flags[f].flag;
        letters[n++] = flags[f].letter;
    }
    /* Linux takes both at once in one way in some versions, and in another one in others. */
    if (how & O_CREAT && how & O_DIRECTORY)
        how &= ~O_DIRECTORY;
    some_where(&where);
    if (below(3) == 0) { /* what other paths may begin in */
        static const char *const names[] = {"", "/dir", "/a", "/many", "/b/dir"};
        how = O_RDONLY | O_DIRECTORY;
        letters[0] = '\0';
        where.dir = AT_FDCWD;
        sprintf(where.path, TOP "%s", names[below(sizeof(names) / sizeof(names[0]))]);
    }
    int fd = openat(where.dir, where.path, how, 0600 + (mode_t)below(0200));
    tell(fd < 0 ? -1 : 0, "%u: open %s %d%s", i, told(&where), how & O_ACCMODE, letters);
    if (fds[i] >= 0)
        close(fds[i]);
    fds[i] = fd;
}

void do_read(void)
{
    unsigned i = some_file();
    size_t len = (size_t)below(BYTES_MAX);
    off_t place = some_place();
    bool at_place = below(2);

    ssize_t n = at_place ? pread(fds[i], bytes, len, place) : read(fds[i], bytes, len);
    tell(n, "%u: read %zu at %lld", i, len, at_place ? (long long)place : -2);
    if (n > 0)
        printf("  bytes %016" PRIx64 "\n", hash_of(bytes, (size_t)n));
}

void do_write(void)
{
    unsigned i = some_file();
    size_t len = (size_t)below(below(3) ? 300 : BYTES_MAX);
    off_t place = some_place();
    uint64_t how = below(3);
    ssize_t n;

    memset(bytes, (int)below(256), len);
    if (how == 0) {
        n = write(fds[i], bytes, len);
    } else if (how == 1) {
        n = pwrite(fds[i], bytes, len, place);
    } else {
        struct iovec parts[3] = {{bytes, len / 2}, {bytes, 0}, {bytes, len - len / 2}};
        n = writev(fds[i], parts, 3);
    }
    tell(n, "%u: write %zu at %lld", i, len, how == 1 ? (long long)place : -2);
}

void do_seek(void)
{
    static const int whences[] = {SEEK_SET, SEEK_CUR, SEEK_END, 77};
    unsigned i = some_file();
    off_t place = some_place();
    int whence = whences[below(40) ? below(3) : 3];
    struct stat st;

    /* Where a directory ends is the file system's own matter. */
    if (fstat(fds[i], &st) == 0 && S_ISDIR(st.st_mode))
        return;
    tell(lseek(fds[i], place, whence), "%u: seek %lld %d", i, (long long)place, whence);
}

void do_file(void)
{
    unsigned i = some_file(), j = some_file();
    off_t size = some_place();
    struct stat st;
    int how;

    switch (below(7)) {
    case 0:
        tell(ftruncate(fds[i], size), "%u: truncate %lld", i, (long long)size);
        break;
    case 1:
        tell_stat(fstat(fds[i], &st), &st, "fstat");
        break;
    case 2:
        tell(fsync(fds[i]), "%u: fsync", i);
        break;
    case 3:
        tell(fchmod(fds[i], 0400 + (mode_t)below(0400)), "%u: chmod", i);
        break;
    case 4:
        how = fcntl(fds[i], F_GETFL);
        tell(how < 0 ? -1 : how & O_ACCMODE, "%u: flags%s", i, how & O_APPEND ? " append" : "");
        break;
    case 5:
        if (i == j)
            break;
        if (fds[j] >= 0)
            close(fds[j]);
        fds[j] = dup(fds[i]);
        tell(fds[j] < 0 ? -1 : 0, "%u: dup of %u", j, i);
        break;
    default:
        tell(close(fds[i]), "%u: close", i);
        fds[i] = -1;
    }
}
