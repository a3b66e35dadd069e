/* SPDX-License-Identifier: BSD-2-Clause */
#include "consoled.h"

#include <stdint.h>
#include <string.h>

#include <xen/xen.h>
#include <xen/io/console.h>

#include "hypervisor.h"
#include "world.h"

#define TEXT_MAX 65536

static struct {
    struct xencons_interface *ring;
    uint32_t port;
    bool rung;
    char text[TEXT_MAX + 1];
    size_t len;
    const char *typed;
} daemon;

struct fake_consoled fake_consoled;

static void rung(void *arg)
{
    (void)arg;
    daemon.rung = true;
}

/* As a terminal: a line feed alone would leave the next line where this one ends. */
static void show(char byte)
{
    bool line_ends = byte == '\n';

    if (line_ends && (daemon.len == 0 || daemon.text[daemon.len - 1] != '\r'))
        fake_fail("the guest ends a line of its console without a carriage return");
    if (line_ends)
        daemon.len--;
    daemon.text[daemon.len++] = byte;
}

static size_t read_some(void)
{
    uint32_t n = daemon.ring->out_prod - daemon.ring->out_cons;

    if (n > sizeof(daemon.ring->out))
        fake_fail("the guest's console producer is %u bytes ahead", n);
    if (fake_consoled.piece && n > fake_consoled.piece)
        n = (uint32_t)fake_consoled.piece;
    if (daemon.len + n > TEXT_MAX)
        fake_fail("the guest writes more than a test reads");
    for (uint32_t i = 0; i < n; i++)
        show(daemon.ring->out[MASK_XENCONS_IDX(daemon.ring->out_cons + i, daemon.ring->out)]);
    daemon.ring->out_cons += n;
    return n;
}

static size_t type_some(void)
{
    size_t n = 0;

    while (daemon.typed && *daemon.typed &&
           daemon.ring->in_prod - daemon.ring->in_cons < sizeof(daemon.ring->in)) {
        uint32_t at = daemon.ring->in_prod;
        daemon.ring->in[MASK_XENCONS_IDX(at, daemon.ring->in)] = *daemon.typed++;
        daemon.ring->in_prod = at + 1;
        n++;
    }
    return n;
}

static bool step(void *arg)
{
    (void)arg;
    if (!daemon.rung || fake_consoled.dead)
        return false;
    size_t n = read_some() + type_some();
    if (n)
        fake_evtchn_raise(daemon.port);
    else
        daemon.rung = false;
    return n > 0;
}

void consoled_restart(uint32_t port)
{
    daemon.port = fake_evtchn_make(port, rung, NULL);
}

void consoled_start(void *page, uint32_t port)
{
    static struct fake_actor actor = {.step = step, .due_ns = FAKE_NEVER};

    daemon.ring = page;
    daemon.port = fake_evtchn_make(port, rung, NULL);
    fake_actor_add(&actor);
}

const char *fake_console_text(void)
{
    daemon.text[daemon.len] = '\0';
    return daemon.text;
}

void fake_console_clear(void)
{
    daemon.len = 0;
}

void fake_console_type(const char *text)
{
    daemon.typed = text;
    daemon.rung = true;
}
