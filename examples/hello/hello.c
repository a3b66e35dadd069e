/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The smallest useful guest: says what it was given.
 *
 *     xl create hello.cfg 'extra="GREETING=Hi one \"two words\""'
 *
 * With the argument `stay` it waits for the host to shut it down instead of ending.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void print_time(void)
{
    struct timespec since_boot;
    time_t now = time(NULL);
    struct tm utc;

    gmtime_r(&now, &utc);
    clock_gettime(CLOCK_MONOTONIC, &since_boot);
    printf("time: %04d-%02d-%02d %02d:%02d:%02d UTC, host up %lld.%03ld s\n", utc.tm_year + 1900,
           utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
           (long long)since_boot.tv_sec, since_boot.tv_nsec / 1000000);
}

static void print_memory(void)
{
    long page_kib = sysconf(_SC_PAGESIZE) / 1024;

    printf("memory: %ld KiB, %ld KiB free\n", sysconf(_SC_PHYS_PAGES) * page_kib,
           sysconf(_SC_AVPHYS_PAGES) * page_kib);
}

int main(int argc, char **argv, char **env)
{
    const char *greeting = getenv("GREETING");

    printf("%s from Sprat\n", greeting ? greeting : "Hello");
    for (int i = 0; i < argc; i++)
        printf("argv[%d]: %s\n", i, argv[i]);
    for (; *env; env++)
        printf("env: %s\n", *env);
    print_memory();
    print_time();
    if (argc > 1 && strcmp(argv[1], "stay") == 0)
        pause();
    return EXIT_SUCCESS;
}
