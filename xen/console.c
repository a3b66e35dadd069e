/* SPDX-License-Identifier: BSD-2-Clause */
#include <sprat/console.h>

#include <string.h>

#include <xen/io/console.h>

#include <sprat/bytering.h>
#include <sprat/evtchn.h>

static struct {
    struct evtchn channel;
    struct bytering in, out;
    void (*on_event)(void);
    bool connected;
} console;

static void handle_event(void *arg)
{
    (void)arg;
    console.on_event();
}

int console_init(void *page, uint32_t port, void (*on_event)(void))
{
    struct xencons_interface *shared = page;

    if (!shared)
        return 0;
    console.in =
        (struct bytering){shared->in, sizeof(shared->in), &shared->in_cons, &shared->in_prod};
    console.out =
        (struct bytering){shared->out, sizeof(shared->out), &shared->out_cons, &shared->out_prod};
    console.on_event = on_event;
    int error = evtchn_bind(&console.channel, port, handle_event, NULL);
    console.connected = !error;
    return error;
}

void console_restart(uint32_t port)
{
    if (!console.connected)
        return;
    console.connected = evtchn_bind(&console.channel, port, handle_event, NULL) == 0;
    evtchn_notify(&console.channel);
}

/*
 * A console whose indices are impossible is lost for good: there is nobody to tell, and the guest's
 * work must go on. Its output is thrown away from then on.
 */
static size_t usable(ssize_t n)
{
    if (n < 0) {
        console.connected = false;
        return 0;
    }
    return (size_t)n;
}

/* Who looks at the ring shows it on a terminal in raw mode: a line ends with CR and LF there. */
static size_t put_line_end(void)
{
    size_t used = usable(bytering_used(&console.out));

    if (!console.connected || used + 2 > console.out.size)
        return 0;
    return usable(bytering_put(&console.out, "\r\n", 2)) != 0;
}

static size_t put_text(const char *bytes, size_t len)
{
    size_t done = 0;

    while (done < len) {
        const char *end = memchr(bytes + done, '\n', len - done);
        size_t n = end ? (size_t)(end - bytes) - done : len - done;
        size_t put = n ? usable(bytering_put(&console.out, bytes + done, n)) : 0;
        done += put;
        if (put < n || !end || !put_line_end())
            break;
        done++;
    }
    return done;
}

size_t console_write(const char *bytes, size_t len)
{
    size_t n = console.connected ? put_text(bytes, len) : 0;

    if (!console.connected)
        return len;
    if (n)
        evtchn_notify(&console.channel);
    return n;
}

size_t console_read(char *bytes, size_t len)
{
    if (!console.connected)
        return 0;
    size_t n = usable(bytering_take(&console.in, bytes, len));
    if (n)
        evtchn_notify(&console.channel); /* there is room again */
    return n;
}

bool console_readable(void)
{
    return console.connected && usable(bytering_used(&console.in)) != 0;
}

bool console_drained(void)
{
    return !console.connected || usable(bytering_used(&console.out)) == 0;
}

uint32_t console_port(void)
{
    return console.connected ? console.channel.port : 0;
}
