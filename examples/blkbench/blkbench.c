/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Measure a disk: so many requests under way all the time, for so long, and how many there were.
 *
 *     blkbench DISK [op=LIST] [bytes=LIST] [depth=LIST] [seconds=S | requests=N]
 *
 * Each LIST has its values with commas between; all of them are combined. Operations are read,
 * write, randread and randwrite. For each combination a line is printed:
 *
 *     blkbench OP BYTES DEPTH REQUESTS NS CPU_NS SENT NOTIFIED EVENTS
 *
 * NS is the time that it took; CPU_NS that of the guest's vCPU; SENT what went over the ring;
 * NOTIFIED and EVENTS how often the two sides told each other. What the disk holds is lost when a
 * write is among the operations.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sprat/blkfront.h>

#define VALUES_MAX 16
#define DEPTH_MAX  256
#define BYTES_MAX  (64u << 20)
#define NS_PER_S   1000000000ull
/* Four requests of 1 MiB with their lists; Linux' backend keeps about as many mapped. */
#define PAGES_MAX 1040

enum kind { READ, WRITE, RANDREAD, RANDWRITE, KINDS };
static const char *const kinds[KINDS] = {"read", "write", "randread", "randwrite"};

struct list {
    unsigned values[VALUES_MAX];
    unsigned n;
};

static struct {
    struct list ops, bytes, depths;
    uint64_t run_ns, requests; /* one of them ends a run */
} config = {
    .ops = {{READ, WRITE, RANDREAD, RANDWRITE}, 4},
    .bytes = {{4096}, 1},
    .depths = {{1}, 1},
    .run_ns = NS_PER_S,
};

static struct {
    struct blkfront *disk;
    enum kind kind;
    unsigned bytes, depth;
    uint64_t n_blocks, next_block, random;
    uint64_t submitted, completed, end_ns;
    bool ending;
    int error;
    struct blkfront_request requests[DEPTH_MAX];
    struct blkfront_buffer buffers[DEPTH_MAX];
} run;

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* xorshift64: spread well enough over a disk, and the same in each run. */
static uint64_t next_random(void)
{
    run.random ^= run.random << 13;
    run.random ^= run.random >> 7;
    run.random ^= run.random << 17;
    return run.random;
}

static uint64_t next_offset(void)
{
    bool random = run.kind == RANDREAD || run.kind == RANDWRITE;
    uint64_t block = random ? next_random() % run.n_blocks : run.next_block++ % run.n_blocks;

    return block * run.bytes;
}

static void submit(struct blkfront_request *request)
{
    request->offset = next_offset();
    run.submitted++;
    blkfront_submit(run.disk, &request, 1);
}

static void completed(struct blkfront_request *request)
{
    run.completed++;
    if (request->status && !run.error)
        run.error = request->status;
    if (run.error || (config.requests ? run.submitted >= config.requests : now_ns() >= run.end_ns))
        run.ending = true;
    if (!run.ending)
        submit(request);
}

static int make_buffers(void)
{
    for (unsigned i = 0; i < run.depth; i++) {
        uint64_t *words = malloc(run.bytes);
        run.buffers[i] = (struct blkfront_buffer){words, run.bytes};
        if (!words)
            return -ENOMEM;
        for (unsigned at = 0; at < run.bytes / sizeof(*words); at++)
            words[at] = next_random();
        run.requests[i] = (struct blkfront_request){
            .op = run.kind == READ || run.kind == RANDREAD ? BLKFRONT_READ : BLKFRONT_WRITE,
            .buffers = &run.buffers[i],
            .n_buffers = 1,
            .done = completed,
        };
    }
    return 0;
}

static void free_buffers(void)
{
    for (unsigned i = 0; i < run.depth; i++) {
        free(run.buffers[i].bytes);
        run.buffers[i].bytes = NULL;
    }
}

static void run_point(void)
{
    struct blkfront_stats before = *blkfront_stats(run.disk);
    clock_t cpu = clock();
    uint64_t start = now_ns();

    run.end_ns = start + config.run_ns;
    for (unsigned i = 0; i < run.depth && !run.ending; i++)
        submit(&run.requests[i]);
    while (blkfront_under_way(run.disk))
        blkfront_wait(run.disk, UINT64_MAX);
    uint64_t ns = now_ns() - start;
    uint64_t cpu_ns = (uint64_t)(clock() - cpu) * (NS_PER_S / CLOCKS_PER_SEC);
    const struct blkfront_stats *stats = blkfront_stats(run.disk);
    printf("blkbench %s %u %u %llu %llu %llu %llu %llu %llu\n", kinds[run.kind], run.bytes,
           run.depth, (unsigned long long)run.completed, (unsigned long long)ns,
           (unsigned long long)cpu_ns, (unsigned long long)(stats->sent - before.sent),
           (unsigned long long)(stats->notified - before.notified),
           (unsigned long long)(stats->events - before.events));
}

/* @return 0 or -errno, after a line about it. */
static int measure(enum kind kind, unsigned bytes, unsigned depth)
{
    struct blkfront *disk = run.disk;
    const struct blkfront_geometry *geometry = blkfront_geometry(disk);

    if (!depth || depth > DEPTH_MAX || !bytes || bytes > BYTES_MAX ||
        bytes % geometry->sector_bytes || bytes > geometry->bytes) {
        printf("blkbench: bytes=%u depth=%u: this disk takes multiples of %u up to its %llu "
               "bytes, at most %u and %u at a time\n",
               bytes, depth, (unsigned)geometry->sector_bytes, (unsigned long long)geometry->bytes,
               BYTES_MAX, DEPTH_MAX);
        return -EINVAL;
    }
    memset(&run, 0, sizeof(run));
    run.disk = disk;
    run.kind = kind;
    run.bytes = bytes;
    run.depth = depth;
    run.n_blocks = geometry->bytes / bytes;
    run.random = 88172645463325252ull;
    int error = make_buffers();
    if (error)
        printf("blkbench: no memory for %u requests of %u bytes: give the guest more\n", depth,
               bytes);
    else
        run_point();
    free_buffers();
    if (run.error)
        printf("blkbench: %s %u %u: error %d\n", kinds[kind], bytes, depth, -run.error);
    return error ? error : run.error;
}

static int parse_number(const char *text, size_t len, uint64_t *number)
{
    char *end;

    *number = strtoull(text, &end, 10);
    return len && end == text + len ? 0 : -EINVAL;
}

static int parse_value(const char *text, size_t len, const char *const *names, unsigned *value)
{
    uint64_t number;

    for (unsigned i = 0; names && i < KINDS; i++) {
        if (strlen(names[i]) == len && memcmp(names[i], text, len) == 0) {
            *value = i;
            return 0;
        }
    }
    if (names || parse_number(text, len, &number) || number > UINT32_MAX)
        return -EINVAL;
    *value = (unsigned)number;
    return 0;
}

static int parse_list(const char *text, const char *const *names, struct list *list)
{
    for (list->n = 0; list->n < VALUES_MAX; text++) {
        size_t len = strcspn(text, ",");
        if (parse_value(text, len, names, &list->values[list->n++]))
            return -EINVAL;
        text += len;
        if (!*text)
            return 0;
    }
    return -EINVAL;
}

static int parse_word(const char *word)
{
    const char *value = strchr(word, '=');
    size_t len = value ? (size_t)(value++ - word) : 0;
    uint64_t seconds;

    if (len == 2 && memcmp(word, "op", 2) == 0)
        return parse_list(value, kinds, &config.ops);
    if (len == 5 && memcmp(word, "bytes", 5) == 0)
        return parse_list(value, NULL, &config.bytes);
    if (len == 5 && memcmp(word, "depth", 5) == 0)
        return parse_list(value, NULL, &config.depths);
    if (len == 8 && memcmp(word, "requests", 8) == 0)
        return parse_number(value, strlen(value), &config.requests);
    if (len != 7 || memcmp(word, "seconds", 7) != 0 ||
        parse_number(value, strlen(value), &seconds) || seconds > 3600)
        return -EINVAL;
    config.run_ns = seconds * NS_PER_S;
    return 0;
}

static int open_disk(const char *name)
{
    const struct blkfront_config wanted = {.pages_max = PAGES_MAX, .ring_pages = 1};
    unsigned number;

    int error = blkfront_number(name, &number);
    if (!error)
        error = blkfront_open(number, &wanted, NULL, NULL, &run.disk);
    if (!error)
        error = blkfront_wait_up(run.disk, UINT64_MAX);
    if (error)
        printf("blkbench: %s can't be opened: error %d\n", name, -error);
    return error;
}

int main(int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        if (parse_word(argv[i])) {
            printf("blkbench: %s is none of op=LIST bytes=LIST depth=LIST seconds=S requests=N\n",
                   argv[i]);
            return EXIT_FAILURE;
        }
    }
    if (argc < 2) {
        printf("blkbench: name a disk, like xvda\n");
        return EXIT_FAILURE;
    }
    if (open_disk(argv[1]))
        return EXIT_FAILURE;
    for (unsigned op = 0; op < config.ops.n; op++)
        for (unsigned i = 0; i < config.bytes.n; i++)
            for (unsigned j = 0; j < config.depths.n; j++)
                if (measure((enum kind)config.ops.values[op], config.bytes.values[i],
                            config.depths.values[j]))
                    return EXIT_FAILURE;
    blkfront_close(run.disk);
    return EXIT_SUCCESS;
}
