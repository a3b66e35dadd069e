/* SPDX-License-Identifier: BSD-2-Clause */
#include "host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "disk.h"
#include "guest.h"
#include "store.h"
#include "vif.h"

#define TOKEN_APPEARED "appeared"
#define TOKEN_ENDED    "ended"
#define DOMAINS_PATH   "/local/domain"
#define ROOM_BYTES     3840 /* with its path, below xenstore's 4096 bytes a message */
#define ROOM_DOMAINS   512  /* of up to 6 bytes each */

#define HEARD_ALONE_MAX 64 /* guests; more watches than these have cost more than they spare */

static void forget_foreign(struct host *host)
{
    for (size_t i = 0; i < host->n_foreign; i++)
        free(host->foreign[i].name);
    free(host->foreign);
    host->foreign = NULL;
    host->n_foreign = 0;
}

int host_open(struct host *host, struct fail *fail)
{
    *host = (struct host){.epoll = -1, .make_terminals = true};
    int error = hyper_open(&host->hyper, fail);
    if (error)
        return error;
    host->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (host->epoll < 0) {
        error = fail_errno(fail, "epoll_create1");
        goto err;
    }
    error = store_open(&host->store, fail);
    if (error)
        goto err;
    store_watch(host->store, "@introduceDomain", TOKEN_APPEARED);
    store_watch(host->store, "@releaseDomain", TOKEN_ENDED);
    error = store_flush(host->store, fail);
    if (!error)
        error = host_poll(host, store_fd(host->store), SOURCE_STORE, 0, EPOLLIN, fail);
    if (!error)
        error = host_poll(host, xenevtchn_fd(host->hyper.events), SOURCE_EVENTS, 0, EPOLLIN, fail);
    if (error)
        goto err;
    return 0;

err:
    host_close(host);
    return error;
}

void host_close(struct host *host)
{
    disk_close_all(host);
    store_close(host->store);
    if (host->epoll >= 0)
        close(host->epoll);
    forget_foreign(host);
    free(host->by_port);
    hyper_close(&host->hyper);
}

/*
 * xenstored in C moves a node that grows, and looks through all the holes in its memory for the new
 * place; the list of domains would move with each creation, and leave a hole behind that is a bit
 * too small for the next list. A node that was larger once keeps its place, so this one is given a
 * value for a moment. Source: Xen's tools/xenstore/tdb.c, tdb_allocate().
 */
static void make_room(struct host *host, unsigned *n_listed, const char *path)
{
    char room[ROOM_BYTES + 1];

    if ((*n_listed)++ % ROOM_DOMAINS)
        return;
    memset(room, ' ', ROOM_BYTES);
    room[ROOM_BYTES] = '\0';
    store_write(host->store, room, "%s", path);
    store_write(host->store, "", "%s", path);
}

void host_make_room(struct host *host)
{
    make_room(host, &host->n_listed, DOMAINS_PATH);
}

void host_make_room_for_vif(struct host *host)
{
    make_room(host, &host->n_vifs_listed, VIF_BACKENDS);
}

int host_poll(struct host *host, int fd, enum host_source source, uint32_t number, uint32_t events,
              struct fail *fail)
{
    struct epoll_event event = {.events = events, .data.u64 = (uint64_t)source << 32 | number};

    if (epoll_ctl(host->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        return fail_errno(fail, "epoll_ctl");
    return 0;
}

static struct guest **bucket(struct host *host, const char *name)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (; *name; name++)
        hash = (hash ^ (uint8_t)*name) * 16777619u;
    return &host->by_name[hash % HOST_BUCKETS];
}

static int enter_port(struct host *host, int number, struct guest *guest, struct fail *fail)
{
    uint32_t port = (uint32_t)number;

    if (number < 0)
        return 0;
    if (port >= host->n_ports) {
        uint32_t n = port < 1024 ? 1024 : port * 2;
        struct guest **grown = reallocarray(host->by_port, n, sizeof(*grown));
        if (!grown)
            return fail_set(fail, ENOMEM, "no memory for another guest");
        memset(grown + host->n_ports, 0, (n - host->n_ports) * sizeof(*grown));
        host->by_port = grown;
        host->n_ports = n;
    }
    host->by_port[port] = guest;
    return 0;
}

static void leave_port(struct host *host, int port)
{
    if (port >= 0 && (uint32_t)port < host->n_ports)
        host->by_port[port] = NULL;
}

int host_enter_ports(struct host *host, struct guest *guest, struct fail *fail)
{
    int error = enter_port(host, guest->console.port, guest, fail);

    if (!error)
        error = enter_port(host, guest->proxy.port, guest, fail);
    if (error)
        leave_port(host, guest->console.port);
    return error;
}

void host_leave_ports(struct host *host, struct guest *guest)
{
    leave_port(host, guest->console.port);
    leave_port(host, guest->proxy.port);
}

int host_enter(struct host *host, struct guest *guest, struct fail *fail)
{
    int error = host_enter_ports(host, guest, fail);

    if (error)
        return error;
    host->by_domid[guest->domid] = guest;
    host->n_guests++;
    return 0;
}

static void node_path(const struct guest *guest, const char *node, char path[64])
{
    snprintf(path, 64, DOMAINS_PATH "/%u/%s", guest->domid, node);
}

static void hear_no_more(struct host *host, struct guest *guest)
{
    char path[64];

    if (guest->heard == HEARD_ALONE) {
        host->n_heard_alone--;
        vif_unwatch(host, guest->domid, guest->n_vifs);
        node_path(guest, "control/shutdown", path);
        store_unwatch(host->store, path, HOST_TOKEN_CHANGED);
        node_path(guest, "name", path);
        store_unwatch(host->store, path, HOST_TOKEN_CHANGED);
    } else if (guest->heard == HEARD_WITH_OTHERS && --host->n_heard == 0) {
        store_unwatch(host->store, DOMAINS_PATH, HOST_TOKEN_CHANGED);
    }
    guest->heard = HEARD_NOT;
}

void host_hear(struct host *host, struct guest *guest)
{
    char path[64];

    if (guest->introduced)
        return;
    bool alone = guest->n_vifs && !guest->n_disks && host->n_heard_alone < HEARD_ALONE_MAX;
    guest->heard = alone ? HEARD_ALONE : HEARD_WITH_OTHERS;
    if (alone) {
        host->n_heard_alone++;
        vif_watch(host, guest->domid, guest->n_vifs);
        node_path(guest, "control/shutdown", path);
        store_write(host->store, "", "%s", path); /* or xenstored would not tell its removal */
        store_watch(host->store, path, HOST_TOKEN_CHANGED);
        node_path(guest, "name", path);
        store_watch(host->store, path, HOST_TOKEN_CHANGED);
        guest->named_turn = host->turn; /* a watch tells at once */
    } else if (host->n_heard++ == 0) {
        store_watch(host->store, DOMAINS_PATH, HOST_TOKEN_CHANGED);
    }
}

void host_name(struct host *host, struct guest *guest)
{
    struct guest **chain = bucket(host, guest->name);

    guest->next_name = *chain;
    *chain = guest;
}

static void unname(struct host *host, struct guest *guest)
{
    for (struct guest **at = bucket(host, guest->name); *at; at = &(*at)->next_name) {
        if (*at == guest) {
            *at = guest->next_name;
            return;
        }
    }
}

void host_leave(struct host *host, struct guest *guest)
{
    if (host->by_domid[guest->domid] == guest) {
        host->by_domid[guest->domid] = NULL;
        host->n_guests--;
        hear_no_more(host, guest);
    }
    host_leave_ports(host, guest);
    unname(host, guest);
}

struct guest *host_find(struct host *host, const char *name)
{
    for (struct guest *guest = *bucket(host, name); guest; guest = guest->next_name)
        if (strcmp(guest->name, name) == 0)
            return guest;
    return NULL;
}

static char *name_of(struct host *host, uint32_t domid)
{
    char path[64], *name;
    struct fail fail;

    snprintf(path, sizeof(path), "/local/domain/%u/name", domid);
    return store_read(host->store, path, &name, &fail) == 0 ? name : NULL;
}

int host_learn_foreign(struct host *host, struct fail *fail)
{
    enum { BATCH = 512 };
    static xc_domaininfo_t infos[BATCH];
    uint32_t next = 0;
    int n;

    forget_foreign(host);
    host->domains_appeared = false;
    do {
        n = xc_domain_getinfolist(host->hyper.control, next, BATCH, infos);
        if (n < 0)
            return fail_errno(fail, "cannot list the domains");
        for (int i = 0; i < n; i++) {
            uint32_t domid = infos[i].domain;
            next = domid + 1;
            if (domid >= HOST_DOMAINS || host->by_domid[domid])
                continue;
            struct host_foreign *grown =
                reallocarray(host->foreign, host->n_foreign + 1, sizeof(*grown));
            if (!grown)
                return fail_set(fail, ENOMEM, "no memory");
            host->foreign = grown;
            grown[host->n_foreign] = (struct host_foreign){domid, name_of(host, domid)};
            host->n_foreign += grown[host->n_foreign].name != NULL;
        }
    } while (n == BATCH);
    return 0;
}

static const struct host_foreign *find_foreign(const struct host *host, const char *name)
{
    for (size_t i = 0; i < host->n_foreign; i++)
        if (strcmp(host->foreign[i].name, name) == 0)
            return &host->foreign[i];
    return NULL;
}

int host_check_name(struct host *host, const char *name, struct fail *fail)
{
    struct guest *guest = host_find(host, name);

    if (guest)
        return fail_set(fail, EEXIST, "there is a guest %s already: domain %u", name, guest->domid);
    /* Before it counts against us: a domain that was there may have gone. */
    if (host->domains_appeared || find_foreign(host, name)) {
        int error = host_learn_foreign(host, fail);
        if (error)
            return error;
    }
    const struct host_foreign *foreign = find_foreign(host, name);
    if (foreign)
        return fail_set(fail, EEXIST, "there is a domain %s already, which another made: %u", name,
                        foreign->domid);
    return 0;
}

/* The guest whose number follows `folder` in a path. @param rest  receives what follows that. */
static struct guest *guest_below(struct host *host, const char *folder, const char *path,
                                 const char **rest)
{
    size_t len = strlen(folder);
    char *end;

    if (strncmp(path, folder, len) != 0 || path[len] != '/')
        return NULL;
    unsigned long domid = strtoul(path + len + 1, &end, 10);
    *rest = end;
    return domid < HOST_DOMAINS ? host->by_domid[domid] : NULL;
}

void host_write_name(struct host *host, struct guest *guest)
{
    store_write(host->store, guest->name, DOMAINS_PATH "/%u/name", guest->domid);
    guest->named_turn = host->turn;
}

/* `xl rename`: it has seen to it that no domain has the new name. */
static void learn_name(struct host *host, struct guest *guest)
{
    struct fail fail;

    if (guest->named_turn == host->turn) /* our own word comes back */
        return;
    char *name = name_of(host, guest->domid);
    if (name && config_check_name(name, &fail) == 0 && !host_find(host, name)) {
        unname(host, guest);
        strcpy(guest->name, name);
        host_name(host, guest);
    }
    free(name);
}

static void take_change(struct host *host, const char *path, void (*suspect)(struct guest *guest))
{
    const char *rest;
    struct guest *guest = guest_below(host, VIF_BACKENDS, path, &rest);

    if (!guest)
        guest = guest_below(host, VBD_BACKENDS, path, &rest);
    if (guest) {
        guest->given_devices = true;
        proxy_changed(&guest->proxy, host, path);
        return;
    }
    guest = guest_below(host, DOMAINS_PATH, path, &rest);
    if (!guest)
        return;
    proxy_changed(&guest->proxy, host, path);
    if (strcmp(rest, "/name") == 0) {
        learn_name(host, guest);
        return;
    }
    /* Whoever saves it asks for that: it has gone on, if it was saved before. */
    if (strcmp(rest, "/control/shutdown") == 0)
        guest->is_suspended = false;
    /* Its nodes have gone: `xl destroy` does that first. Or it is asked to go. */
    if (*rest != '/' || guest->heard == HEARD_ALONE)
        suspect(guest);
}

void host_take_store_events(struct host *host, void (*suspect)(struct guest *guest))
{
    struct store_event event;

    while (store_next_event(host->store, &event)) {
        if (strcmp(event.token, TOKEN_APPEARED) == 0) {
            if (host->n_introduced)
                host->n_introduced--;
            else
                host->domains_appeared = true;
        }
        if (strcmp(event.token, TOKEN_ENDED) == 0)
            host->domains_ended = true;
        else if (strcmp(event.token, HOST_TOKEN_DISK) == 0)
            disk_changed(host, event.path);
        else if (strcmp(event.token, HOST_TOKEN_CHANGED) == 0)
            take_change(host, event.path, suspect);
        store_event_free(&event);
    }
    host->turn++;
}

uint64_t host_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
