/* SPDX-License-Identifier: BSD-2-Clause */
/* What backend and frontend tell each other in xenstore. */
#include "disk.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <xen/io/blkif.h>
#include <xen/io/protocols.h>

#include <sprat/compiler.h>
#include <sprat/keys.h>

#define SEGMENTS_PER_PAGE (PAGE_BYTES / sizeof(struct blkif_request_segment))

int blkfront_read_transport(struct blkfront *bf, struct keys *keys)
{
    const char *backend = bf->front.backend;
    struct xenstore_item *queues = keys_want(keys, backend, "multi-queue-max-queues");
    struct xenstore_item *order = keys_want(keys, backend, "max-ring-page-order");
    int error = keys_read(keys);

    if (error)
        return error;
    uint64_t n_queues = keys_number(queues, 1), max_order = keys_number(order, 0);
    bf->n_queues = n_queues < bf->config.queues_max ? (unsigned)n_queues : bf->config.queues_max;
    if (bf->n_queues < 1)
        bf->n_queues = 1;
    bf->ring_order = 0;
    while (2u << bf->ring_order <= bf->config.ring_pages && bf->ring_order < max_order)
        bf->ring_order++;
    return 0;
}

/* The folder's name and a number of at most two digits behind it. */
static const char *numbered(char text[16], const char *name, unsigned number)
{
    char digits[DECIMAL_MAX + 1];
    return strcat(strcpy(text, name), decimal_text(number, digits));
}

static void put_queue(const struct blkfront *bf, struct keys *keys, const char *folder,
                      const struct blkfront_queue *queue)
{
    char key[16];

    keys_put_number(keys, folder, "event-channel", queue->channel.port);
    for (unsigned i = 0; i < 1u << bf->ring_order; i++)
        keys_put_number(keys, folder, numbered(key, "ring-ref", i), queue->refs[i]);
    if (!bf->ring_order) /* for a backend that knows of one page only */
        keys_put_number(keys, folder, "ring-ref", queue->refs[0]);
}

/*
 * All that a backend may look at is written each time: the one before may have been told something
 * else. With more than one queue, each has a folder.
 */
int blkfront_write_offer(struct blkfront *bf, struct keys *keys)
{
    const char *path = bf->front.path;

    static_assert(sizeof(XEN_IO_PROTO_ABI_X86_64) <= DECIMAL_MAX + 1, "fits a key's value");
    keys_put(keys, path, "protocol", XEN_IO_PROTO_ABI_X86_64);
    keys_put_number(keys, path, "feature-persistent", !bf->config.no_persistent);
    keys_put_number(keys, path, "multi-queue-num-queues", bf->n_queues);
    keys_put_number(keys, path, "ring-page-order", bf->ring_order);
    keys_put_number(keys, path, "num-ring-pages", 1u << bf->ring_order);
    if (bf->n_queues == 1)
        put_queue(bf, keys, path, &bf->queues[0]);
    for (unsigned i = 0; i < bf->n_queues && bf->n_queues > 1; i++) {
        char folder[KEYS_PATH_BYTES], name[16];
        xenstore_join(folder, sizeof(folder), path, numbered(name, "queue-", i));
        put_queue(bf, keys, folder, &bf->queues[i]);
    }
    return keys_write(keys);
}

enum disk_key {
    KEY_SECTORS,
    KEY_SECTOR_SIZE,
    KEY_PHYSICAL,
    KEY_INFO,
    KEY_FLUSH,
    KEY_BARRIER,
    KEY_DISCARD,
    KEY_DISCARD_SECURE,
    KEY_DISCARD_GRANULARITY,
    KEY_DISCARD_ALIGNMENT,
    KEY_SEGMENTS,
    KEY_PERSISTENT,
    DISK_KEYS,
};

static const char *const disk_keys[DISK_KEYS] = {
    [KEY_SECTORS] = "sectors",
    [KEY_SECTOR_SIZE] = "sector-size",
    [KEY_PHYSICAL] = "physical-sector-size",
    [KEY_INFO] = "info",
    [KEY_FLUSH] = "feature-flush-cache",
    [KEY_BARRIER] = "feature-barrier",
    [KEY_DISCARD] = "feature-discard",
    [KEY_DISCARD_SECURE] = "discard-secure",
    [KEY_DISCARD_GRANULARITY] = "discard-granularity",
    [KEY_DISCARD_ALIGNMENT] = "discard-alignment",
    [KEY_SEGMENTS] = "feature-max-indirect-segments",
    [KEY_PERSISTENT] = "feature-persistent",
};
static_assert(DISK_KEYS <= KEYS_MAX, "read together");

static bool is_power_of_two(uint64_t number)
{
    return (number & (number - 1)) == 0; /* and 0, which is too small for all that is asked */
}

static int take_size(const struct blkfront *bf, const struct keys *keys,
                     struct blkfront_geometry *geometry)
{
    uint64_t sectors = keys_number(&keys->items[KEY_SECTORS], 0);
    uint64_t sector_bytes = keys_number(&keys->items[KEY_SECTOR_SIZE], RING_SECTOR);
    uint64_t physical = keys_number(&keys->items[KEY_PHYSICAL], sector_bytes);

    if (!sectors || sectors > INT64_MAX / RING_SECTOR) {
        port_log("%s: the backend tells no size (sectors) that a disk can have", bf->front.path);
        return -EINVAL;
    }
    if (!is_power_of_two(sector_bytes) || sector_bytes < BLKFRONT_SECTOR_MIN ||
        sector_bytes > BLKFRONT_SECTOR_MAX) {
        port_log("%s: its sector-size is not 512, 1024, 2048 or 4096 bytes", bf->front.path);
        return -EINVAL;
    }
    geometry->sector_bytes = (uint32_t)sector_bytes;
    geometry->bytes = sectors * RING_SECTOR / sector_bytes * sector_bytes;
    if (!is_power_of_two(physical) || physical < sector_bytes || physical > UINT32_MAX)
        physical = sector_bytes;
    geometry->physical_bytes = (uint32_t)physical;
    return 0;
}

static void take_features(const struct blkfront *bf, const struct keys *keys,
                          struct blkfront_geometry *geometry, struct blkfront_transport *transport)
{
    uint64_t number[DISK_KEYS];

    for (unsigned i = 0; i < DISK_KEYS; i++)
        number[i] = keys_number(&keys->items[i], 0);
    geometry->cdrom = number[KEY_INFO] & VDISK_CDROM;
    geometry->removable = number[KEY_INFO] & VDISK_REMOVABLE;
    geometry->read_only = number[KEY_INFO] & VDISK_READONLY;
    geometry->flush = number[KEY_FLUSH] || number[KEY_BARRIER];
    geometry->discard = number[KEY_DISCARD];
    geometry->secure_discard = number[KEY_DISCARD] && number[KEY_DISCARD_SECURE];
    uint64_t granularity = number[KEY_DISCARD_GRANULARITY];
    geometry->discard_granularity =
        granularity && granularity <= UINT32_MAX ? (uint32_t)granularity : geometry->sector_bytes;
    if (number[KEY_DISCARD_ALIGNMENT] <= UINT32_MAX)
        geometry->discard_alignment = (uint32_t)number[KEY_DISCARD_ALIGNMENT];

    uint64_t segments = bf->config.no_indirect ? 0 : number[KEY_SEGMENTS];
    if (segments > SEGMENTS_PER_PAGE) /* one page of them is all that is sent */
        segments = SEGMENTS_PER_PAGE;
    if (segments > bf->config.pages_max - 1)
        segments = bf->config.pages_max - 1;
    transport->indirect = segments > BLKIF_MAX_SEGMENTS_PER_REQUEST;
    transport->segments = transport->indirect ? (unsigned)segments : BLKIF_MAX_SEGMENTS_PER_REQUEST;
    transport->persistent = number[KEY_PERSISTENT] && !bf->config.no_persistent;
    transport->barrier = number[KEY_BARRIER];
    transport->flush = number[KEY_FLUSH];
    transport->n_queues = bf->n_queues;
    transport->ring_entries = bf->queues[0].ring.n_entries;
}

int blkfront_read_disk(struct blkfront *bf, struct blkfront_geometry *geometry,
                       struct blkfront_transport *transport)
{
    struct keys *keys = port_alloc(sizeof(*keys));

    if (!keys)
        return -ENOMEM;
    memset(keys, 0, sizeof(*keys));
    *geometry = (struct blkfront_geometry){0};
    *transport = (struct blkfront_transport){0};
    for (unsigned i = 0; i < DISK_KEYS; i++)
        keys_want(keys, bf->front.backend, disk_keys[i]);
    int error = keys_read(keys);
    if (!error)
        error = take_size(bf, keys, geometry);
    if (!error)
        take_features(bf, keys, geometry, transport);
    port_free(keys);
    return error;
}
