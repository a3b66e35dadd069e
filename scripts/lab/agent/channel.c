/* SPDX-License-Identifier: BSD-2-Clause */
#include "channel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    FRAME_END = 0x7e,
    ESCAPE = 0x7d,
};

uint32_t get_u32(const uint8_t *from)
{
    return from[0] | from[1] << 8 | from[2] << 16 | (uint32_t)from[3] << 24;
}

void put_u32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = value >> (8 * i);
}

void port_flush(struct port *port)
{
    size_t done = 0;

    while (done < port->out_bytes) {
        ssize_t n = write(port->fd, port->out + done, port->out_bytes - done);

        if (n <= 0)
            break; /* full, or the host has gone: either way an edge on the epoll follows */
        done += n;
    }
    memmove(port->out, port->out + done, port->out_bytes - done);
    port->out_bytes -= done;
}

bool port_has_room(const struct port *port, size_t data_bytes, size_t reserve)
{
    return OUT_MAX - port->out_bytes >= 2 * (data_bytes + 16) + reserve;
}

static void out_escaped(struct port *port, const uint8_t *data, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (data[i] == FRAME_END || data[i] == ESCAPE) {
            port->out[port->out_bytes++] = ESCAPE;
            port->out[port->out_bytes++] = data[i] - 0x20;
        } else {
            port->out[port->out_bytes++] = data[i];
        }
    }
}

void port_send(struct port *port, enum frame_type type, const void *data, size_t n)
{
    uint8_t header[5];

    if (!port_has_room(port, n, 0))
        abort(); /* our own mistake; init starts us anew */
    put_u32(header, port->session);
    header[4] = type;
    out_escaped(port, header, sizeof(header));
    out_escaped(port, data, n);
    port->out[port->out_bytes++] = FRAME_END;
    port_flush(port);
}

void port_send_failed(struct port *port, int error, const char *what)
{
    uint8_t data[256];
    int n;

    put_u32(data, error);
    n = snprintf((char *)data + 4, sizeof(data) - 4, "%s: %s", what, strerror(error));
    port_send(port, FAILED, data,
              4 + ((size_t)n < sizeof(data) - 4 ? (size_t)n : sizeof(data) - 5));
    port->session = 0;
}

void port_begin(struct port *port, uint32_t session)
{
    port->out[0] = FRAME_END;
    port->out_bytes = 1;
    port->session = session;
}

static void take_byte(struct port *port, uint8_t byte,
                      void (*handle_frame)(struct port *, uint8_t *, size_t))
{
    if (byte == FRAME_END) {
        if (!port->in_overflow && !port->in_escape)
            handle_frame(port, port->in, port->in_bytes);
        port->in_bytes = 0;
        port->in_escape = port->in_overflow = false;
    } else if (byte == ESCAPE) {
        port->in_escape = true;
    } else {
        if (port->in_bytes == sizeof(port->in))
            port->in_overflow = true;
        else
            port->in[port->in_bytes++] = port->in_escape ? byte + 0x20 : byte;
        port->in_escape = false;
    }
}

bool port_receive(struct port *port, void (*handle_frame)(struct port *, uint8_t *, size_t))
{
    uint8_t data[4096];
    ssize_t n;

    port_flush(port);
    while ((n = read(port->fd, data, sizeof(data))) > 0)
        for (ssize_t i = 0; i < n; i++)
            take_byte(port, data[i], handle_frame);
    if (n == 0)
        port->in_bytes = 0;
    return n != 0;
}
