/* SPDX-License-Identifier: BSD-2-Clause */
/** The guest's free pages. */
#ifndef SPRAT_PAGE_H
#define SPRAT_PAGE_H

#include <stdbool.h>
#include <stddef.h>

/**
 * Take over the memory behind what the domain builder used.
 *
 * @return the number of free pages. Their number does not change the cost: pages beyond the
 *         builder's mapping are mapped when they are first needed.
 */
size_t page_init(void);

/**
 * Allocate pages that follow one another; not zeroed.
 *
 * @param align  in pages, a power of two.
 * @return NULL when there is no such run.
 */
void *page_alloc(size_t n_pages, size_t align);

/** Give back a run: the address that page_alloc() returned. Anything else is a panic. */
void page_free(void *pages);

/** Give back all but the first n_pages (at least 1, at most all) of a run. */
void page_trim(void *pages, size_t n_pages);

/**
 * Make a page inside a run the first one of a run of its own.
 *
 * @return false when the page is not in use, or is the image's.
 */
bool page_split(void *page);

/** Pages in the run that page_alloc() returned at this address; 0 when it returned none here. */
size_t page_run(const void *pages);

/** Is this address inside a page that is in use? */
bool page_used(const void *address);

/** Pages of the guest, and those that are free (mapped or not). */
size_t page_total(void);
size_t page_free_count(void);

/** May these pages, which were just allocated, hold what the guest had in them before? */
bool page_stale(const void *pages);

#endif
