/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xenctrl.h>
#include <xenforeignmemory.h>
#include <xen/io/console.h>

#include "guest.h"
#include "tool.h"

enum {
    CONSOLE_TIMEOUT_MS = 20 * 1000, /* for xenconsoled to take a new guest up */
    DRAIN_TIMEOUT_MS = 5 * 1000,    /* for xenconsoled to write an ended guest's last words */
};

int console_open(struct domain *domain)
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

/** Write to stdout, whoever reads it. @return false: nobody does. */
static bool write_out(const char *bytes, size_t n)
{
    for (ssize_t m; n > 0; bytes += m, n -= m) {
        m = write(1, bytes, n);
        if (m < 0 && errno == EINTR)
            m = 0;
        if (m < 0)
            return false;
    }
    return true;
}

/**
 * Turn line ends for a terminal, CR and LF, into those of text, in place. A CR that comes last is
 * kept until it is known what follows.
 *
 * @param bytes  with room for one byte more than `n`
 * @return the new length
 */
static size_t text_of(struct domain *domain, char *bytes, size_t n)
{
    size_t len = 0;

    if (domain->cr_kept && n > 0) {
        memmove(bytes + 1, bytes, n++);
        bytes[0] = '\r';
    }
    domain->cr_kept = n > 0 && bytes[n - 1] == '\r';
    n -= domain->cr_kept;
    for (size_t i = 0; i < n; i++)
        if (bytes[i] != '\r' || i + 1 == n || bytes[i + 1] != '\n')
            bytes[len++] = bytes[i];
    return len;
}

bool console_copy(struct domain *domain)
{
    int from = domain->log_path ? domain->console : domain->tty;
    char chunk[16384];
    bool any = false;
    ssize_t n;

    while (from >= 0 && (n = read(from, chunk, sizeof(chunk) - 1)) > 0) {
        any = true;
        domain->console_bytes += n;
        look_for_mark(domain, chunk, n);
        if (!write_out(chunk, text_of(domain, chunk, n)))
            return any; /* the guest's end is still ours to handle */
    }
    return any;
}

uint32_t console_drain(struct domain *domain)
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
    if (domain->cr_kept)
        write_out("\r", 1);
    domain->cr_kept = false;
    if (ring)
        xenforeignmemory_unmap(memory, (void *)ring, 1);
    if (memory)
        xenforeignmemory_close(memory);
    free(node);
    return (int32_t)(written - domain->console_bytes) > 0 ? written - domain->console_bytes : 0;
}

bool console_input(const struct domain *domain)
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
