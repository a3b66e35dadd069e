/* SPDX-License-Identifier: BSD-2-Clause */
#include "console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <xen/io/console.h>

#define LOG_FIRST 512   /* most guests say a few lines */
#define LOG_MAX   16384 /* of a talkative one, this much is kept */

int console_open(struct console *console, struct hyper *hyper, uint32_t domid, void *page,
                 uint32_t port, struct fail *fail)
{
    *console = (struct console)CONSOLE_CLOSED;
    console->ring = page;
    return console_bind(console, hyper, domid, port, fail);
}

int console_bind(struct console *console, struct hyper *hyper, uint32_t domid, uint32_t port,
                 struct fail *fail)
{
    console->port = xenevtchn_bind_interdomain(hyper->events, domid, port);
    return console->port < 0 ? fail_errno(fail, "cannot bind the console's event channel") : 0;
}

void console_unbind(struct console *console, struct hyper *hyper)
{
    if (console->port >= 0)
        xenevtchn_unbind(hyper->events, (evtchn_port_t)console->port);
    console->port = -1;
}

int console_make_terminal(struct console *console, struct fail *fail)
{
    struct termios termios;

    /*
     * Nobody holds the slave side: what the guest says meanwhile waits in the terminal for the
     * first
     * `xl console`, and the rest is dropped. Raw, or the guest's output would come back as its
     * input.
     */
    console->terminal = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (console->terminal < 0)
        return fail_errno(fail, errno == ENOSPC
                                    ? "no terminal for the console: /proc/sys/kernel/pty/max is "
                                      "reached; raise it, or start spratd with --no-terminals"
                                    : "no terminal for the console");
    if (grantpt(console->terminal) < 0 || unlockpt(console->terminal) < 0 ||
        tcgetattr(console->terminal, &termios) < 0) {
        int error = fail_errno(fail, "cannot set up the console's terminal");
        close(console->terminal);
        console->terminal = -1;
        return error;
    }
    cfmakeraw(&termios);
    tcsetattr(console->terminal, TCSANOW, &termios);
    return 0;
}

int console_terminal_name(const struct console *console, char *name, size_t size)
{
    if (console->terminal < 0)
        return -ENOTTY;
    return -ptsname_r(console->terminal, name, size);
}

void console_close(struct console *console, struct hyper *hyper)
{
    if (console->terminal >= 0)
        close(console->terminal);
    console_unbind(console, hyper);
    free(console->log);
    *console = (struct console)CONSOLE_CLOSED;
}

static void keep(struct console *console, const char *bytes, size_t len)
{
    if (console->log_len + len > console->log_size && console->log_size < LOG_MAX) {
        size_t size = console->log_size ? console->log_size : LOG_FIRST;
        while (size < console->log_len + len && size < LOG_MAX)
            size *= 2;
        char *grown = realloc(console->log, size);
        if (grown) {
            console->log = grown;
            console->log_size = size;
        }
    }
    if (len > console->log_size) {
        bytes += len - console->log_size;
        len = console->log_size;
    }
    if (console->log_len + len > console->log_size) {
        size_t drop = console->log_len + len - console->log_size;
        memmove(console->log, console->log + drop, console->log_len - drop);
        console->log_len -= drop;
    }
    memcpy(console->log + console->log_len, bytes, len);
    console->log_len += len;
}

bool console_recall(struct console *console)
{
    const struct xencons_interface *ring = console->ring;
    XENCONS_RING_IDX end = ring->out_cons;
    bool all = end <= sizeof(ring->out);
    char bytes[sizeof(ring->out)];
    size_t len = all ? end : sizeof(bytes);

    for (size_t i = 0; i < len; i++)
        bytes[i] = ring->out[MASK_XENCONS_IDX(end - (XENCONS_RING_IDX)(len - i), ring->out)];
    keep(console, bytes, len);
    return all;
}

bool console_drain(struct console *console, struct hyper *hyper)
{
    struct xencons_interface *ring = console->ring;
    char bytes[sizeof(ring->out)];

    if (console->broken || !ring)
        return false;
    XENCONS_RING_IDX cons = ring->out_cons;
    XENCONS_RING_IDX prod = __atomic_load_n(&ring->out_prod, __ATOMIC_ACQUIRE);
    size_t len = (XENCONS_RING_IDX)(prod - cons);
    if (len == 0)
        return false;
    if (len > sizeof(bytes)) {
        console->broken = true;
        return false;
    }
    for (size_t i = 0; i < len; i++)
        bytes[i] = ring->out[MASK_XENCONS_IDX(cons + i, ring->out)];
    __atomic_store_n(&ring->out_cons, prod, __ATOMIC_RELEASE);
    xenevtchn_notify(hyper->events, (evtchn_port_t)console->port);

    console->n_output += len;
    keep(console, bytes, len);
    if (console->terminal >= 0) {
        ssize_t written = write(console->terminal, bytes, len);
        (void)written; /* a full terminal that nobody reads loses output; the log has it */
    }
    return true;
}

void console_type(struct console *console, struct hyper *hyper)
{
    struct xencons_interface *ring = console->ring;
    char typed[sizeof(ring->in)];

    if (console->terminal < 0 || console->broken)
        return;
    XENCONS_RING_IDX prod = ring->in_prod;
    XENCONS_RING_IDX cons = __atomic_load_n(&ring->in_cons, __ATOMIC_ACQUIRE);
    size_t used = (XENCONS_RING_IDX)(prod - cons);
    if (used > sizeof(ring->in)) {
        console->broken = true;
        return;
    }
    size_t room = sizeof(ring->in) - used;
    ssize_t n = room ? read(console->terminal, typed, room) : 0;
    if (n <= 0)
        return;
    for (ssize_t i = 0; i < n; i++)
        ring->in[MASK_XENCONS_IDX(prod + (XENCONS_RING_IDX)i, ring->in)] = typed[i];
    __atomic_store_n(&ring->in_prod, prod + (XENCONS_RING_IDX)n, __ATOMIC_RELEASE);
    xenevtchn_notify(hyper->events, (evtchn_port_t)console->port);
}

bool console_has(const struct console *console, const char *text)
{
    return memmem(console->log, console->log_len, text, strlen(text)) != NULL;
}
