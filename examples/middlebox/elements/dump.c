/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FromDump, ToDump: pcap files. As Click's, without SAMPLE, FORCE_IP, the START/END family, FILEPOS
 * and compressed files (use IPClassifier, RandomSwitch and the like), and without USE_ENCAP_FROM.
 *
 * Nothing in a file is believed: a record longer than PACKET_BYTES_MAX, or that ends early, ends
 * the file with a message.
 */
#include "../engine/element.h"
#include "../engine/net.h"

#define PACKET_BYTES_MAX 65535

struct dump {
    struct element e;
    struct str filename;
    struct port_file *file;
    bool swapped, nano, stop, timing, active;
    struct call *end_call;
    uint32_t snaplen;
    uint8_t encap;
    bool extra_length, ignored;
    uint64_t count, offset;
    uint64_t first_ns, start_ns; /* TIMING: of the first packet, in the file and now */
    struct packet *next;         /* read, but not due */
    struct timer timer;
};

#define MAGIC_MICRO 0xa1b2c3d4u
#define MAGIC_NANO  0xa1b23c4du

static const char *const encap_words[] = {"ETHER", "IP", "NULL", NULL};
static const uint8_t encap_types[] = {1, 12, 0};

static uint32_t field32(const struct dump *d, const uint8_t *p)
{
    uint32_t v = get_raw32(p);

    return d->swapped ? host_to_be32(v) : v;
}

/* ---- FromDump ---- */

static bool read_all(struct dump *d, void *buf, size_t len)
{
    size_t have = 0;

    while (have < len) {
        long n = port_file_read(d->file, (char *)buf + have, len - have);

        if (n <= 0 || (size_t)n > len - have)
            return false;
        have += (size_t)n;
    }
    d->offset += len;
    return true;
}

static int from_initialize(struct element *e, struct errs *errs)
{
    struct dump *d = (struct dump *)e;
    uint8_t h[24];
    uint32_t magic, network;

    d->file = port_file_open(d->filename.s, false);
    if (!d->file)
        return errs_at(errs, e->pos, "cannot open '%s'", d->filename.s);
    if (!read_all(d, h, sizeof(h)))
        return errs_at(errs, e->pos, "'%s' is no pcap file: it is too short", d->filename.s);
    magic = get_raw32(h);
    d->swapped = magic == host_to_be32(MAGIC_MICRO) || magic == host_to_be32(MAGIC_NANO);
    magic = field32(d, h);
    d->nano = magic == MAGIC_NANO;
    if (magic != MAGIC_MICRO && magic != MAGIC_NANO)
        return errs_at(errs, e->pos, "'%s' is no pcap file", d->filename.s);
    network = field32(d, h + 20) & 0x0fffffff;
    d->encap = 255;
    for (size_t i = 0; i < sizeof(encap_types); i++) {
        if (network == encap_types[i] || (encap_types[i] == 12 && network == 101))
            d->encap = (uint8_t)i;
    }
    if (d->encap == 255)
        return errs_at(errs, e->pos, "'%s': link type %lu is not supported", d->filename.s,
                       (unsigned long)network);
    return 0;
}

static void dump_close(struct element *e)
{
    struct dump *d = (struct dump *)e;

    packet_kill_batch(d->next);
    d->next = NULL;
    if (d->file)
        port_file_close(d->file);
    d->file = NULL;
}

/* The next packet of the file; NULL at its end, or when it is damaged. */
static struct packet *read_packet(struct dump *d)
{
    uint8_t h[16];
    uint32_t len, original;
    struct packet *p;
    long n;

    if (!d->file)
        return NULL;
    n = port_file_read(d->file, h, 1);
    if (n != 1)
        return NULL; /* a proper end */
    d->offset++;
    if (!read_all(d, h + 1, sizeof(h) - 1))
        goto damaged;
    len = field32(d, h + 8);
    original = field32(d, h + 12);
    if (len > PACKET_BYTES_MAX)
        goto damaged;
    p = packet_new(PACKET_HEADROOM, len);
    if (!p) {
        element_log(&d->e, "no memory for a packet of %lu bytes", (unsigned long)len);
        return NULL;
    }
    if (!read_all(d, p->data, len)) {
        packet_kill(p);
        goto damaged;
    }
    p->extra_len = original > len ? original - len : 0;
    p->time_ns = field32(d, h) * NSEC_PER_SEC + field32(d, h + 4) * (d->nano ? 1ull : 1000ull);
    if (d->encap == 0) {
        p->mac = p->data;
        if (len >= ETHER_LEN)
            p->type = ether_packet_type(p->data, p->data);
    } else if (d->encap == 1) {
        p->net = p->data;
    }
    return p;
damaged:
    element_log(&d->e, "'%s' is damaged at byte %llu", d->filename.s,
                (unsigned long long)d->offset);
    return NULL;
}

static void wake(struct element *e, struct timer *t)
{
    (void)t;
    task_wake(e);
    element_wake_pullers(e);
}

/* The next packet if it is due. */
static struct packet *due_packet(struct dump *d)
{
    struct packet *p;
    uint64_t since, now = now_ns(&d->e);

    if (!d->active)
        return NULL;
    if (!d->next)
        d->next = read_packet(d);
    p = d->next;
    if (!p) {
        d->active = false;
        if (d->file)
            dump_close(&d->e);
        if (d->stop)
            router_stop(d->e.router);
        else if (d->end_call)
            call_run(d->end_call, &d->e);
        return NULL;
    }
    if (d->timing) {
        if (!d->start_ns) {
            d->start_ns = now;
            d->first_ns = p->time_ns;
        }
        since = p->time_ns > d->first_ns ? p->time_ns - d->first_ns : 0;
        if (since > now - d->start_ns) {
            timer_set(&d->timer, &d->e, wake, d->start_ns + since);
            return NULL;
        }
    }
    d->next = NULL;
    d->count++;
    return p;
}

static struct packet *from_pull(struct element *e, unsigned port, unsigned max)
{
    struct packet *batch = NULL, **tail = &batch;

    (void)port;
    while (max-- && (*tail = due_packet((struct dump *)e)))
        tail = &(*tail)->next;
    return batch;
}

static bool from_run(struct element *e)
{
    struct packet *batch =
        output_is_push(e, 0) && !element_stores_full(e) ? from_pull(e, 0, BURST) : NULL;

    if (batch)
        element_push(e, 0, batch);
    return batch;
}

static int read_encap(struct hcall *c)
{
    text_addf(c->out, "%s", encap_words[((struct dump *)c->e)->encap]);
    return 0;
}

static void from_changed(struct element *e)
{
    wake(e, NULL);
}

static int write_timing(struct hcall *c)
{
    ((struct dump *)c->e)->start_ns = 0;
    wake(c->e, NULL);
    return 0;
}

static int write_stop(struct hcall *c)
{
    ((struct dump *)c->e)->active = false;
    router_stop(c->router);
    return 0;
}

static const struct field from_fields[] = {
    FIELD(struct dump, filename, "FILENAME", T_STR, F_POS | F_REQ | F_RD),
    FIELD(struct dump, timing, "TIMING", T_BOOL, F_POS),
    FIELD(struct dump, stop, "STOP", T_BOOL, F_KEY),
    FIELD(struct dump, active, "ACTIVE", T_BOOL, F_KEY | F_RW, .def = 1),
    FIELD(struct dump, end_call, "END_CALL", T_CALL, F_KEY),
    FIELD(struct dump, ignored, "MMAP", T_BOOL, F_KEY),
    FIELD(struct dump, count, "COUNT", T_U64, F_RD | F_ZERO),
    FIELD(struct dump, offset, "FILEPOS", T_U64, F_RD),
    {0},
};

static const struct handler from_handlers[] = {
    {.name = "encap", .read = read_encap},
    {.name = "reset_timing", .write = write_timing},
    {.name = "stop", .write = write_stop},
    {0},
};

const struct element_class class_FromDump = {
    .name = "FromDump",
    .ports = "0/1",
    .processing = "a/a",
    .size = sizeof(struct dump),
    .flags = CLASS_WAITS,
    .fields = from_fields,
    .handlers = from_handlers,
    .initialize = from_initialize,
    .cleanup = dump_close,
    .changed = from_changed,
    .pull = from_pull,
    .run = from_run,
};

/* ---- ToDump ---- */

static int to_initialize(struct element *e, struct errs *errs)
{
    struct dump *d = (struct dump *)e;
    uint32_t h[6] = {d->nano ? MAGIC_NANO : MAGIC_MICRO,         2 | 4 << 16,          0, 0,
                     d->snaplen ? d->snaplen : PACKET_BYTES_MAX, encap_types[d->encap]};

    d->file = port_file_open(d->filename.s, true);
    if (!d->file || port_file_write(d->file, h, sizeof(h)) != 0)
        return errs_at(errs, e->pos, "cannot write '%s'", d->filename.s);
    return 0;
}

static void write_packet(struct dump *d, const struct packet *p)
{
    uint32_t len = d->snaplen && p->len > d->snaplen ? d->snaplen : p->len;
    uint32_t h[4] = {(uint32_t)(p->time_ns / NSEC_PER_SEC),
                     (uint32_t)(p->time_ns % NSEC_PER_SEC / (d->nano ? 1 : 1000)), len,
                     p->len + (d->extra_length ? p->extra_len : 0)};

    if (!d->file)
        return;
    if (port_file_write(d->file, h, sizeof(h)) != 0 ||
        port_file_write(d->file, p->data, len) != 0) {
        element_log(&d->e, "cannot write '%s': no more packets", d->filename.s);
        dump_close(&d->e);
        return;
    }
    d->count++;
}

static void to_push(struct element *e, unsigned port, struct packet *batch)
{
    (void)port;
    for (struct packet *p = batch; p; p = p->next)
        write_packet((struct dump *)e, p);
    if (e->n_out)
        element_push(e, 0, batch);
    else
        packet_kill_batch(batch);
}

static struct packet *to_pull(struct element *e, unsigned port, unsigned max)
{
    struct packet *batch = element_pull(e, 0, max);

    (void)port;
    for (struct packet *p = batch; p; p = p->next)
        write_packet((struct dump *)e, p);
    return batch;
}

static bool to_run(struct element *e)
{
    struct packet *batch;

    if (e->n_out || input_is_push(e, 0))
        return false;
    batch = element_pull(e, 0, BURST);
    if (batch)
        to_push(e, 0, batch);
    return batch;
}

static const struct field to_fields[] = {
    FIELD(struct dump, filename, "FILENAME", T_STR, F_POS | F_REQ | F_RD),
    FIELD(struct dump, snaplen, "SNAPLEN", T_U32, F_POS, .def = 2000),
    FIELD(struct dump, encap, "ENCAP", T_WORD, F_POS, .words = encap_words),
    FIELD(struct dump, extra_length, "EXTRA_LENGTH", T_BOOL, F_KEY, .def = 1),
    FIELD(struct dump, nano, "NANO", T_BOOL, F_KEY),
    FIELD(struct dump, ignored, "UNBUFFERED", T_BOOL, F_KEY),
    FIELD(struct dump, count, "COUNT", T_U64, F_RD | F_ZERO),
    {0},
};

const struct element_class class_ToDump = {
    .name = "ToDump",
    .ports = "1/0-1",
    .processing = "a/a",
    .size = sizeof(struct dump),
    .fields = to_fields,
    .initialize = to_initialize,
    .cleanup = dump_close,
    .push = to_push,
    .pull = to_pull,
    .run = to_run,
};
