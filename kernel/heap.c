/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A slab is a page: a header, then slots of one size. A larger block is a run of pages, so its
 * address is a multiple of a page, which no slot's is. The last 8 bytes of a slot or run are the
 * seal: its low 16 bits hide how many bytes lie between the block's end and the seal; those are
 * filled with a pattern, and looked at again when the block is freed.
 */
#include <sprat/heap.h>

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include <sprat/compiler.h>
#include <sprat/page.h>
#include <sprat/port.h>

#define ALIGN      16
#define SEAL_BYTES sizeof(uint64_t)
#define FILL       0xa5
#define FILL_MAX   64 /* bytes of pattern behind a block: a string's end, a loop's one too many */

static const uint16_t slot_sizes[] = {16,  32,  48,  64,  80,  96,  128,  160,  192, 240,
                                      304, 400, 496, 576, 672, 800, 1008, 1344, 2016};
#define CLASSES ARRAY_LEN(slot_sizes)

#define SLOTS_MAX 256

struct slab {
    uint64_t magic;               /* secret ^ address */
    struct slab *next, *previous; /* of the same class, with a free slot */
    uint16_t class;
    uint16_t n_slots, n_free;
    uint64_t used[SLOTS_MAX / 64];
};
#define SLAB_HEADER ROUND_UP(sizeof(struct slab), ALIGN)

static struct {
    uint64_t secret;
    struct slab *partial[CLASSES];
} heap;

void heap_init(uint64_t secret)
{
    heap.secret = secret;
}

static _Noreturn void corrupt(const void *block, const char *what)
{
    port_panic("heap corruption: block %p: %s", block, what);
}

/* The seal. */

static uint64_t seal_of(const void *seal, size_t slack)
{
    /* Multiplying spreads the secret, or two seals' difference would be their addresses'. */
    uint64_t mixed = ((uintptr_t)seal ^ heap.secret) * 0x9e3779b97f4a7c15;
    return (mixed & ~0xffffull) | ((mixed >> 48 ^ slack) & 0xffff);
}

static void seal_set(char *block, size_t size, size_t room)
{
    size_t slack = room - SEAL_BYTES - size;
    uint64_t seal = seal_of(block + room - SEAL_BYTES, slack);

    memset(block + size, FILL, slack < FILL_MAX ? slack : FILL_MAX);
    memcpy(block + room - SEAL_BYTES, &seal, sizeof(seal));
}

static bool is_filled(const char *at, size_t n)
{
    const uint64_t pattern = FILL * 0x0101010101010101ull;

    for (; n >= sizeof(pattern); at += sizeof(pattern), n -= sizeof(pattern)) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
        if (word != pattern)
            return false;
    }
    while (n--)
        if ((unsigned char)*at++ != FILL)
            return false;
    return true;
}

static size_t seal_check(const char *block, size_t room)
{
    const char *at = block + room - SEAL_BYTES;
    uint64_t seal, plain = seal_of(at, 0);

    memcpy(&seal, at, sizeof(seal));
    size_t slack = (seal ^ plain) & 0xffff;
    size_t size = room - SEAL_BYTES - slack;
    if ((seal ^ plain) >> 16 || slack > room - SEAL_BYTES ||
        !is_filled(block + size, slack < FILL_MAX ? slack : FILL_MAX))
        corrupt(block, "something wrote past its end");
    return size;
}

/* Slabs. */

static void partial_add(struct slab *slab)
{
    struct slab **head = &heap.partial[slab->class];

    slab->previous = NULL;
    slab->next = *head;
    if (*head)
        (*head)->previous = slab;
    *head = slab;
}

static void partial_remove(struct slab *slab)
{
    if (slab->previous)
        slab->previous->next = slab->next;
    else
        heap.partial[slab->class] = slab->next;
    if (slab->next)
        slab->next->previous = slab->previous;
}

static struct slab *slab_new(unsigned class)
{
    struct slab *slab = page_alloc(1, 1);

    if (!slab)
        return NULL;
    memset(slab, 0, sizeof(*slab));
    slab->magic = heap.secret ^ (uintptr_t)slab;
    slab->class = (uint16_t) class;
    slab->n_slots = (uint16_t)((PAGE_BYTES - SLAB_HEADER) / slot_sizes[class]);
    slab->n_free = slab->n_slots;
    partial_add(slab);
    return slab;
}

static char *slot_at(struct slab *slab, unsigned slot)
{
    return (char *)slab + SLAB_HEADER + slot * slot_sizes[slab->class];
}

static void *slab_alloc(unsigned class, size_t size)
{
    struct slab *slab = heap.partial[class];

    if (!slab)
        slab = slab_new(class);
    if (!slab)
        return NULL;
    unsigned word = 0;
    while (slab->used[word] == UINT64_MAX)
        word++;
    unsigned bit = (unsigned)__builtin_ctzll(~slab->used[word]);
    slab->used[word] |= 1ull << bit;
    if (--slab->n_free == 0)
        partial_remove(slab);
    char *block = slot_at(slab, word * 64 + bit);
    seal_set(block, size, slot_sizes[class]);
    return block;
}

/* The slab and slot of a block; anything but a slot in use is a corruption. */
static struct slab *slab_of(const void *block, unsigned *slot)
{
    struct slab *slab = (struct slab *)((uintptr_t)block & ~(PAGE_BYTES - 1));

    if (!page_used(block) || slab->magic != (heap.secret ^ (uintptr_t)slab))
        corrupt(block, "malloc never gave this address, or its page's header was overwritten");
    size_t offset = (size_t)((const char *)block - (char *)slab) - SLAB_HEADER;
    *slot = (unsigned)(offset / slot_sizes[slab->class]);
    if (offset % slot_sizes[slab->class] || *slot >= slab->n_slots)
        corrupt(block, "malloc never gave this address");
    if (!(slab->used[*slot / 64] >> *slot % 64 & 1))
        corrupt(block, "it is freed already");
    return slab;
}

static void slab_free(struct slab *slab, unsigned slot)
{
    slab->used[slot / 64] &= ~(1ull << slot % 64);
    if (slab->n_free++ == 0)
        partial_add(slab);
    /* One empty slab of a class stays, so that a block allocated and freed in turn costs no
     * page. */
    if (slab->n_free == slab->n_slots && (slab->next || slab->previous)) {
        partial_remove(slab);
        slab->magic = 0;
        page_free(slab);
    }
}

/* Blocks. */

static bool is_run(const void *block)
{
    return (uintptr_t)block % PAGE_BYTES == 0;
}

/* Bytes at a block, the seal included. */
static size_t room_of(const void *block)
{
    unsigned slot;

    if (!is_run(block))
        return slot_sizes[slab_of(block, &slot)->class];
    size_t n_pages = page_run(block);
    if (!n_pages)
        corrupt(block, "malloc never gave this address, or it is freed already");
    return n_pages * PAGE_BYTES;
}

static size_t run_pages(size_t size)
{
    return (size + SEAL_BYTES + PAGE_BYTES - 1) / PAGE_BYTES;
}

static void *run_alloc(size_t align, size_t size)
{
    size_t n_pages = run_pages(size);
    char *block = page_alloc(n_pages, align <= PAGE_BYTES ? 1 : align / PAGE_BYTES);

    if (block)
        seal_set(block, size, n_pages * PAGE_BYTES);
    return block;
}

/* Where the search for a class begins, by units of 128 bytes. */
static const uint8_t class_from[] = {0, 6, 10, 11, 13, 14, 15, 16, 17, 17, 17, 18, 18, 18, 18, 18};

static unsigned class_of(size_t size)
{
    size_t need = size + SEAL_BYTES, unit = need / 128;
    unsigned class = unit < ARRAY_LEN(class_from) ? class_from[unit] : CLASSES;

    while (class < CLASSES && slot_sizes[class] < need)
        class ++;
    return class;
}

void *heap_alloc(size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    unsigned class = class_of(size);
    return class < CLASSES ? slab_alloc(class, size) : run_alloc(1, size);
}

void *heap_alloc_aligned(size_t align, size_t size)
{
    assert(align && !(align & (align - 1)));
    if (align <= ALIGN)
        return heap_alloc(size);
    return size > SIZE_MAX / 2 ? NULL : run_alloc(align, size);
}

void heap_free(void *block)
{
    if (!block)
        return;
    if (is_run(block)) {
        seal_check(block, room_of(block));
        page_free(block);
        return;
    }
    unsigned slot;
    struct slab *slab = slab_of(block, &slot);
    seal_check(block, slot_sizes[slab->class]);
    slab_free(slab, slot);
}

size_t heap_size(const void *block)
{
    return seal_check(block, room_of(block));
}

void *heap_resize(void *block, size_t size)
{
    if (!block)
        return heap_alloc(size);
    size_t room = room_of(block);
    size_t old = seal_check(block, room);

    /* A run that shrinks to a run gives its tail back: the seal has no room for a large slack. */
    if (is_run(block) && size < old && class_of(size) == CLASSES) {
        size_t n_pages = run_pages(size);
        page_trim(block, n_pages);
        seal_set(block, size, n_pages * PAGE_BYTES);
        return block;
    }
    /* Stay where it fits and wastes less than half. */
    if (size <= room - SEAL_BYTES && size + SEAL_BYTES > room / 2) {
        seal_set(block, size, room);
        return block;
    }
    void *moved = heap_alloc(size);
    if (!moved)
        return NULL;
    memcpy(moved, block, old < size ? old : size);
    heap_free(block);
    return moved;
}
