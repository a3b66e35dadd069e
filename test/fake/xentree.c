/* SPDX-License-Identifier: BSD-2-Clause */
#include "xentree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"
#include "xenstored.h"

#define NODES_MAX        256
#define PATH_MAX_BYTES   256
#define VALUE_MAX        4096
#define WATCHES_MAX      64
#define TRANSACTIONS_MAX 10
#define EVENTS_MAX       256

struct node {
    char *path, *value;
    size_t len;
};

struct tree {
    struct node nodes[NODES_MAX];
    size_t n;
};

struct watch {
    char path[PATH_MAX_BYTES], token[64];
    bool relative;
};

static struct {
    struct tree tree;
    unsigned long generation;
    struct {
        uint32_t id;
        unsigned long generation;
        struct tree tree;
        char *written[EVENTS_MAX];
        size_t n_written;
    } transactions[TRANSACTIONS_MAX];
    uint32_t next_transaction;
    struct watch watches[WATCHES_MAX];
    size_t n_watches;
    struct {
        struct watch watch;
        char *path;
    } events[EVENTS_MAX];
    size_t n_events;
} store;

static const char *absolute(const char *path)
{
    static char whole[PATH_MAX_BYTES * 2];

    if (*path == '/' || *path == '@')
        return path;
    snprintf(whole, sizeof(whole), FAKE_DOMAIN_PATH "/%s", path);
    return whole;
}

static bool is_below(const char *path, const char *above)
{
    size_t len = strlen(above);
    return strncmp(path, above, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

static struct node *find(struct tree *tree, const char *path)
{
    for (size_t i = 0; i < tree->n; i++)
        if (strcmp(tree->nodes[i].path, path) == 0)
            return &tree->nodes[i];
    return NULL;
}

static void put(struct tree *tree, const char *path, const void *value, size_t len)
{
    struct node *node = find(tree, path);

    if (!node) {
        if (tree->n == NODES_MAX)
            fake_fail("the tree is full");
        node = &tree->nodes[tree->n++];
        *node = (struct node){.path = strdup(path)};
    }
    free(node->value);
    node->value = malloc(len + 1);
    memcpy(node->value, value, len);
    node->value[len] = '\0';
    node->len = len;
}

static size_t take_away(struct tree *tree, const char *path)
{
    size_t n = 0;

    for (size_t i = 0; i < tree->n;) {
        if (is_below(tree->nodes[i].path, path)) {
            free(tree->nodes[i].path);
            free(tree->nodes[i].value);
            tree->nodes[i] = tree->nodes[--tree->n];
            n++;
        } else {
            i++;
        }
    }
    return n;
}

static void copy_tree(struct tree *to, struct tree *from)
{
    take_away(to, "");
    for (size_t i = 0; i < from->n; i++)
        put(to, from->nodes[i].path, from->nodes[i].value, from->nodes[i].len);
}

/* Watches */

static void note_event(const struct watch *watch, const char *path)
{
    if (store.n_events == EVENTS_MAX)
        fake_fail("too many watch events");
    store.events[store.n_events].watch = *watch;
    store.events[store.n_events++].path = strdup(path);
}

static void changed(const char *path)
{
    for (size_t i = 0; i < store.n_watches; i++)
        if (is_below(path, store.watches[i].path))
            note_event(&store.watches[i], path);
}

void xentree_fire(void)
{
    for (size_t i = 0; i < store.n_events; i++) {
        char payload[2 * PATH_MAX_BYTES];
        const struct watch *watch = &store.events[i].watch;
        const char *path = store.events[i].path;

        if (watch->relative && is_below(path, FAKE_DOMAIN_PATH))
            path += strlen(FAKE_DOMAIN_PATH "/");
        int len = snprintf(payload, sizeof(payload), "%s%c%s", path, '\0', watch->token);
        fake_xenstored_say(XS_WATCH_EVENT, 0, payload, (size_t)len + 1);
        free(store.events[i].path);
    }
    store.n_events = 0;
}

static const char *add_watch(const char *path, const char *token)
{
    struct watch watch = {.relative = *path != '/' && *path != '@'};

    for (size_t i = 0; i < store.n_watches; i++)
        if (strcmp(store.watches[i].path, absolute(path)) == 0 &&
            strcmp(store.watches[i].token, token) == 0)
            return "EEXIST";
    if (store.n_watches == WATCHES_MAX)
        return "E2BIG";
    snprintf(watch.path, sizeof(watch.path), "%s", absolute(path));
    snprintf(watch.token, sizeof(watch.token), "%s", token);
    store.watches[store.n_watches++] = watch;
    note_event(&watch, watch.path);
    return NULL;
}

static const char *remove_watch(const char *path, const char *token)
{
    for (size_t i = 0; i < store.n_watches; i++) {
        if (strcmp(store.watches[i].path, absolute(path)) == 0 &&
            strcmp(store.watches[i].token, token) == 0) {
            store.watches[i] = store.watches[--store.n_watches];
            return NULL;
        }
    }
    return "ENOENT";
}

/* Requests: each gives an error's name, or NULL and the answer. */

static int slot_of(uint32_t id)
{
    for (int i = 0; i < TRANSACTIONS_MAX; i++)
        if (store.transactions[i].id == id)
            return i;
    return -1;
}

static void note_change(int slot, const char *path)
{
    if (slot < 0) {
        store.generation++;
        changed(path);
        return;
    }
    store.transactions[slot].written[store.transactions[slot].n_written++] = strdup(path);
}

static const char *begin(char *payload, uint32_t *len)
{
    int slot = slot_of(0);

    if (slot < 0)
        return "ENOSPC";
    store.transactions[slot].id = ++store.next_transaction;
    store.transactions[slot].generation = store.generation;
    copy_tree(&store.transactions[slot].tree, &store.tree);
    *len = (uint32_t)sprintf(payload, "%u", store.next_transaction) + 1;
    return NULL;
}

static const char *end(int slot, bool commit)
{
    if (slot < 0)
        return "ENOENT";
    bool clash = store.transactions[slot].generation != store.generation;
    store.transactions[slot].id = 0;
    if (commit && !clash) {
        copy_tree(&store.tree, &store.transactions[slot].tree);
        store.generation++;
    }
    for (size_t i = 0; i < store.transactions[slot].n_written; i++) {
        if (commit && !clash)
            changed(store.transactions[slot].written[i]);
        free(store.transactions[slot].written[i]);
    }
    store.transactions[slot].n_written = 0;
    return commit && clash ? "EAGAIN" : NULL;
}

static const char *list(struct tree *tree, const char *path, char *payload, uint32_t *len)
{
    bool found = false;

    *len = 0;
    for (size_t i = 0; i < tree->n; i++) {
        const char *name = tree->nodes[i].path + strlen(path) + 1;
        if (!is_below(tree->nodes[i].path, path))
            continue;
        found = true;
        if (name[-1] == '\0')
            continue;
        int name_len = (int)strcspn(name, "/");
        bool again = false;
        for (char *at = payload; at < payload + *len; at += strlen(at) + 1)
            again |= strlen(at) == (size_t)name_len && !strncmp(at, name, (size_t)name_len);
        if (!again)
            *len += (uint32_t)sprintf(payload + *len, "%.*s", name_len, name) + 1;
    }
    return found ? NULL : "ENOENT";
}

static const char *request_error(struct xsd_sockmsg *header, const char *request, char *payload)
{
    char whole[PATH_MAX_BYTES * 2];
    size_t path_len = strnlen(request, header->len);
    int slot = header->tx_id ? slot_of(header->tx_id) : -1;
    struct tree *tree = slot < 0 ? &store.tree : &store.transactions[slot].tree;

    if (path_len == header->len || path_len >= PATH_MAX_BYTES)
        return "EINVAL";
    if (header->tx_id && slot < 0)
        return "ENOENT";
    snprintf(whole, sizeof(whole), "%s", absolute(request));
    struct node *node = find(tree, whole);
    const char *rest = request + path_len + 1;
    size_t rest_len = header->len - path_len - 1;

    switch (header->type) {
    case XS_READ:
        if (!node)
            return "ENOENT";
        memcpy(payload, node->value, node->len);
        header->len = (uint32_t)node->len;
        return NULL;
    case XS_DIRECTORY:
        return list(tree, whole, payload, &header->len);
    case XS_TRANSACTION_START:
        return begin(payload, &header->len);
    }
    header->len = (uint32_t)sprintf(payload, "OK") + 1;
    switch (header->type) {
    case XS_WRITE:
        if (rest_len > VALUE_MAX)
            return "ENOSPC";
        put(tree, whole, rest, rest_len);
        note_change(slot, whole);
        return NULL;
    case XS_RM:
        if (!take_away(tree, whole))
            return "ENOENT";
        note_change(slot, whole);
        return NULL;
    case XS_TRANSACTION_END:
        return end(slot, *request == 'T');
    case XS_WATCH:
    case XS_UNWATCH:
        if (!rest_len || strnlen(rest, rest_len) != rest_len - 1)
            return "EINVAL";
        return header->type == XS_WATCH ? add_watch(request, rest) : remove_watch(request, rest);
    default:
        return "ENOSYS";
    }
}

void xentree_handle(struct xsd_sockmsg *header, const char *request, char *payload)
{
    const char *error = request_error(header, request, payload);

    if (error) {
        header->type = XS_ERROR;
        header->len = (uint32_t)sprintf(payload, "%s", error) + 1;
    }
}

/* The host's side */

void fake_xenstored_write_bytes(const char *path, const void *value, size_t len)
{
    char whole[PATH_MAX_BYTES * 2];

    snprintf(whole, sizeof(whole), "%s", absolute(path));
    put(&store.tree, whole, value, len);
    note_change(-1, whole);
    xentree_fire();
}

void fake_xenstored_write(const char *path, const char *value)
{
    fake_xenstored_write_bytes(path, value, strlen(value));
}

/* Watches above the path fire with it, those below each with its own. */
void fake_xenstored_remove(const char *path)
{
    char whole[PATH_MAX_BYTES * 2];

    snprintf(whole, sizeof(whole), "%s", absolute(path));
    if (!take_away(&store.tree, whole))
        return;
    note_change(-1, whole);
    for (size_t i = 0; i < store.n_watches; i++)
        if (is_below(store.watches[i].path, whole) && strcmp(store.watches[i].path, whole) != 0)
            note_event(&store.watches[i], store.watches[i].path);
    xentree_fire();
}

const char *fake_xenstored_value(const char *path)
{
    struct node *node = find(&store.tree, absolute(path));
    return node ? node->value : NULL;
}

void xentree_forget(void)
{
    if (fake_xenstored_transactions())
        fake_fail("the guest is saved in a transaction");
    store.n_watches = 0;
    while (store.n_events)
        free(store.events[--store.n_events].path);
}

unsigned fake_xenstored_watches(void)
{
    return (unsigned)store.n_watches;
}

unsigned fake_xenstored_transactions(void)
{
    unsigned n = 0;

    for (int i = 0; i < TRANSACTIONS_MAX; i++)
        n += store.transactions[i].id != 0;
    return n;
}
