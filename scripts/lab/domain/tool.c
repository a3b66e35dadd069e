/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

xc_interface *xc;
struct xs_handle *xs;
FILE *report;
int signals;

void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("lab-domain: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(125);
}

int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

int left_ms(int64_t deadline_ms)
{
    int64_t left;

    if (deadline_ms == 0)
        return -1;
    left = deadline_ms - now_ms();
    return left > 0 ? (int)left : 0;
}

int take_signal(void)
{
    struct signalfd_siginfo info;

    while (read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
        if (info.ssi_signo != SIGCHLD)
            return (int)info.ssi_signo;
    return 0;
}

void tool_open(void)
{
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
}

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

int run(char *const argv[], char **text)
{
    int64_t deadline_ms = now_ms() + PROGRAM_TIMEOUT_MS;
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
                deadline_ms = now_ms() + PROGRAM_TIMEOUT_MS;
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

void report_lines(const char *key, char *text, int max_lines)
{
    int n = 0, skip;

    for (char *at = text; *at; at++)
        n += *at == '\n';
    skip = n > max_lines ? n - max_lines : 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        if (skip-- > 0)
            continue;
        fprintf(report, "%s %s\n", key, line);
    }
}

char *read_node(uint32_t domid, const char *node)
{
    char path[128];
    unsigned int n_bytes;

    snprintf(path, sizeof(path), "/local/domain/%" PRIu32 "/%s", domid, node);
    return xs_read(xs, XBT_NULL, path, &n_bytes);
}

void watch(const char *path)
{
    if (!xs_watch(xs, path, "watch"))
        die("xenstore takes no watch on %s: %s", path, strerror(errno));
}

void take_watch_events(void)
{
    char **event;

    while ((event = xs_check_watch(xs)))
        free(event);
}
