/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest that is saved and restored while it counts: time, memory and threads go on as if nothing
 * had been. Says each tick, and what is wrong; ends with 0 when it is asked to end.
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TICK_NS     50000000L
#define LATE_NS     5000000000LL /* an emulated machine may be slow, but not that slow */
#define WORDS       (256 * 1024 / sizeof(uint64_t))
#define WORD(place) ((place)*0x9e3779b97f4a7c15ull)

static int failures;

static long long now_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void check(int good, const char *what)
{
    if (good)
        return;
    failures++;
    printf("wrong: %s\n", what);
}

static void *tick(void *arg)
{
    long long last_ns = now_ns(CLOCK_MONOTONIC);

    (void)arg;
    for (int n = 1;; n++) {
        nanosleep(&(struct timespec){.tv_nsec = TICK_NS}, NULL);
        long long ns = now_ns(CLOCK_MONOTONIC);
        check(ns >= last_ns + TICK_NS, "time went back, or a sleep was too short");
        check(ns < last_ns + TICK_NS + LATE_NS, "time ran on while the guest was saved");
        last_ns = ns;
        printf("tick %d at %lld\n", n, now_ns(CLOCK_REALTIME) / 1000000000);
    }
    return NULL;
}

static void end(void)
{
    printf("ends with %d failures\n", failures);
}

int main(void)
{
    uint64_t *memory = malloc(WORDS * sizeof(*memory));
    char line[80];
    pthread_t thread;

    if (!memory)
        return 1;
    for (size_t i = 0; i < WORDS; i++)
        memory[i] = WORD(i);
    atexit(end);
    pthread_create(&thread, NULL, tick, NULL);
    while (fgets(line, sizeof(line), stdin)) {
        for (size_t i = 0; i < WORDS; i++)
            check(memory[i] == WORD(i), "memory");
        printf("heard %s", line);
    }
    return 1;
}
