/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fsops SEED COUNT | fsops tree: calls of POSIX on files below /data, chosen by chance, each with
 * what it answers, line by line; or what is there. Built for the guest and for Linux, so that one
 * can be held against the other. Says nothing that may differ: no inode numbers, no times but those
 * that were set.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#define N_FILES    6 /* open at a time */
#define N_DIRS     3
#define BYTES_MAX  20000
#define NAMES_MAX  4096
#define TIME_MAX   1000000000 /* times that were set are before this one */
#define FAR        ((off_t)5 << 30)
#define TOP        "/data/1/2/3" /* with all ".." of a path no way leads out of the disk */
#define HEAD       1100000 /* bytes of a file that may not be holes, at its beginning and at FAR */
#define PATH_BYTES 1200

static uint64_t state;
static int fds[N_FILES];
static DIR *dirs[N_DIRS];
static char bytes[BYTES_MAX];

static uint64_t below(uint64_t n)
{
    uint64_t z = state += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return (z ^ z >> 31) % n;
}

static const char *error_name(int error)
{
    static const struct {
        int error;
        const char *name;
    } names[] = {
        {EACCES, "EACCES"},   {EBADF, "EBADF"},   {EBUSY, "EBUSY"},
        {EEXIST, "EEXIST"},   {EFBIG, "EFBIG"},   {EINVAL, "EINVAL"},
        {EISDIR, "EISDIR"},   {ELOOP, "ELOOP"},   {EMLINK, "EMLINK"},
        {ENOENT, "ENOENT"},   {ENOSPC, "ENOSPC"}, {ENAMETOOLONG, "ENAMETOOLONG"},
        {ENOTDIR, "ENOTDIR"}, {EPERM, "EPERM"},   {ENOTEMPTY, "ENOTEMPTY"},
        {EROFS, "EROFS"},     {EXDEV, "EXDEV"},   {ENXIO, "ENXIO"},
        {EIO, "EIO"},         {ESPIPE, "ESPIPE"}, {EOPNOTSUPP, "EOPNOTSUPP"},
        {ENOSYS, "ENOSYS"},
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i].error == error)
            return names[i].name;
    return "E?";
}

/* What was called, and what came of it: a number, or the error's name. */
__attribute__((format(printf, 2, 3))) static void tell(long long result, const char *fmt, ...)
{
    int error = errno;
    va_list args;

    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    if (result < 0)
        printf(" = %s\n", error_name(error));
    else
        printf(" = %lld\n", result);
}

static uint64_t hash_of(const void *from, size_t len)
{
    const uint8_t *at = from;
    uint64_t hash = 0xcbf29ce484222325;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ at[i]) * 0x100000001b3;
    return hash;
}

/* Paths: short ones of few names, so that they meet; now and then one that is odd. */

static void add_name(char *path)
{
    static const char *const names[] = {"a", "b", "c", "dir", "file", "x.y", "link"};
    size_t at = strlen(path);
    uint64_t odd = below(40);

    if (odd < 2) { /* as long as can be, or longer */
        memset(path + at, 'L', 255 + odd);
        path[at + 255 + odd] = '\0';
    } else {
        strcpy(path + at, odd == 2   ? "."
                          : odd == 3 ? ".."
                          : odd == 4 ? ""
                                     : names[below(sizeof(names) / sizeof(names[0]))]);
    }
}

static char *path_of(char path[PATH_BYTES])
{
    strcpy(path, TOP);
    for (uint64_t n = 1 + below(3); n; n--) {
        strcat(path, below(30) ? "/" : "//");
        add_name(path);
    }
    if (below(25) == 0)
        strcat(path, "/");
    if (below(200) == 0)
        path[0] = '\0';
    return path;
}

/* In a transcript long names are told by their lengths. */
static const char *shown(const char *path)
{
    static char texts[2][PATH_BYTES];
    static unsigned turn;
    char *text = texts[turn++ % 2], *at = text;

    for (; *path; path++) {
        size_t n = strspn(path, "L");
        if (n) {
            at += sprintf(at, "<%zu>", n);
            path += n - 1;
        } else {
            *at++ = *path;
        }
    }
    *at = '\0';
    return text;
}

static void tell_stat(int result, const struct stat *st, const char *what)
{
    tell(result, "%s", what);
    if (result)
        return;
    printf("  mode %o links %u uid %u gid %u", (unsigned)st->st_mode, (unsigned)st->st_nlink,
           (unsigned)st->st_uid, (unsigned)st->st_gid);
    if (!S_ISDIR(st->st_mode))
        printf(" size %lld", (long long)st->st_size);
    if (st->st_mtime < TIME_MAX)
        printf(" mtime %lld.%09ld", (long long)st->st_mtime, (long)st->st_mtim.tv_nsec);
    if (st->st_atime < TIME_MAX)
        printf(" atime %lld.%09ld", (long long)st->st_atime, (long)st->st_atim.tv_nsec);
    putchar('\n');
}

/* Calls on open files. */

static unsigned some_file(void)
{
    return (unsigned)below(N_FILES);
}

static off_t some_place(void)
{
    static const off_t places[] = {0, 1, 511, 4095, 4096, 4097, 10000, 65536, 1000000, FAR, -1};

    return places[below(sizeof(places) / sizeof(places[0]))];
}

static void do_open(void)
{
    static const int accesses[] = {O_RDONLY, O_WRONLY, O_RDWR};
    static const struct {
        int flag;
        char letter;
    } flags[] = {{O_CREAT, 'c'},  {O_EXCL, 'x'},      {O_TRUNC, 't'},
                 {O_APPEND, 'a'}, {O_DIRECTORY, 'd'}, {O_NOFOLLOW, 'n'}};
    char path[PATH_BYTES], letters[8] = "";
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
    if (fds[i] >= 0)
        close(fds[i]);
    fds[i] = open(path_of(path), how, 0600 + (mode_t)below(0200));
    tell(fds[i] < 0 ? -1 : 0, "%u: open %s %d%s", i, shown(path), how & O_ACCMODE, letters);
}

static void do_read(void)
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

static void do_write(void)
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

static void do_seek(void)
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

static void do_file(void)
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

/* Calls on paths. */

static void do_stat(void)
{
    char path[PATH_BYTES], what[PATH_BYTES + 10];
    struct stat st;
    bool follow = below(2);

    path_of(path);
    snprintf(what, sizeof(what), "%s %s", follow ? "stat" : "lstat", shown(path));
    int result = follow ? stat(path, &st) : lstat(path, &st);
    tell_stat(result, &st, what);
}

static void do_two(void)
{
    char from[PATH_BYTES], to[PATH_BYTES];

    path_of(from);
    path_of(to);
    switch (below(5)) {
    case 0:
        tell(link(from, to), "link %s %s", shown(from), shown(to));
        break;
    case 1:
        tell(symlink(below(2)             ? from
                     : strrchr(from, '/') ? strrchr(from, '/') + 1
                                          : "",
                     to),
             "symlink %s %s", shown(from), shown(to));
        break;
    default:
        tell(rename(from, to), "rename %s %s", shown(from), shown(to));
    }
}

static void do_times(void)
{
    struct timespec times[2];
    char path[PATH_BYTES];

    path_of(path);
    for (int i = 0; i < 2; i++) {
        times[i].tv_sec = (time_t)below(TIME_MAX);
        times[i].tv_nsec = below(8) ? (long)below(1000000000) : UTIME_OMIT;
    }
    bool follow = below(2);
    tell(utimensat(AT_FDCWD, path, times, follow ? 0 : AT_SYMLINK_NOFOLLOW), "times %s %d",
         shown(path), follow);
}

static void do_readlink(void)
{
    char path[PATH_BYTES], target[PATH_BYTES];
    size_t size = below(4) ? sizeof(target) - 1 : (size_t)below(10);

    ssize_t n = readlink(path_of(path), target, size);
    tell(n, "readlink %s %zu", shown(path), size);
    if (n > 0) {
        target[n] = '\0';
        printf("  %s\n", shown(target));
    }
}

static void do_path(void)
{
    char path[PATH_BYTES];
    off_t size = some_place();

    path_of(path);
    switch (below(9)) {
    case 0:
    case 1:
        tell(mkdir(path, 0700 + (mode_t)below(0100)), "mkdir %s", shown(path));
        break;
    case 2:
        tell(rmdir(path), "rmdir %s", shown(path));
        break;
    case 3:
    case 4:
        tell(unlink(path), "unlink %s", shown(path));
        break;
    case 5:
        tell(chmod(path, 0400 + (mode_t)below(0400)), "chmod %s", shown(path));
        break;
    case 6:
        tell(truncate(path, size), "truncate %s %lld", shown(path), (long long)size);
        break;
    case 7:
        tell(access(path, F_OK), "access %s", shown(path));
        break;
    default: {
        uid_t uid = below(3) ? (uid_t)below(60000) : (uid_t)-1;
        bool follow = below(2);
        tell(follow ? chown(path, uid, 77) : lchown(path, uid, 77), "chown %s %d", shown(path),
             follow);
    }
    }
}

/* Directories. */

struct name {
    unsigned type;
    char text[256];
};

static int by_text(const void *a, const void *b)
{
    return strcmp(((const struct name *)a)->text, ((const struct name *)b)->text);
}

/* Their order is the file system's own. */
static int list(const char *path, struct name **names)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    int n = 0;

    if (!dir)
        return -1;
    *names = malloc(NAMES_MAX * sizeof(**names));
    while ((entry = readdir(dir)) && n < NAMES_MAX) {
        (*names)[n].type = entry->d_type;
        strcpy((*names)[n++].text, entry->d_name);
    }
    closedir(dir);
    qsort(*names, (size_t)n, sizeof(**names), by_text);
    return n;
}

static const char *type_text(unsigned type)
{
    return type == DT_DIR ? "d" : type == DT_REG ? "f" : type == DT_LNK ? "l" : "?";
}

static void do_list(void)
{
    char path[PATH_BYTES];
    struct name *names;

    int n = list(path_of(path), &names);
    tell(n, "list %s", shown(path));
    for (int i = 0; i < n; i++)
        printf("  %s %s\n", type_text(names[i].type), shown(names[i].text));
    if (n >= 0)
        free(names);
}

static void do_stream(void)
{
    char path[PATH_BYTES];
    size_t i = (size_t)below(N_DIRS);

    if (dirs[i]) { /* what is in it may have changed: how much is not told */
        while (readdir(dirs[i]))
            ;
        tell(closedir(dirs[i]), "stream %zu: closed", i);
        dirs[i] = NULL;
        return;
    }
    dirs[i] = opendir(path_of(path));
    tell(dirs[i] ? 0 : -1, "stream %zu: %s", i, shown(path));
    if (dirs[i] && readdir(dirs[i]) == NULL)
        puts("  it is empty");
}

/* Many names at once, so that a directory needs an index. */
static void do_many(void)
{
    unsigned first = (unsigned)below(500);
    bool make = below(3);
    char path[64];
    int n = 0;

    mkdir(TOP "/many", 0755);
    for (unsigned i = first; i < first + 100; i++) {
        snprintf(path, sizeof(path), TOP "/many/a-name-of-some-length-%u", i * 7919 % 1009);
        int fd = make ? open(path, O_WRONLY | O_CREAT | O_EXCL, 0644) : -1;
        n += make ? fd >= 0 && close(fd) == 0 : unlink(path) == 0;
    }
    tell(n, "many %u %d", first, make);
}

static void do_one(void)
{
    uint64_t what = below(100);

    if (what < 20)
        do_open();
    else if (what < 28)
        do_read();
    else if (what < 42)
        do_write();
    else if (what < 46)
        do_seek();
    else if (what < 56)
        do_file();
    else if (what < 63)
        do_stat();
    else if (what < 75)
        do_two();
    else if (what < 78)
        do_times();
    else if (what < 81)
        do_readlink();
    else if (what < 94)
        do_path();
    else if (what < 96)
        do_list();
    else if (what < 98)
        do_stream();
    else
        do_many();
}

/* What is there, in one order. */

static uint64_t hash_of_file(const char *path)
{
    static const off_t starts[] = {0, FAR, 2 * FAR};
    uint64_t hash = 0;
    int fd = open(path, O_RDONLY);
    ssize_t n;

    /* The rest are holes. */
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
        for (off_t at = starts[i];
             at < starts[i] + HEAD && (n = pread(fd, bytes, sizeof(bytes), at)) > 0; at += n)
            hash = hash * 31 + hash_of(bytes, (size_t)n);
    close(fd);
    return hash;
}

static void tell_tree(const char *path)
{
    char below_it[PATH_BYTES], target[PATH_BYTES];
    struct name *names;
    struct stat st;

    tell_stat(lstat(path, &st), &st, shown(path));
    if (S_ISREG(st.st_mode))
        printf("  bytes %016" PRIx64 "\n", hash_of_file(path));
    if (S_ISLNK(st.st_mode)) {
        ssize_t n = readlink(path, target, sizeof(target) - 1);
        target[n < 0 ? 0 : n] = '\0';
        printf("  to %s\n", shown(target));
    }
    int n = S_ISDIR(st.st_mode) ? list(path, &names) : -1;
    for (int i = 0; i < n; i++) {
        if (names[i].text[0] == '.' || strcmp(names[i].text, "lost+found") == 0)
            continue;
        snprintf(below_it, sizeof(below_it), "%s/%s", path, names[i].text);
        tell_tree(below_it);
    }
    if (n >= 0)
        free(names);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "tree") == 0) {
        tell_tree("/data");
    } else if (argc == 3) {
        state = strtoull(argv[1], NULL, 10);
        umask(022);
        mkdir("/data/1", 0755);
        mkdir("/data/1/2", 0755);
        mkdir(TOP, 0755);
        for (unsigned i = 0; i < N_FILES; i++)
            fds[i] = -1;
        for (long n = strtol(argv[2], NULL, 10); n; n--)
            do_one();
        puts("done");
    } else {
        fprintf(stderr, "usage: fsops SEED COUNT | tree\n");
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
