/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * What the launcher holds: the handles to Xen and xenstore, and its guests, found by name, by
 * domain and by event channel. There is one, and one thread.
 */
#ifndef SPRAT_TOOLSTACK_HOST_H
#define SPRAT_TOOLSTACK_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "fail.h"
#include "hyper.h"

#define HOST_DOMAINS 32752 /* DOMID_FIRST_RESERVED, 0x7ff0 */
#define HOST_BUCKETS 4096

#define HOST_TOKEN_CHANGED "changed" /* of watches on what concerns a guest */
#define HOST_TOKEN_DISK    "disk"    /* of the one on all disks */

struct disk;
struct guest;
struct store;

/* What an epoll event is about: the kind in the upper half, a number in the lower. */
enum host_source {
    SOURCE_EVENTS,
    SOURCE_STORE,
    SOURCE_LISTEN,
    SOURCE_CLIENT,
    SOURCE_TERMINAL,
    SOURCE_SIGNAL
};

struct host_foreign {
    uint32_t domid;
    char *name;
};

struct host {
    struct hyper hyper;
    struct store *store;
    int epoll;
    bool make_terminals; /* a terminal for each console, for `xl console` */
    bool introduce_all;  /* let xenstored know all guests */
    struct guest *by_domid[HOST_DOMAINS];
    struct guest *by_name[HOST_BUCKETS]; /* chains by guest->next_name */
    struct guest **by_port;              /* indexed by our end of an event channel */
    uint32_t n_ports;
    unsigned n_guests;            /* that have a domain, shells too */
    struct host_foreign *foreign; /* domains that others made */
    size_t n_foreign;
    unsigned n_heard;                 /* of them, those that are HEARD_WITH_OTHERS */
    unsigned n_heard_alone;           /* and those that are HEARD_ALONE */
    unsigned n_listed, n_vifs_listed; /* domains in xenstore since host_make_room...() */
    struct disk *disks;               /* that were given to guests */
    bool hears_disks;                 /* xenstored tells about all disks' backends */
    unsigned n_introduced;            /* by us, and xenstored's event about it has not come yet */
    uint64_t turn;                    /* how often xenstored's events were taken */
    bool domains_appeared;            /* since foreign[] was brought up to date */
    bool domains_ended;               /* look which of ours have */
};

/** Open all handles, watch for domains that come and go. @return 0 or -errno. */
int host_open(struct host *host, struct fail *fail);

void host_close(struct host *host);

/**
 * A domain is about to get nodes in xenstore: see that the list of domains there has room, so that
 * it stays in its place. The requests wait in the store.
 */
void host_make_room(struct host *host);
/** The same of the list of domains that have interfaces. */
void host_make_room_for_vif(struct host *host);

/** Have epoll tell about a descriptor. @return 0 or -errno. */
int host_poll(struct host *host, int fd, enum host_source source, uint32_t number, uint32_t events,
              struct fail *fail);

/**
 * Enter and leave a guest. Its name must be free; a shell has none and is found by domain only.
 * Requests may wait in the store.
 */
int host_enter(struct host *host, struct guest *guest, struct fail *fail);
void host_name(struct host *host, struct guest *guest);
void host_leave(struct host *host, struct guest *guest);

/** Enter and leave a guest's event channels alone. */
int host_enter_ports(struct host *host, struct guest *guest, struct fail *fail);
void host_leave_ports(struct host *host, struct guest *guest);

/** Write its name, which others may change. The request waits in the store. */
void host_write_name(struct host *host, struct guest *guest);

struct guest *host_find(struct host *host, const char *name);

/** Have xenstored tell what a guest should know: it runs, or will. Requests wait in the store. */
void host_hear(struct host *host, struct guest *guest);

/** Bring the list of domains that others made up to date. @return 0 or -errno. */
int host_learn_foreign(struct host *host, struct fail *fail);

/** @return 0, or -EEXIST: a domain, ours or not, has this name. */
int host_check_name(struct host *host, const char *name, struct fail *fail);

/**
 * Act on xenstore's events that have come: domains_appeared, domains_ended, and what guests watch.
 *
 * @param suspect  called for a guest that may be about to end.
 */
void host_take_store_events(struct host *host, void (*suspect)(struct guest *guest));

/** Nanoseconds of a clock that only goes forward. */
uint64_t host_now_ns(void);

#endif
