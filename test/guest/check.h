/* SPDX-License-Identifier: BSD-2-Clause */
/** Tests that run inside a guest: the first that fails says where and ends it with status 1. */
#ifndef GUEST_CHECK_H
#define GUEST_CHECK_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            printf("FAILED %s:%d: %s (errno: %s)\n", __FILE__, __LINE__, #condition,               \
                   strerror(errno));                                                               \
            exit(EXIT_FAILURE);                                                                    \
        }                                                                                          \
    } while (0)

/** The call fails with this errno. */
#define CHECK_FAILS(call, error) CHECK((call) == -1 && errno == (error))

/** Run a test and say so. */
#define RUN(test)                                                                                  \
    do {                                                                                           \
        test();                                                                                    \
        printf("ok: %s\n", #test);                                                                 \
    } while (0)

#endif
