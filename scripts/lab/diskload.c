/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lab-diskload DOMID NUMBER MS: how much goes through a guest's disk, as its backend counts it, and
 * what that costs. Waits until something goes through, and some ms more; then counts for MS ms and
 * prints, in one line:
 *
 *     ns N sectors N requests N guest-ns N dom0-ns N
 *
 * Sectors have 512 bytes; requests are those on the ring; guest-ns and dom0-ns are CPU time as Xen
 * accounts it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <xenctrl.h>

#define STEP_NS    1000000ull
#define WARM_NS    20000000ull
#define PATIENCE_S 60

struct sample {
    uint64_t ns, sectors, requests, guest_ns, dom0_ns;
};

static xc_interface *xc;
static unsigned domid, number;

static void fail(const char *what)
{
    fprintf(stderr, "lab-diskload: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

static void sleep_ns(uint64_t ns)
{
    struct timespec wait = {.tv_sec = (time_t)(ns / 1000000000ull),
                            .tv_nsec = (long)(ns % 1000000000ull)};
    nanosleep(&wait, NULL);
}

static uint64_t statistic(const char *name)
{
    char path[128], text[32];

    snprintf(path, sizeof(path), "/sys/bus/xen-backend/devices/vbd-%u-%u/statistics/%s", domid,
             number, name);
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        fail(path);
    ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (n <= 0)
        fail(path);
    text[n] = '\0';
    return strtoull(text, NULL, 10);
}

static uint64_t cpu_ns(unsigned of)
{
    xc_dominfo_t info;

    if (xc_domain_getinfo(xc, of, 1, &info) != 1 || info.domid != of)
        fail("the domain is gone");
    return info.cpu_time;
}

static uint64_t sectors(void)
{
    return statistic("rd_sect") + statistic("wr_sect");
}

static struct sample take(void)
{
    return (struct sample){
        .ns = now_ns(),
        .sectors = sectors(),
        .requests = statistic("rd_req") + statistic("wr_req"),
        .guest_ns = cpu_ns(domid),
        .dom0_ns = cpu_ns(0),
    };
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: lab-diskload DOMID NUMBER MS\n");
        return EXIT_FAILURE;
    }
    domid = (unsigned)strtoul(argv[1], NULL, 10);
    number = (unsigned)strtoul(argv[2], NULL, 10);
    uint64_t run_ns = strtoull(argv[3], NULL, 10) * 1000000;
    xc = xc_interface_open(NULL, NULL, 0);
    if (!xc)
        fail("libxenctrl");

    uint64_t before = sectors(), deadline_ns = now_ns() + PATIENCE_S * 1000000000ull;
    while (sectors() == before) {
        if (now_ns() > deadline_ns) {
            errno = ETIMEDOUT;
            fail("nothing goes through the disk");
        }
        sleep_ns(STEP_NS);
    }
    sleep_ns(WARM_NS);
    struct sample first = take();
    sleep_ns(run_ns);
    struct sample last = take();
    printf("ns %" PRIu64 " sectors %" PRIu64 " requests %" PRIu64 " guest-ns %" PRIu64
           " dom0-ns %" PRIu64 "\n",
           last.ns - first.ns, last.sectors - first.sectors, last.requests - first.requests,
           last.guest_ns - first.guest_ns, last.dom0_ns - first.dom0_ns);
    return EXIT_SUCCESS;
}
