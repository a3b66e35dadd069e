/* SPDX-License-Identifier: BSD-2-Clause */
#include "extension.h"

#include <assert.h>

/* lwIP has room for a pointer. */
union word {
    void *pointer;
    struct extension extension;
};

static_assert(sizeof(struct extension) == sizeof(void *), "it is kept in a pointer's place");

static u8_t id(void)
{
    static int id_plus_1; /* 0 while there is none */

    if (!id_plus_1)
        id_plus_1 = tcp_ext_arg_alloc_id() + 1;
    return (u8_t)(id_plus_1 - 1);
}

struct extension extension_get(const struct tcp_pcb *pcb)
{
    return ((union word){.pointer = tcp_ext_arg_get(pcb, id())}).extension;
}

void extension_set(struct tcp_pcb *pcb, struct extension extension)
{
    tcp_ext_arg_set(pcb, id(), ((union word){.extension = extension}).pointer);
}
