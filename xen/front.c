/* SPDX-License-Identifier: BSD-2-Clause */
#include <sprat/front.h>

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <xen/io/xenbus.h>

#include <sprat/clock.h>
#include <sprat/decimal.h>
#include <sprat/keys.h>
#include <sprat/suspend.h>

#define BACKEND_STATES 9 /* XenbusStateReconfigured is the last */
#define PATH_BYTES     (FRONT_PATH_MAX + 32)
#define LOOK_AGAIN_NS  20000000ull
#define KEPT_MAX       3u /* what a backend keeps is lost to the guest: so often, then no more */

/* Those that are open. */
static struct front *fronts;
static struct suspend_part part;

enum step {
    NOTHING,
    PUBLISH,    /* the backend waits for us */
    CONNECT,    /* it is connected */
    DISCONNECT, /* it leaves, or never should have been where it is */
    RELEASE,    /* it let go */
    RESTART,    /* it waits for us again */
    LEAVE, /* it closes, or uses what is gone, and ends with that when it sees that we closed */
    ASK,   /* it has closed, and starts again when it is shown that we do */
    OFFER, /* it is connected, as before; when it says so once more, it offers something new */
};

/*
 * What to do, by our state and the backend's: Unknown (its node is gone), Initialising, InitWait,
 * Initialised, Connected, Closing, Closed, Reconfiguring, Reconfigured.
 */
static const uint8_t steps[FRONT_STATES][BACKEND_STATES] = {
    [FRONT_INITIALISING] = {NOTHING, NOTHING, PUBLISH, NOTHING, LEAVE, LEAVE, ASK, NOTHING,
                            NOTHING},
    [FRONT_PUBLISHED] = {DISCONNECT, NOTHING, NOTHING, NOTHING, CONNECT, DISCONNECT, DISCONNECT,
                         NOTHING, NOTHING},
    [FRONT_CONNECTED] = {DISCONNECT, DISCONNECT, DISCONNECT, DISCONNECT, OFFER, DISCONNECT,
                         DISCONNECT, NOTHING, NOTHING},
    [FRONT_CLOSING] = {RELEASE, RELEASE, RELEASE, NOTHING, NOTHING, NOTHING, RELEASE, NOTHING,
                       NOTHING},
    [FRONT_CLOSED] = {NOTHING, RESTART, RESTART, NOTHING, NOTHING, LEAVE, ASK, NOTHING, NOTHING},
    [FRONT_GONE] = {NOTHING},
};

static int show_state(struct front *front, unsigned state)
{
    char path[PATH_BYTES];
    return xenstore_write_u64(XENSTORE_NO_TX,
                              xenstore_join(path, sizeof(path), front->path, "state"), state);
}

uint64_t front_backend_number(struct front *front, const char *key, uint64_t otherwise)
{
    char path[PATH_BYTES];
    uint64_t number;

    return xenstore_read_u64(XENSTORE_NO_TX, xenstore_join(path, sizeof(path), front->backend, key),
                             &number) == 0
               ? number
               : otherwise;
}

static void enter(struct front *front, enum front_state state)
{
    front->state = state;
    port_wake(&front->changed);
    front->driver->changed(front);
}

static void step_disconnect(struct front *front)
{
    front->driver->disconnect(front);
    front->backend_left = false;
    enter(front, FRONT_CLOSING);
    show_state(front, XenbusStateClosing);
    show_state(front, XenbusStateClosed);
}

/*
 * Xen tells nobody that a page is mapped no more. And Linux' blkback, told to close while it has
 * requests under way, lets go of nothing until it is told once more.
 */
static void release(struct front *front, bool tell)
{
    uint64_t deadline_ns = clock_monotonic() + FRONT_LET_GO_NS;
    struct port_queue nobody = {0};

    while (!front->driver->release(front, false)) {
        if (clock_monotonic() >= deadline_ns) {
            front->n_kept++;
            front->driver->release(front, true);
            return;
        }
        port_wait(&nobody, clock_monotonic() + LOOK_AGAIN_NS);
        if (tell)
            show_state(front, XenbusStateClosed);
    }
}

static void step_release(struct front *front)
{
    release(front, true);
    if (front->n_kept == KEPT_MAX)
        port_log("%s: its backend kept pages %u times: it gets no more", front->path, KEPT_MAX);
    enter(front, FRONT_CLOSED);
}

static int publish(struct front *front)
{
    struct keys *keys = port_alloc(sizeof(*keys));

    if (!keys)
        return -ENOMEM;
    memset(keys, 0, sizeof(*keys));
    int error = front->driver->publish(front, keys);
    port_free(keys);
    return error;
}

static void step_publish(struct front *front)
{
    int error = publish(front);

    if (!error)
        error = show_state(front, front->driver->published);
    if (error) {
        port_log("%s: can't be offered to the backend: error %d", front->path, -error);
        front->faulty = true;
        step_disconnect(front);
        return;
    }
    front->asked = false;
    enter(front, FRONT_PUBLISHED);
}

/*
 * A backend that starts anew may look at our state, be slow to act, and connect to rings that are
 * gone by then, while others are published that it never looks at:
 *
 *  1. It starts, sees Connected, and begins to connect.
 *  2. We see that it starts, close, take everything back, and publish new rings.
 *  3. It can't have the old ones, shows Connected nevertheless (Linux' netback does), and sees
 *     nothing new: Connected is what we show.
 */
static bool is_connected_to_nothing(struct front *front)
{
    if (!front->driver->attached || front->driver->attached(front))
        return false;
    port_log("%s: its backend connected to what was offered before; once more", front->path);
    return true;
}

static void step_connect(struct front *front)
{
    if (is_connected_to_nothing(front)) {
        step_disconnect(front);
        return;
    }
    int error = front->driver->connected(front);

    if (error) {
        port_log("%s: can't work with the backend: error %d", front->path, -error);
        front->faulty = true;
        step_disconnect(front);
        return;
    }
    if (front->driver->published != XenbusStateConnected)
        show_state(front, XenbusStateConnected);
    enter(front, FRONT_CONNECTED);
}

/* A device that closed for a fault stays closed until its backend has started anew. */
static void step_restart(struct front *front)
{
    front->faulty = false;
    enter(front, FRONT_INITIALISING);
    show_state(front, XenbusStateInitialising);
}

/*
 * Its device was closed (by us, or it sees late that we have), and is there still. One that is
 * taken away is not online: nothing may be written then in a folder that the toolstack removes.
 */
static bool step_ask(struct front *front)
{
    if (front->faulty || front->asked || front_backend_number(front, "online", 0) != 1)
        return false;
    step_restart(front);
    front->asked = true;
    return true;
}

/* It may also have started anew, so quickly that nothing was seen of it. */
static bool step_offer(struct front *front)
{
    if (is_connected_to_nothing(front)) {
        step_disconnect(front);
        return true;
    }
    if (front->driver->offered)
        front->driver->offered(front);
    return false;
}

static bool take_step(struct front *front, enum step step, bool fired)
{
    switch (step) {
    case NOTHING:
        return false;
    case PUBLISH:
        step_publish(front);
        return true;
    case CONNECT:
        step_connect(front);
        return true;
    case DISCONNECT:
        step_disconnect(front);
        return true;
    case RELEASE:
        step_release(front);
        return true;
    case RESTART:
        step_restart(front);
        return true;
    case LEAVE:
        front->asked = false;
        show_state(front, XenbusStateClosed);
        return false;
    case ASK:
        return step_ask(front);
    case OFFER:
        return fired && step_offer(front);
    }
    return false;
}

static void backend_state_changed(struct xenstore_watch *watch, const char *changed)
{
    struct front *front = CONTAINER_OF(watch, struct front, state_watch);

    (void)changed;
    front->state_fired = true;
    port_work(&front->work);
}

static void device_changed(struct xenstore_watch *watch, const char *changed)
{
    (void)changed;
    port_work(&CONTAINER_OF(watch, struct front, backend_watch)->work);
}

static int watch_backend(struct front *front, const char backend[FRONT_PATH_MAX])
{
    if (front->watched)
        xenstore_unwatch(&front->state_watch);
    memcpy(front->backend, backend, sizeof(front->backend));
    xenstore_join(front->state_watch_path, sizeof(front->state_watch_path), front->backend,
                  "state");
    front->state_watch =
        (struct xenstore_watch){.path = front->state_watch_path, .handler = backend_state_changed};
    int error = xenstore_watch(&front->state_watch);
    front->watched = !error;
    return error;
}

/*
 * Who the backend is, from the device's own directory, and in which state.
 * @return 0; -ENOENT when the device is gone; -EAGAIN when its backend is another one than before.
 */
static int find_backend(struct front *front, uint64_t *state)
{
    char backend[FRONT_PATH_MAX] = {0}, id[DECIMAL_MAX + 1], state_text[DECIMAL_MAX + 1] = "";
    char backend_path[PATH_BYTES], id_path[PATH_BYTES];
    struct xenstore_item items[] = {
        {xenstore_join(backend_path, sizeof(backend_path), front->path, "backend"), backend,
         sizeof(backend), 0},
        {xenstore_join(id_path, sizeof(id_path), front->path, "backend-id"), id, sizeof(id), 0},
        {front->state_watch_path, state_text, sizeof(state_text), 0},
    };
    uint64_t number;

    int error = xenstore_read_items(XENSTORE_NO_TX, items, front->watched ? 3 : 2);
    if (error)
        return error;
    for (size_t i = 0; i < 2; i++)
        if (items[i].result < 0)
            return items[i].result;
    if (strlen(backend) != (size_t)items[0].result || strlen(id) != (size_t)items[1].result ||
        !decimal_parse(id, &number) || number >= DOMID_FIRST_RESERVED)
        return -EINVAL;
    front->backend_id = (domid_t)number;
    if (!front->watched || strcmp(backend, front->backend) != 0) {
        error = watch_backend(front, backend);
        return error ? error : -EAGAIN;
    }
    *state = XenbusStateUnknown;
    if (strlen(state_text) == (size_t)items[2].result && decimal_parse(state_text, &number))
        *state = number;
    return 0;
}

static bool is_live(const struct front *front)
{
    return front->state == FRONT_PUBLISHED || front->state == FRONT_CONNECTED;
}

/* There is no backend any more to wait for. */
static void leave_at_once(struct front *front, enum front_state state)
{
    front->backend_state = XenbusStateUnknown;
    if (is_live(front))
        front->driver->disconnect(front);
    if (front->state != FRONT_CLOSED)
        release(front, false);
    enter(front, state);
}

/* The guest was restored: its device is a new one, of which the backend knows nothing yet. */
static void start_anew(struct front *front)
{
    front->orphaned = front->faulty = front->asked = false;
    front->n_kept = 0;
    if (front->state != FRONT_GONE)
        leave_at_once(front, FRONT_INITIALISING);
}

/* @return false when there is nothing to do until something changes. */
static bool look_once(struct front *front)
{
    uint64_t state;
    bool fired = front->state_fired;

    front->state_fired = false; /* what is written from here on fires again */
    int error = find_backend(front, &state);
    if (error == -EAGAIN)
        return true;
    if (error == -ENOENT) {
        leave_at_once(front, FRONT_GONE);
        return false;
    }
    if (error) {
        port_log("%s: its backend can't be found out: error %d", front->path, -error);
        /* xenstored took a minute over it, and will not say anything again of itself. */
        return error == -ETIMEDOUT && !front->closing;
    }
    front->backend_state = state < BACKEND_STATES ? (unsigned)state : XenbusStateUnknown;
    if (state != XenbusStateInitWait)
        front->backend_left = true;
    if ((front->faulty || front->closing) && is_live(front)) {
        step_disconnect(front);
        return true;
    }
    enum step step = state < BACKEND_STATES ? steps[front->state][state] : NOTHING;
    if (front->closing && step != RELEASE)
        return false;
    if (front->n_kept >= KEPT_MAX && (step == PUBLISH || step == RESTART || step == ASK))
        return false;
    if (step == RESTART && front->faulty && !front->backend_left)
        return false;
    return take_step(front, step, fired);
}

static void look(struct port_work *work)
{
    struct front *front = CONTAINER_OF(work, struct front, work);

    front->looking = true;
    if (front->orphaned)
        start_anew(front);
    if (front->on_errand && front->state == FRONT_CONNECTED)
        front->driver->errand(front);
    front->on_errand = false;
    while (front->state != FRONT_GONE && look_once(front))
        ;
    front->looking = false;
    port_wake(&front->changed);
}

static bool is_busy(const struct front *front)
{
    return front->work.queued || front->looking;
}

/* The worker is not on its way, and finds nothing to do when it is called again. */
static void end(struct front *front)
{
    enum front_state was = front->state;

    if (is_live(front))
        front->driver->disconnect(front);
    front->state = FRONT_GONE;
    if (was == FRONT_PUBLISHED || was == FRONT_CONNECTED || was == FRONT_CLOSING)
        front->driver->release(front, true); /* it was waited for */
    xenstore_unwatch(&front->backend_watch);
    if (front->watched)
        xenstore_unwatch(&front->state_watch);
    while (is_busy(front)) /* for what changed while the watches were removed */
        port_wait(&front->changed, PORT_FOREVER);
}

static void resumed(bool restored)
{
    for (struct front *front = fronts; front && restored; front = front->next) {
        front->orphaned = true;
        port_work(&front->work);
    }
}

static bool is_open(const char *path)
{
    const struct front *front = fronts;

    while (front && strcmp(front->path, path) != 0)
        front = front->next;
    return front;
}

static void forget(struct front *front)
{
    struct front **at = &fronts;

    while (*at != front)
        at = &(*at)->next;
    *at = front->next;
}

int front_open(struct front *front, const struct front_driver *driver, unsigned number)
{
    char folder[FRONT_PATH_MAX], text[DECIMAL_MAX + 1];

    front->driver = driver;
    front->state = FRONT_INITIALISING;
    front->work.run = look;
    xenstore_join(folder, sizeof(folder), "device", driver->kind);
    xenstore_join(front->path, sizeof(front->path), folder, decimal_text(number, text));

    if (is_open(front->path))
        return -EBUSY;
    if (!part.after) {
        part.after = resumed;
        suspend_part_add(&part);
    }
    front->next = fronts;
    fronts = front;
    uint64_t state;
    int error = find_backend(front, &state);
    if (error != -EAGAIN) {
        forget(front);
        return error == -ENOENT ? -ENODEV : error;
    }
    xenstore_join(front->backend_watch_path, sizeof(front->backend_watch_path), front->path,
                  "backend");
    front->backend_watch =
        (struct xenstore_watch){.path = front->backend_watch_path, .handler = device_changed};
    error = xenstore_watch(&front->backend_watch);
    if (error)
        front_close(front, 0); /* the worker may have begun */
    return error;
}

void front_close(struct front *front, uint64_t deadline_ns)
{
    bool timed_out = false;

    front->closing = true;
    port_work(&front->work);
    while (is_busy(front) || (!timed_out && (is_live(front) || front->state == FRONT_CLOSING))) {
        /* A worker that has begun comes back from xenstore at last. */
        if (port_wait(&front->changed, timed_out ? PORT_FOREVER : deadline_ns))
            timed_out = true;
    }
    end(front);
    forget(front);
}

void front_fault(struct front *front, const char *what)
{
    front->n_faults++;
    if (front->faulty)
        return;
    front->faulty = true;
    port_log("%s: backend fault: %s; it is disconnected", front->path, what);
    port_work(&front->work);
}

void front_errand(struct front *front)
{
    front->on_errand = true;
    port_work(&front->work);
}
