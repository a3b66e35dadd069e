/* SPDX-License-Identifier: BSD-2-Clause */
/** What the fake <sprat/port.h> offers tests, besides what world.h says. */
#ifndef FAKE_PORT_H
#define FAKE_PORT_H

/** port_alloc() after `after` good ones fails, once. */
void fake_alloc_fails(unsigned after);

/** Blocks that port_alloc() gave and port_free() did not take. */
unsigned fake_n_blocks(void);

#endif
