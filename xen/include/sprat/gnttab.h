/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * Grants: letting another domain use a page of this guest.
 *
 * The table is set up when the first page is granted and grows with use, up to what the toolstack
 * allows (max_grant_frames: 512 grants a frame).
 */
#ifndef SPRAT_GNTTAB_H
#define SPRAT_GNTTAB_H

#include <stdbool.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/grant_table.h>

#include <sprat/compiler.h>

/**
 * Let a domain map or copy a page.
 *
 * @param page  an address of the guest's memory, at a page's start.
 * @param ref  receives the reference, to be handed to that domain.
 * @return 0; -ENOSPC when the table is full and may not grow; -ENOSYS when Xen gives the guest
 * none.
 */
SPRAT_API int gnttab_grant(domid_t domid, const void *page, bool read_only, grant_ref_t *ref);

/**
 * Stop a domain from using a page.
 *
 * @param ref  from gnttab_grant(); invalid after success.
 * @return 0, or -EBUSY while the other domain still maps the page: keep it, do not reuse it.
 * Callable from event handlers. Source: xen/grant_table.h, "Invalidating an unused entry".
 */
SPRAT_API int gnttab_revoke(grant_ref_t ref);

/** Does the other domain map the page now? Xen tells nobody when that changes. */
bool gnttab_mapped(grant_ref_t ref);

/** Grants that exist now. */
unsigned gnttab_used(void);

#endif
