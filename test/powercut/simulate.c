/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Power cuts of a simulated disk with a volatile cache:
 *
 *     simulate IMAGE SEED RUNS CUTS FSCKS
 *
 * Each run makes a few hundred changes to the file system in IMAGE, some followed by a sync, while
 * all that reaches the disk is recorded. Then it is cut CUTS times at a random point of the record,
 * with a random part of what was not flushed, and mounted again: what is found must be the state
 * after some change, and no earlier than the last sync that was acknowledged. The state is known
 * from a model beside the file system. A part of the recoveries is cut as well. Of FSCKS cuts in
 * each run e2fsck looks at what is there, after its recovery and after ours; those are of a disk
 * that writes 4096 bytes whole, because e2fsck can't read half a superblock.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sprat/port.h>

#include "ext4.h"
#include "simdisk.h"

#define N_DIRS    3  /* the first is the root */
#define N_NAMES   20 /* in each */
#define FILE_MAX  200000
#define N_CHANGES 250
#define WRITE_MAX 15000 /* bytes: one step of ext4_write() with the smallest blocks */

struct model_file {
    bool exists;
    size_t size;
    uint8_t bytes[FILE_MAX];
};

static struct model_file model[N_DIRS][N_NAMES];
static bool model_dirs[N_DIRS];
static uint64_t hashes[N_CHANGES + 1]; /* of the model, after so many changes */
static uint64_t random_state;

void port_log(const char *fmt, ...)
{
    (void)fmt; /* each recovery says so */
}

static _Noreturn void fail(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    putchar('\n');
    exit(EXIT_FAILURE);
}

static uint64_t random_below(uint64_t n)
{
    return simdisk_random(&random_state) % n;
}

static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ at[i]) * 0x100000001b3;
    return hash;
}

/* The long ones need several blocks, and an index. */
static const char *name_of(unsigned i)
{
    static char longs[N_NAMES][256];
    static const char *const names[] = {"a",
                                        "bb",
                                        "a-longer-name",
                                        "d",
                                        "e.db",
                                        "e.db-journal",
                                        "g",
                                        "and-one-that-is-longer-still"};

    if (i < sizeof(names) / sizeof(names[0]))
        return names[i];
    memset(longs[i], 'a' + (int)i, 200 + i);
    return longs[i];
}

static const char *dir_name(unsigned i)
{
    return i == 1 ? "one" : "two";
}

static uint64_t hash_model(void)
{
    uint64_t hash = 0xcbf29ce484222325;

    for (unsigned d = 0; d < N_DIRS; d++) {
        hash = hash_bytes(hash, &model_dirs[d], 1);
        for (unsigned n = 0; n < N_NAMES; n++) {
            const struct model_file *file = &model[d][n];
            if (!file->exists)
                continue;
            hash = hash_bytes(hash, name_of(n), strlen(name_of(n)));
            hash = hash_bytes(hash, &file->size, sizeof(file->size));
            hash = hash_bytes(hash, file->bytes, file->size);
        }
    }
    return hash;
}

/* @return -errno of what can't be read. */
static int hash_file(struct ext4 *fs, uint32_t dir, unsigned n, uint64_t *hash)
{
    static uint8_t bytes[FILE_MAX];
    struct stat st;
    uint32_t ino;

    int error = ext4_lookup(fs, dir, name_of(n), strlen(name_of(n)), &ino);
    if (error == -ENOENT)
        return 0;
    if (!error)
        error = ext4_stat(fs, ino, &st);
    if (error || st.st_size > FILE_MAX)
        return error ? error : -EFBIG;
    ssize_t read = ext4_read(fs, ino, bytes, sizeof(bytes), 0);
    size_t size = (size_t)st.st_size;
    if (read != (ssize_t)size)
        return read < 0 ? (int)read : -EIO;
    *hash = hash_bytes(*hash, name_of(n), strlen(name_of(n)));
    *hash = hash_bytes(*hash, &size, sizeof(size));
    *hash = hash_bytes(*hash, bytes, size);
    return 0;
}

static int find_dir(struct ext4 *fs, unsigned d, uint32_t *ino)
{
    *ino = EXT4_ROOT;
    return d ? ext4_lookup(fs, EXT4_ROOT, dir_name(d), 3, ino) : 0;
}

static int hash_fs(struct ext4 *fs, uint64_t *hash)
{
    *hash = 0xcbf29ce484222325;
    for (unsigned d = 0; d < N_DIRS; d++) {
        uint32_t dir;
        int error = find_dir(fs, d, &dir);
        if (error && error != -ENOENT)
            return error;
        bool exists = !error;
        *hash = hash_bytes(*hash, &exists, 1);
        for (unsigned n = 0; n < N_NAMES && exists; n++) {
            error = hash_file(fs, dir, n, hash);
            if (error)
                return error;
        }
    }
    return 0;
}

/* Changes: to the file system and to the model. */

static struct ext4 *mount(struct simdisk *sim)
{
    struct ext4_options options = {.cache_bytes = 1}; /* as little as there can be */
    struct ext4 *fs;
    const char *why;

    int error = ext4_mount(&sim->disk, &options, &fs, &why);
    if (error)
        fail("can't be mounted: %s", why);
    return fs;
}

static void must(int error, const char *doing)
{
    if (error < 0)
        fail("%s: %s", doing, strerror(-error));
}

/* Where change `d` happens: a directory that is there. */
static uint32_t some_dir(struct ext4 *fs, unsigned *d)
{
    uint32_t dir;

    do
        *d = (unsigned)random_below(N_DIRS);
    while (!model_dirs[*d]);
    must(find_dir(fs, *d, &dir), "finding a directory");
    return dir;
}

static uint32_t make_file(struct ext4 *fs, uint32_t dir, unsigned d, unsigned n)
{
    const char *name = name_of(n);
    uint32_t ino;

    if (model[d][n].exists) {
        must(ext4_lookup(fs, dir, name, strlen(name), &ino), "finding a file");
        return ino;
    }
    must(ext4_create(fs, dir, name, strlen(name), S_IFREG | 0644, NULL, &ino), "making a file");
    model[d][n].exists = true;
    model[d][n].size = 0;
    return ino;
}

static void write_some(struct ext4 *fs, uint32_t ino, struct model_file *file)
{
    static uint8_t bytes[WRITE_MAX];
    size_t len = 1 + random_below(random_below(2) ? 200 : WRITE_MAX);
    uint64_t offset = random_below(3) ? file->size : random_below(file->size + 3000);

    if (offset + len > FILE_MAX)
        offset = random_below(FILE_MAX - len);
    memset(bytes, (int)random_below(256), len);
    memcpy(bytes, &offset, len < sizeof(offset) ? len : sizeof(offset));
    if (offset > file->size)
        memset(file->bytes + file->size, 0, offset - file->size);
    memcpy(file->bytes + offset, bytes, len);
    if (offset + len > file->size)
        file->size = offset + len;
    ssize_t n = ext4_write(fs, ino, bytes, len, &offset, false);
    if (n != (ssize_t)len)
        fail("writing %zu bytes: %zd", len, n);
}

static void truncate_some(struct ext4 *fs, uint32_t ino, struct model_file *file)
{
    size_t size = random_below(3) ? random_below(file->size + 1) : random_below(FILE_MAX);

    must(ext4_truncate(fs, ino, size), "truncating");
    if (size > file->size)
        memset(file->bytes + file->size, 0, size - file->size);
    file->size = size;
}

static void rename_some(struct ext4 *fs, uint32_t dir, unsigned d, unsigned n)
{
    unsigned to_d, to_n = (unsigned)random_below(N_NAMES);
    uint32_t to_dir = some_dir(fs, &to_d);

    must(ext4_rename(fs, dir, name_of(n), strlen(name_of(n)), to_dir, name_of(to_n),
                     strlen(name_of(to_n))),
         "renaming");
    if (&model[d][n] == &model[to_d][to_n])
        return;
    model[to_d][to_n] = model[d][n];
    model[d][n].exists = false;
}

static void make_or_remove_dir(struct ext4 *fs)
{
    unsigned d = 1 + (unsigned)random_below(N_DIRS - 1);
    bool empty = true;
    uint32_t ino;

    for (unsigned n = 0; n < N_NAMES; n++)
        empty &= !model[d][n].exists;
    if (!model_dirs[d]) {
        must(ext4_create(fs, EXT4_ROOT, dir_name(d), 3, S_IFDIR | 0755, NULL, &ino), "mkdir");
        model_dirs[d] = true;
    } else if (empty) {
        must(ext4_rmdir(fs, EXT4_ROOT, dir_name(d), 3), "rmdir");
        model_dirs[d] = false;
    } else if (ext4_rmdir(fs, EXT4_ROOT, dir_name(d), 3) != -ENOTEMPTY) {
        fail("a directory with files was removed");
    }
}

/* One that is one call: what a cut may leave is before or after it. */
static void change(struct ext4 *fs)
{
    unsigned d, n = (unsigned)random_below(N_NAMES);
    uint32_t dir = some_dir(fs, &d);
    struct model_file *file = &model[d][n];
    uint64_t what = random_below(100);

    if (what < 8 || !file->exists) {
        if (what < 8)
            make_or_remove_dir(fs);
        else
            make_file(fs, dir, d, n);
        return;
    }
    uint32_t ino = make_file(fs, dir, d, n);
    if (what < 60) {
        write_some(fs, ino, file);
    } else if (what < 75) {
        truncate_some(fs, ino, file);
    } else if (what < 88) {
        rename_some(fs, dir, d, n);
    } else {
        must(ext4_unlink(fs, dir, name_of(n), strlen(name_of(n))), "unlinking");
        file->exists = false;
    }
}

static void work(struct simdisk *sim)
{
    struct ext4 *fs = mount(sim);
    uint64_t hash;

    memset(model, 0, sizeof(model));
    memset(model_dirs, 0, sizeof(model_dirs));
    model_dirs[0] = true;
    hashes[0] = hash_model();
    simdisk_record(sim);
    for (unsigned i = 1; i <= N_CHANGES; i++) {
        change(fs);
        hashes[i] = hash_model();
        if (random_below(4))
            continue;
        must(ext4_sync(fs), "sync");
        simdisk_mark(sim, i);
    }
    must(hash_fs(fs, &hash), "reading all");
    if (hash != hashes[N_CHANGES])
        fail("the file system is not what the model is");
    must(ext4_unmount(fs), "unmounting");
    simdisk_mark(sim, N_CHANGES);
    ext4_free(fs);
}

/* Cuts. */

static void run_fsck(const struct simdisk *sim, bool journal)
{
    char command[200], path[] = "/tmp/powercut-XXXXXX";
    int fd = mkstemp(path);

    if (fd < 0)
        fail("no temporary file");
    close(fd);
    simdisk_save(sim, path);
    if (journal)
        snprintf(command, sizeof(command),
                 "{ e2fsck -y -E journal_only %s; e2fsck -fn %s; } > %s.log 2>&1 ||"
                 " { cat %s.log; exit 1; }",
                 path, path, path, path);
    else
        snprintf(command, sizeof(command), "e2fsck -fn %s > %s.log 2>&1 || { cat %s.log; exit 1; }",
                 path, path, path);
    if (system(command) != 0)
        fail("e2fsck finds something %s in %s", journal ? "after its recovery" : "after ours",
             path);
    unlink(path);
    strcat(strcpy(command, path), ".log");
    unlink(command);
}

/* What the medium holds must be the model's state behind a change from `least` on. */
static void check(struct simdisk *sim, uint64_t least, bool fsck, unsigned depth)
{
    uint64_t hash;

    if (fsck)
        run_fsck(sim, true);
    simdisk_record(sim);
    struct ext4 *fs = mount(sim);
    int error = hash_fs(fs, &hash);
    if (error)
        fail("reading all after a cut: %s", strerror(-error));
    uint64_t found = N_CHANGES + 1;
    for (uint64_t i = least; i <= N_CHANGES && found > N_CHANGES; i++)
        if (hashes[i] == hash)
            found = i;
    if (found > N_CHANGES) {
        for (uint64_t i = 0; i < least; i++)
            if (hashes[i] == hash)
                fail("change %llu is lost; what is there is change %llu", (unsigned long long)least,
                     (unsigned long long)i);
        fail("what is there was never there before");
    }
    must(ext4_unmount(fs), "unmounting after a cut");
    ext4_free(fs);
    if (fsck)
        run_fsck(sim, false);
    if (depth == 0 || sim->n_events == 0)
        return;
    /* The recovery, the mount and the unmount, cut. */
    uint8_t *bytes = simdisk_cut(sim, random_below(sim->n_events + 1), (unsigned)random_below(257),
                                 512, &random_state);
    struct simdisk again;
    simdisk_make(&again, bytes, sim->disk.bytes, sim->disk.sector_bytes);
    free(bytes);
    check(&again, least, false, depth - 1);
    simdisk_free(&again);
}

static void cut(const struct simdisk *sim, bool fsck)
{
    static const unsigned keeps[] = {0, 1, 64, 128, 192, 255, 256};
    size_t n_events = random_below(sim->n_events + 1);
    struct simdisk after;

    /* Every other time when most is at stake: right before a flush. */
    bool late = random_below(2);
    while (late && n_events < sim->n_events && sim->events[n_events].what != SIMDISK_FLUSH)
        n_events++;
    uint8_t *bytes =
        simdisk_cut(sim, n_events, keeps[random_below(7)], fsck ? 4096 : 512, &random_state);
    simdisk_make(&after, bytes, sim->disk.bytes, sim->disk.sector_bytes);
    free(bytes);
    check(&after, simdisk_marked(sim, n_events), fsck, random_below(4) ? 0 : 2);
    simdisk_free(&after);
}

int main(int argc, char **argv)
{
    struct simdisk sim;

    if (argc != 6)
        fail("simulate IMAGE SEED RUNS CUTS FSCKS");
    random_state = strtoull(argv[2], NULL, 10);
    unsigned long runs = strtoul(argv[3], NULL, 10), cuts = strtoul(argv[4], NULL, 10);
    unsigned long fscks = strtoul(argv[5], NULL, 10), n_events = 0;
    for (unsigned long run = 0; run < runs; run++) {
        simdisk_load(&sim, argv[1], 512);
        work(&sim);
        n_events += sim.n_events;
        for (unsigned long i = 0; i < cuts; i++)
            cut(&sim, i < fscks);
        simdisk_free(&sim);
    }
    printf("%lu cuts in %lu runs, of %lu sectors, flushes and syncs: nothing is lost\n",
           runs * cuts, runs, n_events);
    return 0;
}
