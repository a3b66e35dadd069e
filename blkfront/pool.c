/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pages that data travels in. The backend is given no other: a page comes to the pool zeroed,
 * holds what went to and from this disk alone, and leaves the pool when no backend maps it.
 *
 * A persistent page is granted once, for reading and writing, and the backend keeps it mapped; the
 * one used last is used next, which pairs with the backend's dropping the one not used for longest.
 * Others are granted for each use, to be read only when they hold what is written.
 */
#include "disk.h"

#include <assert.h>
#include <errno.h>

#include <sprat/gnttab.h>

#define POOL_MIN 8 /* pages that are there from the beginning: no request needs more than one */

/* The page belongs to who maps it; what describes it does not. */
static void lose(struct blkfront *bf, struct blkfront_page *page)
{
    bf->stats.pages_lost++;
    bf->n_pages--;
    port_free(page);
}

static int add_page(struct blkfront *bf)
{
    struct blkfront_page *page = port_alloc(sizeof(*page));

    if (!page)
        return -ENOMEM;
    page->bytes = port_pages_alloc(1);
    if (!page->bytes) {
        port_free(page);
        return -ENOMEM;
    }
    int error = 0;
    if (bf->transport.persistent)
        error = gnttab_grant(bf->front.backend_id, page->bytes, false, &page->ref);
    if (error) {
        port_pages_free(page->bytes);
        port_free(page);
        return error;
    }
    page->next = bf->free_pages;
    bf->free_pages = page;
    bf->n_pages++;
    bf->n_free++;
    return 0;
}

int blkfront_pool_init(struct blkfront *bf)
{
    int error = 0;

    while (!error && bf->n_pages < POOL_MIN)
        error = add_page(bf);
    return error;
}

void blkfront_pool_free(struct blkfront *bf)
{
    struct blkfront_page *page;

    while ((page = bf->free_pages)) {
        bf->free_pages = page->next;
        bf->n_free--;
        if (bf->transport.persistent && gnttab_revoke(page->ref)) {
            lose(bf, page);
            continue;
        }
        bf->n_pages--;
        port_pages_free(page->bytes);
        port_free(page);
    }
}

bool blkfront_pages_mapped(const struct blkfront_page *first)
{
    for (const struct blkfront_page *page = first; page; page = page->next)
        if (gnttab_mapped(page->ref))
            return true;
    return false;
}

unsigned blkfront_pool_room(const struct blkfront *bf)
{
    unsigned allowed = bf->config.pages_max;
    return bf->n_free + (bf->n_pages < allowed ? allowed - bf->n_pages : 0);
}

struct blkfront_page *blkfront_page_take(struct blkfront *bf, bool read_only)
{
    assert(blkfront_pool_room(bf)); /* nobody takes more than that */
    if (!bf->free_pages && add_page(bf))
        return NULL;
    struct blkfront_page *page = bf->free_pages;
    if (!bf->transport.persistent &&
        gnttab_grant(bf->front.backend_id, page->bytes, read_only, &page->ref))
        return NULL;
    bf->free_pages = page->next;
    bf->n_free--;
    page->next = NULL;
    return page;
}

bool blkfront_page_put(struct blkfront *bf, struct blkfront_page *page)
{
    if (!bf->transport.persistent && gnttab_revoke(page->ref)) {
        lose(bf, page);
        return false;
    }
    page->next = bf->free_pages;
    bf->free_pages = page;
    bf->n_free++;
    return true;
}
