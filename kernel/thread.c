/* SPDX-License-Identifier: BSD-2-Clause */
#include <sprat/thread.h>

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <sprat/clock.h>
#include <sprat/cpu.h>
#include <sprat/evtchn.h>
#include <sprat/hypercall.h>
#include <sprat/layout.h>
#include <sprat/mmu.h>
#include <sprat/page.h>

/* What application code leaves of its stack to the runtime and the C library, which are built
 * without the overflow check: printf of a double is the deepest of them. A thread with a small
 * stack gives a quarter of it. */
#define STACK_RESERVE 6144

#define FAILED_MAX 16 /* calls that fail in a row; a server finds so many sockets empty and more */

extern char main_stack[], main_stack_top[], main_stack_guard[];

static struct {
    struct thread *current;
    struct port_queue ready;
    struct thread *all_ended; /* to be freed by the thread that runs next */
    unsigned failed;          /* calls, since anybody waited or yielded */
    struct thread main;
} sched;

static void queue_append(struct port_queue *queue, struct thread *thread)
{
    thread->next = NULL;
    if (queue->last)
        ((struct thread *)queue->last)->next = thread;
    else
        queue->first = thread;
    queue->last = thread;
}

static struct thread *queue_take(struct port_queue *queue)
{
    struct thread *thread = queue->first;

    if (thread) {
        queue->first = thread->next;
        if (!queue->first)
            queue->last = NULL;
    }
    return thread;
}

static void queue_remove(struct port_queue *queue, struct thread *thread)
{
    struct thread *before = NULL;

    for (struct thread *at = queue->first; at != thread; at = at->next)
        before = at;
    if (before)
        before->next = thread->next;
    else
        queue->first = thread->next;
    if (queue->last == thread)
        queue->last = before;
}

static void set_stack(struct thread *thread, void *stack, size_t size)
{
    size_t reserve = size / 4 < STACK_RESERVE ? size / 4 : STACK_RESERVE;

    thread->stack_size = size;
    thread->stack_limit = (uint64_t)stack + reserve;
}

void thread_init(void)
{
    sched.main.name = "main";
    set_stack(&sched.main, main_stack, (size_t)(main_stack_top - main_stack));
    sched.current = &sched.main;
    cpu_local.stack_limit = sched.main.stack_limit;
}

void *thread_stack(const struct thread *thread)
{
    return thread->stack ? (char *)thread->stack + PAGE_BYTES : main_stack;
}

struct thread *thread_self(void)
{
    return sched.current;
}

static void thread_free(struct thread *thread)
{
    void *stack = thread->stack;

    if (mmu_protect(stack, MMU_READ_WRITE) == 0)
        page_free(stack); /* else kept for good: a page that can't be written is nobody's */
}

/* What a thread does first when it runs: those that ended could not free their own stacks. */
static void free_ended(void)
{
    while (sched.all_ended) {
        struct thread *ended = sched.all_ended;
        sched.all_ended = ended->next;
        thread_free(ended);
    }
}

static void switch_to(struct thread *next)
{
    struct thread *self = sched.current;

    if (next != self) {
        sched.current = next;
        cpu_local.stack_limit = next->stack_limit;
        context_switch(&self->context, &next->context);
    }
    free_ended();
}

/*
 * Run whoever is ready, on the stack of whoever has nothing to do until somebody is. Each round
 * takes what happened meanwhile before it looks, so that no thread, however busy, keeps events
 * waiting for longer than it runs.
 */
static void schedule(void)
{
    sched.failed = 0;
    for (;;) {
        evtchn_dispatch();
        timer_run();
        struct thread *next = queue_take(&sched.ready);
        if (next) {
            switch_to(next);
            return;
        }
        clock_set_alarm(timer_next());
        hypercall_block();
    }
}

static void wait_timed_out(struct timer *timer)
{
    struct thread *thread = CONTAINER_OF(timer, struct thread, timer);

    queue_remove(thread->queue, thread);
    thread->queue = NULL;
    thread->timed_out = true;
    queue_append(&sched.ready, thread);
}

int thread_wait(struct port_queue *queue, uint64_t deadline_ns)
{
    struct thread *self = sched.current;

    self->queue = queue;
    self->timed_out = false;
    queue_append(queue, self);
    if (deadline_ns != PORT_FOREVER)
        timer_start(&self->timer, deadline_ns, wait_timed_out);
    schedule();
    return self->timed_out ? -ETIMEDOUT : 0;
}

bool thread_wake_one(struct port_queue *queue)
{
    struct thread *thread = queue_take(queue);

    if (!thread)
        return false;
    timer_stop(&thread->timer);
    thread->queue = NULL;
    queue_append(&sched.ready, thread);
    return true;
}

void thread_wake(struct port_queue *queue)
{
    while (thread_wake_one(queue))
        ;
}

void thread_yield(void)
{
    queue_append(&sched.ready, sched.current);
    schedule();
}

void thread_failed(void)
{
    if (++sched.failed >= FAILED_MAX)
        thread_yield();
}

void thread_sleep_until(uint64_t deadline_ns)
{
    struct port_queue nobody_wakes = {0};
    thread_wait(&nobody_wakes, deadline_ns);
}

static void thread_main(void *arg)
{
    struct thread *self = arg;

    free_ended();
    self->entry(self->arg);
    thread_exit();
}

struct thread *thread_start(const char *name, size_t stack_size, void (*entry)(void *), void *arg)
{
    size_t n_pages = ROUND_UP(stack_size, PAGE_BYTES) / PAGE_BYTES;
    char *stack = page_alloc(n_pages + 1, 1);

    if (!stack)
        return NULL;
    if (mmu_protect(stack, MMU_NONE)) {
        page_free(stack);
        return NULL;
    }
    /* The thread's own struct is at its stack's top. */
    char *top = stack + (n_pages + 1) * PAGE_BYTES;
    struct thread *thread = (struct thread *)top - 1;
    memset(thread, 0, sizeof(*thread));
    thread->name = name;
    thread->stack = stack;
    thread->entry = entry;
    thread->arg = arg;
    set_stack(thread, stack + PAGE_BYTES, n_pages * PAGE_BYTES);
    context_init(&thread->context, thread, thread_main, thread);
    queue_append(&sched.ready, thread);
    return thread;
}

void thread_exit(void)
{
    struct thread *self = sched.current;

    assert(self->stack); /* the main thread ends with the guest */
    self->ended = true;
    self->next = sched.all_ended;
    sched.all_ended = self;
    schedule();
    __builtin_unreachable();
}

const char *thread_guard_name(uint64_t address)
{
    const struct thread *self = sched.current;

    if (!self)
        return NULL; /* nothing has begun yet */
    const char *guard = self->stack ? self->stack : main_stack_guard;

    return address - (uint64_t)guard < PAGE_BYTES ? self->name : NULL;
}

bool thread_on_stack(uint64_t address)
{
    const struct thread *self = sched.current;
    const char *bottom = self->stack ? (const char *)self->stack + PAGE_BYTES : main_stack;

    return address - (uint64_t)bottom < self->stack_size;
}

int port_wait(struct port_queue *queue, uint64_t deadline_ns)
{
    return thread_wait(queue, deadline_ns);
}

void port_wake(struct port_queue *queue)
{
    thread_wake(queue);
}
