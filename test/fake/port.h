/* SPDX-License-Identifier: BSD-2-Clause */
/** What the fake <sprat/port.h> offers tests, besides what world.h says. */
#ifndef FAKE_PORT_H
#define FAKE_PORT_H

/**
 * port_alloc() or port_pages_alloc() after `after` good ones fails, once. @return how many were
 * before.
 */
unsigned fake_alloc_fails(unsigned after);

/** port_pages_alloc() gives `n` more, then none; UINT_MAX is no limit. */
void fake_pages_left(unsigned n);

/** Pages that port_pages_alloc() gave and port_pages_free() did not take. */
unsigned fake_n_pages(void);

/** Blocks that port_alloc() gave and port_free() did not take. */
unsigned fake_n_blocks(void);

#endif
