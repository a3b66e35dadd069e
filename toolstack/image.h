/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * A guest image: an ELF file for Xen PV on x86-64, read and checked once, used for many guests.
 */
#ifndef SPRAT_TOOLSTACK_IMAGE_H
#define SPRAT_TOOLSTACK_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "blob.h"
#include "fail.h"

#define IMAGE_SEGMENTS_MAX 16
#define IMAGE_PAGE_BYTES   4096ull

/* What goes where. Offsets in the guest are bytes from virt_base, which is pfn 0. */
struct image_segment {
    uint64_t offset;
    const uint8_t *bytes;
    uint64_t n_file;   /* that many bytes are copied */
    uint64_t n_memory; /* and zeroes follow up to here */
};

struct image {
    unsigned references;
    struct image *next;
    struct blob *blob; /* the file; another one is another image */
    const char *path;
    const uint8_t *file;
    size_t n_file;

    uint64_t virt_base;
    uint64_t entry;
    uint64_t start, end; /* of all segments: offsets; the end rounded up to a page */
    bool one_channel;    /* it takes one event channel for console and xenstore */
    bool has_hypercall_page;
    uint64_t hypercall_page; /* offset */
    struct image_segment segments[IMAGE_SEGMENTS_MAX];
    unsigned n_segments;
};

/**
 * Get an image, from memory if the file has not changed since.
 *
 * @param image  receives it; to be given back with image_put().
 * @return 0 or -errno: the file cannot be read, or is no image that the launcher can build.
 */
int image_get(const char *path, struct image **image, struct fail *fail);

/** Give an image back. The last ones are kept for a while, as fleets come and go. */
void image_put(struct image *image);

/** Another reference to an image that one has. */
struct image *image_share(struct image *image);

/**
 * Check and read an ELF file in memory into `image` (file and n_file set by the caller).
 *
 * @return 0 or -ENOEXEC with the reason. All input is suspect: nothing is read outside of n_file.
 */
int image_parse(struct image *image, struct fail *fail);

#endif
