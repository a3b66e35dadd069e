/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file
 * Rates: a moving average of events per second, and a token bucket. Integers only.
 */
#ifndef SPRAT_MIDDLEBOX_RATE_H
#define SPRAT_MIDDLEBOX_RATE_H

#include "element.h"

/**
 * An exponentially weighted moving average, updated every 10 ms with a weight of 1/32: it follows a
 * change within about a second. */
struct rate {
    uint64_t epoch;  /* the 10 ms interval that `now` counts */
    uint64_t now;    /* events in it */
    uint64_t scaled; /* events per interval, times 1024 */
};

void rate_add(struct rate *r, uint64_t now_ns, uint64_t events);
/** Events per second. */
uint64_t rate_get(struct rate *r, uint64_t now_ns);

/** Tokens that fill at `rate` per second up to `burst`; a packet takes some out. */
struct bucket {
    uint64_t rate, burst;
    int64_t level_ns; /* tokens, as the time it takes to fill them; negative: a debt */
    uint64_t last_ns;
};

/**
 * Set the rate. The burst is `burst` tokens, or what `duration_ns` fills when burst is 0; at least
 * `least` tokens, so that the largest unit can pass.
 */
void bucket_set(struct bucket *b, uint64_t rate, uint64_t burst, uint64_t duration_ns,
                uint64_t least, uint64_t now_ns);
/** Take `n` tokens if the bucket holds any at all; it may go into debt, which later refills pay. */
bool bucket_take(struct bucket *b, uint64_t n, uint64_t now_ns);
/** When bucket_take() will next succeed. */
uint64_t bucket_when(const struct bucket *b, uint64_t now_ns);

#endif
