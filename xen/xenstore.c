/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests go through two queues: one to be sent (the ring holds 1024 bytes, a request may have
 * 4096 and more), one whose answers are awaited. Both move in pump(), whenever xenstored rings.
 * Each request belongs to its caller, on whose stack it lies; the answer is copied to the caller's
 * buffer.
 */
#include <sprat/xenstore.h>

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <xen/io/xs_wire.h>

#include <sprat/bytering.h>
#include <sprat/clock.h>
#include <sprat/decimal.h>
#include <sprat/evtchn.h>
#include <sprat/port.h>

#define PARTS_MAX 3

struct request {
    struct request *next;
    struct xsd_sockmsg header;
    struct {
        const void *bytes;
        size_t len;
    } part[PARTS_MAX];
    size_t sent; /* of header and parts together */

    char *reply; /* may be NULL */
    size_t reply_size;
    int result; /* PENDING, or what the caller gets */
    void (*done)(struct request *request);
    struct port_queue waiting;
};

#define PENDING 1 /* results are 0 or negative; lengths are kept apart */

struct list {
    struct request *first, **last;
};

static struct {
    struct evtchn channel;
    struct bytering req, rsp;
    bool connected, broken;
    struct list to_send, awaited;
    uint32_t next_id, next_token;
    struct xenstore_watch *watches;
    uint64_t dropped; /* answers that nobody waits for any more */

    /* What is being received. */
    struct xsd_sockmsg header;
    size_t got; /* of header and payload together */
    char payload[XENSTORE_PAYLOAD_MAX + 1];
} store;

static void list_append(struct list *list, struct request *request)
{
    request->next = NULL;
    if (!list->first)
        list->last = &list->first;
    *list->last = request;
    list->last = &request->next;
}

static void list_remove(struct list *list, struct request *request)
{
    for (struct request **at = &list->first; *at; at = &(*at)->next) {
        if (*at == request) {
            *at = request->next;
            if (!request->next)
                list->last = at;
            return;
        }
    }
}

static void finish(struct request *request, int result)
{
    request->result = result;
    if (request->done)
        request->done(request); /* frees it */
    else
        port_wake(&request->waiting);
}

/* xenstored spoke nonsense: what it says next can't be told from what it said before. */
static void fault(const char *what)
{
    if (store.broken)
        return;
    store.broken = true;
    port_log("xenstore: fault: %s; xenstore is not used any more", what);
    struct list *lists[] = {&store.awaited, &store.to_send};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        while (lists[i]->first) {
            struct request *request = lists[i]->first;
            list_remove(lists[i], request);
            finish(request, -EIO);
        }
    }
}

/* Sending */

/* Where byte `sent` of a request is, and how many follow it in the same piece. */
static const char *piece_at(const struct request *request, size_t sent, size_t *len)
{
    if (sent < sizeof(request->header)) {
        *len = sizeof(request->header) - sent;
        return (const char *)&request->header + sent;
    }
    sent -= sizeof(request->header);
    for (int i = 0; i < PARTS_MAX; i++) {
        if (sent < request->part[i].len) {
            *len = request->part[i].len - sent;
            return (const char *)request->part[i].bytes + sent;
        }
        sent -= request->part[i].len;
    }
    *len = 0;
    return NULL;
}

static bool send_some(void)
{
    bool progress = false;

    while (store.to_send.first && !store.broken) {
        struct request *request = store.to_send.first;
        size_t len;
        const char *piece = piece_at(request, request->sent, &len);
        if (!piece) {
            list_remove(&store.to_send, request);
            list_append(&store.awaited, request);
            continue;
        }
        ssize_t n = bytering_put(&store.req, piece, len);
        if (n < 0)
            fault("its request consumer is out of range");
        if (n <= 0)
            break;
        request->sent += (size_t)n;
        progress = true;
    }
    return progress;
}

/* Receiving */

static const struct {
    const char *name;
    int error;
} errors[] = {
    {"EINVAL", EINVAL}, {"EACCES", EACCES}, {"EEXIST", EEXIST},       {"EISDIR", EISDIR},
    {"ENOENT", ENOENT}, {"ENOMEM", ENOMEM}, {"ENOSPC", ENOSPC},       {"EIO", EIO},
    {"EROFS", EROFS},   {"EBUSY", EBUSY},   {"EAGAIN", EAGAIN},       {"EISCONN", EISCONN},
    {"E2BIG", E2BIG},   {"EPERM", EPERM},   {"ENOTEMPTY", ENOTEMPTY}, {"ENOSYS", ENOSYS},
};

static int error_of_name(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(errors); i++)
        if (strcmp(name, errors[i].name) == 0)
            return -errors[i].error;
    return -EPROTO;
}

static void receive_watch_event(size_t len)
{
    /* "path\0token\0" */
    size_t path_len = strnlen(store.payload, len);
    const char *token = store.payload + path_len + 1;
    uint64_t number;

    if (path_len + 1 >= len || !memchr(token, '\0', len - path_len - 1)) {
        fault("a watch event without a token");
        return;
    }
    if (!decimal_parse(token, &number)) {
        store.dropped++;
        return;
    }
    for (struct xenstore_watch *watch = store.watches; watch; watch = watch->next) {
        if (watch->token == number) {
            watch->handler(watch, store.payload);
            return;
        }
    }
    store.dropped++; /* of a watch that was removed meanwhile */
}

static struct request *awaited_with_id(uint32_t id)
{
    struct request *request = store.awaited.first;

    while (request && request->header.req_id != id)
        request = request->next;
    return request;
}

static void receive_reply(size_t len)
{
    struct request *request = awaited_with_id(store.header.req_id);

    if (!request) {
        store.dropped++; /* its caller gave up waiting */
        return;
    }
    if (store.header.type != XS_ERROR && store.header.type != request->header.type) {
        fault("an answer of another type than its question");
        return;
    }
    list_remove(&store.awaited, request);
    if (store.header.type == XS_ERROR) {
        finish(request, error_of_name(store.payload));
        return;
    }
    int result = 0;
    if (request->reply) {
        if (len >= request->reply_size)
            result = -E2BIG;
        else
            memcpy(request->reply, store.payload, len + 1);
        request->reply_size = len;
    }
    finish(request, result);
}

static void receive_message(void)
{
    size_t len = store.header.len;

    store.payload[len] = '\0';
    store.got = 0;
    if (store.header.type == XS_WATCH_EVENT)
        receive_watch_event(len);
    else
        receive_reply(len);
}

static bool receive_some(void)
{
    bool progress = false;

    while (!store.broken) {
        bool in_header = store.got < sizeof(store.header);
        size_t in_payload = store.got - sizeof(store.header);
        ssize_t n = in_header ? bytering_take(&store.rsp, (char *)&store.header + store.got,
                                              sizeof(store.header) - store.got)
                              : bytering_take(&store.rsp, store.payload + in_payload,
                                              store.header.len - in_payload);
        if (n < 0)
            fault("its answer producer is out of range");
        if (n < 0)
            break;
        store.got += (size_t)n;
        progress |= n > 0;
        if (store.got < sizeof(store.header))
            break;
        if (store.header.len > XENSTORE_PAYLOAD_MAX) {
            fault("an answer longer than 4096 bytes");
            break;
        }
        if (store.got == sizeof(store.header) + store.header.len)
            receive_message();
        else if (n == 0)
            break;
    }
    return progress;
}

static void pump(void *arg)
{
    (void)arg;
    if (!store.connected)
        return;
    bool progress = send_some();
    progress |= receive_some();
    if (progress)
        evtchn_notify(&store.channel);
}

int xenstore_init(void *page, uint32_t port)
{
    struct xenstore_domain_interface *shared = page;

    if (!shared)
        return 0;
    store.req =
        (struct bytering){shared->req, sizeof(shared->req), &shared->req_cons, &shared->req_prod};
    store.rsp =
        (struct bytering){shared->rsp, sizeof(shared->rsp), &shared->rsp_cons, &shared->rsp_prod};
    int error = evtchn_bind(&store.channel, port, pump, NULL);
    store.connected = !error;
    return error;
}

/* Asking */

static int submit(struct request *request)
{
    size_t len = 0;

    if (!store.connected)
        return -ENOSYS;
    if (store.broken)
        return -EIO;
    for (int i = 0; i < PARTS_MAX; i++)
        len += request->part[i].len;
    if (len > XENSTORE_PAYLOAD_MAX)
        return -EINVAL;
    request->header.len = (uint32_t)len;
    request->header.req_id = ++store.next_id;
    request->sent = 0;
    request->result = PENDING;
    list_append(&store.to_send, request);
    return 0;
}

/* A request that is half in the ring must be finished, or all that follows would be misread. */
static void withdraw(struct request *request)
{
    if (request->sent > 0 && request == store.to_send.first) {
        fault("it takes no requests");
        return;
    }
    list_remove(&store.to_send, request);
    list_remove(&store.awaited, request);
}

/* Wait for the answer to a request that was submitted. */
static int await(struct request *request, uint64_t asked_ns)
{
    bool warned = clock_monotonic() >= asked_ns + XENSTORE_WARN_NS; /* with one sent before it */
    while (request->result == PENDING) {
        uint64_t deadline_ns = asked_ns + (warned ? XENSTORE_TIMEOUT_NS : XENSTORE_WARN_NS);
        if (port_wait(&request->waiting, deadline_ns) == 0 || request->result != PENDING)
            continue;
        if (!warned) {
            warned = true;
            port_log("xenstore: no answer yet about '%s'; is xenstored alive?",
                     (const char *)request->part[0].bytes);
            continue;
        }
        port_log("xenstore: no answer about '%s' in %llu s: given up",
                 (const char *)request->part[0].bytes, XENSTORE_TIMEOUT_NS / 1000000000);
        withdraw(request);
        return store.broken ? -EIO : -ETIMEDOUT;
    }
    return request->result;
}

static int ask(struct request *request)
{
    int error = submit(request);
    if (error)
        return error;
    pump(NULL);
    return await(request, clock_monotonic());
}

/* A request about a path, with its NUL. */
static struct request about(uint32_t type, xenstore_tx_t tx, const char *path)
{
    return (struct request){.header = {.type = type, .tx_id = tx},
                            .part[0] = {path, strlen(path) + 1}};
}

static int ask_text(uint32_t type, xenstore_tx_t tx, const char *path, char *text, size_t size)
{
    struct request request = about(type, tx, path);
    request.reply = text;
    request.reply_size = size;
    int error = ask(&request);
    return error ? error : (int)request.reply_size;
}

int xenstore_read(xenstore_tx_t tx, const char *path, char *value, size_t size)
{
    return ask_text(XS_READ, tx, path, value, size);
}

int xenstore_read_u64(xenstore_tx_t tx, const char *path, uint64_t *value)
{
    char text[DECIMAL_MAX + 1];
    int n = xenstore_read(tx, path, text, sizeof(text));

    if (n < 0)
        return n == -E2BIG ? -EINVAL : n;
    return strlen(text) == (size_t)n && decimal_parse(text, value) ? 0 : -EINVAL;
}

int xenstore_write(xenstore_tx_t tx, const char *path, const char *value)
{
    struct request request = about(XS_WRITE, tx, path);
    request.part[1].bytes = value;
    request.part[1].len = strlen(value);
    return ask(&request);
}

int xenstore_write_u64(xenstore_tx_t tx, const char *path, uint64_t value)
{
    char text[DECIMAL_MAX + 1];
    return xenstore_write(tx, path, decimal_text(value, text));
}

/* Send all, then wait for each: their answers come together, and so does the end of patience. */
static int ask_items(struct request *requests, struct xenstore_item *items, size_t n)
{
    uint64_t asked_ns = clock_monotonic();
    int error = 0;

    for (size_t i = 0; i < n; i++)
        items[i].result = submit(&requests[i]);
    pump(NULL);
    for (size_t i = 0; i < n; i++) {
        if (items[i].result == 0)
            items[i].result = await(&requests[i], asked_ns);
        if (items[i].result == -ETIMEDOUT || items[i].result == -EIO || items[i].result == -ENOSYS)
            error = items[i].result;
    }
    return error;
}

int xenstore_read_items(xenstore_tx_t tx, struct xenstore_item *items, size_t n)
{
    struct request requests[XENSTORE_ITEMS_MAX];

    assert(n <= XENSTORE_ITEMS_MAX);
    for (size_t i = 0; i < n; i++) {
        requests[i] = about(XS_READ, tx, items[i].path);
        requests[i].reply = items[i].value;
        requests[i].reply_size = items[i].size;
    }
    int error = ask_items(requests, items, n);
    for (size_t i = 0; i < n; i++)
        if (items[i].result == 0)
            items[i].result = (int)requests[i].reply_size;
    return error;
}

int xenstore_write_items(xenstore_tx_t tx, struct xenstore_item *items, size_t n)
{
    struct request requests[XENSTORE_ITEMS_MAX];

    assert(n <= XENSTORE_ITEMS_MAX);
    for (size_t i = 0; i < n; i++) {
        requests[i] = about(XS_WRITE, tx, items[i].path);
        requests[i].part[1].bytes = items[i].value;
        requests[i].part[1].len = strlen(items[i].value);
    }
    return ask_items(requests, items, n);
}

int xenstore_remove(xenstore_tx_t tx, const char *path)
{
    struct request request = about(XS_RM, tx, path);
    return ask(&request);
}

int xenstore_list(xenstore_tx_t tx, const char *path, char *names, size_t size)
{
    int n = ask_text(XS_DIRECTORY, tx, path, names, size);
    return n > 0 && names[n - 1] != '\0' ? -EPROTO : n;
}

const char *xenstore_next_name(const char *list, size_t len, const char *name)
{
    const char *next = name ? name + strlen(name) + 1 : list;
    return next < list + len ? next : NULL;
}

char *xenstore_join(char *path, size_t size, const char *folder, const char *key)
{
    size_t folder_len = strlen(folder), key_len = strlen(key);

    assert(folder_len + 1 + key_len < size);
    memcpy(path, folder, folder_len);
    path[folder_len] = '/';
    memcpy(path + folder_len + 1, key, key_len);
    path[folder_len + 1 + key_len] = '\0';
    return path;
}

int xenstore_begin(xenstore_tx_t *tx)
{
    char text[DECIMAL_MAX + 1];
    uint64_t number;
    int n = ask_text(XS_TRANSACTION_START, XENSTORE_NO_TX, "", text, sizeof(text));

    if (n < 0)
        return n;
    if (!decimal_parse(text, &number) || number == XENSTORE_NO_TX || number > UINT32_MAX)
        return -EPROTO;
    *tx = (xenstore_tx_t)number;
    return 0;
}

int xenstore_end(xenstore_tx_t tx, int commit)
{
    struct request request = about(XS_TRANSACTION_END, tx, commit ? "T" : "F");
    return ask(&request);
}

/* Watches */

static struct request watch_request(uint32_t type, const struct xenstore_watch *watch, char *token)
{
    struct request request = about(type, XENSTORE_NO_TX, watch->path);
    decimal_text(watch->token, token);
    request.part[1].bytes = token;
    request.part[1].len = strlen(token) + 1;
    return request;
}

static void watch_add(struct xenstore_watch *watch)
{
    watch->token = ++store.next_token;
    watch->next = store.watches;
    store.watches = watch;
}

static void watch_drop(struct xenstore_watch *watch)
{
    for (struct xenstore_watch **at = &store.watches; *at; at = &(*at)->next) {
        if (*at == watch) {
            *at = watch->next;
            return;
        }
    }
}

int xenstore_watch(struct xenstore_watch *watch)
{
    char token[DECIMAL_MAX + 1];

    watch_add(watch);
    struct request request = watch_request(XS_WATCH, watch, token);
    int error = ask(&request);
    if (error)
        watch_drop(watch);
    return error;
}

struct async_watch {
    struct request request;
    char token[DECIMAL_MAX + 1];
};

static void async_watch_done(struct request *request)
{
    if (request->result)
        port_log("xenstore: can't watch '%s': error %d", (const char *)request->part[0].bytes,
                 -request->result);
    port_free(CONTAINER_OF(request, struct async_watch, request));
}

int xenstore_watch_async(struct xenstore_watch *watch)
{
    struct async_watch *async = port_alloc(sizeof(*async));
    if (!async)
        return -ENOMEM;
    watch_add(watch);
    async->request = watch_request(XS_WATCH, watch, async->token);
    async->request.done = async_watch_done;
    int error = submit(&async->request);
    if (error) {
        watch_drop(watch);
        port_free(async);
        return error;
    }
    pump(NULL);
    return 0;
}

int xenstore_unwatch(struct xenstore_watch *watch)
{
    char token[DECIMAL_MAX + 1];

    watch_drop(watch);
    struct request request = watch_request(XS_UNWATCH, watch, token);
    return ask(&request);
}
