/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * What the backends of all kinds of devices do alike: the handshake in xenstore, and the guest's
 * pages that they map.
 */
#ifndef FAKE_BACKEND_H
#define FAKE_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/grant_table.h>

#include "world.h"

#define FAKE_BACKEND_REFS 2048 /* four frames of the grant table */
#define FAKE_MAPPED       (GTF_reading | GTF_writing)

struct fake_backend {
    const char *path, *frontend; /**< their folders in xenstore */
    unsigned published;   /**< the guest's state (XenbusState*) that its rings are there in */
    uint32_t n_refs;      /**< of the guest's grant table, at most FAKE_BACKEND_REFS */
    void (*attach)(void); /**< to the rings that the guest offers */
    void (*detach)(void);
    /** What a test may want: see netback.h and blkback.h. */
    const bool *by_hand, *stubborn, *careless;

    /* Its own. */
    struct fake_actor actor;
    char seen[16];                   /* the guest's state that was last acted upon */
    bool touched[FAKE_BACKEND_REFS]; /* grants that were mapped at some time */
};

/** The toolstack makes the device, whose other keys are written already; the backend waits. */
void fake_backend_plug(struct fake_backend *backend);

/** Write one of the backend's keys; NULL removes it. */
void fake_backend_key(const struct fake_backend *backend, const char *key, const char *value);
void fake_backend_number(const struct fake_backend *backend, const char *key, uint64_t value);

/** A number that the guest wrote, in its folder or in one ("/queue-0") below that. */
uint32_t fake_backend_guest_number(const struct fake_backend *backend, const char *folder,
                                   const char *key, uint32_t otherwise);

/** What an honest backend may rely on: fails the test, but that of a careless one. @return is_so */
bool fake_backend_check(const struct fake_backend *backend, bool is_so, const char *what);

/**
 * The guest's page behind a grant. One that may not be used like that fails the test, or is NULL.
 */
uint8_t *fake_backend_page(const struct fake_backend *backend, uint32_t ref, bool write);

/** Map a grant. @param how  FAKE_MAPPED or a part of it. */
void fake_backend_hold(struct fake_backend *backend, uint32_t ref, uint16_t how);

/** Unmap it, or all that are mapped. */
void fake_backend_let_go(uint32_t ref);
void fake_backend_let_all_go(const struct fake_backend *backend);

/** Unmap all, and free what the guest lost by it. @return how many pages it had lost. */
unsigned fake_backend_reclaim(struct fake_backend *backend);

/**
 * Nothing is left of the device: no page, block, grant, channel or watch, but for `lost` pages that
 * were held, and `kept` pages and blocks that the driver keeps.
 */
void fake_backend_assert_nothing_left(struct fake_backend *backend, unsigned lost, unsigned kept);

#endif
