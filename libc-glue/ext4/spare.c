/* SPDX-License-Identifier: BSD-2-Clause */
#include "spare.h"

#include <errno.h>
#include <stdlib.h>

/* A step of a truncation frees 1024 blocks, and each may take 48 bytes in each of three bitmaps. */
#define N_PIECES    10
#define PIECE_BYTES (16u << 10) /* the largest block that it takes at once: three of the disk's */

static struct {
    void *pieces[N_PIECES];
    unsigned n, n_users;
} spare;

static bool give(void)
{
    if (!spare.n)
        return false;
    free(spare.pieces[--spare.n]);
    return true;
}

void spare_open(void)
{
    spare.n_users++;
}

void spare_close(void)
{
    if (--spare.n_users)
        return;
    while (give())
        ;
}

int spare_fill(bool half)
{
    while (spare.n < N_PIECES) {
        void *piece = malloc(PIECE_BYTES);
        if (!piece)
            return half && spare.n >= N_PIECES / 2 ? 0 : -ENOMEM;
        spare.pieces[spare.n++] = piece;
    }
    return 0;
}

void *spare_malloc(size_t len)
{
    void *bytes;

    do
        bytes = malloc(len);
    while (!bytes && give());
    return bytes;
}

void *spare_realloc(void *bytes, size_t len)
{
    void *more;

    do
        more = realloc(bytes, len);
    while (!more && give());
    return more;
}
