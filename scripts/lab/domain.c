/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lab-domain: one guest's life from `xl create` to its end, for `sprat run` and `sprat bench`.
 *
 *     lab-domain run [OPTION...] NAME -- XL-CREATE-ARGUMENT...
 *         Create a guest, copy its console to stdout from the first byte to the last, wait for its
 *         end, and remove it. NAME is the name that the arguments give to it.
 *         --log FILE             xenconsoled's log of this guest; without it its tty is read
 *         --timeout S            end it after S seconds
 *         --panic-mark TEXT      a crash whose console lacks this text gets a post-mortem
 *     lab-domain cost [--log FILE] [--timeout S] NAME -- XL-CREATE-ARGUMENT...
 *         Create a guest, wait until it is idle or has shut down, report its CPU time, remove it.
 *     lab-domain around COMMAND...
 *         Run a command, report the CPU time that this domain (dom0) spent meanwhile.
 *
 * What was found goes to descriptor 3 (to stdout if that is closed) as lines "KEY VALUE":
 *     domid N, end HOW, status N, cpu-ns N, memory-kib N, lost N (bytes of console that never
 *     came), context TEXT (lines of xenctx), xen TEXT (lines of Xen's log about the guest)
 * HOW is poweroff, reboot, crash, watchdog, soft-reset, gone, timeout, interrupted, idle or
 * no-create.
 *
 * SIGINT asks the guest to shut down, a second one or SIGTERM destroys it. Everything waits for
 * events: xenstore's @releaseDomain, inotify or the tty, signals. The one exception is "idle", for
 * which Xen has no event.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <xenctrl.h>
#include <xenforeignmemory.h>
#include <xenstore.h>
#include <xen/io/console.h>

enum {
    XL_TIMEOUT_MS = 60 * 1000, /* `xl create` takes half a second, and longer with many guests */
    CONSOLE_TIMEOUT_MS = 20 * 1000, /* for xenconsoled to take a new guest up */
    DRAIN_TIMEOUT_MS = 5 * 1000,    /* for xenconsoled to write an ended guest's last words */
    SHUTDOWN_GRACE_MS = 5 * 1000,   /* for a guest to follow a shutdown request */
    IDLE_STEP_MS = 20,              /* between two looks at whether a guest is idle */
    IDLE_STEPS = 5,                 /* so many with no CPU time spent: it is */
    XEN_LOG_LINES = 60,
    STATUS_MAX = 255,
};

struct domain {
    const char *name;
    uint32_t domid;
    const char *log_path; /* NULL: read the tty */
    int console;          /* the log or the tty, or -1 */
    int console_watch;    /* inotify, or -1 */
    int tty;              /* for input, or -1 */
    uint32_t console_bytes;
    bool panic_seen;
    const char *panic_mark;
    size_t mark_matched;
};

static xc_interface *xc;
static struct xs_handle *xs;
static FILE *report;
static int signals; /* signalfd: SIGINT, SIGTERM, SIGHUP, SIGCHLD */

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("lab-domain: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(125);
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/** @return ms until `deadline_ms` for poll(): 0 if it has passed, -1 if there is none (0). */
static int left_ms(int64_t deadline_ms)
{
    int64_t left;

    if (deadline_ms == 0)
        return -1;
    left = deadline_ms - now_ms();
    return left > 0 ? (int)left : 0;
}

/** Take one signal that has come. @return its number, or 0. SIGCHLD only wakes up. */
static int take_signal(void)
{
    struct signalfd_siginfo info;

    while (read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
        if (info.ssi_signo != SIGCHLD)
            return (int)info.ssi_signo;
    return 0;
}

/* --- xl and other programs --- */

/** Start a program with its output going to `output`. @return its pid. */
static pid_t spawn(char *const argv[], int output)
{
    pid_t pid = fork();

    if (pid < 0)
        die("fork: %s", strerror(errno));
    if (pid == 0) {
        sigset_t none;

        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        setpgid(0, 0); /* a Ctrl-C is for us to handle, not for xl */
        dup2(open("/dev/null", O_RDONLY), 0);
        dup2(output, 1);
        dup2(output, 2);
        execvp(argv[0], argv);
        dprintf(2, "%s: %s\n", argv[0], strerror(errno));
        _exit(127);
    }
    return pid;
}

/**
 * Run a program to its end; the first signal ends it.
 *
 * @param text  its output, to be freed
 * @return its exit code; 128 + N after signal N; -ETIMEDOUT; -EINTR when a signal came for us
 */
static int run(char *const argv[], char **text)
{
    int64_t deadline_ms = now_ms() + XL_TIMEOUT_MS;
    size_t n_bytes = 0;
    int ends[2], result = 0, status;
    FILE *stream = open_memstream(text, &n_bytes);
    pid_t pid;

    if (!stream || pipe2(ends, O_CLOEXEC) < 0)
        die("run: %s", strerror(errno));
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    pid = spawn(argv, ends[1]);
    close(ends[1]);
    for (bool ended = false; !ended;) {
        struct pollfd fds[2] = {{.fd = ends[0], .events = POLLIN},
                                {.fd = signals, .events = POLLIN}};
        char chunk[4096];
        ssize_t n;
        int number;

        poll(fds, 2, left_ms(deadline_ms));
        number = take_signal(); /* before waitpid(), or the last SIGCHLD could be taken in vain */
        ended = waitpid(pid, &status, WNOHANG) == pid;
        while ((n = read(ends[0], chunk, sizeof(chunk))) > 0)
            fwrite(chunk, 1, n, stream);
        if (n == 0 && !ended) { /* it closed its output: only its end is left to wait for */
            close(ends[0]);
            ends[0] = -1;
        }
        if (!ended && result == 0) {
            if (number != 0)
                result = -EINTR;
            else if (left_ms(deadline_ms) == 0)
                result = -ETIMEDOUT;
            if (result != 0) {
                kill(-pid, SIGKILL);
                deadline_ms = now_ms() + XL_TIMEOUT_MS;
            }
        }
    }
    if (ends[0] >= 0)
        close(ends[0]);
    fclose(stream);
    if (result != 0)
        return result;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/** Print the lines of `text`, each after `key` and a space; at most the last `max_lines`. */
static void report_lines(const char *key, char *text, const char *filter, int max_lines)
{
    int n = 0, skip;

    for (char *at = text; *at; at++)
        n += *at == '\n';
    skip = n > max_lines ? n - max_lines : 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        if (skip-- > 0)
            continue;
        if (!filter || strstr(line, filter))
            fprintf(report, "%s %s\n", key, line);
    }
}

/* --- xenstore --- */

/** @return the value of a node of the guest, to be freed, or NULL. */
static char *read_node(uint32_t domid, const char *node)
{
    char path[128];
    unsigned int n_bytes;

    snprintf(path, sizeof(path), "/local/domain/%" PRIu32 "/%s", domid, node);
    return xs_read(xs, XBT_NULL, path, &n_bytes);
}

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

/** Watch a node; its events end a poll() on xs_fileno(). */
static void watch(const char *path)
{
    if (!xs_watch(xs, path, "watch"))
        die("xenstore takes no watch on %s: %s", path, strerror(errno));
}

/** Take the watch events that have come. */
static void take_watch_events(void)
{
    char **event;

    while ((event = xs_check_watch(xs)))
        free(event);
}

/* --- the console --- */

/** Wait until the console is there, and open it. @return 0, or -ETIMEDOUT, -EINTR, -errno. */
static int console_open(struct domain *domain)
{
    int64_t deadline_ms = now_ms() + CONSOLE_TIMEOUT_MS;
    char path[128], *tty;
    int error = 0;

    domain->console = domain->tty = domain->console_watch = -1;
    if (domain->log_path) {
        char *folder = strdupa(domain->log_path), *slash = strrchr(folder, '/');

        if (!slash)
            return -EINVAL;
        *slash = '\0';
        domain->console_watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        if (domain->console_watch < 0 ||
            inotify_add_watch(domain->console_watch, folder, IN_CREATE) < 0)
            return -errno;
    }
    snprintf(path, sizeof(path), "/local/domain/%" PRIu32 "/console/tty", domain->domid);
    watch(path);
    for (;;) {
        struct pollfd fds[3] = {{.fd = signals, .events = POLLIN},
                                {.fd = xs_fileno(xs), .events = POLLIN},
                                {.fd = domain->console_watch, .events = POLLIN}};
        char drain[4096];

        if (domain->tty < 0) {
            tty = read_node(domain->domid, "console/tty");
            if (tty && *tty)
                domain->tty = open(tty, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
            free(tty);
        }
        if (domain->log_path && domain->console < 0)
            domain->console = open(domain->log_path, O_RDONLY | O_CLOEXEC);
        if (domain->tty >= 0 && (!domain->log_path || domain->console >= 0))
            break;
        if (left_ms(deadline_ms) == 0) {
            error = -ETIMEDOUT;
            break;
        }
        poll(fds, domain->log_path ? 3 : 2, left_ms(deadline_ms));
        if (take_signal() != 0) {
            error = -EINTR;
            break;
        }
        take_watch_events();
        while (domain->log_path && read(domain->console_watch, drain, sizeof(drain)) > 0)
            ;
    }
    xs_unwatch(xs, path, "watch");
    if (!error && domain->log_path &&
        inotify_add_watch(domain->console_watch, domain->log_path, IN_MODIFY) < 0)
        error = -errno;
    return error;
}

/** Look for the mark in console output that may come in any pieces. */
static void look_for_mark(struct domain *domain, const char *data, size_t n)
{
    const char *mark = domain->panic_mark;

    for (size_t i = 0; i < n && mark && !domain->panic_seen; i++) {
        /* The mark's first character does not come again in it, so a mismatch starts over. */
        if (data[i] != mark[domain->mark_matched])
            domain->mark_matched = 0;
        if (data[i] == mark[domain->mark_matched] && !mark[++domain->mark_matched])
            domain->panic_seen = true;
    }
}

/** Copy what the console has to stdout. @return whether it had anything. */
static bool console_copy(struct domain *domain)
{
    int from = domain->log_path ? domain->console : domain->tty;
    char chunk[16384];
    bool any = false;
    ssize_t n;

    while (from >= 0 && (n = read(from, chunk, sizeof(chunk))) > 0) {
        any = true;
        domain->console_bytes += n;
        look_for_mark(domain, chunk, n);
        for (ssize_t done = 0, m; done < n; done += m) {
            m = write(1, chunk + done, n - done);
            if (m < 0 && errno == EINTR)
                m = 0;
            if (m < 0)
                return any; /* nobody reads it; the guest's end is still ours to handle */
        }
    }
    return any;
}

/**
 * Copy the rest of an ended guest's console. The ring counts every byte it ever took, so "all" is
 * known exactly, wherever xenconsoled is with its work.
 *
 * @return the number of bytes that did not come in time
 */
static uint32_t console_drain(struct domain *domain)
{
    int64_t deadline_ms = now_ms() + DRAIN_TIMEOUT_MS;
    xenforeignmemory_handle *memory = xenforeignmemory_open(NULL, 0);
    char *node = read_node(domain->domid, "console/ring-ref");
    const volatile struct xencons_interface *ring = NULL;
    uint32_t written = domain->console_bytes;

    if (memory && node) {
        xen_pfn_t frame = strtoul(node, NULL, 10);
        int error;

        ring = xenforeignmemory_map(memory, domain->domid, PROT_READ, 1, &frame, &error);
    }
    if (ring)
        written = ring->out_prod;
    for (;;) {
        int fd = domain->log_path ? domain->console_watch : domain->tty;
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        char drain[4096];

        while (domain->log_path && read(domain->console_watch, drain, sizeof(drain)) > 0)
            ;
        console_copy(domain);
        if ((int32_t)(written - domain->console_bytes) <= 0 || left_ms(deadline_ms) == 0)
            break;
        poll(&wait, 1, left_ms(deadline_ms));
    }
    if (ring)
        xenforeignmemory_unmap(memory, (void *)ring, 1);
    if (memory)
        xenforeignmemory_close(memory);
    free(node);
    return (int32_t)(written - domain->console_bytes) > 0 ? written - domain->console_bytes : 0;
}

/* --- the guest --- */

static const char *const shutdown_names[] = {
    [SHUTDOWN_poweroff] = "poweroff", [SHUTDOWN_reboot] = "reboot",
    [SHUTDOWN_suspend] = "suspend",   [SHUTDOWN_crash] = "crash",
    [SHUTDOWN_watchdog] = "watchdog", [SHUTDOWN_soft_reset] = "soft-reset",
};

/** @return how the guest ended, or NULL while it lives. A suspended one lives: it is saved. */
static const char *how_ended(const struct domain *domain, xc_dominfo_t *info)
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

/** Report the exit status that the guest left in its own part of xenstore. */
static void report_status(const struct domain *domain)
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

static void report_info(const xc_dominfo_t *info)
{
    fprintf(report, "cpu-ns %" PRIu64 "\nmemory-kib %" PRIu64 "\n", (uint64_t)info->cpu_time,
            (uint64_t)info->nr_pages * 4);
}

/** Report where the guest's CPU was and what Xen wrote about it. */
static void post_mortem(const struct domain *domain)
{
    char id[16], mark[32], *text = NULL;

    snprintf(id, sizeof(id), "%" PRIu32, domain->domid);
    run((char *[]){"xenctx", id, "0", NULL}, &text);
    report_lines("context", text, NULL, INT32_MAX);
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
            report_lines("xen", start, NULL, XEN_LOG_LINES);
        }
    }
    free(text);
}

static bool has_warning(const char *line, const char *line_end)
{
    const char *at = strcasestr(line, "warning");

    return at && at < line_end;
}

/** Create the guest, paused. @return 0; otherwise it was reported, and nothing of it is left. */
static int domain_create(struct domain *domain, char **xl_args)
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
        fprintf(stderr, "lab-domain: xl create took more than %d s\n", XL_TIMEOUT_MS / 1000);
    if (code == 0)
        fprintf(report, "domid %" PRIu32 "\n", domain->domid);
    else
        fprintf(report, "end %s\n", code == -EINTR ? "interrupted" : "no-create");
    return code;
}

/** Remove the guest, whatever its state. Nothing happens if it is not there. */
static void domain_destroy(const struct domain *domain)
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

/** Pass input on to the guest. @return false at its end. */
static bool pass_input(const struct domain *domain)
{
    char chunk[256];
    ssize_t n = read(0, chunk, sizeof(chunk));

    if (n <= 0)
        return n < 0 && errno == EAGAIN;
    for (ssize_t done = 0, m; done < n; done += m) {
        m = write(domain->tty, chunk + done, n - done);
        if (m < 0 && errno == EAGAIN) {
            struct pollfd wait = {.fd = domain->tty, .events = POLLOUT};

            poll(&wait, 1, DRAIN_TIMEOUT_MS);
            m = 0;
            if (!(wait.revents & POLLOUT))
                return true; /* the guest does not read; what it missed is lost as on a real line */
        } else if (m < 0) {
            return false;
        }
    }
    return true;
}

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
            input = pass_input(domain);
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
          "       lab-domain around COMMAND...\n",
          stderr);
    exit(2);
}

int main(int argc, char **argv)
{
    struct domain domain = {.console = -1, .console_watch = -1, .tty = -1};
    const char *command = argc > 1 ? argv[1] : "";
    int at = 2, timeout_s = 0;
    sigset_t handled;

    sigemptyset(&handled);
    for (size_t i = 0; i < 4; i++)
        sigaddset(&handled, (int[]){SIGINT, SIGTERM, SIGHUP, SIGCHLD}[i]);
    sigprocmask(SIG_BLOCK, &handled, NULL);
    signal(SIGPIPE, SIG_IGN);
    signals = signalfd(-1, &handled, SFD_NONBLOCK | SFD_CLOEXEC);
    report = fcntl(3, F_GETFD) < 0 ? stdout : fdopen(3, "w");
    if (report && report != stdout)
        fcntl(3, F_SETFD, FD_CLOEXEC);
    xc = xc_interface_open(NULL, NULL, 0);
    xs = xs_open(0);
    if (signals < 0 || !report || !xc || !xs)
        die("this is no dom0 with a running xenstored (%s)", strerror(errno));

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
    if (at + 2 >= argc || strcmp(argv[at + 1], "--") != 0)
        usage();
    domain.name = argv[at];
    if (strcmp(command, "run") == 0)
        return command_run(&domain, timeout_s, argv + at + 2);
    if (strcmp(command, "cost") == 0)
        return command_cost(&domain, timeout_s ? timeout_s : 60, argv + at + 2);
    usage();
}
