/* SPDX-License-Identifier: BSD-2-Clause */
#include <sprat/log.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <xen/event_channel.h>
#include <xen/sched.h>

#include <sprat/arch.h>
#include <sprat/clock.h>
#include <sprat/console.h>
#include <sprat/cpu.h>
#include <sprat/format.h>
#include <sprat/hypercall.h>
#include <sprat/mmu.h>
#include <sprat/port.h>

#define BUFFER_BYTES 4096

static struct {
    char buffer[BUFFER_BYTES]; /* what the console has not taken yet */
    size_t first, len;
    struct port_queue writers, readers;
    void (*on_change)(void);
    uint64_t lost; /* bytes of log lines that found the buffer full */
    bool ready;
} out;

static size_t keep(const char *bytes, size_t len)
{
    size_t n = 0;

    while (n < len && out.len < BUFFER_BYTES)
        out.buffer[(out.first + out.len++) % BUFFER_BYTES] = bytes[n++];
    return n;
}

static void drain(void)
{
    while (out.len) {
        size_t n = BUFFER_BYTES - out.first;
        n = console_write(out.buffer + out.first, n < out.len ? n : out.len);
        if (!n)
            return;
        out.first = (out.first + n) % BUFFER_BYTES;
        out.len -= n;
    }
}

/* @return bytes taken, by the console or the buffer. */
static size_t write_some(const char *bytes, size_t len)
{
    size_t n = 0;

    if (out.ready && !out.len)
        n = console_write(bytes, len);
    return n + keep(bytes + n, len - n);
}

static void tell_lost(void)
{
    char line[80];

    if (!out.lost || out.len > BUFFER_BYTES / 2)
        return;
    size_t n = format(line, sizeof(line), "sprat: log: %lu bytes lost here, the console was full\n",
                      out.lost);
    out.lost = 0;
    write_some(line, n);
}

static void console_event(void)
{
    drain();
    tell_lost();
    if (out.len < BUFFER_BYTES)
        port_wake(&out.writers);
    port_wake(&out.readers);
    if (out.on_change)
        out.on_change();
}

void log_init(void)
{
    const struct start_info *si = arch_start_info();
    mfn_t mfn = si->console.domU.mfn;

    console_init(mfn ? mmu_va(mmu_pfn_of_mfn(mfn)) : NULL, si->console.domU.evtchn, console_event);
    out.ready = true;
    drain();
}

void log_write(const char *bytes, size_t len)
{
    for (;;) {
        size_t n = write_some(bytes, len);
        bytes += n;
        len -= n;
        if (!len)
            return;
        port_wait(&out.writers, PORT_FOREVER);
    }
}

size_t log_write_now(const char *bytes, size_t len)
{
    return write_some(bytes, len);
}

void log_flush(uint64_t deadline_ns)
{
    if (!out.ready)
        log_init(); /* the guest ends before it has begun */
    drain();
    while (!console_drained() && clock_monotonic() < deadline_ns) {
        evtchn_port_t port = console_port();
        struct sched_poll poll = {.nr_ports = 1, .timeout = clock_xen(deadline_ns)};
        set_xen_guest_handle(poll.ports, &port);
        hypercall_sched_op(SCHEDOP_poll, &poll);
        cpu_atomic_clear_bit(&shared_info.evtchn_pending[port / 64], port % 64);
        drain();
    }
}

size_t log_read(char *bytes, size_t len)
{
    size_t n;

    while ((n = console_read(bytes, len)) == 0)
        port_wait(&out.readers, PORT_FOREVER);
    return n;
}

size_t log_read_now(char *bytes, size_t len)
{
    return console_read(bytes, len);
}

bool log_readable(void)
{
    return console_readable();
}

bool log_writable(void)
{
    return out.len < BUFFER_BYTES;
}

void log_listen(void (*on_change)(void))
{
    out.on_change = on_change;
}

size_t log_line(char line[LOG_LINE_MAX], const char *fmt, va_list args)
{
    static const char head[] = "sprat: ";
    size_t head_len = sizeof(head) - 1;

    memcpy(line, head, head_len);
    size_t len = head_len + format_list(line + head_len, LOG_LINE_MAX - head_len - 1, fmt, args);
    if (len > LOG_LINE_MAX - 2)
        len = LOG_LINE_MAX - 2;
    line[len++] = '\n';
    return len;
}

void port_log(const char *fmt, ...)
{
    char line[LOG_LINE_MAX];
    va_list args;

    va_start(args, fmt);
    size_t len = log_line(line, fmt, args);
    va_end(args);
    /* A line is kept whole or not at all. */
    if (len > BUFFER_BYTES - out.len)
        out.lost += len;
    else
        write_some(line, len);
}
