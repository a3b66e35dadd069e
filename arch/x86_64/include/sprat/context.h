/* SPDX-License-Identifier: BSD-2-Clause */
/** Switching stacks. */
#ifndef SPRAT_CONTEXT_H
#define SPRAT_CONTEXT_H

#include <stdint.h>

/** A thread that does not run: all of it is on its stack. */
struct context {
    uint64_t sp;
};

/** Save this context in `from` and go on with `to`. Returns when something switches back. */
void context_switch(struct context *from, const struct context *to);

/** Prepare a context that calls entry(arg) on a fresh stack. entry must not return. */
void context_init(struct context *context, void *stack_top, void (*entry)(void *), void *arg);

#endif
