/* SPDX-License-Identifier: BSD-2-Clause */
/** A message that is being written: bounded, names compressed (RFC 1035, 4.1.4). */
#ifndef DNS_MESSAGE_H
#define DNS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "zone.h"

#define MESSAGE_HEADER 12
#define MESSAGE_LABELS 64 /* places that are remembered; names behind them are less compressed */

struct message {
    uint8_t *data;
    size_t len, max;
    unsigned n_labels;
    uint16_t labels[MESSAGE_LABELS]; /**< where a label stands that a pointer may point to */
};

/** Begin behind a header and a question that is there already, `len` bytes in all. */
void message_begin(struct message *message, uint8_t *data, size_t len, size_t max);

/**
 * Write a set of records as `owner` has them, or nothing of it.
 *
 * @param owner  the owner, a whole name; NULL: the question's.
 * @return how many records, or -1 when there is no room.
 */
int message_set(struct message *message, const uint8_t *owner, const struct record_set *set,
                uint32_t ttl_s);

#endif
