/* SPDX-License-Identifier: BSD-2-Clause */
/** Words and numbers on the console: the C library's way would be a twentieth of the image. */
#ifndef DNS_SAY_H
#define DNS_SAY_H

#include <stdint.h>

void say(const char *text);
void say_number(uint64_t number);

#endif
