/* SPDX-License-Identifier: BSD-2-Clause */
/** @file Neighbours: what ARPTable keeps and ARPQuerier uses. */
#ifndef SPRAT_MIDDLEBOX_ARPTABLE_H
#define SPRAT_MIDDLEBOX_ARPTABLE_H

#include "../engine/element.h"
#include "../engine/table.h"

#define ARP_PACKETS_MAX 64 /* waiting for one neighbour, unless ENTRY_PACKET_CAPACITY says less */

struct neighbour {
    struct tentry entry;
    uint32_t ip;
    uint8_t mac[6];
    bool known;
    uint64_t learned_ns, asked_ns;
    struct packet *waiting, **tail;
    unsigned n_waiting;
};

struct arptable {
    struct element e;
    struct table table;
    uint32_t capacity, entry_capacity, entry_packet_capacity;
    uint64_t timeout_ns;
    uint32_t ignored; /* accepted and not used */
    uint32_t length;  /* packets waiting altogether */
    uint64_t drops;
};

int arptable_init(struct arptable *t);
void arptable_cleanup(struct arptable *t);
/** The neighbour, new if need be; NULL when there is no room. Expired ones are forgotten. */
struct neighbour *arptable_find(struct arptable *t, uint32_t ip, bool add, uint64_t now_ns);
/** Hold a packet until the neighbour is known; the oldest give way. */
void arptable_hold(struct arptable *t, struct neighbour *n, struct packet *p);
/** Note an address; returns the packets that waited for it. */
struct packet *arptable_learn(struct arptable *t, struct neighbour *n, const uint8_t mac[6],
                              uint64_t now_ns);
void arptable_take(struct arptable *t, struct arptable *old);

/* Handlers, shared by ARPTable and ARPQuerier. */
enum { ARP_TABLE, ARP_COUNT, ARP_LENGTH, ARP_DROPS };
void arptable_print(struct arptable *t, int what, struct text *out, uint64_t now_ns);
enum { ARP_INSERT, ARP_DELETE, ARP_CLEAR };
int arptable_write(struct arptable *t, int what, struct hcall *c, struct packet **released);

#endif
