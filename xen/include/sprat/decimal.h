/* SPDX-License-Identifier: BSD-2-Clause */
/** Decimal numbers as xenstore holds them: digits and nothing else. */
#ifndef SPRAT_DECIMAL_H
#define SPRAT_DECIMAL_H

#include <stdbool.h>
#include <stdint.h>

#define DECIMAL_MAX 20 /**< digits of the largest uint64_t */

/** Read a whole string as a number. @return false for anything but 1 to 20 digits that fit. */
bool decimal_parse(const char *text, uint64_t *value);

/** Write a number. @param text  at least DECIMAL_MAX + 1 bytes. @return text */
char *decimal_text(uint64_t value, char *text);

#endif
