/* SPDX-License-Identifier: BSD-2-Clause */
/* The worker thread: started by the first work there is, asleep while there is none. */
#include <sprat/port.h>
#include <sprat/thread.h>

#define WORKER_STACK 0x4000

static struct {
    struct port_work *first, **last;
    struct port_queue waiting;
    struct thread *thread;
} worker = {.last = &worker.first};

static void work(void *arg)
{
    (void)arg;
    for (;;) {
        while (worker.first) {
            struct port_work *next = worker.first;
            worker.first = next->next;
            if (!worker.first)
                worker.last = &worker.first;
            next->queued = false;
            next->run(next);
        }
        port_wait(&worker.waiting, PORT_FOREVER);
    }
}

void port_work(struct port_work *work_item)
{
    if (work_item->queued)
        return;
    work_item->queued = true;
    work_item->next = NULL;
    *worker.last = work_item;
    worker.last = &work_item->next;
    if (!worker.thread)
        worker.thread = thread_start("worker", WORKER_STACK, work, NULL);
    if (!worker.thread)
        port_log("worker: no memory for its thread; it is tried again with the next work");
    port_wake(&worker.waiting);
}
