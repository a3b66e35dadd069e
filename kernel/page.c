/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two bits for each page: used, and first of a run. They come in blocks of one page, each for 64
 * MiB, made when the first page of those is mapped; a word of theirs is set up when its pages are.
 * So no cost of the guest's start depends on its memory.
 */
#include <sprat/page.h>

#include <assert.h>
#include <stdint.h>

#include <sprat/arch.h>
#include <sprat/compiler.h>
#include <sprat/mmu.h>
#include <sprat/port.h>

#define WORD_PAGES  64
#define BLOCK_WORDS (PAGE_BYTES / sizeof(uint64_t) / 2)
#define BLOCK_PAGES (BLOCK_WORDS * WORD_PAGES)
#define BLOCKS      512 /* 32 GiB */
#define RESERVE     4   /* page tables and a block of bits: what mapping more may take */

struct block {
    uint64_t used[BLOCK_WORDS];
    uint64_t first[BLOCK_WORDS];
};
static_assert(sizeof(struct block) == PAGE_BYTES, "a block is a page");

static struct {
    struct block *blocks[BLOCKS];
    pfn_t n_pages;  /* of the guest */
    pfn_t frontier; /* below: mapped, and their bits exist */
    size_t n_free;  /* below the frontier */
    pfn_t hint;     /* no page below is free */
    pfn_t stale;    /* no page from here on was ever given back: it is as Xen gave it */
    bool growing;
} page;

static uint64_t *used_word(pfn_t pfn)
{
    return &page.blocks[pfn / BLOCK_PAGES]->used[pfn % BLOCK_PAGES / WORD_PAGES];
}

static uint64_t *first_word(pfn_t pfn)
{
    return &page.blocks[pfn / BLOCK_PAGES]->first[pfn % BLOCK_PAGES / WORD_PAGES];
}

static uint64_t bit_of(pfn_t pfn)
{
    return 1ull << pfn % WORD_PAGES;
}

static bool is_used(pfn_t pfn)
{
    return *used_word(pfn) & bit_of(pfn);
}

static bool is_first(pfn_t pfn)
{
    return *first_word(pfn) & bit_of(pfn);
}

/* Set or clear the used bits of a run, a word at a time. */
static void mark(pfn_t pfn, size_t n, bool used)
{
    for (pfn_t end = pfn + n; pfn < end;) {
        size_t in_word = WORD_PAGES - pfn % WORD_PAGES;
        if (in_word > end - pfn)
            in_word = end - pfn;
        uint64_t mask = UINT64_MAX >> (WORD_PAGES - in_word) << pfn % WORD_PAGES;
        if (used)
            *used_word(pfn) |= mask;
        else
            *used_word(pfn) &= ~mask;
        pfn += in_word;
    }
}

static void take(pfn_t pfn, size_t n)
{
    *first_word(pfn) |= bit_of(pfn);
    mark(pfn, n, true);
    page.n_free -= n;
    if (pfn == page.hint)
        page.hint = pfn + n;
}

/* A run is free again. */
static void give_back(pfn_t pfn, size_t n)
{
    mark(pfn, n, false);
    page.n_free += n;
    if (pfn < page.hint)
        page.hint = pfn;
    if (pfn + n > page.stale)
        page.stale = pfn + n;
}

/* Pages up to `end`, from the frontier on, are mapped now and free. */
static void advance_frontier(pfn_t end)
{
    for (pfn_t pfn = page.frontier; pfn < end; pfn += WORD_PAGES - pfn % WORD_PAGES) {
        if (pfn % WORD_PAGES)
            continue;
        *used_word(pfn) = 0;
        *first_word(pfn) = 0;
    }
    page.n_free += end - page.frontier;
    page.frontier = end;
}

size_t page_init(void)
{
    const struct start_info *si = arch_start_info();
    const mfn_t named[] = {si->store_mfn, si->console.domU.mfn};

    page.n_pages = si->nr_pages;
    if (page.n_pages > BLOCKS * BLOCK_PAGES)
        page.n_pages = BLOCKS * BLOCK_PAGES;

    /* The page tables are the last thing that the builder put there but for its stack, which the
     * guest has left. */
    pfn_t n_used = mmu_pfn((const void *)si->pt_base) + si->nr_pt_frames;
    for (size_t i = 0; i < ARRAY_LEN(named); i++)
        if (named[i] && mmu_pfn_of_mfn(named[i]) >= n_used)
            n_used = mmu_pfn_of_mfn(named[i]) + 1;

    /* A large image, or an archive beside it, has the builder map more than one block is for. */
    pfn_t end = mmu_first_unmapped();
    for (size_t i = 0; i * BLOCK_PAGES < end; i++)
        page.blocks[i] = mmu_va(n_used++);
    assert(n_used <= end);
    advance_frontier(end);
    take(0, n_used);
    return page_free_count();
}

/* A page for mmu_map(), while it is not the time to map more. */
static void *table_page(void)
{
    return page_alloc(1, 1);
}

/* Map the next pages. @return false when there are no more, or Xen refused. */
static bool grow(void)
{
    pfn_t first = page.frontier;
    size_t n = WORD_PAGES - first % WORD_PAGES;

    if (page.growing || first >= page.n_pages)
        return false;
    if (n > page.n_pages - first)
        n = page.n_pages - first;

    page.growing = true;
    struct block **block = &page.blocks[first / BLOCK_PAGES];
    if (!*block)
        *block = page_alloc(1, 1);
    bool ok = *block && mmu_map(first, n, table_page) == 0;
    page.growing = false;
    if (ok)
        advance_frontier(first + n);
    return ok;
}

/* The first page from pfn on whose address is a multiple of align pages: page 0's need not be. */
static pfn_t align_up(pfn_t pfn, size_t align)
{
    pfn_t base = (uintptr_t)mmu_va(0) / PAGE_BYTES;
    return ((base + pfn + align - 1) & ~(align - 1)) - base;
}

/* The first free page, or the frontier. Nearly all that is asked for is one page. */
static pfn_t find_one(void)
{
    for (pfn_t pfn = page.hint; pfn < page.frontier; pfn += WORD_PAGES - pfn % WORD_PAGES) {
        uint64_t free = ~*used_word(pfn) >> pfn % WORD_PAGES;
        if (!free)
            continue;
        pfn += (unsigned)__builtin_ctzll(free);
        page.hint = pfn < page.frontier ? pfn : page.frontier;
        return page.hint;
    }
    return page.frontier;
}

/* The first free run of n pages that starts at a multiple of align, or the frontier. */
static pfn_t find(size_t n, size_t align)
{
    if (n == 1 && align == 1)
        return find_one();
    pfn_t start = align_up(page.hint, align);
    size_t have = 0;

    for (pfn_t pfn = start; pfn < page.frontier;) {
        if (have == 0 && pfn % WORD_PAGES == 0 && *used_word(pfn) == UINT64_MAX) {
            pfn += WORD_PAGES;
            start = align_up(pfn, align);
            pfn = start;
            continue;
        }
        if (is_used(pfn)) {
            start = align_up(pfn + 1, align);
            pfn = start;
            have = 0;
            continue;
        }
        pfn++;
        if (++have == n)
            return start;
    }
    return page.frontier;
}

void *page_alloc(size_t n_pages, size_t align)
{
    assert(n_pages && align && !(align & (align - 1)));
    if (n_pages > page_free_count())
        return NULL;
    /* Mapping needs pages itself: never let the last mapped ones go while others wait. */
    while (!page.growing && page.n_free < n_pages + RESERVE)
        if (!grow())
            break;
    for (;;) {
        pfn_t pfn = find(n_pages, align);
        if (pfn < page.frontier) {
            take(pfn, n_pages);
            return mmu_va(pfn);
        }
        if (!grow())
            return NULL;
    }
}

size_t page_run(const void *pages)
{
    pfn_t pfn = mmu_pfn(pages);
    size_t n = 1;

    if ((uintptr_t)pages % PAGE_BYTES || pfn >= page.frontier || !is_used(pfn) || !is_first(pfn))
        return 0;
    while (pfn + n < page.frontier && is_used(pfn + n) && !is_first(pfn + n))
        n++;
    return n;
}

bool page_split(void *pages)
{
    pfn_t pfn = mmu_pfn(pages), first = pfn;

    if ((uintptr_t)pages % PAGE_BYTES || pfn >= page.frontier || !is_used(pfn))
        return false;
    while (!is_first(first))
        first--;
    if (first == 0)
        return false;
    *first_word(pfn) |= bit_of(pfn);
    return true;
}

void page_trim(void *pages, size_t n_pages)
{
    pfn_t end = mmu_pfn(pages) + n_pages;
    size_t n = page_run(pages);

    assert(n_pages && n_pages <= n);
    give_back(end, n - n_pages);
}

void page_free(void *pages)
{
    pfn_t pfn = mmu_pfn(pages);
    size_t n = page_run(pages);

    if (!n || pfn == 0)
        port_panic("page %p is freed, but no allocation starts there", pages);
    *first_word(pfn) &= ~bit_of(pfn);
    give_back(pfn, n);
}

bool page_stale(const void *pages)
{
    return mmu_pfn(pages) < page.stale;
}

bool page_used(const void *address)
{
    pfn_t pfn = mmu_pfn(address);
    return pfn < page.frontier && is_used(pfn);
}

size_t page_total(void)
{
    return page.n_pages;
}

size_t page_free_count(void)
{
    return page.n_free + (page.n_pages - page.frontier);
}
