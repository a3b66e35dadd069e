/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FromDump: packets of a pcap file. As Click's, without compressed files; a file's size is not
 * known (filesize is "-"), and FORCE_IP knows IPv4 only.
 *
 * Nothing in a file is believed: a record longer than DUMP_PACKET_MAX, or that ends early, ends
 * the file with a message.
 */
#include "../engine/element.h"
#include "../engine/net.h"
#include "dump.h"

#define SKIPPED_MAX 256 /* packets that one call passes over: others want to run, too */

struct dump {
    struct element e;
    struct str filename;
    struct port_file *file;
    bool swapped, nano, stop, timing, active, ignored;
    struct call *end_call;
    uint8_t encap;
    uint64_t count, offset;
    uint64_t first_ns, start_ns; /* TIMING: of the first packet, in the file and now */
    struct packet *next;         /* read, but not due */
    struct timer timer;
    /* Which packets; 0 is no limit. */
    uint32_t sample; /* the share of them, in 1/65536 */
    bool force_ip, begun;
    uint64_t from_ns, until_ns;             /* of their timestamps */
    uint64_t from_after_ns, until_after_ns; /* since the first of the file */
    uint64_t interval_ns;                   /* since the first that was let out */
    uint64_t next_offset, packet_offset;    /* where `next`, and the last one let out, begin */
};

const char *const dump_encap_words[] = {"ETHER", "IP", "NULL", NULL};
const uint8_t dump_encap_types[DUMP_ENCAPS] = {1, 12, 0};

static uint32_t field32(const struct dump *d, const uint8_t *p)
{
    uint32_t v = get_raw32(p);

    return d->swapped ? host_to_be32(v) : v;
}

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

static void dump_close(struct element *e)
{
    struct dump *d = (struct dump *)e;

    packet_kill_batch(d->next);
    d->next = NULL;
    if (d->file)
        port_file_close(d->file);
    d->file = NULL;
}

/* Go on at a byte of the file. A file can only be read forwards. */
static bool go_to(struct dump *d, uint64_t offset)
{
    uint8_t skipped[64];

    dump_close(&d->e);
    d->offset = 0;
    d->file = port_file_open(d->filename.s, false);
    while (d->file && d->offset < offset) {
        uint64_t left = offset - d->offset;

        if (!read_all(d, skipped, left < sizeof(skipped) ? (size_t)left : sizeof(skipped)))
            return false;
    }
    return d->file;
}

static int from_configure(struct element *e, struct conf *c)
{
    struct dump *d = (struct dump *)e;

    if (d->stop && d->end_call)
        return conf_error(c, (struct str){NULL, 0}, "END_CALL and STOP exclude each other");
    if (d->from_ns && d->from_after_ns)
        return conf_error(c, (struct str){NULL, 0}, "START and START_AFTER exclude each other");
    if (!!d->until_ns + !!d->until_after_ns + !!d->interval_ns > 1)
        return conf_error(c, (struct str){NULL, 0},
                          "END, END_AFTER and INTERVAL exclude each other");
    return 0;
}

static int from_initialize(struct element *e, struct errs *errs)
{
    struct dump *d = (struct dump *)e;
    uint64_t offset = d->offset; /* FILEPOS */
    uint8_t h[DUMP_HEADER_BYTES];
    uint32_t magic, network;

    if (!go_to(d, 0))
        return errs_at(errs, e->pos, "cannot open '%s'", d->filename.s);
    if (!read_all(d, h, sizeof(h)))
        return errs_at(errs, e->pos, "'%s' is no pcap file: it is too short", d->filename.s);
    magic = get_raw32(h);
    d->swapped = magic == host_to_be32(DUMP_MAGIC_MICRO) || magic == host_to_be32(DUMP_MAGIC_NANO);
    magic = field32(d, h);
    d->nano = magic == DUMP_MAGIC_NANO;
    if (magic != DUMP_MAGIC_MICRO && magic != DUMP_MAGIC_NANO)
        return errs_at(errs, e->pos, "'%s' is no pcap file", d->filename.s);
    network = field32(d, h + 20) & 0x0fffffff;
    d->encap = 255;
    for (unsigned i = 0; i < DUMP_ENCAPS; i++) {
        if (network == dump_encap_types[i] || (i == DUMP_IP && network == 101))
            d->encap = (uint8_t)i;
    }
    if (d->encap == 255)
        return errs_at(errs, e->pos, "'%s': link type %lu is not supported", d->filename.s,
                       (unsigned long)network);
    if (offset && !go_to(d, offset))
        return errs_at(errs, e->pos, "'%s' has no byte %llu", d->filename.s,
                       (unsigned long long)offset);
    return 0;
}

/* The next packet of the file; NULL at its end, or when it is damaged. */
static struct packet *read_packet(struct dump *d)
{
    uint8_t h[DUMP_RECORD_BYTES];
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
    if (len > DUMP_PACKET_MAX)
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
    if (d->encap == DUMP_ETHER) {
        p->mac = p->data;
        if (len >= ETHER_LEN)
            p->type = ether_packet_type(p->data, p->data);
    } else if (d->encap == DUMP_IP) {
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

/* FORCE_IP: note where the IP header is. */
static bool find_ip(const struct dump *d, struct packet *p)
{
    static const uint8_t header_bytes[DUMP_ENCAPS] = {ETHER_LEN, 0, 4};
    uint32_t n = header_bytes[d->encap];

    if (d->encap == DUMP_ETHER &&
        (p->len < n || ((struct ether_hdr *)p->data)->type != host_to_be16(ETHERTYPE_IP)))
        return false;
    return packet_mark_ip(p, n);
}

/* Does the packet pass what was asked for? If not, it is gone. */
static bool select_packet(struct dump *d, struct packet *p)
{
    bool wanted = p->time_ns >= d->from_ns && (port_random() & 0xffff) < d->sample;

    if (wanted && (!d->force_ip || find_ip(d, p)))
        return true;
    if (wanted)
        element_push_or_kill(&d->e, 1, p);
    else
        packet_kill(p);
    return false;
}

/* Read on to the next packet that is wanted. False: the file ends. */
static bool find_next(struct dump *d)
{
    for (unsigned n = 0; !d->next; n++) {
        uint64_t offset = d->offset;
        struct packet *p;

        if (n == SKIPPED_MAX) {
            wake(&d->e, NULL);
            return true;
        }
        p = read_packet(d);
        if (!p)
            return false;
        if (!d->begun) {
            d->begun = true;
            if (d->from_after_ns)
                d->from_ns = p->time_ns + d->from_after_ns;
            if (d->until_after_ns)
                d->until_ns = p->time_ns + d->until_after_ns;
        }
        if (select_packet(d, p)) {
            d->next = p;
            d->next_offset = offset;
        }
    }
    return true;
}

/* There is nothing more to read, or END is reached: then more may be asked for. */
static void finish(struct dump *d)
{
    d->active = false;
    if (!d->next && d->file)
        dump_close(&d->e);
    if (d->stop)
        router_stop(d->e.router);
    else if (d->end_call)
        call_run(d->end_call, &d->e);
}

/* The next packet if it is due. */
static struct packet *due_packet(struct dump *d)
{
    struct packet *p;
    uint64_t since, now = now_ns(&d->e);

    if (!d->active)
        return NULL;
    if (!find_next(d) || (d->next && d->until_ns && d->next->time_ns >= d->until_ns)) {
        finish(d);
        return NULL;
    }
    p = d->next;
    if (!p)
        return NULL;
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
    if (d->interval_ns) {
        d->until_ns = p->time_ns + d->interval_ns;
        d->interval_ns = 0;
    }
    d->next = NULL;
    d->packet_offset = d->next_offset;
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

/* Packets that come when they came then find a full Queue as they would have; others wait. */
static bool from_run(struct element *e)
{
    unsigned room = ((struct dump *)e)->timing ? BURST : element_stores_room(e);
    struct packet *batch =
        output_is_push(e, 0) ? from_pull(e, 0, room < BURST ? room : BURST) : NULL;

    if (batch)
        element_push(e, 0, batch);
    return batch;
}

static int read_encap(struct hcall *c)
{
    text_addf(c->out, "%s", dump_encap_words[((struct dump *)c->e)->encap]);
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

/* More seconds until END. */
static int write_extend(struct hcall *c)
{
    struct dump *d = (struct dump *)c->e;
    uint64_t more_ns;

    if (!value_time(c->arg, NSEC_PER_SEC, &more_ns) || more_ns > UINT64_MAX - d->until_ns)
        return errs_at(c->errs, 0, "expected a time");
    if (d->until_ns)
        d->until_ns += more_ns;
    d->active = true;
    wake(c->e, NULL);
    return 0;
}

static int read_filepos(struct hcall *c)
{
    const struct dump *d = (const struct dump *)c->e;

    text_addf(c->out, "%llu", (unsigned long long)(d->next ? d->next_offset : d->offset));
    return 0;
}

static int write_filepos(struct hcall *c)
{
    struct dump *d = (struct dump *)c->e;
    uint64_t offset;

    if (!value_uint(c->arg, &offset) || offset < DUMP_HEADER_BYTES || !go_to(d, offset))
        return errs_at(c->errs, 0, "expected a place in the file, from byte 24");
    wake(c->e, NULL);
    return 0;
}

static int read_filesize(struct hcall *c)
{
    text_char(c->out, '-');
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
    FIELD(struct dump, sample, "SAMPLE", T_REAL, F_KEY, .def = 65536, .max = 65536),
    FIELD(struct dump, force_ip, "FORCE_IP", T_BOOL, F_KEY),
    FIELD(struct dump, from_ns, "START", T_TIME, F_KEY),
    FIELD(struct dump, from_after_ns, "START_AFTER", T_TIME, F_KEY),
    FIELD(struct dump, until_ns, "END", T_TIME, F_KEY),
    FIELD(struct dump, until_after_ns, "END_AFTER", T_TIME, F_KEY),
    FIELD(struct dump, interval_ns, "INTERVAL", T_TIME, F_KEY),
    FIELD(struct dump, offset, "FILEPOS", T_U64, F_KEY),
    FIELD(struct dump, sample, "SAMPLING_PROB", T_REAL, F_RD),
    FIELD(struct dump, packet_offset, "PACKET_FILEPOS", T_U64, F_RD),
    FIELD(struct dump, count, "COUNT", T_U64, F_RD | F_ZERO),
    {0},
};

static const struct handler from_handlers[] = {
    {.name = "encap", .read = read_encap},
    {.name = "extend_interval", .write = write_extend},
    {.name = "filepos", .read = read_filepos, .write = write_filepos},
    {.name = "filesize", .read = read_filesize},
    {.name = "reset_timing", .write = write_timing},
    {.name = "stop", .write = write_stop},
    {0},
};

const struct element_class class_FromDump = {
    .name = "FromDump",
    .ports = "0/1-2",
    .processing = "a/ah",
    .size = sizeof(struct dump),
    .flags = CLASS_WAITS,
    .fields = from_fields,
    .handlers = from_handlers,
    .configure = from_configure,
    .extra = EXTRA(.initialize = from_initialize),
    .cleanup = dump_close,
    .changed = from_changed,
    .pull = from_pull,
    .run = from_run,
};
