/* SPDX-License-Identifier: BSD-2-Clause */
#include "rate.h"

#define INTERVAL_NS 10000000u
#define WEIGHT      5  /* log2 of the number of intervals averaged over */
#define SCALE       10 /* log2 */

static void rate_advance(struct rate *r, uint64_t now_ns)
{
    uint64_t epoch = now_ns / INTERVAL_NS;

    if (r->epoch == epoch)
        return;
    if (!r->epoch || epoch - r->epoch > 64u << WEIGHT) { /* long ago: forgotten */
        r->scaled = 0;
    } else {
        for (; r->epoch < epoch; r->epoch++) {
            r->scaled += (r->now << SCALE) >> WEIGHT;
            r->scaled -= r->scaled >> WEIGHT;
            r->now = 0;
        }
    }
    r->now = 0;
    r->epoch = epoch;
}

void rate_add(struct rate *r, uint64_t now_ns, uint64_t events)
{
    rate_advance(r, now_ns);
    r->now += events;
}

uint64_t rate_get(struct rate *r, uint64_t now_ns)
{
    rate_advance(r, now_ns);
    return r->scaled * (NSEC_PER_SEC / INTERVAL_NS) >> SCALE;
}

/* How long n tokens take to fill, saturating far above every other time. */
static int64_t fill_time(const struct bucket *b, uint64_t n)
{
    const uint64_t most = INT64_MAX / 4;

    if (!b->rate)
        return (int64_t)most;
    if (n > most / NSEC_PER_SEC)
        n = most / NSEC_PER_SEC;
    return (int64_t)(n * NSEC_PER_SEC / b->rate);
}

void bucket_set(struct bucket *b, uint64_t rate, uint64_t burst, uint64_t duration_ns,
                uint64_t least, uint64_t now_ns)
{
    uint64_t ms = duration_ns / NSEC_PER_MSEC;

    b->rate = rate;
    if (!burst)
        burst = ms && rate > UINT64_MAX / ms ? UINT64_MAX / 1000 : rate * ms / 1000;
    b->burst = burst < least ? least : burst;
    b->level_ns = fill_time(b, b->burst);
    b->last_ns = now_ns;
}

bool bucket_take(struct bucket *b, uint64_t n, uint64_t now_ns)
{
    int64_t full = fill_time(b, b->burst);
    uint64_t gained = now_ns - b->last_ns;

    if (!b->rate)
        return false;
    b->level_ns += gained > INT64_MAX / 4 ? INT64_MAX / 4 : (int64_t)gained;
    if (b->level_ns > full)
        b->level_ns = full;
    b->last_ns = now_ns;
    if (b->level_ns <= 0)
        return false;
    b->level_ns -= fill_time(b, n);
    return true;
}

uint64_t bucket_when(const struct bucket *b, uint64_t now_ns)
{
    if (!b->rate)
        return NEVER;
    return b->level_ns > 0 ? now_ns : b->last_ns + (uint64_t)-b->level_ns + 1;
}
