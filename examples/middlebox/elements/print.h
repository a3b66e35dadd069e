/* SPDX-License-Identifier: BSD-2-Clause */
/** @file Packet contents as text, shared by Print and IPPrint. */
#ifndef SPRAT_MIDDLEBOX_PRINT_H
#define SPRAT_MIDDLEBOX_PRINT_H

#include "../engine/text.h"

#define PRINT_BYTES_MAX 4096 /* of one packet in one log line */

void print_hex(struct text *t, const uint8_t *data, uint32_t len);
void print_ascii(struct text *t, const uint8_t *data, uint32_t len);

#endif
