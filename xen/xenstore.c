/* SPDX-License-Identifier: BSD-2-Clause */
#include <sprat/xenstore.h>

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <sprat/clock.h>
#include <sprat/decimal.h>
#include <sprat/port.h>

#include "xswire.h"

/* A request about a path, with its NUL. */
static struct xswire_request about(uint32_t type, xenstore_tx_t tx, const char *path)
{
    return (struct xswire_request){.header = {.type = type, .tx_id = tx},
                                   .part[0] = {path, strlen(path) + 1}};
}

static int ask_text(uint32_t type, xenstore_tx_t tx, const char *path, char *text, size_t size)
{
    struct xswire_request request = about(type, tx, path);
    request.reply = text;
    request.reply_size = size;
    int error = xswire_ask(&request);
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

int xenstore_write_bytes(xenstore_tx_t tx, const char *path, const void *bytes, size_t len)
{
    struct xswire_request request = about(XS_WRITE, tx, path);
    request.part[1].bytes = bytes;
    request.part[1].len = len;
    return xswire_ask(&request);
}

int xenstore_write(xenstore_tx_t tx, const char *path, const char *value)
{
    return xenstore_write_bytes(tx, path, value, strlen(value));
}

int xenstore_write_u64(xenstore_tx_t tx, const char *path, uint64_t value)
{
    char text[DECIMAL_MAX + 1];
    return xenstore_write(tx, path, decimal_text(value, text));
}

/* Send all, then wait for each: their answers come together, and so does the end of patience. */
static int ask_items(struct xswire_request *requests, struct xenstore_item *items, size_t n)
{
    uint64_t asked_ns = clock_monotonic();
    int error = 0;

    for (size_t i = 0; i < n; i++)
        items[i].result = xswire_submit(&requests[i]);
    xswire_push();
    for (size_t i = 0; i < n; i++) {
        if (items[i].result == 0)
            items[i].result = xswire_await(&requests[i], asked_ns);
        if (items[i].result == -ETIMEDOUT || items[i].result == -EIO || items[i].result == -ENOSYS)
            error = items[i].result;
    }
    return error;
}

int xenstore_read_items(xenstore_tx_t tx, struct xenstore_item *items, size_t n)
{
    struct xswire_request requests[XENSTORE_ITEMS_MAX];

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
    struct xswire_request requests[XENSTORE_ITEMS_MAX];

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
    struct xswire_request request = about(XS_RM, tx, path);
    return xswire_ask(&request);
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

/* One that is open is lost when the guest is saved, so its end is waited for. */
static struct {
    unsigned n_open;
    struct port_queue ended;
} transactions;

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
    transactions.n_open++;
    return 0;
}

int xenstore_end(xenstore_tx_t tx, int commit)
{
    struct xswire_request request = about(XS_TRANSACTION_END, tx, commit ? "T" : "F");
    int error = xswire_ask(&request);

    if (transactions.n_open && --transactions.n_open == 0)
        port_wake(&transactions.ended);
    return error;
}

int xenstore_quiet(uint64_t deadline_ns)
{
    int error = 0;

    do {
        while (transactions.n_open && !error)
            error = port_wait(&transactions.ended, deadline_ns);
        if (!error)
            error = xswire_quiet(deadline_ns);
    } while (transactions.n_open && !error);
    return error;
}

/* Watches */

static struct xenstore_watch *watches;
static uint32_t last_token;

/* Tell the watch of this token; false when there is none (any more). */
static bool watch_event(const char *path, uint64_t token)
{
    for (struct xenstore_watch *watch = watches; watch; watch = watch->next) {
        if (watch->token == token) {
            watch->handler(watch, path);
            return true;
        }
    }
    return false;
}

int xenstore_init(void *page, uint32_t port)
{
    return page ? xswire_init(page, port, watch_event) : 0;
}

static struct xswire_request watch_request(uint32_t type, const struct xenstore_watch *watch,
                                           char *token)
{
    struct xswire_request request = about(type, XENSTORE_NO_TX, watch->path);
    decimal_text(watch->token, token);
    request.part[1].bytes = token;
    request.part[1].len = strlen(token) + 1;
    return request;
}

static void watch_add(struct xenstore_watch *watch)
{
    watch->token = ++last_token;
    watch->next = watches;
    watches = watch;
}

static void watch_drop(struct xenstore_watch *watch)
{
    for (struct xenstore_watch **at = &watches; *at; at = &(*at)->next) {
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
    struct xswire_request request = watch_request(XS_WATCH, watch, token);
    int error = xswire_ask(&request);
    if (error)
        watch_drop(watch);
    return error;
}

struct async_watch {
    struct xswire_request request;
    char token[DECIMAL_MAX + 1];
};

static void async_watch_done(struct xswire_request *request)
{
    if (request->result)
        port_log("xenstore: can't watch '%s': error %d", (const char *)request->part[0].bytes,
                 -request->result);
    port_free(CONTAINER_OF(request, struct async_watch, request));
}

static int submit_watch(const struct xenstore_watch *watch)
{
    struct async_watch *async = port_alloc(sizeof(*async));
    if (!async)
        return -ENOMEM;
    async->request = watch_request(XS_WATCH, watch, async->token);
    async->request.done = async_watch_done;
    int error = xswire_submit(&async->request);
    if (error)
        port_free(async);
    return error;
}

int xenstore_watch_async(struct xenstore_watch *watch)
{
    watch_add(watch);
    int error = submit_watch(watch);
    if (error)
        watch_drop(watch);
    else
        xswire_push();
    return error;
}

void xenstore_restart(void *page, uint32_t port)
{
    int error = page ? xswire_restart(page, port) : 0;

    for (const struct xenstore_watch *watch = watches; watch && !error; watch = watch->next)
        error = submit_watch(watch);
    if (error)
        port_log("xenstore: its watches can't be set again: error %d", -error);
    xswire_push();
}

int xenstore_unwatch(struct xenstore_watch *watch)
{
    char token[DECIMAL_MAX + 1];

    watch_drop(watch);
    struct xswire_request request = watch_request(XS_UNWATCH, watch, token);
    return xswire_ask(&request);
}
