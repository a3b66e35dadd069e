/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * What the guest itself has to say, with the formats that the engine has too (port_format()).
 */
#ifndef MIDDLEBOX_GUEST_SAY_H
#define MIDDLEBOX_GUEST_SAY_H

/** Print at most 255 bytes on the console. */
void say(const char *fmt, ...) __attribute__((format(__printf__, 1, 2)));

#endif
