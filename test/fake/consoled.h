/* SPDX-License-Identifier: BSD-2-Clause */
/** The console daemon: reads what the guest writes, types what the test says. */
#ifndef FAKE_CONSOLED_H
#define FAKE_CONSOLED_H

#include <stdbool.h>
#include <stddef.h>

struct fake_consoled {
    bool dead;    /**< reads nothing */
    size_t piece; /**< bytes it reads at a time; 0: all */
};
extern struct fake_consoled fake_consoled;

/** All that the guest wrote so far. */
const char *fake_console_text(void);
void fake_console_clear(void);

/** Type; what does not fit the ring comes when the guest has read. */
void fake_console_type(const char *text);

#endif
