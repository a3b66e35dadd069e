/* SPDX-License-Identifier: BSD-2-Clause */
/** Zones that are served, and questions to them: what tests of answers share. */
#ifndef DNS_TEST_SERVER_H
#define DNS_TEST_SERVER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../answer.h"
#include "client.h"

enum { A = 1, NS = 2, CNAME = 5, SOA = 6, PTR = 12, MX = 15, TXT = 16, AAAA = 28, DS = 43 };

struct server {
    struct zones zones;
    struct zone *loaded[8];
    int n_loaded;
    struct answer_counts counts;
    uint8_t reply[ANSWER_MAX]; /**< to the last question */
};

extern struct server server;

/** A test with example.org served. */
#define TEST(name) cmocka_unit_test_setup_teardown(name, server_setup, server_teardown)

int server_setup(void **state);
int server_teardown(void **state);

/** Serve one zone more, in a master file's words. */
void server_add(const char *text);

/** Serve none. */
void server_clear(void);

/** Ask; the answer is in `reply`. @return its length, 0 when there is none. */
size_t ask_bytes(const uint8_t *bytes, size_t len, bool stream);

/** Ask; return the answer as client_read() tells it. */
const char *ask_with(const struct question *question, bool stream);
const char *ask(const char *name, uint16_t type);

#endif
