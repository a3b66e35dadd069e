/* SPDX-License-Identifier: BSD-2-Clause */
/** The network stack over fake_vif, for tests that are compiled against the host's headers. */
#ifndef FAKE_STACK_H
#define FAKE_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Start the network in a guest that is there; addresses have been checked when it returns. */
void fake_stack_start(void);

/** The same, but return when the interface is there, its addresses of IPv6 not checked yet. */
void fake_stack_start_early(void);

/** Hand a frame to the interface, as IP does. @return 0, or lwIP's error. */
int fake_stack_output(const uint8_t *frame, size_t len);

/* Programs' calls, with IPv6 (::ffff:10.0.0.9 is IPv4's 10.0.0.9); all return 0 or more, or what
 * newlib's errno says, negative. */

int fake_stack_socket(bool datagrams, bool waits);
int fake_stack_connect(int fd, const char *address, uint16_t port);
int fake_stack_send_to(int fd, const char *address, uint16_t port);
int fake_stack_send(int fd, const void *bytes, size_t len);
/** SO_ERROR. */
int fake_stack_error(int fd);
/** Could poll() say anything of it? */
int fake_stack_events(int fd);
int fake_stack_close(int fd);

#endif
