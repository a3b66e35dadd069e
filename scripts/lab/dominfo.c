/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What Xen alone knows of a domain, without xenstored and to the last ns:
 *
 *     lab-dominfo DOMID            cpu-ns, memory-kib, state and, when it is shut down, why
 *     lab-dominfo unpause DOMID    let it run
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenctrl.h>

static const char *const reasons[] = {
    [SHUTDOWN_poweroff] = "poweroff", [SHUTDOWN_reboot] = "reboot",
    [SHUTDOWN_suspend] = "suspend",   [SHUTDOWN_crash] = "crash",
    [SHUTDOWN_watchdog] = "watchdog", [SHUTDOWN_soft_reset] = "soft-reset",
};

static void show(const xc_dominfo_t *info)
{
    printf("cpu-ns %llu\n", (unsigned long long)info->cpu_time);
    printf("memory-kib %llu\n", (unsigned long long)info->nr_pages * 4);
    printf("state %s\n", info->dying      ? "dying"
                         : info->shutdown ? "shutdown"
                         : info->paused   ? "paused"
                         : info->blocked  ? "blocked"
                                          : "running");
    if (info->shutdown)
        printf("reason %s\n", info->shutdown_reason < sizeof(reasons) / sizeof(reasons[0])
                                  ? reasons[info->shutdown_reason]
                                  : "unknown");
}

int main(int argc, char **argv)
{
    int unpause = argc == 3 && strcmp(argv[1], "unpause") == 0;
    char *end = NULL;
    unsigned long domid = argc > 1 ? strtoul(argv[argc - 1], &end, 10) : 0;

    if ((argc != 2 && !unpause) || *end || end == argv[argc - 1]) {
        fputs("usage: lab-dominfo [unpause] DOMID\n", stderr);
        return 2;
    }
    xc_interface *xc = xc_interface_open(NULL, NULL, 0);
    xc_dominfo_t info;
    if (!xc) {
        fprintf(stderr, "lab-dominfo: Xen can't be asked: %s; is this dom0, as root?\n",
                strerror(errno));
        return 1;
    }
    if (xc_domain_getinfo(xc, (uint32_t)domid, 1, &info) != 1 || info.domid != domid) {
        fprintf(stderr, "lab-dominfo: there is no domain %lu\n", domid);
        return 1;
    }
    if (unpause && xc_domain_unpause(xc, (uint32_t)domid)) {
        fprintf(stderr, "lab-dominfo: domain %lu can't be unpaused: %s\n", domid, strerror(errno));
        return 1;
    }
    if (!unpause)
        show(&info);
    return 0;
}
