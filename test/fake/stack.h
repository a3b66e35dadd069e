/* SPDX-License-Identifier: BSD-2-Clause */
/** The network stack over fake_vif, for tests that are compiled against the host's headers. */
#ifndef FAKE_STACK_H
#define FAKE_STACK_H

#include <stddef.h>
#include <stdint.h>

/** Start the network in a guest that is there; addresses have been checked when it returns. */
void fake_stack_start(void);

/** Hand a frame to the interface, as IP does. @return 0, or lwIP's error. */
int fake_stack_output(const uint8_t *frame, size_t len);

#endif
