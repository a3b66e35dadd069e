/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Print: writes packets to the log. As Click's; a packet too long for a log line is cut at 4096
 * bytes.
 */
#include "../engine/element.h"
#include "print.h"

struct print {
    struct element e;
    struct str label;
    int32_t max;
    uint8_t contents;
    bool timestamp, annos, headroom, active;
};

static const char *const contents_words[] = {"NONE", "HEX", "ASCII", "false", "true", NULL};

void print_hex(struct text *t, const uint8_t *data, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++)
        text_addf(t, "%s%02x", i && i % 4 == 0 ? " " : "", data[i]);
}

void print_ascii(struct text *t, const uint8_t *data, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        if (i && i % 8 == 0)
            text_char(t, ' ');
        text_char(t, data[i] >= 32 && data[i] < 127 ? (char)data[i] : '.');
    }
}

static struct packet *print_action(struct element *e, struct packet *p)
{
    const struct print *s = (const struct print *)e;
    struct text t = {0};
    uint32_t n = p->len;

    if (!s->active)
        return p;
    if (s->max >= 0 && n > (uint32_t)s->max)
        n = (uint32_t)s->max;
    if (n > PRINT_BYTES_MAX)
        n = PRINT_BYTES_MAX;
    if (s->label.len) {
        text_str(&t, s->label);
        text_addf(&t, ": ");
    }
    if (s->timestamp) {
        text_time(&t, p->time_ns, 6);
        text_addf(&t, ": ");
    }
    text_addf(&t, "%4u", (unsigned)p->len);
    if (s->headroom)
        text_addf(&t, " (h%u t%u)", (unsigned)packet_headroom(p), (unsigned)packet_tailroom(p));
    if (s->annos) {
        text_addf(&t, " | ");
        for (unsigned i = 0; i < ANNO_SIZE; i++)
            text_addf(&t, "%02x", p->anno.b[i]);
    }
    if (s->contents == 1 || s->contents == 2)
        text_addf(&t, " | ");
    if (s->contents == 1)
        print_hex(&t, p->data, n);
    else if (s->contents == 2)
        print_ascii(&t, p->data, n);
    text_char(&t, '\n');
    if (t.s)
        port_log(t.s, t.len);
    text_free(&t);
    return p;
}

static const struct field fields[] = {
    FIELD(struct print, label, "LABEL", T_STR, F_POS),
    FIELD(struct print, max, "MAXLENGTH", T_INT, F_POS, .def = 24),
    FIELD(struct print, max, "LENGTH", T_INT, F_KEY, .def = 24),
    FIELD(struct print, max, "NBYTES", T_INT, F_KEY, .def = 24),
    FIELD(struct print, contents, "CONTENTS", T_WORD, F_KEY, .def = 1, .words = contents_words),
    FIELD(struct print, timestamp, "TIMESTAMP", T_BOOL, F_KEY),
    FIELD(struct print, annos, "PRINTANNO", T_BOOL, F_KEY),
    FIELD(struct print, headroom, "HEADROOM", T_BOOL, F_KEY),
    FIELD(struct print, active, "ACTIVE", T_BOOL, F_KEY | F_RW, .def = 1),
    {0},
};

const struct element_class class_Print = {
    .name = "Print",
    .ports = "1/1",
    .processing = "a/a",
    .size = sizeof(struct print),
    .fields = fields,
    .action = print_action,
};
