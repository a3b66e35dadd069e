/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * A netback for one interface, at the guest's real rings, grants and event channels.
 *
 * Its handshake is an honest backend's, unless `by_hand`; what goes through the rings is the test's
 * to say, with functions that keep the protocol (deliver, take, answer) or with those that need
 * not.
 */
#ifndef FAKE_NETBACK_H
#define FAKE_NETBACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/grant_table.h>
#include <xen/io/netif.h>

#define FAKE_VIF           "device/vif/0"
#define FAKE_VIF_BACKEND   "/local/domain/0/backend/vif/5/0"
#define FAKE_NETBACK_SLOTS 20 /* of a packet: more than any may have */

struct fake_netback_queue {
    netif_tx_sring_t *tx;
    netif_rx_sring_t *rx;
    uint32_t tx_ref, rx_ref, tx_port, rx_port;
    uint32_t tx_cons, rx_cons; /* requests that were taken */
    uint32_t tx_prod, rx_prod; /* responses that were put, shown by a push */
    unsigned tx_rung, rx_rung; /* the guest's notifications */
};

struct fake_netback {
    bool by_hand;          /**< does nothing when the guest's state changes */
    bool stubborn;         /**< never closes */
    bool careless;         /**< has lied: what the guest makes of it fails no test */
    bool attached;         /**< to the rings */
    unsigned closed;       /**< how often it let go */
    void (*on_ring)(void); /**< what it does at once when the guest notifies */
    unsigned n_queues;
    struct fake_netback_queue queues[8];
};
extern struct fake_netback fake_netback;

/** The toolstack makes the interface, with one queue and all features; the backend waits. */
void fake_netback_plug(void);

/** Write one of the backend's keys; NULL removes it. */
void fake_netback_key(const char *key, const char *value);

/** Show a state (XenbusState*). */
void fake_netback_state(unsigned state);

/**
 * Read the guest's keys, map its rings, connect its channels. Fails the test when that can't be.
 */
void fake_netback_attach(void);
void fake_netback_detach(void);

/**
 * The guest's page behind a grant. One that may not be used like that fails the test, or is NULL.
 */
uint8_t *fake_netback_page(uint32_t ref, bool write);

/** Map a grant, and keep it mapped until fake_netback_reclaim(). */
void fake_netback_hold(uint32_t ref);

/** Unmap what is held and free what the guest lost by it. @return how many pages it had lost. */
unsigned fake_netback_reclaim(void);

/* Towards the guest */

/** Take the next request. @return false when there is none. */
bool fake_netback_rx_request(unsigned queue, netif_rx_request_t *request);

/** Put a response, or an extra info in its place. */
void fake_netback_rx_put(unsigned queue, const void *entry);
void fake_netback_rx_answer(unsigned queue, uint16_t id, unsigned offset, unsigned flags,
                            int status);

/** Show what was put; the event is sent when the guest asked for it. @return true when it was. */
bool fake_netback_rx_push(unsigned queue);

/** What an honest packet holds at `at`. */
static inline uint8_t fake_netback_byte(size_t at)
{
    return (uint8_t)(at * 7 + at / 251 + 3);
}

/**
 * Put a whole packet of fake_netback_byte()s, a page a piece.
 *
 * @param gso_type  XEN_NETIF_GSO_TYPE_*; an extra info is put for others than NONE.
 * @return false, with nothing put, when the guest has posted too little.
 */
bool fake_netback_deliver(unsigned queue, size_t len, unsigned flags, unsigned gso_type,
                          unsigned gso_size);

/* From the guest */

struct fake_packet {
    unsigned n_ids, n_extras, flags, total;
    uint16_t ids[FAKE_NETBACK_SLOTS];
    uint32_t refs[FAKE_NETBACK_SLOTS];
    uint8_t gso_type;
    uint16_t gso_size;
    uint8_t data[65536];
};

/** Take a packet; fails the test when it breaks the protocol. @return false when there is none. */
bool fake_netback_tx_take(unsigned queue, struct fake_packet *packet);

/** The same for a request that tells of a multicast address; its extra info's type and address. */
bool fake_netback_tx_take_multicast(unsigned queue, uint16_t *id, uint8_t *type, uint8_t mac[6]);

void fake_netback_tx_put(unsigned queue, uint16_t id, int status);
bool fake_netback_tx_push(unsigned queue);

/** Put all responses of a packet, and show them. */
void fake_netback_tx_answer(unsigned queue, const struct fake_packet *packet, int status);

/**
 * Nothing is left of the interface: no page, block, grant, channel or watch, but for the buffers
 * that netbuf.c keeps and `lost` pages that were held.
 */
void fake_netback_assert_nothing_left(unsigned lost);

#endif
