/* SPDX-License-Identifier: BSD-2-Clause */
/* Arguments: one reader for all elements, driven by their tables of fields. */
#include <stdlib.h>

#include "router.h"

#define ARGS_MAX UINT16_MAX /* arguments of one element; StringMatcher counts them in 16 bits */

static void *member(const struct element *e, const struct field *f)
{
    return (char *)e + f->offset;
}

uint32_t conf_pos(const struct conf *c, const char *at)
{
    return conf_text_pos(c->text, (uint32_t)(at - c->text->text.s));
}

int conf_error(const struct conf *c, struct str at, const char *fmt, ...)
{
    struct text t = {0};
    va_list args;

    va_start(args, fmt);
    text_addv(&t, fmt, args);
    va_end(args);
    errs_at(c->errs, at.s ? conf_pos(c, at.s) : c->text->pos, "%s", t.s ? t.s : "out of memory");
    text_free(&t);
    return -1;
}

struct element *conf_element(const struct conf *c, struct str name)
{
    return router_find_near(c->router, c->e->name, name);
}

static bool find_word(const char *const *words, struct str s, uint8_t *out)
{
    for (uint8_t i = 0; words[i]; i++) {
        if (str_is(s, words[i])) {
            *out = i;
            return true;
        }
    }
    return false;
}

/* Annotations by name or offset. */
static bool find_anno(struct str s, unsigned size, uint8_t *out)
{
    static const struct {
        const char *name;
        uint8_t offset, size;
    } annos[] = {
        {"DST_IP", ANNO_DST_IP, 4},
        {"PAINT", ANNO_PAINT, 1},
        {"ICMP_PARAMPROB", ANNO_ICMP_PARAMPROB, 1},
        {"FIX_IP_SRC", ANNO_FIX_IP_SRC, 1},
        {"VLAN_TCI", ANNO_VLAN_TCI, 2},
        {"AGGREGATE", ANNO_AGGREGATE, 4},
        {"FWD_RATE", ANNO_FWD_RATE, 4},
        {"REV_RATE", ANNO_REV_RATE, 4},
        {"FIRST_TIMESTAMP", ANNO_FIRST_TIMESTAMP, 8},
    };
    uint64_t v;

    for (unsigned i = 0; i < sizeof(annos) / sizeof(*annos); i++) {
        if (str_is(s, annos[i].name) && annos[i].size >= size) {
            *out = annos[i].offset;
            return true;
        }
    }
    if (!value_uint(s, &v) || v > ANNO_SIZE - size)
        return false;
    *out = (uint8_t)v;
    return true;
}

static bool number_field(void *at, const struct field *f, struct str s)
{
    static const uint64_t limits[] = {
        [T_U8] = UINT8_MAX, [T_U16] = UINT16_MAX, [T_U32] = UINT32_MAX, [T_U64] = UINT64_MAX};
    uint64_t max = f->max ? f->max : limits[f->type], v;

    if (!value_uint(s, &v) || v > max)
        return false;
    if (f->type == T_U8)
        *(uint8_t *)at = (uint8_t)v;
    else if (f->type == T_U16)
        *(uint16_t *)at = (uint16_t)v;
    else if (f->type == T_U32)
        *(uint32_t *)at = (uint32_t)v;
    else
        *(uint64_t *)at = v;
    return true;
}

static bool string_field(struct str *at, const struct field *f, struct str s)
{
    struct str v;

    if (f->type == T_RAW) {
        v.s = str_dup(s);
        v.len = s.len;
        if (!v.s)
            return false;
    } else if (!value_string(s, &v)) {
        return false;
    }
    free((char *)at->s);
    *at = v;
    return true;
}

static bool call_field(struct conf *c, struct call **at, struct str s)
{
    struct call *call = NULL;

    if (s.len) {
        call = call_new(c->e, s);
        if (!call)
            return false;
    }
    call_free(*at);
    *at = call;
    return true;
}

bool conf_field(struct conf *c, const struct field *f, struct str s)
{
    void *at = member(c->e, f);
    struct element *e;
    uint64_t u;
    int64_t i;

    s = str_trim(s);
    switch ((enum field_type)f->type) {
    case T_BOOL:
        return value_bool(s, at);
    case T_U8:
    case T_U16:
    case T_U32:
    case T_U64:
        return number_field(at, f, s);
    case T_INT:
        if (!value_int(s, &i) || i < INT32_MIN || i > (f->max ? (int64_t)f->max : INT32_MAX))
            return false;
        *(int32_t *)at = (int32_t)i;
        return true;
    case T_TIME:
        return value_time(s, NSEC_PER_SEC, at);
    case T_BW:
        return value_bandwidth(s, at);
    case T_REAL:
        if (!value_decimal(s, 65536, &u) || u > (f->max ? f->max : UINT32_MAX))
            return false;
        *(uint32_t *)at = (uint32_t)u;
        return true;
    case T_IP:
        return conf_ip(c, s, at);
    case T_ETHER:
        return conf_ether(c, s, at);
    case T_STR:
    case T_RAW:
        return string_field(at, f, s);
    case T_WORD:
        return find_word(f->words, s, at);
    case T_ANNO:
        return find_anno(s, f->max, at);
    case T_ELEMENT:
        e = conf_element(c, s);
        if (!e || (f->words && !element_is_of(e, f->words[0])))
            return false;
        *(struct element **)at = e;
        return true;
    case T_CALL:
        return call_field(c, at, s);
    }
    return false;
}

static const char *type_name(const struct field *f)
{
    static const char *const names[] = {
        [T_BOOL] = "a Boolean",
        [T_U8] = "a number",
        [T_U16] = "a number",
        [T_U32] = "a number",
        [T_INT] = "an integer",
        [T_U64] = "a number",
        [T_TIME] = "a time",
        [T_BW] = "a bandwidth",
        [T_REAL] = "a decimal number",
        [T_IP] = "an IP address",
        [T_ETHER] = "an Ethernet address",
        [T_STR] = "a string",
        [T_RAW] = "text",
        [T_WORD] = "one of its words",
        [T_ANNO] = "an annotation",
        [T_ELEMENT] = "an element",
        [T_CALL] = "a write handler",
    };

    return names[f->type];
}

void args_defaults(struct element *e)
{
    for (const struct field *f = e->cls->fields; f && f->name; f++) {
        void *at = member(e, f);

        if (!f->def)
            continue;
        switch ((enum field_type)f->type) {
        case T_BOOL:
            *(bool *)at = f->def;
            break;
        case T_U8:
        case T_WORD:
        case T_ANNO:
            *(uint8_t *)at = (uint8_t)f->def;
            break;
        case T_U16:
            *(uint16_t *)at = (uint16_t)f->def;
            break;
        case T_U32:
        case T_INT:
        case T_REAL:
            *(int32_t *)at = f->def;
            break;
        case T_U64:
        case T_BW:
            *(uint64_t *)at = (uint64_t)f->def;
            break;
        case T_TIME:
            *(uint64_t *)at = (uint64_t)f->def * NSEC_PER_MSEC;
            break;
        default:
            break;
        }
    }
}

void args_free(struct element *e)
{
    for (const struct field *f = e->cls->fields; f && f->name; f++) {
        if (f->type == T_STR || f->type == T_RAW) {
            struct str *s = member(e, f);

            free((char *)s->s);
            *s = (struct str){NULL, 0};
        } else if (f->type == T_CALL) {
            struct call **call = member(e, f);

            call_free(*call);
            *call = NULL;
        }
    }
}

/* A whole number with a largest value of its own. */
static bool has_max(const struct field *f)
{
    return f->type >= T_U8 && f->type <= T_U64 && f->max;
}

static void take(struct conf *c, const struct field *f, struct str value)
{
    if (conf_field(c, f, value))
        return;
    if (has_max(f))
        conf_error(c, value, "%s must be %s up to %lu, not '%.*s'", f->name, type_name(f),
                   (unsigned long)f->max, (int)value.len, value.s);
    else
        conf_error(c, value, "%s must be %s, not '%.*s'", f->name, type_name(f), (int)value.len,
                   value.s);
}

/* KEY value: which field? Only upper-case words are looked up. */
static const struct field *keyword(const struct field *fields, struct str *arg)
{
    for (const struct field *f = fields; f && f->name; f++) {
        if ((f->flags & F_KEY) && conf_keyword(arg, str_of(f->name)))
            return f;
    }
    return NULL;
}

static bool looks_like_keyword(struct str arg)
{
    struct str rest = arg, word = str_word(&rest);

    if (word.len < 2 || !rest.len)
        return false;
    for (uint32_t i = 0; i < word.len; i++) {
        if (!(word.s[i] >= 'A' && word.s[i] <= 'Z') && word.s[i] != '_')
            return false;
    }
    return true;
}

static const struct field *next_positional(const struct field *f)
{
    while (f && f->name && (f->flags & F_POS) != F_POS)
        f++;
    return f && f->name ? f : NULL;
}

int args_parse(struct conf *c)
{
    const struct field *fields = c->e->cls->fields, *pos = next_positional(fields);
    unsigned before = c->errs->n_errors, n = 0;
    uint64_t given = 0;

    for (unsigned i = 0; i < c->argc; i++) {
        struct str arg = c->argv[i], whole = arg;
        const struct field *f = keyword(fields, &arg);

        if (f && (given & 1ull << (f - fields)))
            conf_error(c, whole, "%s is given more than once", f->name);
        if (!f && pos) {
            while (pos && (given & 1ull << (pos - fields)))
                pos = next_positional(pos + 1);
        }
        if (!f && pos && !(looks_like_keyword(arg) && pos->type != T_STR && pos->type != T_RAW)) {
            f = pos;
            pos = next_positional(pos + 1);
        }
        if (!f) {
            c->argv[n++] = whole;
            continue;
        }
        given |= 1ull << (f - fields);
        take(c, f, arg);
    }
    c->argc = n;
    for (const struct field *f = fields; f && f->name; f++) {
        if ((f->flags & F_REQ) && !(given & 1ull << (f - fields)))
            conf_error(c, (struct str){NULL, 0}, "%s is missing: %s", f->name, type_name(f));
    }
    if (n && !(c->e->cls->flags & CLASS_ARGS)) {
        struct str rest = c->argv[0], word = str_word(&rest);

        if (looks_like_keyword(c->argv[0]))
            conf_error(c, word, "unknown keyword argument '%.*s'", (int)word.len, word.s);
        else
            conf_error(c, c->argv[0], "too many arguments: '%.*s' is not expected",
                       (int)c->argv[0].len, c->argv[0].s);
    }
    return c->errs->n_errors == before ? 0 : -1;
}

int element_configure(struct element *e, const struct conf_text *text, struct errs *errs)
{
    struct conf c = {.e = e, .router = e->router, .errs = errs, .text = text};
    struct str arg, *argv = NULL;
    const char *where = errs->where;
    unsigned n = 0;
    uint32_t at = 0;
    int rc = -1;

    errs->where = e->name;
    while (conf_split(text->text, &at, &arg))
        n++;
    if (n > ARGS_MAX) {
        errs_at(errs, text->pos, "more than %u arguments", ARGS_MAX);
        goto out;
    }
    c.argv = argv = calloc(n + 1, sizeof(*argv));
    if (!argv) {
        errs_at(errs, text->pos, "out of memory");
        goto out;
    }
    for (at = 0; conf_split(text->text, &at, &arg);)
        argv[c.argc++] = arg;
    args_defaults(e);
    rc = args_parse(&c);
    if (rc == 0 && e->cls->configure)
        rc = e->cls->configure(e, &c);
    if (rc && !errs->n_errors)
        errs_at(errs, text->pos, "out of memory");
out:
    free(argv);
    errs->where = where;
    return rc;
}

void field_print(const struct element *e, const struct field *f, struct text *out)
{
    const void *at = member(e, f);

    switch ((enum field_type)f->type) {
    case T_BOOL:
        text_addf(out, "%s", *(const bool *)at ? "true" : "false");
        break;
    case T_U8:
    case T_ANNO:
        text_addf(out, "%u", *(const uint8_t *)at);
        break;
    case T_U16:
        text_addf(out, "%u", *(const uint16_t *)at);
        break;
    case T_U32:
        text_addf(out, "%lu", (unsigned long)*(const uint32_t *)at);
        break;
    case T_INT:
        text_addf(out, "%ld", (long)*(const int32_t *)at);
        break;
    case T_U64:
    case T_BW:
        text_addf(out, "%llu", (unsigned long long)*(const uint64_t *)at);
        break;
    case T_TIME:
        text_time(out, *(const uint64_t *)at, 6);
        break;
    case T_REAL: {
        uint64_t ppm = ((uint64_t) * (const uint32_t *)at * 1000000 + 32768) / 65536;

        text_addf(out, "%u.%06u", (unsigned)(ppm / 1000000), (unsigned)(ppm % 1000000));
        break;
    }
    case T_IP:
        text_ip(out, *(const uint32_t *)at);
        break;
    case T_ETHER:
        text_ether(out, at);
        break;
    case T_STR:
    case T_RAW:
        text_str(out, *(const struct str *)at);
        break;
    case T_CALL: {
        const struct call *const *p = at;

        if (*p)
            text_str(out, call_text(*p));
        break;
    }
    case T_WORD:
    case T_ELEMENT:
        break; /* no class has a handler for one */
    }
}
