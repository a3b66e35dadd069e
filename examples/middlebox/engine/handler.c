/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Handlers: every element's fields and tables, what all elements have (name, class, config, ports,
 * handlers), and the global ones.
 */
#include <stdlib.h>

#include "handler.h"
#include "router.h"

struct call {
    struct element *target;
    struct str name, value; /* both in one allocation, `text` */
    char *text;
    unsigned budget; /* guards against handlers that call each other */
};

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
        !value_uint((struct str){name.s + n, name.len - n}, &i) || i >= e->cls->handler_count(e))
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
        e->cls->adopt(e, fresh);
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
            for (unsigned i = 0; i < e->cls->handler_count(e); i++)
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

/* A call of a handler that is known to be there, or -1 with its kind of failure in *status. */
static int call_element(struct element *e, struct str name, struct hcall *c, bool write,
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
        errs_at(c->errs, 0, "'%.*s' is not a value for %s",
                (int)(c->arg.len > 60 ? 60 : c->arg.len), c->arg.s, f->name);
    }
    *status = HANDLER_FAILED;
    return -1;
}

static struct element *element_by(const struct router *r, const char *from, struct str name)
{
    struct element *e = router_find_near(r, from, name);
    uint64_t number;

    if (!e && name.len && is_digit(name.s[0]) && value_uint(name, &number) && number &&
        number <= r->n_elems)
        e = r->elems[number - 1];
    return e;
}

/* "element.handler": cut at the last dot. False: there is no dot. */
static bool split_name(struct str name, struct str *elem, struct str *handler)
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

struct call *call_new(struct element *e, struct str text)
{
    struct str rest = text, name = str_word(&rest), elem, handler;
    struct hcall c = {0};
    enum handler_status status;
    struct element *target = NULL;
    struct call *call;

    if (split_name(name, &elem, &handler)) {
        target = element_by(e->router, e->name, elem);
        if (!target)
            return NULL;
        call_element(target, handler, &c, true, &status);
        if (status != HANDLER_OK)
            return NULL;
    } else if (!str_is(name, "stop")) {
        return NULL;
    }
    call = calloc(1, sizeof(*call));
    if (!call)
        return NULL;
    call->text = str_dup(text);
    if (!call->text) {
        free(call);
        return NULL;
    }
    call->target = target;
    call->name.len = name.len - (target ? elem.len + 1 : 0);
    call->name.s = call->text + (name.s - text.s) + (target ? elem.len + 1 : 0);
    call->value = (struct str){call->text + (rest.s - text.s), rest.len};
    return call;
}

void call_free(struct call *c)
{
    if (c)
        free(c->text);
    free(c);
}

struct str call_text(const struct call *c)
{
    return str_of(c->text);
}

void call_run(struct call *call, struct element *e)
{
    struct errs errs = {.src = call->value};
    struct hcall c = {.arg = call->value, .errs = &errs};
    enum handler_status status;

    if (!call->target) {
        router_stop(e->router);
        return;
    }
    if (call->budget) /* the handler came back to us */
        return;
    call->budget = 1;
    call_element(call->target, call->name, &c, true, &status);
    call->budget = 0;
    if (status != HANDLER_OK)
        element_log(e, "calling %s failed: %s", call->text, errs.out.s ? errs.out.s : "");
    text_free(&errs.out);
}

/* ---- global handlers ---- */

static int global_read(struct engine *eng, struct str name, struct text *out)
{
    const struct router *r = eng->router;

    if (str_is(name, "version")) {
        text_addf(out, "sprat-1");
    } else if (str_is(name, "classes")) {
        for (unsigned i = 0; i < class_count; i++)
            text_addf(out, "%s\n", class_table[i]->name);
    } else if (!r) {
        return -1;
    } else if (str_is(name, "config")) {
        text_addf(out, "%s", r->source);
    } else if (str_is(name, "list")) {
        text_addf(out, "%u\n", r->n_elems);
        for (unsigned i = 0; i < r->n_elems; i++)
            text_addf(out, "%s\n", r->elems[i]->name);
    } else if (str_is(name, "flatconfig")) {
        for (unsigned i = 0; i < r->n_elems; i++) {
            const struct element *e = r->elems[i];

            text_addf(out, "%s :: %s%s%s%s;\n", e->name, e->cls_name, *e->config ? "(" : "",
                      e->config, *e->config ? ")" : "");
        }
        for (unsigned i = 0; i < r->n_elems; i++) {
            const struct element *e = r->elems[i];

            for (unsigned o = 0; o < e->n_out; o++) {
                if (e->out[o].is_push)
                    text_addf(out, "%s [%u] -> [%u] %s;\n", e->name, o, e->out[o].port,
                              e->out[o].peer->name);
            }
            for (unsigned k = 0; k < e->n_in; k++) {
                if (!e->in[k].is_push)
                    text_addf(out, "%s [%u] -> [%u] %s;\n", e->in[k].peer->name, e->in[k].port, k,
                              e->name);
            }
        }
    } else if (str_is(name, "requirements")) {
        text_addf(out, "%s", r->requirements);
    } else if (str_is(name, "packages")) {
        /* nothing is loaded at run time */
    } else if (str_is(name, "driver")) {
        text_addf(out, "%s", r->stopped ? "false" : "true");
    } else if (str_is(name, "looped")) {
        text_addf(out, "%llu", (unsigned long long)r->flow.looped);
    } else if (str_is(name, "handlers")) {
        text_addf(out,
                  "version\tr\nclasses\tr\nconfig\trw\nhotconfig\tw\nlist\tr\nflatconfig\tr\n"
                  "requirements\tr\npackages\tr\ndriver\tr\nlooped\tr\nstop\tw\nhandlers\tr\n");
    } else {
        return -1;
    }
    return 0;
}

static const char *const global_writes[] = {"config", "hotconfig", "stop"};

static bool is_global_write(struct str name)
{
    for (unsigned i = 0; i < sizeof(global_writes) / sizeof(*global_writes); i++) {
        if (str_is(name, global_writes[i]))
            return true;
    }
    return false;
}

static enum handler_status call_by_name(struct engine *eng, struct str name, struct hcall *c,
                                        bool write)
{
    struct str elem, handler;
    enum handler_status status;
    struct element *e;

    if (!eng->router)
        return HANDLER_NO_ROUTER;
    if (!split_name(name, &elem, &handler))
        return HANDLER_NO_HANDLER;
    e = element_by(eng->router, "", elem);
    if (!e)
        return HANDLER_NO_ELEMENT;
    call_element(e, handler, c, write, &status);
    return status;
}

enum handler_status engine_read(struct engine *eng, struct str name, struct str param,
                                struct text *out)
{
    struct errs errs = {.src = param};
    struct hcall c = {.arg = param, .out = out, .errs = &errs};
    enum handler_status status;

    if (global_read(eng, name, out) == 0)
        return HANDLER_OK;
    if (is_global_write(name))
        return HANDLER_NOT_READABLE;
    status = call_by_name(eng, name, &c, false);
    if (status == HANDLER_FAILED) {
        text_free(out);
        text_add(out, errs.out.s, errs.out.len);
    }
    text_free(&errs.out);
    return status;
}

enum handler_status engine_write(struct engine *eng, struct str name, struct str value,
                                 struct text *out)
{
    struct errs errs = {.src = value};
    struct hcall c = {.arg = str_trim(value), .errs = &errs};
    enum handler_status status = HANDLER_OK;
    struct text none = {0};

    if (is_global_write(name)) {
        if (str_is(name, "stop")) {
            if (!eng->router)
                return HANDLER_NO_ROUTER;
            router_stop(eng->router);
            return HANDLER_OK;
        }
        return engine_load(eng, value.s, value.len, out) == 0 ? HANDLER_OK : HANDLER_FAILED;
    }
    errs.src = c.arg;
    if (global_read(eng, name, &none) == 0)
        status = HANDLER_NOT_WRITABLE;
    else
        status = call_by_name(eng, name, &c, true);
    text_free(&none);
    text_add(out, errs.out.s ? errs.out.s : "", errs.out.len);
    text_free(&errs.out);
    return status;
}

enum handler_status engine_check_handler(struct engine *eng, struct str name, bool write)
{
    struct hcall c = {0};
    struct text none = {0};
    bool readable = global_read(eng, name, &none) == 0;

    text_free(&none);
    if (write ? is_global_write(name) : readable)
        return HANDLER_OK;
    if (readable || is_global_write(name))
        return write ? HANDLER_NOT_WRITABLE : HANDLER_NOT_READABLE;
    return call_by_name(eng, name, &c, write);
}
