/* SPDX-License-Identifier: BSD-2-Clause */
/* malloc and time, in a guest whose memory is mapped as it is used. */
#include <malloc.h>
#include <stdint.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#define BLOCK 40000

struct block {
    struct block *next;
    unsigned char fill[BLOCK];
};

/* Take all memory there is, filled with a pattern, and give it back. @return how many blocks. */
static unsigned fill_memory(unsigned char pattern)
{
    struct block *first = NULL, *block;
    unsigned n = 0;

    while ((block = malloc(sizeof(*block)))) {
        memset(block->fill, pattern, BLOCK);
        block->next = first;
        first = block;
        n++;
    }
    CHECK(errno == ENOMEM);
    while ((block = first)) {
        for (unsigned i = 0; i < BLOCK; i++)
            CHECK(block->fill[i] == pattern);
        first = block->next;
        free(block);
    }
    return n;
}

static void all_memory_is_given_and_taken_back(void)
{
    long before = sysconf(_SC_AVPHYS_PAGES);
    unsigned n = fill_memory(0x11);

    CHECK(n > (unsigned long)before * 4096 / (BLOCK + 4096) * 9 / 10);
    CHECK(fill_memory(0x22) >= n); /* page tables and bits are there now, and stay */
    CHECK(sysconf(_SC_AVPHYS_PAGES) > before - 40);
}

static void blocks_of_all_sizes_keep_their_content(void)
{
    static unsigned char *blocks[600];

    for (unsigned i = 0; i < 600; i++) {
        blocks[i] = malloc(i * 7);
        CHECK(blocks[i] && (uintptr_t)blocks[i] % 16 == 0);
        memset(blocks[i], (int)i & 0xff, i * 7);
    }
    for (unsigned i = 0; i < 600; i += 2) {
        blocks[i] = realloc(blocks[i], i * 11);
        CHECK(blocks[i]);
    }
    for (unsigned i = 0; i < 600; i++) {
        for (unsigned j = 0; j < i * 7; j++)
            CHECK(blocks[i][j] == (i & 0xff));
        free(blocks[i]);
    }
}

static void alignments_are_kept(void)
{
    for (size_t align = 16; align <= 2 << 20; align *= 2) {
        void *block;
        CHECK(posix_memalign(&block, align, 100) == 0);
        CHECK((uintptr_t)block % align == 0);
        free(block);
    }
    CHECK(memalign(24, 100) == NULL && errno == EINVAL);
}

static void sizes_that_can_not_be_are_refused(void)
{
    volatile size_t huge = SIZE_MAX;

    CHECK(malloc(huge) == NULL && errno == ENOMEM);
    CHECK(malloc(huge - 4096) == NULL);
    CHECK(calloc(huge / 2, 3) == NULL);
    CHECK(realloc(NULL, huge / 2) == NULL);
}

static uint64_t now_ns(clockid_t clock)
{
    struct timespec ts;

    CHECK(clock_gettime(clock, &ts) == 0);
    return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void a_sleep_is_never_too_short(void)
{
    static const long lengths_ns[] = {1, 1000, 1000000, 50000000};

    for (unsigned i = 0; i < sizeof(lengths_ns) / sizeof(lengths_ns[0]); i++) {
        struct timespec length = {0, lengths_ns[i]};
        uint64_t before = now_ns(CLOCK_MONOTONIC);
        CHECK(nanosleep(&length, NULL) == 0);
        CHECK(now_ns(CLOCK_MONOTONIC) - before >= (uint64_t)lengths_ns[i]);
    }
    struct timespec bad = {0, 1000000000};
    CHECK_FAILS(nanosleep(&bad, NULL), EINVAL);
    CHECK(clock_nanosleep(99, 0, &bad, NULL) == EINVAL);
}

static void time_never_goes_back(void)
{
    uint64_t last = now_ns(CLOCK_MONOTONIC);

    for (int i = 0; i < 20000; i++) {
        uint64_t now = now_ns(CLOCK_MONOTONIC);
        CHECK(now >= last);
        last = now;
    }
}

static void cpu_time_counts_work_and_no_sleep(void)
{
    clock_t before = clock();

    usleep(500000);
    CHECK(clock() - before < CLOCKS_PER_SEC / 4);
    before = clock();
    while (clock() - before < CLOCKS_PER_SEC / 10)
        ;
}

static void the_wall_clocks_agree(void)
{
    struct timeval tv;
    time_t seconds = time(NULL);

    CHECK(gettimeofday(&tv, NULL) == 0);
    CHECK(tv.tv_sec - seconds <= 1);
    CHECK((long long)(now_ns(CLOCK_REALTIME) / 1000000000) - tv.tv_sec <= 1);
    CHECK(seconds > 1700000000); /* 2023: the host knows the date */
}

int main(void)
{
    RUN(all_memory_is_given_and_taken_back);
    RUN(blocks_of_all_sizes_keep_their_content);
    RUN(alignments_are_kept);
    RUN(sizes_that_can_not_be_are_refused);
    RUN(a_sleep_is_never_too_short);
    RUN(time_never_goes_back);
    RUN(cpu_time_counts_work_and_no_sleep);
    RUN(the_wall_clocks_agree);
    printf("all passed\n");
    return EXIT_SUCCESS;
}
