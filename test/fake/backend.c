/* SPDX-License-Identifier: BSD-2-Clause */
#include "backend.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/io/xenbus.h>

#include <sprat/gnttab.h>
#include <sprat/mmu.h>
#include <sprat/port.h>

#include "port.h"
#include "xenstored.h"

#define PATH_BYTES 128

/* The handshake */

void fake_backend_key(const struct fake_backend *backend, const char *key, const char *value)
{
    char path[PATH_BYTES];

    snprintf(path, sizeof(path), "%s/%s", backend->path, key);
    if (value)
        fake_xenstored_write(path, value);
    else
        fake_xenstored_remove(path);
}

void fake_backend_number(const struct fake_backend *backend, const char *key, uint64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRIu64, value);
    fake_backend_key(backend, key, text);
}

static const char *guest_value(const struct fake_backend *backend, const char *folder,
                               const char *key)
{
    char path[PATH_BYTES];

    snprintf(path, sizeof(path), "%s%s/%s", backend->frontend, folder, key);
    return fake_xenstored_value(path);
}

uint32_t fake_backend_guest_number(const struct fake_backend *backend, const char *folder,
                                   const char *key, uint32_t otherwise)
{
    const char *value = guest_value(backend, folder, key);

    return value ? (uint32_t)strtoul(value, NULL, 10) : otherwise;
}

static void follow(const struct fake_backend *backend, unsigned state)
{
    if (state == XenbusStateInitialising) {
        fake_backend_number(backend, "state", XenbusStateInitWait);
    } else if (state == backend->published) {
        backend->attach();
        fake_backend_number(backend, "state", XenbusStateConnected);
    } else if (state == XenbusStateClosing && !*backend->stubborn) {
        fake_backend_number(backend, "state", XenbusStateClosing);
    } else if (state == XenbusStateClosed && !*backend->stubborn) {
        backend->detach();
        fake_backend_number(backend, "state", XenbusStateClosed);
    }
}

static bool step(void *arg)
{
    struct fake_backend *backend = arg;
    const char *state = guest_value(backend, "", "state");

    if (!state || *backend->by_hand || strcmp(state, backend->seen) == 0)
        return false;
    snprintf(backend->seen, sizeof(backend->seen), "%s", state);
    follow(backend, (unsigned)strtoul(state, NULL, 10));
    return true;
}

void fake_backend_plug(struct fake_backend *backend)
{
    static const char *const keys[][2] = {{"state", "1"}, {"backend-id", "0"}};
    char path[PATH_BYTES];

    if (!backend->actor.step) {
        backend->actor = (struct fake_actor){.step = step, .arg = backend, .due_ns = FAKE_NEVER};
        fake_actor_add(&backend->actor);
    }
    backend->seen[0] = '\0';
    fake_backend_number(backend, "state", XenbusStateInitWait);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", backend->frontend, keys[i][0]);
        fake_xenstored_write(path, keys[i][1]);
    }
    snprintf(path, sizeof(path), "%s/backend", backend->frontend);
    fake_xenstored_write(path, backend->path);
}

/* Grants */

bool fake_backend_check(const struct fake_backend *backend, bool is_so, const char *what)
{
    if (!is_so && !*backend->careless)
        fake_fail("%s", what);
    return is_so;
}

uint8_t *fake_backend_page(const struct fake_backend *backend, uint32_t ref, bool write)
{
    if (*backend->careless && ref >= backend->n_refs)
        return NULL;
    const struct grant_entry_v1 *entry = fake_gnttab_entry(ref);
    if (!fake_backend_check(backend, entry->flags & GTF_permit_access && entry->domid == 0,
                            "the grant is not the backend's") ||
        !fake_backend_check(backend, !write || !(entry->flags & GTF_readonly),
                            "the grant is for reading"))
        return NULL;
    return mmu_va(mmu_pfn_of_mfn(entry->frame));
}

void fake_backend_hold(struct fake_backend *backend, uint32_t ref, uint16_t how)
{
    if (!fake_backend_page(backend, ref, false))
        return;
    backend->touched[ref] = true;
    fake_gnttab_entry(ref)->flags |= how;
}

void fake_backend_let_go(uint32_t ref)
{
    fake_gnttab_entry(ref)->flags &= (uint16_t)~FAKE_MAPPED;
}

void fake_backend_let_all_go(const struct fake_backend *backend)
{
    for (uint32_t ref = 0; ref < FAKE_BACKEND_REFS; ref++)
        if (backend->touched[ref])
            fake_backend_let_go(ref);
}

/* A grant that could not be revoked once is not tried again, nor used for anything else. */
unsigned fake_backend_reclaim(struct fake_backend *backend)
{
    unsigned n = 0;

    for (uint32_t ref = 0; ref < FAKE_BACKEND_REFS; ref++) {
        if (!backend->touched[ref])
            continue;
        backend->touched[ref] = false;
        const struct grant_entry_v1 *entry = fake_gnttab_entry(ref);
        if (!(entry->flags & GTF_permit_access))
            continue;
        fake_backend_let_go(ref);
        void *page = mmu_va(mmu_pfn_of_mfn(entry->frame));
        if (gnttab_revoke(ref))
            fake_fail("grant %u can't be revoked", ref);
        port_pages_free(page);
        n++;
    }
    return n;
}

/* The end */

static void same(const char *what, unsigned is, unsigned wanted)
{
    if (is != wanted)
        fake_fail("%u %s are left, not %u", is, what, wanted);
}

void fake_backend_assert_nothing_left(struct fake_backend *backend, unsigned lost, unsigned kept)
{
    same("lost pages", fake_backend_reclaim(backend), lost);
    same("grants", gnttab_used(), 0);
    same("pages", fake_n_pages(), kept);
    same("blocks", fake_n_blocks(), kept);
    same("channels", fake_evtchn_made(), 0);
    same("watches", fake_xenstored_watches(), 0);
}
