/* SPDX-License-Identifier: BSD-2-Clause */
/** The fake xenstored's tree, watches and transactions. */
#ifndef FAKE_XENTREE_H
#define FAKE_XENTREE_H

#include <stdint.h>

#include <xen/io/xs_wire.h>

/**
 * Do what a request says.
 *
 * @param header  of the request; becomes the answer's.
 * @param payload  receives the answer's.
 */
void xentree_handle(struct xsd_sockmsg *header, const char *request, char *payload);

/** The guest has no watches any more, and no transactions. */
void xentree_forget(void);

/** Send the events of watches that changes caused since the last call. */
void xentree_fire(void);

#endif
