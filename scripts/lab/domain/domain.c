/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lab-domain: one guest's life from `xl create` to its end, for `sprat run` and `sprat bench`, and
 * questions to it, for `sprat handler`.
 *
 *     lab-domain run [OPTION...] NAME -- XL-CREATE-ARGUMENT...
 *         Create a guest, copy its console to stdout from the first byte to the last, wait for its
 *         end, and remove it. NAME is the name that the arguments give to it.
 *         --log FILE             xenconsoled's log of this guest; without it its tty is read
 *         --timeout S            end it after S seconds
 *         --panic-mark TEXT      a crash whose console lacks this text gets a post-mortem
 *     lab-domain cost [--log FILE] [--timeout S] NAME -- XL-CREATE-ARGUMENT...
 *         Create a guest, wait until it is idle or has shut down, report its CPU time, remove it.
 *     lab-domain ask [--timeout S] GUEST
 *         Ask a guest that answers through xenstore what stdin holds, print its answer: see ask.c.
 *         GUEST is its name, its number, or the cfg's name of the only guest of `sprat run`.
 *     lab-domain around COMMAND...
 *         Run a command, report the CPU time that this domain (dom0) spent meanwhile.
 *
 * What was found goes to descriptor 3 (to stdout if that is closed) as lines "KEY VALUE":
 *     domid N, end HOW, status N, cpu-ns N, memory-kib N, lost N (bytes of console that never
 *     came), context TEXT (lines of xenctx), xen TEXT (lines of Xen's log about the guest),
 *     guest NAME (those there are), taken-back (a question that the guest had not taken)
 * HOW is poweroff, reboot, crash, watchdog, soft-reset, gone, timeout, interrupted, idle or
 * no-create; of a question answered, gone, timeout, interrupted, nobody (no such guest), busy
 * (others ask it) or silent (it does not say that it runs).
 *
 * SIGINT asks the guest to shut down, a second one or SIGTERM destroys it. Everything waits for
 * events: xenstore's @releaseDomain, inotify or the tty, signals. The one exception is "idle", for
 * which Xen has no event.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "guest.h"
#include "tool.h"

enum {
    SHUTDOWN_GRACE_MS = 5 * 1000, /* for a guest to follow a shutdown request */
    IDLE_STEP_MS = 20,            /* between two looks at whether a guest is idle */
    IDLE_STEPS = 5,               /* so many with no CPU time spent: it is */
};

/** Wait for the guest's end; copy its console meanwhile. @return how it ended. */
static const char *domain_wait(struct domain *domain, int64_t deadline_ms, xc_dominfo_t *info)
{
    bool input = true, asked = false, timed_out = false;
    int64_t grace_ms = 0;

    watch("@releaseDomain");
    for (;;) {
        struct pollfd fds[4] = {
            {.fd = signals, .events = POLLIN},
            {.fd = xs_fileno(xs), .events = POLLIN},
            {.fd = domain->log_path ? domain->console_watch : domain->tty, .events = POLLIN},
            {.fd = input ? 0 : -1, .events = POLLIN},
        };
        const char *how;
        char drain[4096];
        int number;

        /* Look first, then wait: what happens in between wakes poll() at once. */
        take_watch_events();
        how = how_ended(domain, info);
        if (how)
            return asked && strcmp(how, "crash") != 0 ? "interrupted" : how;
        poll(fds, 4, left_ms(grace_ms ? grace_ms : deadline_ms));
        if (fds[2].revents) {
            while (domain->log_path && read(domain->console_watch, drain, sizeof(drain)) > 0)
                ;
            console_copy(domain);
        }
        if (fds[3].revents)
            input = console_input(domain);
        number = take_signal();
        if (number == SIGINT && !asked) {
            char path[64];

            snprintf(path, sizeof(path), "/local/domain/%" PRIu32 "/control/shutdown",
                     domain->domid);
            xs_write(xs, XBT_NULL, path, "poweroff", 8);
            asked = true;
            grace_ms = now_ms() + SHUTDOWN_GRACE_MS;
        } else if (number != 0) {
            return "interrupted";
        }
        timed_out = left_ms(grace_ms ? grace_ms : deadline_ms) == 0;
        if (timed_out && !how_ended(domain, info))
            return asked ? "interrupted" : "timeout";
    }
}

static int command_run(struct domain *domain, int timeout_s, char **xl_args)
{
    xc_dominfo_t info;
    const char *how;
    uint32_t lost = 0;
    int error;

    if (domain_create(domain, xl_args) != 0) {
        domain_destroy(domain);
        return 1;
    }
    error = console_open(domain);
    if (error == -EINTR) {
        how = "interrupted";
        goto out;
    }
    if (error) {
        domain_destroy(domain);
        die("xenconsoled does not serve the guest's console: %s", strerror(-error));
    }
    if (xc_domain_unpause(xc, domain->domid) != 0) {
        domain_destroy(domain);
        die("cannot unpause the guest: %s", strerror(errno));
    }
    how = domain_wait(domain, timeout_s ? now_ms() + timeout_s * 1000LL : 0, &info);
    if (strcmp(how, "gone") != 0) {
        lost = console_drain(domain);
        report_status(domain);
        report_info(&info);
        if (strcmp(how, "timeout") == 0 || (strcmp(how, "crash") == 0 && !domain->panic_seen))
            post_mortem(domain);
    }
    if (lost)
        fprintf(report, "lost %" PRIu32 "\n", lost);
out:
    fprintf(report, "end %s\n", how);
    fflush(report);
    domain_destroy(domain);
    if (domain->log_path)
        unlink(domain->log_path);
    return 0;
}

/** @return whether every virtual CPU of the guest waits for an event. */
static bool is_blocked(const struct domain *domain, const xc_dominfo_t *info)
{
    for (unsigned int i = 0; i <= info->max_vcpu_id; i++) {
        xc_vcpuinfo_t vcpu;

        if (xc_vcpu_getinfo(xc, domain->domid, i, &vcpu) != 0 || (vcpu.online && !vcpu.blocked))
            return false;
    }
    return true;
}

static int command_cost(struct domain *domain, int timeout_s, char **xl_args)
{
    int64_t deadline_ms = now_ms() + timeout_s * 1000LL;
    const char *how = NULL;
    uint64_t last_ns = UINT64_MAX;
    xc_dominfo_t info;
    int still = 0;

    if (domain_create(domain, xl_args) != 0) {
        domain_destroy(domain);
        return 1;
    }
    if (console_open(domain) != 0) {
        domain_destroy(domain);
        die("xenconsoled does not serve the guest's console");
    }
    if (xc_domain_unpause(xc, domain->domid) != 0) {
        domain_destroy(domain);
        die("cannot unpause the guest: %s", strerror(errno));
    }
    while (!how) {
        struct pollfd wait = {.fd = signals, .events = POLLIN};

        poll(&wait, 1, IDLE_STEP_MS);
        if (take_signal() != 0)
            how = "interrupted";
        else
            how = how_ended(domain, &info);
        if (how)
            break;
        still = info.cpu_time == last_ns && is_blocked(domain, &info) ? still + 1 : 0;
        last_ns = info.cpu_time;
        if (still == IDLE_STEPS)
            how = "idle";
        else if (left_ms(deadline_ms) == 0)
            how = "timeout";
    }
    if (strcmp(how, "gone") != 0 && strcmp(how, "interrupted") != 0) {
        console_drain(domain);
        report_status(domain);
        report_info(&info);
    }
    fprintf(report, "end %s\n", how);
    fflush(report);
    domain_destroy(domain);
    return 0;
}

static int command_around(char **argv)
{
    xc_dominfo_t before, after;
    char *text = NULL;
    int code;

    if (xc_domain_getinfo(xc, 0, 1, &before) != 1)
        die("Xen tells nothing about dom0: %s", strerror(errno));
    code = run(argv, &text);
    if (xc_domain_getinfo(xc, 0, 1, &after) != 1)
        die("Xen tells nothing about dom0: %s", strerror(errno));
    fputs(text, stdout);
    fprintf(report, "cpu-ns %" PRIu64 "\n", (uint64_t)(after.cpu_time - before.cpu_time));
    free(text);
    return code < 0 ? 125 : code;
}

static void __attribute__((noreturn)) usage(void)
{
    fputs("usage: lab-domain run [--log FILE] [--timeout S] [--panic-mark TEXT] NAME -- "
          "XL-ARGUMENT...\n"
          "       lab-domain cost [--log FILE] [--timeout S] NAME -- XL-ARGUMENT...\n"
          "       lab-domain ask [--timeout S] GUEST\n"
          "       lab-domain around COMMAND...\n",
          stderr);
    exit(2);
}

int main(int argc, char **argv)
{
    struct domain domain = {.console = -1, .console_watch = -1, .tty = -1};
    const char *command = argc > 1 ? argv[1] : "";
    int at = 2, timeout_s = 0;

    tool_open();
    if (strcmp(command, "around") == 0 && argc > 2)
        return command_around(argv + 2);
    for (; at + 1 < argc && strncmp(argv[at], "--", 2) == 0; at += 2) {
        if (strcmp(argv[at], "--log") == 0)
            domain.log_path = argv[at + 1];
        else if (strcmp(argv[at], "--timeout") == 0)
            timeout_s = atoi(argv[at + 1]);
        else if (strcmp(argv[at], "--panic-mark") == 0)
            domain.panic_mark = argv[at + 1];
        else
            usage();
    }
    if (strcmp(command, "ask") == 0 && at + 1 == argc)
        return command_ask(argv[at], timeout_s ? timeout_s : 60);
    if (at + 2 >= argc || strcmp(argv[at + 1], "--") != 0)
        usage();
    domain.name = argv[at];
    if (strcmp(command, "run") == 0)
        return command_run(&domain, timeout_s, argv + at + 2);
    if (strcmp(command, "cost") == 0)
        return command_cost(&domain, timeout_s ? timeout_s : 60, argv + at + 2);
    usage();
}
