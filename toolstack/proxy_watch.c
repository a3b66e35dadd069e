/* SPDX-License-Identifier: BSD-2-Clause */
#include "proxy_watch.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "disk.h"
#include "host.h"
#include "vif.h"

#define WATCHES_MAX  32   /* a guest's */
#define STASH_OFFSET 3072 /* in the guest's page, behind the rings */
#define STASH_BYTES  (4096 - STASH_OFFSET)
#define STASH_MAGIC  "sprat-w1"

static_assert(sizeof(struct xenstore_domain_interface) <= STASH_OFFSET, "room behind the rings");

/*
 * The guest's watches: "path NUL token NUL" one after the other, in the part of its own xenstore
 * page that the protocol does not use. So they outlive a launcher that is killed, and cost dom0
 * nothing. A guest that writes there harms its own watches only.
 */
struct stash {
    char magic[8];
    uint16_t len;
    char text[STASH_BYTES - 10];
};

static struct stash *stash_of(const struct proxy *proxy)
{
    return (struct stash *)((char *)proxy->ring + STASH_OFFSET);
}

static void fire(struct proxy *proxy, const char *path, const char *token)
{
    struct xsd_sockmsg header = {0};
    char payload[XENSTORE_PAYLOAD_MAX];
    size_t path_len = strlen(path) + 1, token_len = strlen(token) + 1;

    if (path_len + token_len > sizeof(payload))
        return;
    memcpy(payload, path, path_len);
    memcpy(payload + path_len, token, token_len);
    proxy_answer(proxy, &header, XS_WATCH_EVENT, payload, path_len + token_len);
}

const char *proxy_below_own(const struct proxy *proxy, const char *path)
{
    char own[40];
    int len = snprintf(own, sizeof(own), "/local/domain/%" PRIu32, proxy->domid);

    if (*path != '/')
        return *path == '@' ? NULL : path;
    if (strncmp(path, own, (size_t)len) != 0 || (path[len] != '/' && path[len] != '\0'))
        return NULL;
    return path[len] ? path + len + 1 : path + len;
}

bool proxy_is_backend(const struct proxy *proxy, const char *path)
{
    static const char *const folders[] = {VIF_BACKENDS, VBD_BACKENDS};
    char backend[48];

    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
        snprintf(backend, sizeof(backend), "%s/%" PRIu32, folders[i], proxy->domid);
        if (proxy_is_below(path, backend))
            return true;
    }
    return false;
}

/* A copy, checked: strings that end within it. @return its length; 0 if there is none. */
static size_t read_stash(const struct proxy *proxy, char *text)
{
    const struct stash *stash = stash_of(proxy);
    size_t len = *(const volatile uint16_t *)&stash->len;

    if (memcmp(stash->magic, STASH_MAGIC, sizeof(stash->magic)) != 0 || len > sizeof(stash->text))
        return 0;
    memcpy(text, stash->text, len);
    return len && text[len - 1] == '\0' ? len : 0;
}

static void write_stash(struct proxy *proxy, const char *text, size_t len)
{
    struct stash *stash = stash_of(proxy);

    memcpy(stash->text, text, len);
    stash->len = (uint16_t)len;
    memcpy(stash->magic, STASH_MAGIC, sizeof(stash->magic));
}

static const char *next_string(const char *at, const char *end)
{
    at += strnlen(at, (size_t)(end - at)) + 1;
    return at < end ? at : NULL;
}

void proxy_watch(struct proxy *proxy, const struct xsd_sockmsg *request, const char *path,
                 const char *token)
{
    char text[sizeof(struct stash)];
    size_t len = read_stash(proxy, text), path_len = strlen(path) + 1,
           token_len = strlen(token) + 1;
    unsigned n = 0;

    for (const char *at = len ? text : NULL; at; n++) {
        const char *other = next_string(at, text + len);
        if (other && strcmp(at, path) == 0 && strcmp(other, token) == 0) {
            proxy_refuse(proxy, request, EEXIST);
            return;
        }
        at = other ? next_string(other, text + len) : NULL;
    }
    if (n >= WATCHES_MAX || len + path_len + token_len > sizeof(((struct stash *)0)->text)) {
        proxy_refuse(proxy, request, E2BIG);
        return;
    }
    memcpy(text + len, path, path_len);
    memcpy(text + len + path_len, token, token_len);
    write_stash(proxy, text, len + path_len + token_len);
    proxy_done(proxy, request);
    fire(proxy, path, token); /* a new watch is told about once, as if it had changed */
}

void proxy_unwatch(struct proxy *proxy, const struct xsd_sockmsg *request, const char *path,
                   const char *token)
{
    char text[sizeof(struct stash)];
    size_t len = read_stash(proxy, text);

    for (char *at = len ? text : NULL; at;) {
        char *other = (char *)next_string(at, text + len);
        char *next = other ? (char *)next_string(other, text + len) : NULL;
        if (other && strcmp(at, path) == 0 && strcmp(other, token) == 0) {
            size_t rest = next ? (size_t)(text + len - next) : 0;
            memmove(at, next ? next : at, rest);
            write_stash(proxy, text, (size_t)(at - text) + rest);
            proxy_done(proxy, request);
            return;
        }
        at = next;
    }
    proxy_refuse(proxy, request, ENOENT);
}

void proxy_unwatch_all(struct proxy *proxy)
{
    write_stash(proxy, "", 0);
}

bool proxy_is_below(const char *path, const char *folder)
{
    size_t len = strlen(folder);
    return len == 0 || (strncmp(path, folder, len) == 0 && (path[len] == '/' || path[len] == '\0'));
}

void proxy_changed(struct proxy *proxy, struct host *host, const char *path)
{
    char text[sizeof(struct stash)];
    const char *own = proxy_below_own(proxy, path);

    if (!proxy->ring)
        return;
    if (own && proxy_is_below(own, PROXY_SHUTDOWN))
        proxy->shutdown_changed = true;
    size_t len = read_stash(proxy, text);
    bool fired = false;
    for (const char *at = len ? text : NULL; at;) {
        const char *token = next_string(at, text + len);
        const char *shown = *at == '/' ? path : own; /* as the watch has it: whole, or its own */
        /* What was removed is told as a whole; the nodes below it went with it. */
        bool is_told = token && shown && proxy_is_below(shown, at);
        bool is_below = token && shown && proxy_is_below(at, shown);
        if (is_told || is_below) {
            fire(proxy, is_told ? shown : at, token);
            fired = true;
        }
        at = token ? next_string(token, text + len) : NULL;
    }
    if (fired)
        xenevtchn_notify(host->hyper.events, (evtchn_port_t)proxy->port);
}
