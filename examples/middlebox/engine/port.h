/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file
 * What the engine needs from the world around it: packets' memory, devices, clock, random numbers,
 * files and a log. The engine calls these functions and nothing else outside the C library; whoever
 * links the engine implements them (the tests in memory, the guest on its drivers).
 *
 * All calls come from the one thread that runs the engine, and none of them may block.
 */
#ifndef SPRAT_MIDDLEBOX_PORT_H
#define SPRAT_MIDDLEBOX_PORT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct packet;
struct port_dev;
struct port_file;

/**
 * A packet whose buffer holds at least `bytes` bytes, or NULL when there is no memory for one.
 *
 * Only `head` and `end` of the result are set (the buffer's bounds); packet_new() does the rest.
 * The buffer need not be cleared. Called per packet: take it from a pool.
 */
struct packet *port_packet_alloc(uint32_t bytes);

/** Give one packet back. Packets that came from port_dev_rx() return this way too. */
void port_packet_free(struct packet *p);

/** Nanoseconds since some fixed moment; never runs backwards. */
uint64_t port_now_ns(void);

/** Nanoseconds since 1970-01-01 UTC, for packets' timestamps. */
uint64_t port_wall_ns(void);

/** 32 random bits that an outsider cannot guess (they seed hash tables and choose ports). */
uint32_t port_random(void);

/**
 * Write text as vsnprintf() does, with %c %s %d %u %x %%, the lengths l and ll, the flag 0, widths,
 * and .* for %s.
 */
size_t port_format(char *buffer, size_t size, const char *fmt, va_list args);

/** Write `len` bytes of log; the text ends with a newline and is not NUL-terminated. */
void port_log(const char *text, size_t len);

/**
 * The network device called `name` (NUL-terminated). Opening twice gives the same device.
 *
 * @return NULL if there is none; then `*why` says why, in words, or is NULL.
 */
struct port_dev *port_dev_find(const char *name, const char **why);

/** The device's Ethernet address, 6 bytes. */
const uint8_t *port_dev_mac(const struct port_dev *dev);

/**
 * Say whom to tell when something arrives (`rx` true) or when room to send appears (`rx` false).
 *
 * `wake(arg)` may be called from any context of the engine's thread, also when nothing changed. A
 * NULL `wake` stops it. One listener for each direction: the last call counts.
 */
void port_dev_listen(struct port_dev *dev, bool rx, void (*wake)(void *arg), void *arg);

/**
 * Take up to `max` received packets, linked by `next` in order of arrival; NULL when there are
 * none.
 *
 * `data`, `len`, `head` and `end` are set, everything else is zero. After NULL the listener is
 * called when the next packet arrives.
 */
struct packet *port_dev_rx(struct port_dev *dev, unsigned max);

/**
 * How many packets port_dev_tx() would take now. After 0 the listener is called once there is room.
 */
unsigned port_dev_tx_room(struct port_dev *dev);

/**
 * Send the packets of a linked list. The device owns them from here, also those it cannot send.
 *
 * @return how many of them it cannot send: there is no room, or they are longer than it takes.
 */
unsigned port_dev_tx(struct port_dev *dev, struct packet *batch);

/** Open a file for reading, or for writing (created, emptied); NULL when that is not possible. */
struct port_file *port_file_open(const char *name, bool write);

/** Read up to `len` bytes; returns how many, 0 at the end of the file, -1 on an error. */
long port_file_read(struct port_file *f, void *buf, size_t len);

/** Write `len` bytes; 0, or -1 on an error. */
int port_file_write(struct port_file *f, const void *buf, size_t len);

void port_file_close(struct port_file *f);

/**
 * Serve ControlSocket's protocol (control.h) on a TCP port, for the engine that runs.
 *
 * May be called for one port more than once; each successful call wants its port_control_close().
 *
 * @param last  ports from `port` to this one are tried, until one is free.
 * @return the port, or 0: none is free, or nobody can be reached by TCP in this world.
 */
uint16_t port_control_open(uint16_t port, uint16_t last, bool readonly);

void port_control_close(uint16_t port);

#endif
