/* SPDX-License-Identifier: BSD-2-Clause */
/* The store that the proxy passes requests on to: it notes the last one, and answers all alike. */
#ifndef SPRAT_TEST_FAKE_STORE_H
#define SPRAT_TEST_FAKE_STORE_H

#include <stddef.h>
#include <stdint.h>

#include <xen/io/xs_wire.h>

struct fake_store {
    unsigned n, n_flushes; /* requests passed on, and how often the answers were waited for */
    uint32_t type, tx;     /* of the last request */
    char payload[XENSTORE_PAYLOAD_MAX];
    size_t len;
    int error; /* what the next ones are answered */
    const char *reply;
};

extern struct fake_store fake_store;

/** As if nothing had been asked; the answer is "OK". */
void fake_store_reset(void);

#endif
