/* SPDX-License-Identifier: BSD-2-Clause */
/** Handlers and hot swap from the host, through xenstore. */
#ifndef MIDDLEBOX_GUEST_CONTROL_H
#define MIDDLEBOX_GUEST_CONTROL_H

struct engine;

/**
 * Serve requests, in a thread of its own.
 *
 * The host writes commands of ControlSocket's protocol ("READ counter.count") to
 * data/control/request; the guest writes what ControlSocket would answer to data/control/reply/0,
 * reply/1, ... in pieces of at most 1024 bytes, and then their number to data/control/replies. The
 * request is emptied when it is taken, so the host may watch either node.
 *
 * What is too long for a node comes in pieces, too: the host writes them to request/0, request/1,
 * ... and then "PIECES 2", say, to the request. "TAG word" may stand before a request: then the
 * word follows the number in data/control/replies, so that whoever asks knows his answer.
 */
void control_start(struct engine *engine);

/**
 * Say whose handlers ControlSocket's connections reach. Before a configuration is loaded; nothing
 * happens in an image without a network stack.
 */
void control_take_engine(struct engine *engine);

#endif
