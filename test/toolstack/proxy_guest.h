/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest that asks its xenstore, which proxy.c serves on a real ring page, with a fake store. */
#ifndef SPRAT_TEST_PROXY_GUEST_H
#define SPRAT_TEST_PROXY_GUEST_H

#include "check.h"

#include "host.h"

#include <xen/io/xs_wire.h>

#include "fake_store.h"
#include "proxy.h"

extern union proxy_page {
    struct xenstore_domain_interface ring;
    char bytes[4096];
} page;
extern struct proxy proxy;
extern struct host host;

/* The answer that was taken last. */
extern struct proxy_reply {
    struct xsd_sockmsg header;
    char text[XENSTORE_PAYLOAD_MAX + 1];
} answer;

int setup(void **state);
int teardown(void **state);

/** Write bytes into the ring. */
void put(const void *bytes, size_t len);

/** Ask, and have the proxy work. */
void ask(uint32_t type, uint32_t tx, const char *payload, size_t len);

/** Ask what the ring may have no room for at once. */
void ask_long(uint32_t type, const char *payload, size_t len);

/* A literal with its NULs; the C compiler's own last one does not count unless it is wanted. */
#define ASK(type, text) ask(type, 0, text, sizeof(text) - 1)

/** @return whether there was one. */
bool take_answer(void);

void assert_answer(uint32_t type, const char *text);

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
