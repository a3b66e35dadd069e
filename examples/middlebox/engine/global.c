/* SPDX-License-Identifier: BSD-2-Clause */
/* Handlers by their full names: "element.handler", and the global ones. */
#include "handler.h"

static int router_read(const struct router *r, struct str name, struct text *out)
{
    if (str_is(name, "config")) {
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

static int global_read(struct engine *eng, struct str name, struct text *out)
{
    const struct router *r = eng->router;

    if (str_is(name, "version")) {
        text_addf(out, "sprat-1");
    } else if (str_is(name, "classes")) {
        for (unsigned i = 0; i < class_count; i++)
            text_addf(out, "%s\n", class_table[i]->name);
    } else {
        return r ? router_read(r, name, out) : -1;
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
    if (!handler_split(name, &elem, &handler))
        return HANDLER_NO_HANDLER;
    e = handler_element(eng->router, "", elem);
    if (!e)
        return HANDLER_NO_ELEMENT;
    handler_call(e, handler, c, write, &status);
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
