/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest that asks its xenstore for anything, on a ring that it writes into at will: the launcher
 * asks xenstored, as dom0, for nothing that is not that guest's.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <xen/io/xs_wire.h>

#include "fuzz.h"
#include "host.h"
#include "proxy.h"
#include "store.h"

#define OWN     "/local/domain/7"
#define WAITING 32

static union {
    struct xenstore_domain_interface ring;
    char bytes[4096];
} page;

static struct host host;
static struct fuzz *script;

/* ---- xenstored ---- */

static struct {
    store_answered *answered;
    void *context;
    uint32_t type, tx;
} waiting[WAITING];
static unsigned n_waiting;
static uint32_t txs[8]; /* that are open */

static bool starts(const char *path, const char *folder)
{
    size_t len = strlen(folder);

    return strncmp(path, folder, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

static void check_path(uint32_t type, const char *payload, size_t len)
{
    bool writes = type == XS_WRITE || type == XS_MKDIR || type == XS_RM;
    const char *end = memchr(payload, '\0', len);

    fuzz_check(end && payload[0] == '/' && !strstr(payload, "//") && !strchr(payload, '.'));
    if (writes) {
        fuzz_check(starts(payload, OWN "/data") || strcmp(payload, OWN "/control/shutdown") == 0 ||
                   (starts(payload, OWN "/device") && !starts(payload, OWN "/device/vif/0") &&
                    strlen(payload) > strlen(OWN "/device/")) ||
                   strncmp(payload, OWN "/device/vif/0/", strlen(OWN "/device/vif/0/")) == 0);
        return;
    }
    fuzz_check(starts(payload, OWN) || starts(payload, "/local/domain/0/backend/vif/7") ||
               starts(payload, "/local/domain/0/backend/vbd/7"));
}

void store_pass_on(struct store *store, uint32_t type, uint32_t tx, const void *payload, size_t len,
                   store_answered *answered, void *context)
{
    bool is_open = tx == 0;

    (void)store;
    fuzz_check(n_waiting < WAITING && len <= XENSTORE_PAYLOAD_MAX);
    for (size_t i = 0; i < 8; i++)
        is_open |= txs[i] == tx;
    fuzz_check(is_open);
    switch (type) {
    case XS_READ:
    case XS_WRITE:
    case XS_MKDIR:
    case XS_RM:
    case XS_DIRECTORY:
    case XS_DIRECTORY_PART:
    case XS_GET_PERMS:
        check_path(type, payload, len);
        break;
    default:
        fuzz_check(type == XS_TRANSACTION_START || type == XS_TRANSACTION_END);
    }
    waiting[n_waiting].answered = answered;
    waiting[n_waiting].context = context;
    waiting[n_waiting].type = type;
    waiting[n_waiting++].tx = tx;
}

static void answer(unsigned i)
{
    static const int errors[] = {0, 0, 0, -ENOENT, -EAGAIN, -EACCES};
    static char text[XENSTORE_PAYLOAD_MAX + 1];
    int error = errors[fuzz_byte(script) % 6];
    size_t len = fuzz_number(script) % sizeof(text);

    memset(text, 'v', sizeof(text));
    if (waiting[i].type == XS_TRANSACTION_START) {
        size_t at = 0;
        while (at < 8 && txs[at])
            at++;
        if (at == 8)
            error = -ENOSPC;
        else if (!error)
            len = (size_t)sprintf(text, "%u", txs[at] = (uint32_t)(100 + at));
    }
    if (waiting[i].type == XS_TRANSACTION_END)
        for (size_t at = 0; at < 8; at++)
            if (txs[at] == waiting[i].tx)
                txs[at] = 0;
    text[len] = '\0';
    waiting[i].answered(waiting[i].context, error, error ? NULL : text, error ? 0 : len);
}

int store_flush(struct store *store, struct fail *fail)
{
    (void)store;
    (void)fail;
    unsigned n = n_waiting;
    for (unsigned i = 0; i < n; i++)
        answer(i);
    n_waiting = 0;
    return 0;
}

int xenevtchn_notify(xenevtchn_handle *handle, evtchn_port_t port)
{
    (void)handle;
    (void)port;
    return 0;
}

/* ---- The guest ---- */

static void put(const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        page.ring.req[MASK_XENSTORE_IDX(page.ring.req_prod + i)] = ((const char *)bytes)[i];
    page.ring.req_prod += (XENSTORE_RING_IDX)len;
}

static size_t make_path(char *to)
{
    static const char *const words[] = {
        "/local/domain/", "7",   "70",   "0",        "/backend/vif/", "/backend/vbd/",
        "device",         "vif", "data", "control",  "shutdown",      "/",
        "backend",        "..",  "@",    "a",        "device/vif/0",  "/state",
        "data/",          OWN,   "name", "/console", "queue-0",       "x/"};
    size_t len = 0;

    for (unsigned n = fuzz_byte(script) % 8; n; n--) {
        const char *word = words[fuzz_byte(script) % (sizeof(words) / sizeof(*words))];
        memcpy(to + len, word, strlen(word));
        len += strlen(word);
    }
    return len;
}

static void ask(void)
{
    struct xsd_sockmsg header = {0};
    char payload[1024] = "";
    size_t len = make_path(payload);

    header.type = fuzz_byte(script) % 24;
    header.tx_id = fuzz_byte(script) % 2 ? 0 : 100 + fuzz_byte(script) % 9;
    if (header.type == XS_TRANSACTION_END)
        len = (size_t)sprintf(payload, "%c", "TFX"[fuzz_byte(script) % 3]);
    len += fuzz_byte(script) % 16 != 0; /* the NUL */
    if (fuzz_byte(script) % 8 == 0) {   /* a long value, or token */
        size_t more = fuzz_number(script) % 400;
        memset(payload + len, 'v', more);
        len += more;
    }
    len += fuzz_bytes(script, payload + len, fuzz_byte(script) % 8);
    header.len = (uint32_t)len;
    if (fuzz_byte(script) % 16 == 0)
        header.len = fuzz_number(script);
    put(&header, sizeof(header));
    put(payload, len);
}

/* The rest of a long request, in parts as the ring takes them. */
static void put_many(struct proxy *proxy)
{
    static const char bytes[1024];

    for (unsigned n = fuzz_byte(script) % 16; n; n--) {
        put(bytes, sizeof(bytes) - (page.ring.req_prod - page.ring.req_cons) % sizeof(bytes));
        proxy_work(proxy, &host);
    }
}

static void lie(void)
{
    XENSTORE_RING_IDX *const indices[] = {&page.ring.req_prod, &page.ring.req_cons,
                                          &page.ring.rsp_prod, &page.ring.rsp_cons};

    *indices[fuzz_byte(script) % 4] += fuzz_number(script);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const changes[] = {OWN "/control/shutdown", OWN, OWN "/data/a",
                                          "/local/domain/0/backend/vif/7/0/state", "/vm"};
    struct fuzz fuzz = {data, size};
    struct proxy proxy = {.ring = &page.ring, .port = 1, .domid = 7, .n_vifs = 1};

    script = &fuzz;
    memset(&page, 0, sizeof(page));
    while (fuzz.left) {
        switch (fuzz_byte(&fuzz) % 16) {
        case 0:
            page.bytes[fuzz_number(&fuzz) % sizeof(page.bytes)] = (char)fuzz_byte(&fuzz);
            break;
        case 1:
            fuzz_bytes(&fuzz, page.bytes + 3072, fuzz_number(&fuzz) % 1024);
            break;
        case 2:
            proxy_changed(&proxy, &host, changes[fuzz_byte(&fuzz) % 5]);
            break;
        case 3:
        case 4:
        case 5:
            proxy_work(&proxy, &host);
            page.ring.rsp_cons = page.ring.rsp_prod;
            break;
        case 6:
            proxy_work(&proxy, &host);
            break;
        case 7:
            put_many(&proxy);
            break;
        case 8:
            lie();
            break;
        default:
            ask();
        }
    }
    proxy_work(&proxy, &host);
    proxy_free(&proxy, &host);
    store_flush(NULL, NULL);
    for (size_t i = 0; i < 8; i++)
        fuzz_check(!txs[i]); /* xenstored would keep it for as long as the launcher runs */
    return 0;
}
