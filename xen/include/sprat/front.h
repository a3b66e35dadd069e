/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * The life of a frontend: one for network, disks and what else a backend offers.
 *
 *     INITIALISING --publish()--> PUBLISHED --connected()--> CONNECTED
 *           ^ | | | +------disconnect()--------+ backend closes, lies, or is gone | v
 *        CLOSED <--------release()------------ CLOSING               backend let go
 *
 * A backend that starts again finds the frontend in CLOSED and takes it through the same steps; one
 * that has closed and stays (it is "online") is asked to, unless it was left for a fault. All
 * of a driver's functions run in the worker thread, so they may ask xenstore; none runs twice at a
 * time.
 */
#ifndef SPRAT_FRONT_H
#define SPRAT_FRONT_H

#include <stdbool.h>
#include <stdint.h>

#include <xen/xen.h>

#include <sprat/port.h>
#include <sprat/xenstore.h>

#define FRONT_PATH_MAX 64
/** So long a backend is waited for that has to let go of something: what it keeps is lost then. */
#define FRONT_LET_GO_NS 5000000000ull

enum front_state {
    FRONT_INITIALISING,
    FRONT_PUBLISHED,
    FRONT_CONNECTED,
    FRONT_CLOSING,
    FRONT_CLOSED,
    FRONT_GONE, /**< the toolstack took the device away; only front_close() is left */
};
#define FRONT_STATES 6

struct front;
struct keys;

struct front_driver {
    const char *kind; /**< "vif": devices are at device/KIND/NUMBER */
    unsigned
        published; /**< XenbusState to show after publish(): network Connected, disks Initialised */

    /**
     * The backend waits: make rings, grant them, write the keys it reads.
     *
     * @param keys  empty, for all that is read and written.
     * @return 0 or -errno.
     */
    int (*publish)(struct front *front, struct keys *keys);
    /** The backend is connected. @return 0 or -errno. */
    int (*connected)(struct front *front);
    /** Start nothing new; the backend may still use every page. */
    void (*disconnect)(struct front *front);
    /** Does the backend map the rings that were published? When it says that it is connected and
     * does not, it speaks of others. May be NULL. */
    bool (*attached)(struct front *front);
    /**
     * The backend let go: take back pages and channels. Also after a publish() that failed.
     *
     * @param last  what is mapped even now is lost. Otherwise it is waited for: what the backend
     *              has begun, it may be doing still.
     * @return false when there is a page to wait for: it is called again.
     */
    bool (*release)(struct front *front, bool last);
    /** The state is another one. */
    void (*changed)(struct front *front);
    /** After front_errand(). May be NULL. */
    void (*errand)(struct front *front);
    /** The backend showed Connected once more: what it offers may be different. May be NULL. */
    void (*offered)(struct front *front);
};

struct front {
    const struct front_driver *driver;
    enum front_state state;
    domid_t backend_id;
    char path[FRONT_PATH_MAX];    /**< "device/vif/0" */
    char backend[FRONT_PATH_MAX]; /**< "/local/domain/0/backend/vif/5/0" */
    unsigned backend_state;       /**< XenbusState, as it was last seen */
    uint64_t n_faults;
    struct port_queue changed; /**< woken at each change of state */

    /* Of front.c. */
    struct front *next; /**< that is open */
    struct xenstore_watch backend_watch, state_watch;
    char backend_watch_path[FRONT_PATH_MAX + 8], state_watch_path[FRONT_PATH_MAX + 8];
    struct port_work work;
    unsigned n_kept; /**< how often a backend did not let go in time */
    bool faulty, closing, watched, looking;
    bool backend_left; /**< the state in which it was disconnected */
    bool state_fired;  /**< the backend wrote its state since it was last read */
    bool asked;        /**< a backend that has closed to start again */
    bool on_errand;    /**< the driver's errand() is to be called */
    bool orphaned;     /**< restored with the guest, of a domain that is gone */
};

/** Numbers of the devices of a kind that the toolstack gave. @return how many, or -errno. */
int front_list(const char *kind, unsigned *numbers, size_t max);

/**
 * Begin a device's life.
 *
 * @param front  zeroed, owned by the caller until front_close() returns.
 * @return 0; -ENODEV when there is no such device; -EBUSY when it is open; else what xenstore said.
 */
int front_open(struct front *front, const struct front_driver *driver, unsigned number);

/** End it: disconnect, wait until the backend let go or the deadline (ns), release. */
void front_close(struct front *front, uint64_t deadline_ns);

/**
 * The backend did what no backend may: count it, say it once, and disconnect. Callable anywhere.
 *
 * @param what  in a few words: "tx id not in flight".
 */
void front_fault(struct front *front, const char *what);

/** Have the driver's errand() called, when the device is connected then. Callable anywhere. */
void front_errand(struct front *front);

/** A key of the backend's as a number; `otherwise` when it is missing or none. */
uint64_t front_backend_number(struct front *front, const char *key, uint64_t otherwise);

#endif
