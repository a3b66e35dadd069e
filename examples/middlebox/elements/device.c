/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FromDevice (also as PollDevice) and ToDevice: packets from and to a network device. As Click's,
 * with these differences: arguments about how the host captures packets (METHOD, SNIFFER, ...) are
 * accepted and mean nothing, since the device is ours alone; FORCE_IP knows IPv4 only; ToDevice has
 * no outputs.
 */
#include "../engine/element.h"
#include "../engine/net.h"
#include "../engine/router.h"

struct device {
    struct element e;
    struct str name;
    struct port_dev *dev;
    uint32_t burst;
    bool timestamp, listening, active;
    bool force_ip;
    uint16_t protocol; /* 0: any */
    uint64_t count, bytes, drops;
    /* accepted and not used */
    bool ignored_flag;
    uint32_t ignored_number;
    struct str ignored;
};

static void wake(void *arg)
{
    task_wake(arg);
}

static int device_configure(struct element *e, struct conf *c)
{
    struct device *d = (struct device *)e;
    const char *why = NULL;

    d->dev = port_dev_find(d->name.s, &why);
    if (!d->dev)
        return conf_error(c, (struct str){NULL, 0}, "there is no device '%s'%s%s", d->name.s,
                          why ? ": " : "", why ? why : "");
    if (!d->burst)
        d->burst = BURST;
    return 0;
}

/* Only one element may take packets from a device: they could not share them. */
static int fromdevice_initialize(struct element *e, struct errs *errs)
{
    for (unsigned i = 0; i < e->router->n_elems; i++) {
        struct element *o = e->router->elems[i];

        if (o == e)
            break;
        if (o->cls == e->cls && ((struct device *)o)->dev == ((struct device *)e)->dev)
            return errs_at(errs, e->pos, "'%s' reads from this device already", o->name);
    }
    return 0;
}

static bool receives(const struct element *e)
{
    return e->n_out;
}

/* Only now: until it starts, another configuration may be running on the same device. */
static void device_start(struct element *e)
{
    struct device *d = (struct device *)e;

    port_dev_listen(d->dev, receives(e), wake, e);
    d->listening = true;
}

static void device_cleanup(struct element *e)
{
    struct device *d = (struct device *)e;

    if (d->listening)
        port_dev_listen(d->dev, receives(e), NULL, NULL);
}

/* FORCE_IP and PROTOCOL: what they don't want is dropped. Marks IP headers. */
static struct packet *only_wanted(const struct device *d, struct packet *batch)
{
    struct packet *first = NULL, **tail = &first;

    while (batch) {
        struct packet *p = batch;
        uint16_t type = p->len < ETHER_LEN ? 0 : be16_to_host(((struct ether_hdr *)p->data)->type);

        batch = p->next;
        p->next = NULL;
        if ((d->protocol && type != d->protocol) ||
            (d->force_ip && (type != ETHERTYPE_IP || !packet_mark_ip(p, ETHER_LEN)))) {
            packet_kill(p);
            continue;
        }
        *tail = p;
        tail = &p->next;
    }
    return first;
}

static bool fromdevice_run(struct element *e)
{
    struct device *d = (struct device *)e;
    struct packet *batch = likely(d->active) ? port_dev_rx(d->dev, d->burst) : NULL;
    const uint8_t *own = port_dev_mac(d->dev);
    uint64_t wall;

    if (!batch)
        return false;
    wall = d->timestamp ? port_wall_ns() : 0;
    for (struct packet *p = batch; p; p = p->next) {
        d->count++;
        d->bytes += p->len;
        p->time_ns = wall;
        p->mac = p->data;
        if (p->len >= ETHER_LEN)
            p->type = ether_packet_type(p->data, own);
    }
    if (unlikely(d->force_ip || d->protocol))
        batch = only_wanted(d, batch);
    if (likely(batch))
        element_push(e, 0, batch);
    return true;
}

static bool todevice_run(struct element *e)
{
    struct device *d = (struct device *)e;
    unsigned room = port_dev_tx_room(d->dev);
    struct packet *batch;

    if (!room)
        return false;
    batch = element_pull(e, 0, room < d->burst ? room : d->burst);
    if (!batch)
        return false;
    for (struct packet *p = batch; p; p = p->next) {
        d->count++;
        d->bytes += p->len;
    }
    d->drops += port_dev_tx(d->dev, batch);
    return true;
}

/* Interfaces have frames of Ethernet, and nobody tells how many the backend drops. */
static int read_fact(struct hcall *c)
{
    text_addf(c->out, c->code ? "??" : "ETHER");
    return 0;
}

static const struct field from_fields[] = {
    FIELD(struct device, name, "DEVNAME", T_STR, F_POS | F_REQ),
    FIELD(struct device, ignored_flag, "PROMISC", T_BOOL, F_POS),
    FIELD(struct device, ignored_number, "SNAPLEN", T_U32, F_POS),
    FIELD(struct device, burst, "BURST", T_U32, F_KEY, .max = 4096),
    FIELD(struct device, active, "ACTIVE", T_BOOL, F_KEY | F_RW, .def = 1),
    FIELD(struct device, timestamp, "TIMESTAMP", T_BOOL, F_KEY, .def = 1),
    FIELD(struct device, ignored_flag, "SNIFFER", T_BOOL, F_KEY),
    FIELD(struct device, ignored_flag, "OUTBOUND", T_BOOL, F_KEY),
    FIELD(struct device, force_ip, "FORCE_IP", T_BOOL, F_KEY),
    FIELD(struct device, protocol, "PROTOCOL", T_U16, F_KEY),
    FIELD(struct device, ignored, "METHOD", T_RAW, F_KEY),
    FIELD(struct device, ignored, "CAPTURE", T_RAW, F_KEY),
    FIELD(struct device, ignored, "ENCAP", T_RAW, F_KEY),
    FIELD(struct device, ignored_number, "HEADROOM", T_U32, F_KEY),
    FIELD(struct device, ignored_number, "LENGTH", T_U32, F_KEY),
    FIELD(struct device, ignored_flag, "QUIET", T_BOOL, F_KEY),
    FIELD(struct device, count, "COUNT", T_U64, F_RD | F_ZERO),
    FIELD(struct device, bytes, "BYTE_COUNT", T_U64, F_RD | F_ZERO),
    {0},
};

static const struct handler from_handlers[] = {
    {.name = "encap", .read = read_fact},
    {.name = "kernel_drops", .read = read_fact, .code = 1},
    {.name = NULL},
};

static const struct field to_fields[] = {
    FIELD(struct device, name, "DEVNAME", T_STR, F_POS | F_REQ),
    FIELD(struct device, burst, "BURST", T_U32, F_POS, .max = 4096),
    FIELD(struct device, ignored, "METHOD", T_RAW, F_KEY),
    FIELD(struct device, ignored_flag, "DEBUG", T_BOOL, F_KEY),
    FIELD(struct device, ignored_flag, "QUIET", T_BOOL, F_KEY),
    FIELD(struct device, count, "COUNT", T_U64, F_RD | F_ZERO),
    FIELD(struct device, bytes, "BYTE_COUNT", T_U64, F_RD | F_ZERO),
    FIELD(struct device, drops, "DROPS", T_U64, F_RD | F_ZERO),
    {0},
};

const struct element_class class_FromDevice = {
    .name = "FromDevice",
    .ports = "0/1",
    .processing = "h/h",
    .size = sizeof(struct device),
    .fields = from_fields,
    .handlers = from_handlers,
    .changed = task_wake,
    .configure = device_configure,
    .extra = EXTRA(.start = device_start, .initialize = fromdevice_initialize),
    .cleanup = device_cleanup,
    .run = fromdevice_run,
};

const struct element_class class_ToDevice = {
    .name = "ToDevice",
    .ports = "1/0",
    .processing = "l/h",
    .size = sizeof(struct device),
    .extra = EXTRA(.start = device_start),
    .fields = to_fields,
    .configure = device_configure,
    .cleanup = device_cleanup,
    .run = todevice_run,
};
