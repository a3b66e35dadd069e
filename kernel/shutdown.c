/* SPDX-License-Identifier: BSD-2-Clause */
#include <sprat/shutdown.h>

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <xen/sched.h>

#include <sprat/clock.h>
#include <sprat/hypercall.h>
#include <sprat/log.h>
#include <sprat/suspend.h>
#include <sprat/thread.h>
#include <sprat/timer.h>
#include <sprat/xenstore.h>

#define FLUSH_NS     1000000000ull /* how long the host may take to read the last words */
#define TRY_AGAIN_NS 1000000000ull
#define REQUEST_PATH "control/shutdown"

static void request_changed(struct xenstore_watch *watch, const char *changed);
static void run_suspend(struct port_work *work);

static struct {
    struct xenstore_watch watch;
    void (*on_request)(void);
    unsigned reason;
    struct thread *thread; /* serves a request */
    bool again;            /* the path changed while it did */
    struct port_work suspend;
    struct timer retry;
} state = {.watch = {.path = REQUEST_PATH, .handler = request_changed},
           .suspend = {.run = run_suspend}};

static _Noreturn void shutdown(unsigned reason)
{
    struct sched_shutdown shutdown = {.reason = reason};

    for (;;)
        hypercall_sched_op(SCHEDOP_shutdown, &shutdown);
}

void shutdown_exit(int status)
{
    static bool ending;
    struct port_queue nobody_wakes = {0};

    if (ending) /* the thread that came first waits for xenstored: its status counts */
        port_wait(&nobody_wakes, PORT_FOREVER);
    ending = true;
    status &= 0xff; /* exit(-1) is 255, as everywhere */
    int error = xenstore_write_u64(XENSTORE_NO_TX, SHUTDOWN_STATUS_PATH, (unsigned)status);
    bool say = status || (error && error != -ENOSYS);
    if (say) {
        log_flush(clock_monotonic() + FLUSH_NS); /* room for this line */
        port_log("exit status %d%s", status,
                 error ? " (the host could not be told in " SHUTDOWN_STATUS_PATH ")" : "");
    }
    log_flush(clock_monotonic() + FLUSH_NS);
    shutdown(state.reason);
}

void shutdown_crash(void)
{
    log_flush(clock_monotonic() + FLUSH_NS);
    shutdown(SHUTDOWN_crash);
}

static const struct {
    const char *word;
    unsigned reason;
} requests[] = {
    {"poweroff", SHUTDOWN_poweroff},
    {"halt", SHUTDOWN_poweroff},
    {"reboot", SHUTDOWN_reboot},
};

static void run_suspend(struct port_work *work)
{
    (void)work;
    int result = suspend();

    if (result == -ETIMEDOUT)
        port_log("control/shutdown: not suspended, for xenstore owes an answer");
    else if (result < 0)
        port_log("control/shutdown: not suspended: error %d", -result);
}

static void serve(const char *request)
{
    if (strcmp(request, "suspend") == 0) {
        port_work(&state.suspend);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        if (strcmp(request, requests[i].word) == 0) {
            state.reason = requests[i].reason;
            state.on_request();
            return; /* a handler of the application's had the last word */
        }
    }
    port_log("control/shutdown: '%s' is not understood; poweroff, halt, reboot and suspend are",
             request);
}

/*
 * Read a request and empty its node, which the toolstack takes as the guest's word that it has seen
 * it. In a transaction: a request written in between must not be emptied unseen.
 */
static int take_request(char *request, size_t size)
{
    xenstore_tx_t tx;
    int n, error;

    do {
        error = xenstore_begin(&tx);
        if (error)
            return error;
        n = xenstore_read(tx, REQUEST_PATH, request, size);
        if (n > 0)
            xenstore_write(tx, REQUEST_PATH, "");
        error = xenstore_end(tx, n > 0);
    } while (error == -EAGAIN);
    return error ? error : n;
}

static void serve_requests(void *arg)
{
    char request[16];

    (void)arg;
    do {
        state.again = false;
        int n = xenstore_read(XENSTORE_NO_TX, REQUEST_PATH, request, sizeof(request));
        if (n > 0) /* most often it is empty, or not there */
            n = take_request(request, sizeof(request));
        if (n > 0)
            serve(request);
        else if (n == -E2BIG)
            port_log("control/shutdown: the request is too long to be one");
    } while (state.again);
    state.thread = NULL;
}

/* The host says what it wants once: without memory for a thread, it is asked for a little later. */
static void look(struct timer *timer)
{
    static bool said;

    if (state.thread) {
        state.again = true;
        return;
    }
    state.thread = thread_start("shutdown", THREAD_STACK_DEFAULT, serve_requests, NULL);
    if (state.thread)
        return;
    if (!said)
        port_log("control/shutdown: no memory for a thread to serve it; it is tried again");
    said = true;
    timer_start(timer, clock_monotonic() + TRY_AGAIN_NS, look);
}

static void request_changed(struct xenstore_watch *watch, const char *changed)
{
    (void)watch;
    (void)changed;
    look(&state.retry);
}

void shutdown_init(void (*on_request)(void))
{
    state.on_request = on_request;
    int error = xenstore_watch_async(&state.watch);
    if (error && error != -ENOSYS)
        port_log("control/shutdown: can't be watched: error %d", -error);
}
