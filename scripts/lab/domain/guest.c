/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "guest.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

enum {
    XEN_LOG_LINES = 60,
    STATUS_MAX = 255,
};

/** Find the guest called `name`; the youngest are looked at first. @return whether there is one. */
static bool find_domain(const char *name, uint32_t *domid)
{
    unsigned int n = 0;
    char **ids = xs_directory(xs, XBT_NULL, "/local/domain", &n);
    bool found = false;
    uint32_t limit = UINT32_MAX;

    for (unsigned int i = 0; ids && i < n && !found; i++) {
        uint32_t youngest = 0;
        char *its_name;

        for (unsigned int j = 0; j < n; j++) {
            uint32_t id = strtoul(ids[j], NULL, 10);

            if (id < limit && id > youngest)
                youngest = id;
        }
        limit = youngest;
        its_name = read_node(youngest, "name");
        if (its_name && strcmp(its_name, name) == 0) {
            *domid = youngest;
            found = true;
        }
        free(its_name);
    }
    free(ids);
    return found;
}

static const char *const shutdown_names[] = {
    [SHUTDOWN_poweroff] = "poweroff", [SHUTDOWN_reboot] = "reboot",
    [SHUTDOWN_suspend] = "suspend",   [SHUTDOWN_crash] = "crash",
    [SHUTDOWN_watchdog] = "watchdog", [SHUTDOWN_soft_reset] = "soft-reset",
};

const char *how_ended(const struct domain *domain, xc_dominfo_t *info)
{
    if (xc_domain_getinfo(xc, domain->domid, 1, info) != 1 || info->domid != domain->domid ||
        info->dying)
        return "gone";
    if (info->crashed) /* libxc then clears `shutdown` */
        return "crash";
    if (!info->shutdown || info->shutdown_reason == SHUTDOWN_suspend)
        return NULL;
    if (info->shutdown_reason >= sizeof(shutdown_names) / sizeof(*shutdown_names))
        return "crash";
    return shutdown_names[info->shutdown_reason];
}

void report_status(const struct domain *domain)
{
    char *text = read_node(domain->domid, "data/exit-status"), *end;
    unsigned long status;

    if (!text)
        return;
    errno = 0;
    status = strtoul(text, &end, 10);
    if (isdigit((unsigned char)*text) && !*end && errno == 0 && status <= STATUS_MAX)
        fprintf(report, "status %lu\n", status);
    else
        fprintf(stderr, "lab-domain: the guest left an exit status that is no number up to %d\n",
                STATUS_MAX);
    free(text);
}

void report_info(const xc_dominfo_t *info)
{
    fprintf(report, "cpu-ns %" PRIu64 "\nmemory-kib %" PRIu64 "\n", (uint64_t)info->cpu_time,
            (uint64_t)info->nr_pages * 4);
}

void post_mortem(const struct domain *domain)
{
    char id[16], mark[32], *text = NULL;

    snprintf(id, sizeof(id), "%" PRIu32, domain->domid);
    run((char *[]){"xenctx", id, "0", NULL}, &text);
    report_lines("context", text, INT32_MAX);
    free(text);
    text = NULL;
    if (run((char *[]){"xl", "dmesg", NULL}, &text) == 0) {
        /* From the first line about this guest on: Xen prints its registers and stack after it. */
        char *start;

        snprintf(mark, sizeof(mark), "d%" PRIu32 "v", domain->domid);
        start = strstr(text, mark);
        if (start) {
            while (start > text && start[-1] != '\n')
                start--;
            report_lines("xen", start, XEN_LOG_LINES);
        }
    }
    free(text);
}

static bool has_warning(const char *line, const char *line_end)
{
    const char *at = strcasestr(line, "warning");

    return at && at < line_end;
}

int domain_create(struct domain *domain, char **xl_args)
{
    char *argv[64] = {"xl", "create", "-q", "-e", "-p"}, *text = NULL, *line_end;
    int code, n = 5;

    for (; *xl_args && n < 63; xl_args++)
        argv[n++] = *xl_args;
    if (*xl_args)
        die("too many arguments for xl");
    code = run(argv, &text);
    for (char *line = text; *line; line = line_end) {
        line_end = strchrnul(line, '\n');
        line_end += *line_end == '\n';
        /* A success with a word of warning is to be seen; the rest of xl's words is noise then. */
        if (code != 0 ? strncmp(line, "Parsing config", 14) != 0 : has_warning(line, line_end))
            fprintf(stderr, "%.*s", (int)(line_end - line), line);
    }
    free(text);
    if (code == 0 && !find_domain(domain->name, &domain->domid)) {
        fprintf(stderr, "lab-domain: xl create made no domain called %s\n", domain->name);
        code = -ENOENT;
    }
    if (code == -ETIMEDOUT)
        fprintf(stderr, "lab-domain: xl create took more than %d s\n", PROGRAM_TIMEOUT_MS / 1000);
    if (code == 0)
        fprintf(report, "domid %" PRIu32 "\n", domain->domid);
    else
        fprintf(report, "end %s\n", code == -EINTR ? "interrupted" : "no-create");
    return code;
}

void domain_destroy(const struct domain *domain)
{
    char *text = NULL;
    uint32_t domid;
    int code;

    if (!find_domain(domain->name, &domid))
        return;
    do {
        take_signal(); /* it is being ended already */
        free(text);
        text = NULL;
        code = run((char *[]){"xl", "destroy", (char *)domain->name, NULL}, &text);
    } while (code == -EINTR);
    if (code != 0)
        fprintf(stderr, "lab-domain: xl destroy %s: %s", domain->name, text);
    free(text);
}
