/* SPDX-License-Identifier: BSD-2-Clause */
/* <sprat/port.h> for tests of xen/ and of frontends, where there is no kernel. */
#include "port.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sanitizer/asan_interface.h>

#include <sprat/arch.h>
#include <sprat/evtchn.h>
#include <sprat/mmu.h>
#include <sprat/port.h>

#include "world.h"

#define FIRST_PAGE 64 /* behind what the builder used */
#define PAGES_MAX  192
#define LOG_MAX    16384

static struct {
    char log[LOG_MAX];
    size_t log_len;
    size_t n_pages[PAGES_MAX]; /* of the run that starts here */
    unsigned char used[PAGES_MAX];
    unsigned n_blocks, allocs, allocs_fail_at;
    unsigned n_pages_used, pages_left;
    bool worker, working;
} port = {.pages_left = UINT_MAX};

void *port_pages_alloc(size_t n_pages)
{
    if (++port.allocs == port.allocs_fail_at || port.pages_left < n_pages)
        return NULL;
    for (size_t first = 0; first + n_pages <= PAGES_MAX; first++) {
        if (memchr(port.used + first, 1, n_pages))
            continue;
        memset(port.used + first, 1, n_pages);
        port.n_pages[first] = n_pages;
        port.n_pages_used += (unsigned)n_pages;
        if (port.pages_left != UINT_MAX)
            port.pages_left -= (unsigned)n_pages;
        ASAN_UNPOISON_MEMORY_REGION(mmu_va(FIRST_PAGE + first), n_pages * PAGE_BYTES);
        return memset(mmu_va(FIRST_PAGE + first), 0, n_pages * PAGE_BYTES);
    }
    return NULL;
}

void port_pages_free(void *pages)
{
    size_t first = mmu_pfn(pages) - FIRST_PAGE;

    if (first >= PAGES_MAX || !port.n_pages[first])
        fake_fail("pages are freed that were not allocated");
    memset(port.used + first, 0, port.n_pages[first]);
    port.n_pages_used -= (unsigned)port.n_pages[first];
    ASAN_POISON_MEMORY_REGION(pages, port.n_pages[first] * PAGE_BYTES);
    port.n_pages[first] = 0;
}

void *port_alloc(size_t size)
{
    if (++port.allocs == port.allocs_fail_at)
        return NULL;
    void *memory = malloc(size);
    if (memory)
        memset(memory, 0x5a, size);
    port.n_blocks++;
    return memory;
}

void port_free(void *memory)
{
    port.n_blocks -= memory != NULL;
    free(memory);
}

unsigned fake_alloc_fails(unsigned after)
{
    port.allocs_fail_at = port.allocs + after + 1;
    return port.allocs;
}

void fake_pages_left(unsigned n)
{
    port.pages_left = n;
}

unsigned fake_n_pages(void)
{
    return port.n_pages_used;
}

unsigned fake_n_blocks(void)
{
    return port.n_blocks;
}

/* A queue's first is set while somebody has woken it. */
static bool woken_or_event(const void *arg)
{
    const struct port_queue *queue = arg;
    return queue->first || shared_info.vcpu_info[0].evtchn_upcall_pending;
}

int port_wait(struct port_queue *queue, uint64_t deadline_ns)
{
    queue->first = NULL;
    for (;;) {
        evtchn_dispatch();
        if (queue->first)
            return 0;
        if (!fake_wait(woken_or_event, queue, deadline_ns))
            return -ETIMEDOUT;
    }
}

void port_wake(struct port_queue *queue)
{
    queue->first = queue;
}

/* The worker: one piece of work is one step of the world, and while it waits no other is begun. */

static struct port_work *first_work;

static bool work_step(void *arg)
{
    struct port_work *work = first_work;

    (void)arg;
    if (!work || port.working)
        return false;
    first_work = work->next;
    work->queued = false;
    port.working = true;
    work->run(work);
    port.working = false;
    return true;
}

void port_work(struct port_work *work)
{
    static struct fake_actor worker = {.step = work_step, .due_ns = FAKE_NEVER};
    struct port_work **at = &first_work;

    if (work->queued)
        return;
    if (!port.worker)
        fake_actor_add(&worker);
    port.worker = true;
    while (*at)
        at = &(*at)->next;
    work->queued = true;
    work->next = NULL;
    *at = work;
}

static void append(const char *head, const char *fmt, va_list args)
{
    char line[1024];

    vsnprintf(line, sizeof(line), fmt, args);
    port.log_len +=
        (size_t)snprintf(port.log + port.log_len, LOG_MAX - port.log_len, "%s%s\n", head, line);
    if (port.log_len >= LOG_MAX)
        fake_fail("the guest logs more than a test reads");
}

void port_log(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    append("", fmt, args);
    va_end(args);
}

void port_panic(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    append("panic: ", fmt, args);
    va_end(args);
    fake_guest_ends(FAKE_PANICKED);
}

const char *fake_log_text(void)
{
    return port.log;
}

void fake_log_clear(void)
{
    port.log[0] = '\0';
    port.log_len = 0;
}
