/* SPDX-License-Identifier: BSD-2-Clause */
/* malloc and its family, on the kernel's heap. */
#include <errno.h>
#include <malloc.h>
#include <reent.h>
#include <stdlib.h>
#include <string.h>

#include <sprat/compiler.h>
#include <sprat/heap.h>

static void *or_no_memory(void *block)
{
    if (!block)
        errno = ENOMEM;
    return block;
}

SPRAT_API void *malloc(size_t size)
{
    return or_no_memory(heap_alloc(size));
}

SPRAT_API void free(void *block)
{
    heap_free(block);
}

SPRAT_API void *calloc(size_t n, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(n, size, &bytes))
        return or_no_memory(NULL);
    void *block = malloc(bytes);
    if (block)
        memset(block, 0, bytes);
    return block;
}

SPRAT_API void *realloc(void *block, size_t size)
{
    return or_no_memory(heap_resize(block, size));
}

SPRAT_API void *memalign(size_t align, size_t size)
{
    if (!align || align & (align - 1)) {
        errno = EINVAL;
        return NULL;
    }
    return or_no_memory(heap_alloc_aligned(align, size));
}

SPRAT_API void *aligned_alloc(size_t align, size_t size)
{
    return memalign(align, size);
}

SPRAT_API int posix_memalign(void **block, size_t align, size_t size)
{
    if (align % sizeof(void *) || !align || align & (align - 1))
        return EINVAL;
    *block = heap_alloc_aligned(align, size);
    return *block ? 0 : ENOMEM;
}

SPRAT_API size_t malloc_usable_size(void *block)
{
    return block ? heap_size(block) : 0;
}

/* newlib's own calls name the thread's state first. */

SPRAT_API void *_malloc_r(struct _reent *reent, size_t size)
{
    (void)reent;
    return malloc(size);
}

SPRAT_API void _free_r(struct _reent *reent, void *block)
{
    (void)reent;
    heap_free(block);
}

SPRAT_API void *_calloc_r(struct _reent *reent, size_t n, size_t size)
{
    (void)reent;
    return calloc(n, size);
}

SPRAT_API void *_realloc_r(struct _reent *reent, void *block, size_t size)
{
    (void)reent;
    return realloc(block, size);
}

SPRAT_API void *_memalign_r(struct _reent *reent, size_t align, size_t size)
{
    (void)reent;
    return memalign(align, size);
}
