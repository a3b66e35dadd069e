/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as a cpio archive: what is accepted must be inside them. */
#include <assert.h>
#include <string.h>

#include "../../libc-glue/cpio.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const char *start = (const char *)bytes, *end = start + size, *why;
    struct cpio cpio;
    size_t at;

    if (cpio_open(&cpio, bytes, size, &why, &at))
        return 0;
    for (size_t i = 0; i < cpio.n; i++) {
        const struct cpio_entry *entry = &cpio.entries[i];
        assert(entry->path > start && entry->path + strlen(entry->path) < end);
        assert(entry->data >= start && entry->data <= end);
        assert(entry->size <= (size_t)(end - entry->data));
        assert(cpio_find(&cpio, entry->path) == entry);
        cpio_below(&cpio, entry->path);
    }
    cpio_close(&cpio);
    return 0;
}
