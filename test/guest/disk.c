/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk's user, on the driver itself: disk NAME[,OPTION...] COMMAND... does what the commands say,
 * one after the other, and says of each what came of it. For the options see disk.h.
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
#include "disk.h"

#define PIECE   65536u
#define DEPTH   16
#define DISCARD 65536

static struct blkfront *disk;

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
            pieces.op == BLKFRONT_WRITE ? disk_word(pieces.seed, request->offset + at) : 0;
    blkfront_submit(disk, &request, 1);
}

static void end_piece(struct blkfront_request *request)
{
    size_t i = (size_t)(request - pieces.requests);

    if (request->status && !pieces.error)
        pieces.error = request->status;
    for (uint64_t at = 0; at < request->length && pieces.op == BLKFRONT_READ; at += 8)
        if (pieces.memory[i][at / 8] != disk_word(pieces.seed, request->offset + at))
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
    int error = 0;

    (void)unused;
    for (uint64_t pass = 1; !error && !disk_enough(); pass++) {
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

static int wait_for_disk(const char *words)
{
    printf("waiting for %s\n", words);
    blkfront_close(disk);
    return disk_appear(words, &disk);
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
    int error = argc > 1 ? disk_open(argv[1], &disk) : -EINVAL;

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
