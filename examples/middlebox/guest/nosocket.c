/* SPDX-License-Identifier: BSD-2-Clause */
/* ControlSocket in an image without a network stack: handlers are reached through xenstore. */
#include "../engine/port.h"
#include "control.h"

void control_take_engine(struct engine *engine)
{
    (void)engine;
}

uint16_t port_control_open(uint16_t port, uint16_t last, bool readonly)
{
    (void)port;
    (void)last;
    (void)readonly;
    return 0;
}

void port_control_close(uint16_t port)
{
    (void)port;
}
