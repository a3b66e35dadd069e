/* SPDX-License-Identifier: BSD-2-Clause */
#include "xlrest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/io/xs_wire.h>

#include "config.h"
#include "disk.h"
#include "guest.h"
#include "host.h"
#include "log.h"
#include "store.h"
#include "vif.h"
#include "xlfile.h"

#define NODES    "/vm"
#define NODES_NS 1000000000ull /* from the first of those that wait until they are removed */
#define AGAIN_NS 50000000ull   /* libxl holds a lock for milliseconds */

/*
 * Of a guest that has gone. Its files come first; the rest when whoever was at it, xl or Linux, has
 * had a second to end.
 */
struct rest {
    struct rest *next;
    uint32_t domid;
    uint8_t uuid[16], mark[16];
    bool files, devices, nodes; /* are to be removed */
    uint64_t since_ns;
    bool is_ripe;
};

static struct rest *rests;
static uint64_t files_due_ns = UINT64_MAX, nodes_due_ns = UINT64_MAX;

/* xenstored's answer. */
struct reply {
    int error;
    size_t len;
    char text[XENSTORE_PAYLOAD_MAX + 1];
};

static void wait_for_it(struct rest *rest, uint64_t now_ns)
{
    rest->since_ns = now_ns;
    if (nodes_due_ns == UINT64_MAX)
        nodes_due_ns = now_ns + NODES_NS;
}

static struct rest *add(const uint8_t uuid[16])
{
    struct rest *rest = calloc(1, sizeof(*rest));

    if (!rest)
        return NULL; /* the next launcher finds it */
    memcpy(rest->uuid, uuid, sizeof(rest->uuid));
    rest->nodes = true;
    rest->next = rests;
    rests = rest;
    wait_for_it(rest, host_now_ns());
    return rest;
}

void xlrest_leave(const struct guest *guest, const uint8_t mark[16])
{
    bool is_held = xlfile_remove(guest->domid, guest->uuid) < 0;
    struct rest *rest = add(guest->uuid);

    if (!rest)
        return;
    rest->domid = guest->domid;
    memcpy(rest->mark, mark, sizeof(rest->mark));
    rest->devices = true;
    rest->files = is_held;
    if (is_held)
        files_due_ns = host_now_ns() + AGAIN_NS;
}

/* Who has the lock asks Xen for the UUID with each file that it writes. */
static void remove_files(uint64_t now_ns)
{
    files_due_ns = UINT64_MAX;
    for (struct rest *rest = rests; rest; rest = rest->next) {
        if (!rest->files)
            continue;
        rest->files = xlfile_remove(rest->domid, rest->uuid) < 0 ||
                      xlfile_remove(rest->domid, rest->mark) < 0;
        if (rest->files)
            files_due_ns = now_ns + AGAIN_NS;
        else
            wait_for_it(rest, now_ns);
    }
}

static void take_reply(void *context, int error, const char *text, size_t len)
{
    struct reply *reply = context;

    reply->error = error;
    reply->len = error ? 0 : len;
    if (!error)
        memcpy(reply->text, text, len);
    reply->text[reply->len] = '\0';
}

/* Ask one thing; a store that is gone answers nothing. */
static int ask(struct host *host, uint32_t type, uint32_t tx, const char *text, struct reply *reply)
{
    struct fail fail;

    reply->error = -EPIPE;
    store_pass_on(host->store, type, tx, text, strlen(text) + 1, take_reply, reply);
    int error = store_flush(host->store, &fail);
    return reply->error ? reply->error : error;
}

static bool has_name(const struct reply *list, const char *text)
{
    for (size_t at = 0; at < list->len; at += strlen(list->text + at) + 1)
        if (strcmp(list->text + at, text) == 0)
            return true;
    return false;
}

/* Whether the number is another's by now. */
static bool has_heir(struct host *host, const struct rest *rest)
{
    xc_domaininfo_t info;

    return hyper_domain_info(&host->hyper, rest->domid, &info) == 0 &&
           memcmp(info.handle, rest->mark, sizeof(rest->mark)) != 0;
}

/*
 * What xl gave a guest just as it went, which nobody had heard of; and what Linux wrote of a device
 * whose nodes went as it was looking at them. Guests have none, but for few.
 */
static void remove_devices(struct host *host)
{
    static const char *const folders[] = {"/libxl", VIF_BACKENDS, VBD_BACKENDS};
    static struct reply lists[3];
    int errors[3];

    for (size_t i = 0; i < 3; i++)
        errors[i] = ask(host, XS_DIRECTORY, 0, folders[i], &lists[i]);
    for (struct rest *rest = rests; rest; rest = rest->next) {
        char domid[12];
        bool is_left = false;
        if (!rest->devices || !rest->is_ripe)
            continue;
        rest->devices = false;
        snprintf(domid, sizeof(domid), "%" PRIu32, rest->domid);
        for (size_t i = 0; i < 3; i++) /* a list may have too many names for one answer */
            is_left |= errors[i] == -E2BIG || (!errors[i] && has_name(&lists[i], domid));
        if (is_left && !has_heir(host, rest))
            device_remove_domain(host, rest->domid);
    }
}

/* Keep no rest whose UUID a domain bears: a saved guest that was restored at once. */
static int spare_living(struct host *host)
{
    enum { BATCH = 256 };
    static xc_domaininfo_t infos[BATCH];
    uint32_t next = 0;
    int n;

    do {
        n = xc_domain_getinfolist(host->hyper.control, next, BATCH, infos);
        if (n < 0)
            return -errno;
        for (int i = 0; i < n; i++) {
            next = infos[i].domain + 1u;
            for (struct rest *rest = rests; rest; rest = rest->next)
                if (rest->is_ripe && memcmp(rest->uuid, infos[i].handle, sizeof(rest->uuid)) == 0)
                    rest->nodes = false;
        }
    } while (n == BATCH);
    return 0;
}

static bool any_nodes(void)
{
    for (const struct rest *rest = rests; rest; rest = rest->next)
        if (rest->nodes && rest->is_ripe)
            return true;
    return false;
}

/* xl has set something of few guests, or of none. */
static int keep_listed(struct host *host, uint32_t tx)
{
    static struct reply list;
    int error = ask(host, XS_DIRECTORY, tx, NODES, &list);

    if (error == -E2BIG) /* so many that they have no room in one answer */
        return 0;
    for (struct rest *rest = rests; rest; rest = rest->next) {
        char uuid[37];
        if (!rest->is_ripe)
            continue;
        config_format_uuid(rest->uuid, uuid);
        rest->nodes &= !error && has_name(&list, uuid);
    }
    return error == -ENOENT ? 0 : error;
}

static int remove_listed(struct host *host, uint32_t tx)
{
    static struct reply reply;
    char path[sizeof(NODES) + 37], uuid[37];
    int error = 0;

    for (struct rest *rest = rests; rest && !error; rest = rest->next) {
        if (!rest->nodes || !rest->is_ripe)
            continue;
        config_format_uuid(rest->uuid, uuid);
        snprintf(path, sizeof(path), NODES "/%s", uuid);
        error = ask(host, XS_RM, tx, path, &reply);
        error = error == -ENOENT ? 0 : error;
    }
    return error;
}

/*
 * libxl makes a domain with its UUID before it writes /vm/UUID, in one transaction. So:
 * 1. a transaction begins that looks at /vm;
 * 2. Xen is asked who is there: one that bears the UUID keeps it;
 * 3. the transaction ends. One that was made behind 2 has written behind 1: xenstored refuses.
 *
 * @return -EAGAIN: it did.
 */
static int remove_nodes(struct host *host)
{
    static struct reply reply;
    int error = ask(host, XS_TRANSACTION_START, 0, "", &reply);

    if (error)
        return error;
    uint32_t tx = (uint32_t)strtoul(reply.text, NULL, 10);
    error = keep_listed(host, tx);
    if (!error && any_nodes())
        error = spare_living(host);
    if (!error)
        error = remove_listed(host, tx);
    int ended = ask(host, XS_TRANSACTION_END, tx, error || !any_nodes() ? "F" : "T", &reply);
    return error ? error : ended;
}

/* @return whether some have waited for long enough. */
static bool ripen(uint64_t now_ns)
{
    bool any = false;

    nodes_due_ns = UINT64_MAX;
    for (struct rest *rest = rests; rest; rest = rest->next) {
        rest->is_ripe = !rest->files && now_ns >= NODES_NS && rest->since_ns <= now_ns - NODES_NS;
        any |= rest->is_ripe;
        if (!rest->is_ripe && !rest->files)
            nodes_due_ns = now_ns + NODES_NS;
    }
    return any;
}

static void remove_ripe(struct host *host, uint64_t now_ns)
{
    struct fail fail;

    remove_devices(host);
    int error = store_flush(host->store, &fail);
    if (!error && any_nodes())
        error = remove_nodes(host);
    if (error && error != -EAGAIN)
        log_line("what xl has set of guests that are gone is left in xenstore: %s",
                 strerror(-error));
    for (struct rest **at = &rests; *at;) {
        struct rest *rest = *at;
        rest->nodes &= error == -EAGAIN || !rest->is_ripe;
        if (rest->nodes && rest->is_ripe)
            nodes_due_ns = now_ns + AGAIN_NS;
        if (rest->nodes) {
            at = &rest->next;
            continue;
        }
        *at = rest->next;
        free(rest);
    }
}

uint64_t xlrest_work(struct host *host, uint64_t now_ns)
{
    if (now_ns >= files_due_ns)
        remove_files(now_ns);
    if (now_ns >= nodes_due_ns && ripen(now_ns))
        remove_ripe(host, now_ns);
    return files_due_ns < nodes_due_ns ? files_due_ns : nodes_due_ns;
}

void xlrest_end(struct host *host)
{
    remove_files(0);
    if (ripen(UINT64_MAX))
        remove_ripe(host, 0);
    while (rests) {
        struct rest *rest = rests;
        rests = rest->next;
        free(rest);
    }
    files_due_ns = nodes_due_ns = UINT64_MAX;
}

/* What xl has set of a guest of ours: libxl writes of its own domains the UUID too. */
static bool is_ours(struct host *host, const char *name)
{
    char path[sizeof(NODES) + 48], *value;
    struct fail fail;

    snprintf(path, sizeof(path), NODES "/%.36s/uuid", name);
    int error = store_read(host->store, path, &value, &fail);
    if (!error)
        free(value);
    return error == -ENOENT;
}

void xlrest_find(struct host *host)
{
    char **names;
    uint8_t uuid[16];
    struct fail fail;

    xlfile_remove_stale(&host->hyper);
    int error = store_list(host->store, NODES, &names, &fail);
    if (error) {
        if (error != -ENOENT && error != -E2BIG)
            log_line("left-overs are not looked for: %s", fail.text);
        return;
    }
    for (char **name = names; *name; name++)
        if (config_parse_uuid(*name, uuid) && is_ours(host, *name))
            add(uuid);
    free(names);
}
