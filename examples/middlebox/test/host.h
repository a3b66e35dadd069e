/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file The engine's port for tests: devices, files, clock and log in memory. Every packet is its
 * own allocation, so that the address sanitizer sees each byte beyond its buffer; the benchmark
 * uses a pool.
 */
#ifndef SPRAT_MIDDLEBOX_HOST_H
#define SPRAT_MIDDLEBOX_HOST_H

#include "../engine/packet.h"
#include "../engine/text.h"

#define HOST_DEVS 8

struct port_dev {
    char name[16];
    uint8_t mac[6];
    struct packet *rx, **rx_tail;
    struct packet *sent, **sent_tail;
    unsigned n_sent;
    unsigned room;    /* what tx_room answers */
    uint32_t longest; /* packet that it sends */
    void (*wake[2])(void *arg);
    void *wake_arg[2];
};

struct host {
    struct port_dev devs[HOST_DEVS];
    unsigned n_devs;
    uint64_t now_ns, wall_ns;
    bool real_clock;
    bool pool; /* keep freed packets for reuse */
    struct packet *free;
    struct text log;
    long packets;     /* alive */
    long packets_max; /* more are refused; 0: no limit */
    uint32_t random;
    bool real_files;
    uint32_t file_max;     /* bytes that a new file takes; 0: many */
    uint16_t control_port; /* that is open for ControlSocket, by so many */
    unsigned control_users;
    bool control_readonly;
    uint16_t control_taken; /* by somebody else */
};

extern struct host host;

/** Forget everything; packets still alive stay counted. */
void host_reset(void);
struct port_dev *host_dev(const char *name);
void host_advance(uint64_t ns);
/** Let a device receive a packet. */
void host_receive(struct port_dev *dev, const void *data, uint32_t len);
/** Take the oldest packet that a device sent, or NULL. */
struct packet *host_sent(struct port_dev *dev);
void host_file_set(const char *name, const void *data, size_t len);
/** A file's content; NULL if there is none. */
const struct text *host_file(const char *name);

#endif
