/* SPDX-License-Identifier: BSD-2-Clause */
#include "fake_store.h"

#include <assert.h>
#include <string.h>

#include <xenevtchn.h>

#include "store.h"

struct fake_store fake_store;

/* What waits for store_flush(). */
static struct {
    store_answered *answered;
    void *context;
} waiting[32];
static unsigned n_waiting;

void fake_store_reset(void)
{
    memset(&fake_store, 0, sizeof(fake_store));
    fake_store.reply = "OK";
    n_waiting = 0;
}

void store_pass_on(struct store *store, uint32_t type, uint32_t tx, const void *payload, size_t len,
                   store_answered *answered, void *context)
{
    (void)store;
    assert(len <= sizeof(fake_store.payload));
    assert(n_waiting < sizeof(waiting) / sizeof(*waiting));
    fake_store.n++;
    fake_store.type = type;
    fake_store.tx = tx;
    memcpy(fake_store.payload, payload, len);
    fake_store.len = len;
    waiting[n_waiting].answered = answered;
    waiting[n_waiting++].context = context;
}

int store_flush(struct store *store, struct fail *fail)
{
    (void)store;
    (void)fail;
    fake_store.n_flushes++;
    for (unsigned i = 0; i < n_waiting; i++)
        waiting[i].answered(waiting[i].context, fake_store.error, fake_store.reply,
                            strlen(fake_store.reply));
    n_waiting = 0;
    return 0;
}

int xenevtchn_notify(xenevtchn_handle *handle, evtchn_port_t port)
{
    (void)handle;
    (void)port;
    return 0;
}
