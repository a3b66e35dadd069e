/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An element's handlers: its fields and tables, and what all elements have (name, class, config,
 * ports, handlers).
 */
#include <stdlib.h>

#include "handler.h"
#include "router.h"

/* ---- finding ---- */

/* Does the field's name, in lower case, equal s? */
static bool field_is(const struct field *f, struct str s)
{
    const char *n = f->name;

    for (uint32_t i = 0; i < s.len; i++, n++) {
        char c = *n >= 'A' && *n <= 'Z' ? (char)(*n + 32) : *n;

        if (!*n || c != s.s[i])
            return false;
    }
    return !*n;
}

static const struct field *find_field(const struct element *e, struct str name, unsigned flag)
{
    for (const struct field *f = e->cls->fields; f && f->name; f++) {
        if ((f->flags & flag) && field_is(f, name))
            return f;
    }
    return NULL;
}

static bool handler_matches(const struct element *e, const struct handler *h, struct str name,
                            unsigned *index)
{
    uint32_t n = (uint32_t)strlen(h->name);
    uint64_t i;

    *index = 0;
    if (h->name[n - 1] != '#')
        return str_is(name, h->name);
    n--;
    if (name.len <= n || memcmp(name.s, h->name, n) != 0 || !is_digit(name.s[n]) ||
        !value_uint((struct str){name.s + n, name.len - n}, &i) ||
        i >= e->cls->extra->handler_count(e))
        return false;
    *index = (unsigned)i;
    return true;
}

static const struct handler *find_handler(const struct handler *h, const struct element *e,
                                          struct str name, unsigned *index)
{
    for (; h && h->name; h++) {
        if (handler_matches(e, h, name, index))
            return h;
    }
    return NULL;
}

/* ---- what all elements have ---- */

static int read_name(struct hcall *c)
{
    text_addf(c->out, "%s", c->code ? c->e->cls_name : c->e->name);
    return 0;
}

static int read_config(struct hcall *c)
{
    text_addf(c->out, "%s", c->e->config);
    return 0;
}

/* A configuration string for one element, not part of a source text. */
static int reconfigure(struct element *e, struct str text, struct errs *errs)
{
    struct conf_origin origin = {0, 0, true};
    struct conf_text conf = {.text = text, .origins = &origin, .n_origins = 1};
    struct element *fresh = calloc(1, e->cls->size);
    char *config = str_dup(text);
    int rc = -1;

    if (!fresh || !config) {
        errs_at(errs, POS_NONE, "out of memory");
        goto out;
    }
    /* configure a twin aside, so that a wrong text changes nothing */
    *fresh = *e;
    memset(&fresh->task, 0, sizeof(fresh->task));
    rc = element_configure(fresh, &conf, errs);
    if (rc == 0) {
        e->cls->extra->adopt(e, fresh);
        free(e->config);
        e->config = config;
        config = NULL;
    }
    if (fresh->cls->cleanup)
        fresh->cls->cleanup(fresh);
    args_free(fresh);
out:
    free(fresh);
    free(config);
    return rc;
}

int element_reconfigure(struct element *e, struct str text, struct errs *errs)
{
    return reconfigure(e, text, errs);
}

static int write_config(struct hcall *c)
{
    return reconfigure(c->e, c->arg, c->errs);
}

static int read_ports(struct hcall *c)
{
    const struct element *e = c->e;

    text_addf(c->out, "%u input%s\n", e->n_in, e->n_in == 1 ? "" : "s");
    for (unsigned i = 0; i < e->n_in; i++) {
        const char *sep = "\t";

        text_addf(c->out, "%s", e->in[i].is_push ? "push" : "pull");
        for (unsigned n = 0; n < c->router->n_elems; n++) {
            const struct element *from = c->router->elems[n];

            for (unsigned o = 0; e->in[i].is_push && o < from->n_out; o++) {
                if (from->out[o].is_push && from->out[o].peer == e && from->out[o].port == i) {
                    text_addf(c->out, "%s%s [%u]", sep, from->name, o);
                    sep = ", ";
                }
            }
        }
        if (!e->in[i].is_push)
            text_addf(c->out, "\t%s [%u]", e->in[i].peer->name, e->in[i].port);
        text_char(c->out, '\n');
    }
    text_addf(c->out, "%u output%s\n", e->n_out, e->n_out == 1 ? "" : "s");
    for (unsigned o = 0; o < e->n_out; o++) {
        const char *sep = "\t";

        text_addf(c->out, "%s", e->out[o].is_push ? "push" : "pull");
        if (e->out[o].is_push)
            text_addf(c->out, "\t[%u] %s", e->out[o].port, e->out[o].peer->name);
        for (unsigned n = 0; n < c->router->n_elems; n++) {
            const struct element *to = c->router->elems[n];

            for (unsigned i = 0; !e->out[o].is_push && i < to->n_in; i++) {
                if (!to->in[i].is_push && to->in[i].peer == e && to->in[i].port == o) {
                    text_addf(c->out, "%s[%u] %s", sep, i, to->name);
                    sep = ", ";
                }
            }
        }
        text_char(c->out, '\n');
    }
    return 0;
}

static int read_handlers(struct hcall *c);

static const struct handler common[] = {
    {.name = "name", .read = read_name},
    {.name = "class", .read = read_name, .code = 1},
    {.name = "config", .read = read_config, .write = write_config},
    {.name = "ports", .read = read_ports},
    {.name = "handlers", .read = read_handlers},
    {.name = NULL},
};

/* Counters that belong to reset_counts. */
static int reset_fields(struct hcall *c)
{
    for (const struct field *f = c->e->cls->fields; f && f->name; f++) {
        if (f->flags & F_ZERO)
            memset((char *)c->e + f->offset, 0, 8);
    }
    return 0;
}

static bool has_counts(const struct element *e)
{
    for (const struct field *f = e->cls->fields; f && f->name; f++) {
        if (f->flags & F_ZERO)
            return true;
    }
    return false;
}

static const struct handler reset_counts = {.name = "reset_counts", .write = reset_fields};

static bool can_write(const struct element *e, const struct handler *h)
{
    return h->write && (h->write != write_config || (e->cls->flags & CLASS_LIVE));
}

static void list_handlers(const struct element *e, const struct handler *h, struct text *out)
{
    for (; h && h->name; h++) {
        const char *mode = h->read ? can_write(e, h) ? "rw" : "r" : "w";
        uint32_t n = (uint32_t)strlen(h->name);

        if (h->name[n - 1] == '#') {
            for (unsigned i = 0; i < e->cls->extra->handler_count(e); i++)
                text_addf(out, "%.*s%u\t%s\n", (int)n - 1, h->name, i, mode);
        } else {
            text_addf(out, "%s\t%s\n", h->name, mode);
        }
    }
}

static int read_handlers(struct hcall *c)
{
    const struct element *e = c->e;

    list_handlers(e, common, c->out);
    list_handlers(e, e->cls->handlers, c->out);
    for (const struct field *f = e->cls->fields; f && f->name; f++) {
        if (!(f->flags & F_RW))
            continue;
        for (const char *s = f->name; *s; s++)
            text_char(c->out, *s >= 'A' && *s <= 'Z' ? (char)(*s + 32) : *s);
        text_addf(c->out, "\t%s%s\n", f->flags & F_RD ? "r" : "", f->flags & F_WR ? "w" : "");
    }
    if (has_counts(e))
        text_addf(c->out, "reset_counts\tw\n");
    return 0;
}

/* ---- calls ---- */

int handler_call(struct element *e, struct str name, struct hcall *c, bool write,
                 enum handler_status *status)
{
    const struct field *f = find_field(e, name, write ? F_WR : F_RD);
    const struct handler *h = find_handler(e->cls->handlers, e, name, &c->index);
    struct conf_origin origin = {0, 0, true};

    c->e = e;
    c->router = e->router;
    if (!h)
        h = find_handler(common, e, name, &c->index);
    if (!h && has_counts(e) && str_is(name, "reset_counts"))
        h = &reset_counts;
    if (!h && !f) {
        if (find_field(e, name, F_RW))
            *status = write ? HANDLER_NOT_WRITABLE : HANDLER_NOT_READABLE;
        else
            *status = HANDLER_NO_HANDLER;
        return -1;
    }
    if (h && !f && (write ? !can_write(e, h) : !h->read)) {
        *status = write ? HANDLER_NOT_WRITABLE : HANDLER_NOT_READABLE;
        return -1;
    }
    *status = HANDLER_OK;
    if (!c->out && !c->errs) /* only asking */
        return 0;
    if (h && (write ? can_write(e, h) : h->read != NULL)) {
        c->code = h->code;
        if ((write ? h->write : h->read)(c) == 0)
            return 0;
    } else if (!write) {
        field_print(e, f, c->out);
        return 0;
    } else {
        struct conf_text text = {.text = c->arg, .origins = &origin, .n_origins = 1};
        struct conf conf = {.e = e, .router = e->router, .errs = c->errs, .text = &text};

        if (conf_field(&conf, f, c->arg)) {
            if (e->cls->changed)
                e->cls->changed(e);
            return 0;
        }
        errs_at(c->errs, 0, "'%.*s' is not a value for %s", (int)c->arg.len, c->arg.s, f->name);
    }
    *status = HANDLER_FAILED;
    return -1;
}

struct element *handler_element(const struct router *r, const char *from, struct str name)
{
    struct element *e = router_find_near(r, from, name);
    uint64_t number;

    if (!e && name.len && is_digit(name.s[0]) && value_uint(name, &number) && number &&
        number <= r->n_elems)
        e = r->elems[number - 1];
    return e;
}

bool handler_split(struct str name, struct str *elem, struct str *handler)
{
    for (uint32_t i = name.len; i-- > 0;) {
        if (name.s[i] == '.') {
            *elem = (struct str){name.s, i};
            *handler = (struct str){name.s + i + 1, name.len - i - 1};
            return true;
        }
    }
    return false;
}
