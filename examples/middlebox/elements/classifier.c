/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Classifier: by bytes at offsets. IPClassifier, IPFilter: by IP patterns. As Click's, and like
 * there compiled to an optimised decision program; `config` and `patternN` may be written while
 * running.
 */
#include "../engine/classify.h"
#include "../engine/element.h"
#include "../engine/handler.h"
#include "../engine/ipexpr.h"

struct classifier {
    struct element e;
    struct program program;
};

static void classifier_cleanup(struct element *e)
{
    program_free(&((struct classifier *)e)->program);
}

static void classifier_adopt(struct element *e, struct element *from)
{
    struct classifier *c = (struct classifier *)e, *f = (struct classifier *)from;
    struct program old = c->program;

    c->program = f->program;
    f->program = old;
}

static int finish(struct element *e, struct conf *c, struct cbuilder *b, target_t entry)
{
    int rc = program_make(&((struct classifier *)e)->program, b, entry);

    if (rc != 0)
        conf_error(c, (struct str){NULL, 0}, "patterns too large");
    cbuilder_free(b);
    return rc;
}

/* ---- Classifier ---- */

/* The nibbles of a value or mask; '?' is a nibble that does not matter. Returns how many. */
static unsigned nibbles(struct str s, uint8_t *value, uint8_t *mask, unsigned max)
{
    unsigned n = 0;

    while (n < s.len && n < max) {
        int d = hex_digit(s.s[n]);

        if (d < 0 && s.s[n] != '?')
            break;
        value[n] = (uint8_t)(d < 0 ? 0 : d);
        mask[n++] = d < 0 ? 0 : 15;
    }
    return n;
}

#define CLAUSE_BYTES_MAX 64

/* One clause "[!]offset/value[%mask]" as a chain of tests. False: it is wrong. */
static bool emit_clause(struct cbuilder *b, struct str s, target_t yes, target_t no, target_t *out)
{
    uint8_t value[2 * CLAUSE_BYTES_MAX], mask[2 * CLAUSE_BYTES_MAX], m[2 * CLAUSE_BYTES_MAX],
        any[2 * CLAUSE_BYTES_MAX];
    bool negative = s.len && s.s[0] == '!';
    const char *slash = s.len ? memchr(s.s, '/', s.len) : NULL;
    struct str offset, rest;
    unsigned n, first, last;
    uint64_t off;

    if (!slash)
        return false;
    offset = (struct str){s.s + negative, (uint32_t)(slash - s.s) - negative};
    rest = (struct str){slash + 1, s.len - (uint32_t)(slash - s.s) - 1};
    /* the offset is decimal, also with leading zeros */
    off = 0;
    if (!offset.len || offset.len > 5)
        return false;
    for (uint32_t i = 0; i < offset.len; i++) {
        if (!is_digit(offset.s[i]))
            return false;
        off = off * 10 + (unsigned)(offset.s[i] - '0');
    }
    n = nibbles(rest, value, mask, sizeof(value));
    if (!n || n % 2 || off + n / 2 > 65000)
        return false;
    rest = (struct str){rest.s + n, rest.len - n};
    if (rest.len) {
        if (rest.s[0] != '%' || rest.len - 1 != n ||
            nibbles((struct str){rest.s + 1, n}, m, any, sizeof(m)) != n)
            return false;
        for (unsigned i = 0; i < n; i++) {
            mask[i] &= m[i];
            value[i] &= mask[i];
        }
    }
    if (negative) {
        target_t t = yes;

        yes = no;
        no = t;
    }
    /* word by word, from the last one */
    first = (unsigned)off;
    last = first + n / 2 - 1;
    for (unsigned word = last / 4 + 1; word-- > first / 4;) {
        uint32_t wm = 0, wv = 0;

        for (unsigned i = word * 4; i < word * 4 + 4; i++) {
            unsigned k = 2 * (i - first);
            bool in = i >= first && i <= last;

            wm = wm << 8 | (in ? (unsigned)(mask[k] << 4 | mask[k + 1]) : 0);
            wv = wv << 8 | (in ? (unsigned)(value[k] << 4 | value[k + 1]) : 0);
        }
        yes = cbuilder_test(b, BASE_DATA, word * 4, wm, wv, yes, no);
    }
    *out = yes;
    return true;
}

/* A pattern is a row of clauses that must all hold; they are chained from the last one. */
static bool emit_pattern(struct cbuilder *b, struct conf *c, struct str pattern, target_t yes,
                         target_t no, target_t *out)
{
    *out = yes;
    if (str_is(pattern, "-"))
        return true;
    while (pattern.len) {
        uint32_t start = pattern.len;

        while (start && !is_space(pattern.s[start - 1]))
            start--;
        struct str clause = {pattern.s + start, pattern.len - start};
        if (!emit_clause(b, clause, *out, no, out)) {
            conf_error(c, clause, "'%.*s' is not a clause 'OFFSET/VALUE[%%MASK]'", (int)clause.len,
                       clause.s);
            return false;
        }
        pattern = str_trim((struct str){pattern.s, start});
    }
    return true;
}

static int check_outputs(struct element *e, struct conf *c)
{
    if (c->argc == e->n_out)
        return 0;
    return conf_error(c, (struct str){NULL, 0}, "%u patterns for %u outputs", c->argc, e->n_out);
}

static int classifier_configure(struct element *e, struct conf *c)
{
    struct cbuilder b = {0};
    target_t t = target_output(CLASSIFY_DROP);

    if (check_outputs(e, c) != 0)
        return -1;
    for (unsigned i = c->argc; i-- > 0;) {
        if (!c->argv[i].len) {
            cbuilder_free(&b);
            return conf_error(c, c->argv[i], "pattern %u is empty", i);
        }
        if (!emit_pattern(&b, c, c->argv[i], target_output(i), t, &t)) {
            cbuilder_free(&b);
            return -1;
        }
    }
    return finish(e, c, &b, t);
}

static void classifier_push(struct element *e, unsigned port, struct packet *batch)
{
    struct classifier *c = (struct classifier *)e;
    struct cview v = {0};
    struct splitter split;

    (void)port;
    split_init(&split);
    while (batch) {
        struct packet *p = batch;

        batch = p->next;
        v.base[BASE_DATA] = p->data;
        v.len[BASE_DATA] = p->len;
        split_add(e, &split, program_run(&c->program, &v), p);
    }
    split_flush(e, &split);
}

/* ---- IPClassifier, IPFilter ---- */

static int ipclassifier_configure(struct element *e, struct conf *c)
{
    struct arena arena = {0};
    struct cbuilder b = {0};
    target_t t = target_output(CLASSIFY_DROP);
    bool ok = check_outputs(e, c) == 0;

    for (unsigned i = c->argc; ok && i-- > 0;) {
        struct ipexpr *x = ipexpr_parse(&arena, c, c->argv[i]);

        ok = x;
        if (ok)
            t = ipexpr_emit(x, &b, target_output(i), t);
    }
    arena_free(&arena);
    if (ok)
        return finish(e, c, &b, t);
    cbuilder_free(&b);
    return -1;
}

static bool read_action(struct element *e, struct conf *c, struct str word, unsigned *out)
{
    uint64_t v;

    *out = CLASSIFY_DROP;
    if (str_is(word, "drop") || str_is(word, "deny"))
        return true;
    if (str_is(word, "allow"))
        v = 0;
    else if (!value_uint(word, &v)) {
        conf_error(c, word, "'%.*s' is no action: allow, drop or an output", (int)word.len, word.s);
        return false;
    }
    if (v >= e->n_out) {
        conf_error(c, word, "action '%.*s', but there are only %u outputs", (int)word.len, word.s,
                   e->n_out);
        return false;
    }
    *out = (unsigned)v;
    return true;
}

static int ipfilter_configure(struct element *e, struct conf *c)
{
    struct arena arena = {0};
    struct cbuilder b = {0};
    target_t t = target_output(CLASSIFY_DROP);
    bool ok = true;

    for (unsigned i = c->argc; ok && i-- > 0;) {
        struct str pattern = c->argv[i], action = str_word(&pattern);
        struct ipexpr *x = NULL;
        unsigned output = 0;

        ok = read_action(e, c, action, &output);
        if (ok)
            x = ipexpr_parse(&arena, c, pattern);
        ok = x;
        if (ok)
            t = ipexpr_emit(x, &b, target_output(output), t);
    }
    arena_free(&arena);
    if (ok)
        return finish(e, c, &b, t);
    cbuilder_free(&b);
    return -1;
}

static void ip_push(struct element *e, unsigned port, struct packet *batch)
{
    struct classifier *c = (struct classifier *)e;
    struct splitter split;

    (void)port;
    split_init(&split);
    while (batch) {
        struct packet *lanes[CLASSIFY_LANES];
        struct cview v[CLASSIFY_LANES];
        unsigned out[CLASSIFY_LANES], n = 0;

        while (batch && n < CLASSIFY_LANES) {
            struct packet *p = batch;

            batch = p->next;
            if (likely(cview_ip(&v[n], p))) {
                lanes[n++] = p;
            } else {
                p->next = NULL;
                packet_kill(p);
            }
        }
        program_run_lanes(&c->program, v, n, out);
        for (unsigned i = 0; i < n; i++)
            split_add(e, &split, out[i], lanes[i]);
    }
    split_flush(e, &split);
}

/* ---- handlers ---- */

static int read_program(struct hcall *c)
{
    program_print(&((struct classifier *)c->e)->program, c->out);
    return 0;
}

static int read_pattern(struct hcall *c)
{
    struct str config = str_of(c->e->config), arg = {"", 0};
    uint32_t at = 0;

    for (unsigned i = 0; i <= c->index && conf_split(config, &at, &arg); i++)
        ;
    text_str(c->out, arg);
    return 0;
}

static int write_pattern(struct hcall *c)
{
    struct str config = str_of(c->e->config), arg;
    struct text t = {0};
    uint32_t at = 0;
    int rc;

    for (unsigned i = 0; conf_split(config, &at, &arg); i++) {
        text_addf(&t, "%s", i ? ", " : "");
        text_str(&t, i == c->index ? c->arg : arg);
    }
    c->errs->src = (struct str){t.s, t.len};
    rc = element_reconfigure(c->e, c->errs->src, c->errs);
    text_free(&t);
    c->errs->src = c->arg;
    return rc;
}

static unsigned pattern_count(const struct element *e)
{
    return e->n_out;
}

static const struct handler handlers[] = {
    {.name = "program", .read = read_program},
    {.name = "pattern#", .read = read_pattern, .write = write_pattern},
    {0},
};

static const struct handler filter_handlers[] = {
    {.name = "program", .read = read_program},
    {0},
};

#define CLASSIFIER_CLASS(id, configure_, push_, handlers_, ports_)                                 \
    const struct element_class class_##id = {                                                      \
        .name = #id,                                                                               \
        .ports = ports_,                                                                           \
        .processing = "h/h",                                                                       \
        .size = sizeof(struct classifier),                                                         \
        .flags = CLASS_ARGS | CLASS_LIVE,                                                          \
        .handlers = handlers_,                                                                     \
        .configure = configure_,                                                                   \
        .cleanup = classifier_cleanup,                                                             \
        .extra = EXTRA(.adopt = classifier_adopt, .handler_count = pattern_count),                 \
        PUSHES(push_),                                                                             \
    }

CLASSIFIER_CLASS(Classifier, classifier_configure, classifier_push, handlers, "1/-");
CLASSIFIER_CLASS(IPClassifier, ipclassifier_configure, ip_push, handlers, "1/-");
CLASSIFIER_CLASS(IPFilter, ipfilter_configure, ip_push, filter_handlers, "1/-");
