/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A channel to the host: a virtio-serial port, its frames and the session on it. agent.c tells the
 * protocol.
 */
#ifndef LAB_AGENT_CHANNEL_H
#define LAB_AGENT_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FRAME_MAX = 128 * 1024, /* execve's limit on one argument */
    CHUNK = 16 * 1024,      /* bytes of output in a frame */
    OUT_RESERVE = 4096,     /* kept for frames other than output */
    OUT_MAX = 4 * (2 * CHUNK + 64) + OUT_RESERVE,
};

enum frame_type {
    RUN = 'R',
    INPUT = 'I',
    INPUT_END = 'E',
    SIGNAL = 'S',
    SYNC = 'Y',
    STARTED = 'A',
    FAILED = 'F',
    OUTPUT = 'O',
    CREDIT = 'C',
    DONE = 'D',
};

struct command;

struct port {
    int fd;
    uint32_t session; /* 0: none */
    struct command *command;
    bool in_escape, in_overflow;
    size_t in_bytes, out_bytes;
    uint8_t in[FRAME_MAX];
    uint8_t out[OUT_MAX];
};

uint32_t get_u32(const uint8_t *from);
void put_u32(uint8_t *to, uint32_t value);

/** Write what is waiting for the host, as far as the channel takes it. */
void port_flush(struct port *port);

/** @return whether a frame with `data_bytes` of data surely fits, with `reserve` bytes left. */
bool port_has_room(const struct port *port, size_t data_bytes, size_t reserve);

/** Queue a frame. Who sends more than one in a session asks first whether there is room. */
void port_send(struct port *port, enum frame_type type, const void *data, size_t n);

/** Say that what was asked failed, and end the session. */
void port_send_failed(struct port *port, int error, const char *what);

/** Begin the session of a request: what the one before had to say is dropped. */
void port_begin(struct port *port, uint32_t session);

/**
 * Take what has come on a port, until it has no more or the host has gone.
 *
 * @param handle_frame  called with each frame, whole and without its escapes; may change it
 * @return whether the host is still there
 */
bool port_receive(struct port *port, void (*handle_frame)(struct port *, uint8_t *, size_t));

#endif
