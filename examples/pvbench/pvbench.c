/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What Xen's primitives cost a PV guest, in ticks of the time stamp counter.
 *
 *     [PEER=DOMID] pvbench [csv]    measure; PEER is another guest, which answers events
 *     pvbench answer                be that other guest
 *
 * `sprat bench pv` starts both, in the machine that counts instructions.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sprat/cpu.h>

#include "operation.h"

#define SAMPLES 301 /* odd, so that there is a middle one */
#define WARM_UP 20  /* runs before: what is made at the first one is made */

static uint64_t samples[SAMPLES];

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static int measure_nothing(void)
{
    return 0;
}

/* Fill samples[], in order of size. */
static int measure(const struct operation *operation)
{
    int error = operation->prepare ? operation->prepare() : 0;

    for (int i = -WARM_UP; i < SAMPLES && !error; i++) {
        uint64_t start = cpu_tsc();
        error = operation->run();
        uint64_t end = cpu_tsc();
        if (i >= 0)
            samples[i] = end - start;
        if (!error && operation->again)
            error = operation->again();
    }
    qsort(samples, SAMPLES, sizeof(*samples), compare);
    return error;
}

static uint64_t beyond(uint64_t ticks, uint64_t overhead)
{
    return ticks > overhead ? ticks - overhead : 0;
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Ticks of a second, from two looks at both clocks. */
static double tick_rate(void)
{
    uint64_t start_ns = now_ns(), start = cpu_tsc();

    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    uint64_t ticks = cpu_tsc() - start;
    return (double)ticks * 1e9 / (double)(now_ns() - start_ns);
}

static int report_all(int csv)
{
    static const struct operation nothing = {.run = measure_nothing};
    double rate = tick_rate();
    int failed = 0;

    measure(&nothing);
    uint64_t overhead = samples[SAMPLES / 2];
    printf(csv ? "operation,ticks_p50,ticks_p90,ns_p50\n" : "%-38s %10s %10s %10s\n", "operation",
           "ticks, p50", "p90", "ns, p50");
    for (size_t i = 0; i < n_operations; i++) {
        int error = measure(&operations[i]);
        if (error) {
            failed |= error != -ENOTCONN;
            bool needs = error == -ENOTCONN && operations[i].needs;
            fprintf(stderr, "%s: %s%s\n", operations[i].name, needs ? "needs " : "",
                    needs ? operations[i].needs : strerror(-error));
            continue;
        }
        uint64_t p50 = beyond(samples[SAMPLES / 2], overhead);
        uint64_t p90 = beyond(samples[SAMPLES * 9 / 10], overhead);
        printf(csv ? "%s,%llu,%llu,%.0f\n" : "%-38s %10llu %10llu %10.0f\n", operations[i].name,
               (unsigned long long)p50, (unsigned long long)p90, (double)p50 / rate * 1e9);
    }
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    const char *peer = getenv("PEER");
    int csv = 0, error = peer ? peer_expect((unsigned)strtoul(peer, NULL, 10)) : 0;

    for (int i = 1; i < argc && !error; i++) {
        if (strcmp(argv[i], "csv") == 0) {
            csv = 1;
        } else if (strcmp(argv[i], "answer") == 0) {
            error = peer_answer();
        } else {
            fprintf(stderr, "usage: [PEER=DOMID] pvbench [csv] | pvbench answer\n");
            return EXIT_FAILURE;
        }
    }
    if (error) {
        fprintf(stderr, "the other guest: %s\n", strerror(-error));
        return EXIT_FAILURE;
    }
    return report_all(csv);
}
