/* SPDX-License-Identifier: BSD-2-Clause */
/* An interface's life: the handshake with netback, and its end. */
#include <sprat/netfront.h>

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <xen/io/xenbus.h>

#include <sprat/clock.h>
#include <sprat/compiler.h>
#include <sprat/keys.h>

#include "queue.h"

#define RX_BUFFERS_DEFAULT 64
#define MTU_DEFAULT        1500
#define MTU_MIN            68           /* RFC 791 */
#define MTU_MAX            (65535 - 18) /* what a request tells, but for Ethernet and VLAN */

static struct netfront *netfront_of(struct front *front)
{
    return CONTAINER_OF(front, struct netfront, front);
}

/* For those who wait for any interface. */
static struct {
    struct port_queue waiting;
    bool event;
} any;

void netfront_wake_any(void)
{
    any.event = true;
    port_wake(&any.waiting);
}

void netfront_signal(struct netfront *nf)
{
    nf->event = true;
    port_wake(&nf->waiting);
    netfront_wake_any();
    if (nf->on_change)
        nf->on_change(nf->arg);
}

/* What the backend offers */

enum backend_key {
    KEY_SG,
    KEY_GSO_TCPV4,
    KEY_GSO_TCPV6,
    KEY_IPV6_CSUM,
    KEY_RX_COPY,
    KEY_SPLIT,
    KEY_QUEUES,
    KEY_MULTICAST,
    KEY_MULTICAST_ANY_TIME,
    BACKEND_KEYS,
};

static const char *const backend_keys[BACKEND_KEYS] = {
    [KEY_SG] = "feature-sg",
    [KEY_GSO_TCPV4] = "feature-gso-tcpv4",
    [KEY_GSO_TCPV6] = "feature-gso-tcpv6",
    [KEY_IPV6_CSUM] = "feature-ipv6-csum-offload",
    [KEY_RX_COPY] = "feature-rx-copy",
    [KEY_SPLIT] = "feature-split-event-channels",
    [KEY_QUEUES] = "multi-queue-max-queues",
    [KEY_MULTICAST] = "feature-multicast-control",
    [KEY_MULTICAST_ANY_TIME] = "feature-dynamic-multicast-control",
};

static bool parse_mac(const char *text, uint8_t mac[6])
{
    for (int i = 0; i < 6; i++) {
        unsigned byte = 0;
        for (int digit = 0; digit < 2; digit++, text++) {
            static const char digits[] = "0123456789abcdef";
            const char *at = *text ? strchr(digits, *text | (*text >= 'A' ? 0x20 : 0)) : NULL;
            if (!at)
                return false;
            byte = byte << 4 | (unsigned)(at - digits);
        }
        mac[i] = (uint8_t)byte;
        if (*text++ != (i < 5 ? ':' : '\0'))
            return false;
    }
    return true;
}

static int read_features(struct netfront *nf, struct keys *keys)
{
    struct netfront_features *features = &nf->features;
    bool offload = !nf->config.no_offload;

    for (unsigned i = 0; i < BACKEND_KEYS; i++)
        keys_want(keys, nf->front.backend, backend_keys[i]);
    struct xenstore_item *mac = keys_want(keys, nf->front.path, "mac");
    struct xenstore_item *mtu = keys_want(keys, nf->front.path, "mtu");
    int error = keys_read(keys);
    if (error)
        return error;

    uint64_t number[BACKEND_KEYS];
    for (unsigned i = 0; i < BACKEND_KEYS; i++)
        number[i] = keys_number(&keys->items[i], 0);
    if (!keys_is_text(mac) || !parse_mac(mac->value, features->mac)) {
        port_log("%s: its MAC address is missing or not of the form 00:16:3e:xx:xx:xx",
                 nf->front.path);
        return -EINVAL;
    }
    if (!number[KEY_RX_COPY]) {
        port_log("%s: the backend can't copy (feature-rx-copy); no other way is supported",
                 nf->front.path);
        return -EPROTO;
    }
    features->sg = offload && number[KEY_SG];
    uint64_t mtu_bytes = keys_number(mtu, MTU_DEFAULT), mtu_max = MTU_DEFAULT;
    if (features->sg)
        mtu_max = MTU_MAX; /* larger frames need more than one piece */
    features->mtu =
        mtu_bytes >= MTU_MIN && mtu_bytes <= mtu_max ? (unsigned)mtu_bytes : MTU_DEFAULT;
    features->gso_tcpv4 = features->sg && number[KEY_GSO_TCPV4];
    features->gso_tcpv6 = features->sg && number[KEY_GSO_TCPV6];
    features->csum_ipv4 = offload;
    features->csum_ipv6 = offload && number[KEY_IPV6_CSUM];
    features->multicast =
        nf->config.multicast &&
        netfront_multicast_offered(number[KEY_MULTICAST], number[KEY_MULTICAST_ANY_TIME]);
    nf->split_channels = number[KEY_SPLIT];
    nf->n_queues = number[KEY_QUEUES] < nf->config.queues_max ? (unsigned)number[KEY_QUEUES]
                                                              : nf->config.queues_max;
    if (nf->n_queues < 1)
        nf->n_queues = 1;
    features->n_queues = nf->n_queues;
    return 0;
}

/* What we offer */

static void put_queue(struct netfront *nf, struct keys *keys, const char *folder,
                      const struct netfront_queue *queue)
{
    keys_put_number(keys, folder, "tx-ring-ref", queue->tx_ref);
    keys_put_number(keys, folder, "rx-ring-ref", queue->rx_ref);
    if (nf->split_channels) {
        keys_put_number(keys, folder, "event-channel-tx", queue->tx_channel.port);
        keys_put_number(keys, folder, "event-channel-rx", queue->rx_channel.port);
    } else {
        keys_put_number(keys, folder, "event-channel", queue->tx_channel.port);
    }
}

/* With more than one queue, each has a folder, and the top one none of these keys. */
static void put_queues(struct netfront *nf, struct keys *keys)
{
    /* Also for one: the backend before may have had more. */
    keys_put_number(keys, nf->front.path, "multi-queue-num-queues", nf->n_queues);
    if (nf->n_queues == 1) {
        put_queue(nf, keys, nf->front.path, &nf->queues[0]);
        return;
    }
    for (unsigned i = 0; i < nf->n_queues; i++) {
        char folder[KEYS_PATH_BYTES], queue[] = "queue-0";
        static_assert(NETFRONT_QUEUES_MAX <= 10, "one digit");
        queue[sizeof(queue) - 2] = (char)('0' + i);
        xenstore_join(folder, sizeof(folder), nf->front.path, queue);
        put_queue(nf, keys, folder, &nf->queues[i]);
    }
}

static int write_offer(struct netfront *nf, struct keys *keys)
{
    const char *path = nf->front.path;
    bool offload = !nf->config.no_offload;

    keys_put_number(keys, path, "request-rx-copy", 1);
    keys_put_number(keys, path, "feature-rx-notify", 1);
    keys_put_number(keys, path, "feature-sg", offload);
    keys_put_number(keys, path, "feature-gso-tcpv4", offload);
    keys_put_number(keys, path, "feature-gso-tcpv6", offload);
    keys_put_number(keys, path, "feature-no-csum-offload", !offload);
    keys_put_number(keys, path, "feature-ipv6-csum-offload", offload);
    if (nf->config.multicast)
        keys_put_number(keys, path, NETFRONT_MULTICAST_KEY, nf->features.multicast);
    put_queues(nf, keys);
    return keys_write(keys);
}

static int publish(struct front *front, struct keys *keys)
{
    struct netfront *nf = netfront_of(front);

    int error = read_features(nf, keys);
    for (unsigned i = 0; i < nf->n_queues && !error; i++)
        error = netfront_queue_init(nf, &nf->queues[i]);
    return error ? error : write_offer(nf, keys);
}

static int connected(struct front *front)
{
    struct netfront *nf = netfront_of(front);

    nf->connected = true;
    nf->stats.connections++;
    return 0;
}

static void disconnect(struct front *front)
{
    netfront_of(front)->connected = false;
}

static bool attached(struct front *front)
{
    const struct netfront *nf = netfront_of(front);

    for (unsigned i = 0; i < nf->n_queues; i++)
        if (!netfront_queue_attached(&nf->queues[i]))
            return false;
    return true;
}

static bool release(struct front *front, bool last)
{
    struct netfront *nf = netfront_of(front);
    bool all = true;

    for (unsigned i = 0; i < nf->n_queues; i++)
        if (nf->queues[i].nf && !netfront_queue_revoke(&nf->queues[i]))
            all = false;
    if (!all && !last)
        return false;
    for (unsigned i = 0; i < nf->n_queues; i++)
        if (nf->queues[i].nf)
            netfront_queue_free(&nf->queues[i]);
    nf->n_queues = 0;
    return true;
}

static void errand(struct front *front)
{
    netfront_multicast_tell(netfront_of(front));
}

static void changed(struct front *front)
{
    netfront_signal(netfront_of(front));
}

static const struct front_driver driver = {
    .kind = "vif",
    .published = XenbusStateConnected,
    .publish = publish,
    .connected = connected,
    .disconnect = disconnect,
    .attached = attached,
    .release = release,
    .changed = changed,
    .errand = errand,
};

/* For the user */

int netfront_list(unsigned *numbers, size_t max)
{
    return front_list(driver.kind, numbers, max);
}

int netfront_open(unsigned number, const struct netfront_config *config, void (*on_change)(void *),
                  void *arg, struct netfront **opened)
{
    struct netfront *nf = port_alloc(sizeof(*nf));

    if (!nf)
        return -ENOMEM;
    memset(nf, 0, sizeof(*nf));
    if (config)
        nf->config = *config;
    if (!nf->config.rx_buffers)
        nf->config.rx_buffers = RX_BUFFERS_DEFAULT;
    if (!nf->config.queues_max)
        nf->config.queues_max = 1;
    if (nf->config.queues_max > NETFRONT_QUEUES_MAX)
        nf->config.queues_max = NETFRONT_QUEUES_MAX;
    nf->on_change = on_change;
    nf->arg = arg;
    int error = front_open(&nf->front, &driver, number);
    if (error) {
        port_free(nf);
        return error;
    }
    *opened = nf;
    return 0;
}

void netfront_close(struct netfront *nf)
{
    nf->on_change = NULL;
    front_close(&nf->front, clock_monotonic() + FRONT_LET_GO_NS);
    port_free(nf);
}

enum netfront_link netfront_link(const struct netfront *nf)
{
    if (nf->front.state == FRONT_GONE)
        return NETFRONT_GONE;
    return nf->connected ? NETFRONT_UP : NETFRONT_DOWN;
}

const struct netfront_features *netfront_features(const struct netfront *nf)
{
    return &nf->features;
}

const struct netfront_stats *netfront_stats(const struct netfront *nf)
{
    return &nf->stats;
}

static int wait_for(struct port_queue *waiting, bool *event, uint64_t deadline_ns)
{
    int error = 0;

    while (!*event && !error)
        error = port_wait(waiting, deadline_ns);
    *event = false;
    return error;
}

int netfront_wait(struct netfront *nf, uint64_t deadline_ns)
{
    return wait_for(&nf->waiting, &nf->event, deadline_ns);
}

int netfront_wait_any(uint64_t deadline_ns)
{
    return wait_for(&any.waiting, &any.event, deadline_ns);
}
