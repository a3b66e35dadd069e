/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * <sprat/netfront.h> without a backend, for tests of what stands above it: one interface, whose
 * packets come from the test and go to it.
 *
 * A received piece ends where its page's memory ends, so that ASan sees a look behind it.
 */
#ifndef FAKE_VIF_H
#define FAKE_VIF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sprat/netfront.h>

#define FAKE_VIF_FRAME 65535
#define FAKE_VIF_ROOM  64
#define FAKE_VIF_IP    "10.0.0.2/24" /* where a test wants no other */

struct fake_vif {
    enum netfront_link link;
    struct netfront_features features;
    unsigned room; /**< slots: packets that need more are not taken */
    /** Called for each packet that is sent, with its bytes in one piece. */
    void (*sent)(const struct netbuf *packet, const uint8_t *frame, size_t len);
    bool keeps;        /**< what is sent is not given back before fake_vif_give_back() */
    unsigned n_bufs;   /**< buffers that are not freed */
    unsigned bufs_max; /**< no more are allocated; 0: as many as are wanted */
};
extern struct fake_vif fake_vif;

/** Put the interface into xenstore, with xl's `ip=`: before the network starts. */
void fake_vif_plug(const char *ip);

/** The backend gives back all that it was sent and has kept. */
void fake_vif_give_back(void);

/** The link or the room for packets changed: tell the user of the interface. */
void fake_vif_changed(void);

/**
 * Let a packet come in.
 *
 * @param like  its csum, gso and gso_size count.
 * @param piece_bytes  of each piece but the last; 0: all in one.
 */
void fake_vif_deliver(const uint8_t *frame, size_t len, const struct netbuf *like,
                      size_t piece_bytes);

#endif
