/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ToDump: packets into a pcap file. As Click's, without USE_ENCAP_FROM: ENCAP says it. In the guest
 * there is no file that could be written.
 */
#include "../engine/element.h"
#include "dump.h"

struct dump {
    struct element e;
    struct str filename;
    struct port_file *file;
    uint32_t snaplen;
    uint8_t encap;
    bool nano, extra_length, ignored;
    uint64_t count;
};

static void dump_close(struct element *e)
{
    struct dump *d = (struct dump *)e;

    if (d->file)
        port_file_close(d->file);
    d->file = NULL;
}

static int to_initialize(struct element *e, struct errs *errs)
{
    struct dump *d = (struct dump *)e;
    uint32_t h[6] = {d->nano ? DUMP_MAGIC_NANO : DUMP_MAGIC_MICRO,
                     2 | 4 << 16,
                     0,
                     0,
                     d->snaplen ? d->snaplen : DUMP_PACKET_MAX,
                     dump_encap_types[d->encap]};

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
    FIELD(struct dump, encap, "ENCAP", T_WORD, F_POS, .words = dump_encap_words),
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
    .extra = EXTRA(.initialize = to_initialize),
    .cleanup = dump_close,
    PUSHES(to_push),
    .pull = to_pull,
    .run = to_run,
};
