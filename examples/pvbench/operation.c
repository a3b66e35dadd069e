/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where an operation needs a peer, the guest is its own: a channel from it to itself, a grant that
 * it maps itself. Xen does the same work as for two, without a switch between domains.
 */
#include "operation.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/version.h>

#include <sprat/evtchn.h>
#include <sprat/gnttab.h>
#include <sprat/hypercall.h>
#include <sprat/layout.h>
#include <sprat/mmu.h>
#include <sprat/port.h>
#include <sprat/xenstore.h>

#define TIMER_NS 1000000      /* how long a timer runs that is waited for */
#define FAR_NS   (1ull << 62) /* a deadline that never comes */

static struct {
    domid_t domid;
    struct evtchn near, far; /* the two ends of the channel to itself */
    unsigned n_events;
    void *page, *window; /* a page that is granted; another, in whose place it is mapped */
    grant_ref_t ref;
    grant_handle_t handle;
    bool mapped;
    bool read_only;
} self;

static int null_hypercall(void)
{
    int version = hypercall_xen_version(XENVER_version, NULL);
    return version < 0 ? version : 0;
}

/* Events */

static void count_event(void *arg)
{
    (void)arg;
    self.n_events++;
}

static int make_channel(void)
{
    struct evtchn_bind_interdomain bind = {.remote_dom = DOMID_SELF};

    if (self.near.port)
        return 0;
    int error = evtchn_alloc(&self.near, DOMID_SELF, count_event, NULL);
    if (error)
        return error;
    bind.remote_port = self.near.port;
    error = hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &bind);
    return error ? error : evtchn_bind(&self.far, bind.local_port, count_event, NULL);
}

static int send_event(void)
{
    evtchn_notify(&self.near);
    return 0;
}

static int take_event(void)
{
    sched_yield();
    return self.n_events ? 0 : -EIO;
}

static int send_and_take_event(void)
{
    unsigned before = self.n_events;

    evtchn_notify(&self.near);
    sched_yield();
    return self.n_events == before ? -EIO : 0;
}

/* Grants */

static int own_domid(void)
{
    uint64_t domid;

    if (self.domid)
        return 0;
    int error = xenstore_read_u64(XENSTORE_NO_TX, "domid", &domid);
    if (!error)
        self.domid = (domid_t)domid;
    return error;
}

static int make_page(void)
{
    if (!self.page)
        self.page = aligned_alloc(PAGE_BYTES, PAGE_BYTES);
    if (!self.window)
        self.window = aligned_alloc(PAGE_BYTES, PAGE_BYTES);
    return self.page && self.window ? own_domid() : -ENOMEM;
}

static int grant(void)
{
    return gnttab_grant(self.domid, self.page, false, &self.ref);
}

static int revoke(void)
{
    return gnttab_revoke(self.ref);
}

static int make_grant(void)
{
    int error = make_page();
    return error ? error : grant();
}

static int grant_and_revoke(void)
{
    int error = grant();
    return error ? error : revoke();
}

static int map_grant(void)
{
    struct gnttab_map_grant_ref map = {.host_addr = (uintptr_t)self.window,
                                       .flags = GNTMAP_host_map,
                                       .ref = self.ref,
                                       .dom = self.domid};
    int error = hypercall_grant_table_op(GNTTABOP_map_grant_ref, &map, 1);

    if (!error && (map.status == GNTST_no_device_space || map.status == GNTST_no_space))
        return -ENOTCONN;
    self.handle = map.handle;
    self.mapped = !error && map.status == GNTST_okay;
    return error ? error : self.mapped ? 0 : -EIO;
}

static int unmap_grant(void)
{
    struct gnttab_unmap_grant_ref unmap = {.host_addr = (uintptr_t)self.window,
                                           .handle = self.handle};
    int error = hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, &unmap, 1);

    return error ? error : unmap.status == GNTST_okay ? 0 : -EIO;
}

static int put_window_back(void)
{
    return mmu_protect(self.window, MMU_READ_WRITE);
}

static int unmap_and_put_back(void)
{
    int error = self.mapped ? unmap_grant() : 0;

    self.mapped = false;
    return error ? error : put_window_back();
}

static int make_mapping(void)
{
    int error = make_page();
    return error ? error : map_grant();
}

static int put_back_and_map(void)
{
    int error = put_window_back();
    return error ? error : map_grant();
}

static int copy_by_grant(void)
{
    struct gnttab_copy copy = {.source = {.u.ref = self.ref, .domid = self.domid},
                               .dest = {.u.gmfn = mmu_mfn(self.window), .domid = DOMID_SELF},
                               .len = PAGE_BYTES,
                               .flags = GNTCOPY_source_gref};
    int error = hypercall_grant_table_op(GNTTABOP_copy, &copy, 1);

    return error ? error : copy.status == GNTST_okay ? 0 : -EIO;
}

static int change_page_table(void)
{
    self.read_only = !self.read_only;
    return mmu_protect(self.window, self.read_only ? MMU_READ_ONLY : MMU_READ_WRITE);
}

/* Threads and time */

static void *yield_for_ever(void *arg)
{
    (void)arg;
    for (;;)
        sched_yield();
    return NULL;
}

static int make_thread(void)
{
    pthread_t thread;
    return -pthread_create(&thread, NULL, yield_for_ever, NULL);
}

static int switch_twice(void)
{
    return sched_yield();
}

static int set_timer(void)
{
    return hypercall_set_timer_op(FAR_NS);
}

static int stop_timer(void)
{
    return hypercall_set_timer_op(0);
}

static int wait_for_timer(void)
{
    return nanosleep(&(struct timespec){.tv_nsec = TIMER_NS}, NULL) ? -errno : 0;
}

static int read_xenstore(void)
{
    char name[64];
    int len = xenstore_read(XENSTORE_NO_TX, "name", name, sizeof(name));

    return len < 0 ? len : 0;
}

/* Another guest */

static struct {
    struct evtchn channel;
    struct port_queue queue;
    unsigned n_events;
} peer;

static void peer_rang(void *arg)
{
    (void)arg;
    peer.n_events++;
    port_wake(&peer.queue);
}

static int wait_for_peer(unsigned before)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t deadline_ns = ((uint64_t)now.tv_sec + 60) * 1000000000 + (uint64_t)now.tv_nsec;
    while (peer.n_events == before)
        if (port_wait(&peer.queue, deadline_ns))
            return -ETIMEDOUT;
    return 0;
}

int peer_expect(unsigned domid)
{
    int error = evtchn_alloc(&peer.channel, (domid_t)domid, peer_rang, NULL);

    if (!error)
        error = xenstore_write_u64(XENSTORE_NO_TX, "data/port", peer.channel.port);
    return error ? error : wait_for_peer(0); /* it rings when it is there */
}

static int need_peer(void)
{
    return peer.channel.port ? 0 : -ENOTCONN;
}

static int round_trip(void)
{
    unsigned before = peer.n_events;

    evtchn_notify(&peer.channel);
    return wait_for_peer(before);
}

static void answer(void *arg)
{
    (void)arg;
    evtchn_notify(&peer.channel);
}

static void told(struct xenstore_watch *watch, const char *changed)
{
    (void)watch;
    (void)changed;
    port_wake(&peer.queue);
}

/* dom0 writes data/domid, then data/port. */
int peer_answer(void)
{
    struct xenstore_watch watch = {.path = "data/port", .handler = told};
    struct evtchn_bind_interdomain bind;
    uint64_t domid, port;

    int error = xenstore_watch(&watch);
    while (!error && xenstore_read_u64(XENSTORE_NO_TX, "data/port", &port))
        error = port_wait(&peer.queue, PORT_FOREVER);
    if (!error)
        error = xenstore_read_u64(XENSTORE_NO_TX, "data/domid", &domid);
    if (error)
        return error;
    bind = (struct evtchn_bind_interdomain){.remote_dom = (domid_t)domid,
                                            .remote_port = (evtchn_port_t)port};
    error = hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &bind);
    if (!error)
        error = evtchn_bind(&peer.channel, bind.local_port, answer, NULL);
    if (error)
        return error;
    evtchn_notify(&peer.channel);
    return port_wait(&(struct port_queue){0}, PORT_FOREVER);
}

/*
 * In this order: each of the grants' operations begins with what the one before it leaves, and the
 * thread of the last one would run in the others' waits.
 */
const struct operation operations[] = {
    {"null hypercall", .run = null_hypercall},
    {"event: send", .prepare = make_channel, .run = send_event, .again = take_event},
    {"event: send to itself and take", .prepare = make_channel, .run = send_and_take_event},
    {"event: round trip with another guest", "PEER=DOMID", need_peer, round_trip, NULL},
    {"grant: give and revoke", .prepare = make_page, .run = grant_and_revoke},
    {"grant: map", "max_maptrack_frames = 1 in its cfg", make_grant, map_grant, unmap_and_put_back},
    {"grant: unmap", "max_maptrack_frames = 1 in its cfg", make_mapping, unmap_grant,
     put_back_and_map},
    {"grant: copy 4096 bytes", .prepare = unmap_and_put_back, .run = copy_by_grant},
    {"page table: change an entry", .prepare = make_page, .run = change_page_table},
    {"timer: set", .run = set_timer, .again = stop_timer},
    {"timer: wait 1 ms", .run = wait_for_timer},
    {"xenstore: read", .run = read_xenstore},
    {"thread: switch to another and back", .prepare = make_thread, .run = switch_twice},
};

const size_t n_operations = sizeof(operations) / sizeof(*operations);
