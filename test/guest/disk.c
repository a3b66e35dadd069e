/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk's user, on the driver itself: disk NAME[,OPTION...] COMMAND... does what the commands say,
 * one after the other, and says of each what came of it. Options are queues=N, ring=PAGES,
 * pages=N, no-persistent and no-indirect.
 *
 *     size            what the disk is like
 *     transport       how requests get there
 *     write:SEED      a pattern over all of it, many requests at a time, then a flush
 *     verify:SEED     is that what is there?
 *     grown:BYTES     wait until it is so large
 *     churn           write and verify, until the host says that it is enough
 *     at:OFFSET       write and read the sector there: the errors that come of it
 *     discard:OFFSET  64 KiB from there
 *     secure:OFFSET   the same, so that nobody can read it any more
 *     fua:OFFSET      64 KiB, on stable storage at once
 *     appear:NAME     wait until this disk is there, and go on with it
 *     gone            wait until it is taken away
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sprat/blkfront.h>
#include <sprat/xenstore.h>

#define PIECE   65536u
#define DEPTH   16
#define DISCARD 65536
#define ENOUGH  "data/enough" /* in xenstore */

static struct blkfront *disk;

/* What the byte at this place is; the tests' Python makes the same. */
static uint64_t word(uint64_t seed, uint64_t offset)
{
    uint64_t x = (offset / 8 + 1) * 0x9e3779b97f4a7c15ull + seed * 0xbf58476d1ce4e5b9ull;

    return x ^ x >> 29;
}

static struct pieces {
    struct blkfront_request requests[DEPTH];
    struct blkfront_buffer buffers[DEPTH];
    uint64_t memory[DEPTH][PIECE / 8];
    uint64_t seed, next, end;
    enum blkfront_op op;
    int error;
    bool differs;
} pieces;

static void begin_piece(struct blkfront_request *request)
{
    size_t i = (size_t)(request - pieces.requests);
    uint64_t len = pieces.end - pieces.next < PIECE ? pieces.end - pieces.next : PIECE;

    if (!len)
        return;
    request->offset = pieces.next;
    pieces.buffers[i] = (struct blkfront_buffer){pieces.memory[i], len};
    pieces.next += len;
    for (uint64_t at = 0; at < len; at += 8)
        pieces.memory[i][at / 8] =
            pieces.op == BLKFRONT_WRITE ? word(pieces.seed, request->offset + at) : 0;
    blkfront_submit(disk, &request, 1);
}

static void end_piece(struct blkfront_request *request)
{
    size_t i = (size_t)(request - pieces.requests);

    if (request->status && !pieces.error)
        pieces.error = request->status;
    for (uint64_t at = 0; at < request->length && pieces.op == BLKFRONT_READ; at += 8)
        if (pieces.memory[i][at / 8] != word(pieces.seed, request->offset + at))
            pieces.differs = true;
    if (!pieces.error && !pieces.differs)
        begin_piece(request);
}

static int all_of_it(enum blkfront_op op, uint64_t seed)
{
    pieces.op = op;
    pieces.seed = seed;
    pieces.next = 0;
    pieces.end = blkfront_geometry(disk)->bytes;
    pieces.error = 0;
    pieces.differs = false;
    for (unsigned i = 0; i < DEPTH; i++) {
        pieces.requests[i] = (struct blkfront_request){
            .op = op, .buffers = &pieces.buffers[i], .n_buffers = 1, .done = end_piece};
        begin_piece(&pieces.requests[i]);
    }
    while (blkfront_under_way(disk))
        blkfront_wait(disk, UINT64_MAX);
    return pieces.error ? pieces.error : pieces.differs ? -EILSEQ : 0;
}

static int do_op(enum blkfront_op op, uint64_t offset, void *bytes, size_t len)
{
    struct blkfront_buffer buffer = {bytes, len};
    struct blkfront_request request = {
        .op = op, .offset = offset, .length = len, .buffers = &buffer, .n_buffers = 1};

    return blkfront_do(disk, &request);
}

static int write_all(uint64_t seed)
{
    int error = all_of_it(BLKFRONT_WRITE, seed);
    return error ? error : do_op(BLKFRONT_FLUSH, 0, NULL, 0);
}

static int verify_all(uint64_t seed)
{
    return all_of_it(BLKFRONT_READ, seed);
}

static int churn(uint64_t unused)
{
    const struct blkfront_stats *stats = blkfront_stats(disk);
    char text[4];
    int error = 0;

    (void)unused;
    for (uint64_t pass = 1; !error && xenstore_read(0, ENOUGH, text, sizeof(text)) < 0; pass++) {
        error = write_all(pass);
        if (!error)
            error = verify_all(pass);
        printf("pass %u on connection %u\n", (unsigned)pass, (unsigned)stats->connections);
    }
    printf("resent %u faults %u lost %u\n", (unsigned)stats->resent, (unsigned)stats->faults,
           (unsigned)stats->pages_lost);
    return error;
}

static int touch_sector(uint64_t offset)
{
    static uint64_t sector[BLKFRONT_SECTOR_MAX / 8];
    size_t len = blkfront_geometry(disk)->sector_bytes;

    printf("write %d\n", -do_op(BLKFRONT_WRITE, offset, sector, len));
    printf("read %d\n", -do_op(BLKFRONT_READ, offset, sector, len));
    return 0;
}

static int tell_size(uint64_t unused)
{
    const struct blkfront_geometry *geometry = blkfront_geometry(disk);

    (void)unused;
    printf("%llu bytes in sectors of %u%s\n", (unsigned long long)geometry->bytes,
           (unsigned)geometry->sector_bytes, geometry->read_only ? ", read-only" : "");
    return 0;
}

static int tell_transport(uint64_t unused)
{
    const struct blkfront_transport *transport = blkfront_transport(disk);

    (void)unused;
    printf("%u queues of %u, %u pages%s%s%s%s\n", transport->n_queues, transport->ring_entries,
           transport->segments, transport->indirect ? ", indirect" : "",
           transport->persistent ? ", persistent" : "", transport->flush ? ", flush" : "",
           transport->barrier ? ", barrier" : "");
    return 0;
}

static int wait_for_size(uint64_t bytes)
{
    printf("waiting for %llu bytes\n", (unsigned long long)bytes);
    while (blkfront_geometry(disk)->bytes != bytes)
        blkfront_wait(disk, UINT64_MAX);
    return 0;
}

static int discard(uint64_t offset)
{
    return do_op(BLKFRONT_DISCARD, offset, NULL, DISCARD);
}

/* What the disk can't do is told, and is no failure here. */
static int secure_discard(uint64_t offset)
{
    printf("secure discard %d\n", -do_op(BLKFRONT_SECURE_DISCARD, offset, NULL, DISCARD));
    return 0;
}

static int write_through(uint64_t offset)
{
    struct blkfront_buffer buffer = {pieces.memory, PIECE};
    struct blkfront_request request = {
        .op = BLKFRONT_WRITE, .fua = true, .offset = offset, .buffers = &buffer, .n_buffers = 1};

    return blkfront_do(disk, &request);
}

static int wait_until_gone(uint64_t unused)
{
    (void)unused;
    printf("waiting for its end\n");
    while (blkfront_link(disk) != BLKFRONT_GONE)
        blkfront_wait(disk, UINT64_MAX);
    return 0;
}

/* Disks that come and go are seen by a watch on their folder. */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t condition;
    bool is_so;
} changed = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};

static void folder_changed(struct xenstore_watch *watch, const char *path)
{
    (void)watch;
    (void)path;
    changed.is_so = true;
    pthread_cond_signal(&changed.condition);
}

static void wait_for_change(void)
{
    pthread_mutex_lock(&changed.lock);
    while (!changed.is_so)
        pthread_cond_wait(&changed.condition, &changed.lock);
    changed.is_so = false;
    pthread_mutex_unlock(&changed.lock);
}

static int take_option(char *option, struct blkfront_config *config)
{
    const char *name = strsep(&option, "=");
    unsigned number = option ? (unsigned)strtoul(option, NULL, 10) : 0;

    if (strcmp(name, "queues") == 0)
        config->queues_max = number;
    else if (strcmp(name, "ring") == 0)
        config->ring_pages = number;
    else if (strcmp(name, "pages") == 0)
        config->pages_max = number;
    else if (strcmp(name, "no-persistent") == 0)
        config->no_persistent = true;
    else if (strcmp(name, "no-indirect") == 0)
        config->no_indirect = true;
    else
        return -EINVAL;
    return 0;
}

static int open_disk(const char *words)
{
    struct blkfront_config config = {0};
    char text[128], *rest = text;
    unsigned number;
    int error = 0;

    snprintf(text, sizeof(text), "%s", words);
    const char *name = strsep(&rest, ",");
    while (rest && !error)
        error = take_option(strsep(&rest, ","), &config);
    if (!error)
        error = blkfront_number(name, &number);
    if (!error)
        error = blkfront_open(number, &config, NULL, NULL, &disk);
    return error ? error : blkfront_wait_up(disk, UINT64_MAX);
}

static int wait_for_disk(const char *name)
{
    struct xenstore_watch watch = {.path = "device/vbd", .handler = folder_changed};
    int error = xenstore_watch(&watch);

    printf("waiting for %s\n", name);
    blkfront_close(disk);
    while (!error && (error = open_disk(name)) == -ENODEV) {
        wait_for_change();
        error = 0;
    }
    xenstore_unwatch(&watch);
    return error;
}

static const struct command {
    const char *name;
    int (*act)(uint64_t number);
} commands[] = {
    {"size", tell_size},        {"transport", tell_transport},
    {"write", write_all},       {"verify", verify_all},
    {"churn", churn},           {"grown", wait_for_size},
    {"at", touch_sector},       {"discard", discard},
    {"secure", secure_discard}, {"fua", write_through},
    {"gone", wait_until_gone},
};

static int obey(const char *word)
{
    const char *colon = strchr(word, ':');
    size_t len = colon ? (size_t)(colon - word) : strlen(word);

    if (strncmp(word, "appear:", len + 1) == 0)
        return wait_for_disk(colon + 1);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strlen(commands[i].name) == len && memcmp(commands[i].name, word, len) == 0)
            return commands[i].act(colon ? strtoull(colon + 1, NULL, 10) : 0);
    return -EINVAL;
}

int main(int argc, char **argv)
{
    int error = argc > 1 ? open_disk(argv[1]) : -EINVAL;

    for (int i = 2; i < argc && !error; i++) {
        error = obey(argv[i]);
        printf("%s: %d\n", argv[i], -error);
    }
    if (error)
        return EXIT_FAILURE;
    blkfront_close(disk);
    printf("all passed\n");
    return EXIT_SUCCESS;
}
