/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Patterns of rewriters; IPRewriterPatterns names them. RoundRobinIPMapper takes turns between
 * several. As Click's; in addition, RoundRobinIPMapper can be told by HealthCheck to leave a
 * pattern out, and by its handlers `downN`.
 */
#include <stdlib.h>

#include "../engine/ipexpr.h"
#include "../engine/router.h"
#include "mappers.h"
#include "rewriter.h"

static bool parse_port(struct str s, uint16_t *out)
{
    uint64_t v;

    if (!ipname_port(s, &v) || !v || v > 65535)
        return false;
    *out = (uint16_t)v;
    return true;
}

/* "-", "N", "L-H", with '#' or '?' behind a range. */
static bool parse_sport(struct str s, struct pattern *p)
{
    const char *dash;

    if (str_is(s, "-"))
        return true;
    if (s.len && (s.s[s.len - 1] == '#' || s.s[s.len - 1] == '?')) {
        p->sequential = s.s[s.len - 1] == '#';
        p->random = !p->sequential;
        s.len--;
    }
    dash = s.len ? memchr(s.s, '-', s.len) : NULL;
    if (!dash) {
        if (!parse_port(s, &p->low))
            return false;
        p->high = p->low;
    } else if (!parse_port((struct str){s.s, (uint32_t)(dash - s.s)}, &p->low) ||
               !parse_port((struct str){dash + 1, (uint32_t)(s.s + s.len - dash - 1)}, &p->high) ||
               p->high < p->low) {
        return false;
    }
    p->next = p->low;
    return true;
}

bool pattern_parse(const struct conf *c, struct str *s, struct pattern *out)
{
    struct str start = *s, words[4];
    const struct pattern *named;
    uint16_t dport;

    memset(out, 0, sizeof(*out));
    words[0] = str_word(s);
    named = patterns_find(c->router, words[0]);
    if (named) {
        *out = *named;
        return true;
    }
    for (unsigned i = 1; i < 4; i++)
        words[i] = str_word(s);
    if (!words[3].len) {
        conf_error(c, start, "expected a pattern 'SADDR SPORT DADDR DPORT' or a pattern's name");
        return false;
    }
    if (!str_is(words[0], "-") && !conf_ip(c, words[0], &out->src)) {
        conf_error(c, words[0], "pattern: '%.*s' is not an IP address", (int)words[0].len,
                   words[0].s);
        return false;
    }
    if (!parse_sport(words[1], out)) {
        conf_error(c, words[1], "pattern: '%.*s' is no source port or range", (int)words[1].len,
                   words[1].s);
        return false;
    }
    if (!str_is(words[2], "-") && !conf_ip(c, words[2], &out->dst)) {
        conf_error(c, words[2], "pattern: '%.*s' is not an IP address", (int)words[2].len,
                   words[2].s);
        return false;
    }
    if (!str_is(words[3], "-")) {
        if (!parse_port(words[3], &dport)) {
            conf_error(c, words[3], "pattern: '%.*s' is not a port", (int)words[3].len, words[3].s);
            return false;
        }
        out->dport = dport;
    }
    return true;
}

#define PORT_TRIES 256 /* for one new flow: an attacker must not make us search long */

bool pattern_apply(struct pattern *p, const struct rewriter *r, const struct flowid *in,
                   struct flowid *out)
{
    uint32_t range = (uint32_t)p->high - p->low + 1, port;

    *out = *in;
    if (p->src)
        out->src = p->src;
    if (p->dst)
        out->dst = p->dst;
    if (p->dport && in->proto != IPPROTO_ICMP)
        out->dport = host_to_be16(p->dport);
    if (!p->low)
        return rewriter_free_reply(r, out);
    port = be16_to_host(in->sport);
    if (!p->random && !p->sequential && port >= p->low && port <= p->high &&
        rewriter_free_reply(r, out))
        return true;
    for (unsigned i = 0; i < PORT_TRIES && i < 2 * range; i++) {
        if (p->sequential) {
            port = p->next;
            p->next = p->next == p->high ? p->low : (uint16_t)(p->next + 1);
        } else if (i == 0 || range > PORT_TRIES) {
            port = p->low + port_random() % range;
        } else { /* a small range: one after the other, so that none is missed */
            port = port >= p->high ? p->low : port + 1;
        }
        if (rewriter_try_port(r, out, port))
            return true;
    }
    return false;
}

static void print_ip(uint32_t ip, struct text *out)
{
    if (ip)
        text_ip(out, ip);
    else
        text_char(out, '-');
}

void pattern_print(const struct pattern *p, struct text *out)
{
    print_ip(p->src, out);
    if (!p->low)
        text_addf(out, " - ");
    else if (p->low == p->high)
        text_addf(out, " %u ", p->low);
    else
        text_addf(out, " %u-%u%s ", p->low, p->high, p->sequential ? "#" : p->random ? "?" : "");
    print_ip(p->dst, out);
    if (p->dport)
        text_addf(out, " %u", p->dport);
    else
        text_addf(out, " -");
}

static bool parse_outputs(const struct conf *c, struct str s, struct str whole, unsigned n,
                          uint16_t *outputs)
{
    for (unsigned i = 0; i < n; i++) {
        struct str word = str_word(&s);
        uint64_t v;

        if (!value_uint(word, &v)) {
            conf_error(c, whole, "'%.*s' lacks an output", (int)whole.len, whole.s);
            return false;
        }
        if (c->e->n_out && v >= c->e->n_out) {
            conf_error(c, word, "output %lu, but there are only %u", (unsigned long)v, c->e->n_out);
            return false;
        }
        if (v > LANG_PORT_MAX) {
            conf_error(c, word, "output %lu is too large", (unsigned long)v);
            return false;
        }
        outputs[i] = (uint16_t)v;
    }
    if (s.len)
        conf_error(c, s, "unexpected '%.*s'", (int)s.len, s.s);
    return !s.len;
}

int spec_parse(const struct conf *c, struct str s, struct spec *out)
{
    struct str rest = s, word = str_word(&rest);
    struct element *e;

    memset(out, 0, sizeof(*out));
    if (str_is(word, "drop") || str_is(word, "discard")) {
        out->kind = SPEC_DROP;
        return rest.len ? conf_error(c, rest, "unexpected '%.*s'", (int)rest.len, rest.s) : 0;
    }
    if (str_is(word, "pass") || str_is(word, "passthrough") || str_is(word, "nochange")) {
        out->kind = SPEC_PASS;
        return parse_outputs(c, rest, s, 1, out->outputs) ? 0 : -1;
    }
    if (str_is(word, "keep")) {
        out->kind = SPEC_KEEP;
        return parse_outputs(c, rest, s, 2, out->outputs) ? 0 : -1;
    }
    if (str_is(word, "pattern")) {
        out->kind = SPEC_PATTERN;
        return pattern_parse(c, &rest, &out->pattern) && parse_outputs(c, rest, s, 2, out->outputs)
                   ? 0
                   : -1;
    }
    e = rest.len ? NULL : conf_element(c, word);
    if (element_is_of(e, "mapper")) {
        out->kind = SPEC_MAPPER;
        out->mapper = (struct mapper *)e;
        return 0;
    }
    return conf_error(c, s,
                      "'%.*s' is no input specification: drop, pass, keep, pattern or a mapper",
                      (int)s.len, s.s);
}

/* ---- IPRewriterPatterns ---- */

struct patterns {
    struct element e;
    struct named {
        struct str name; /* in the element's configuration */
        struct pattern pattern;
    } * named;
    unsigned n;
};

extern const struct element_class class_IPRewriterPatterns;

const struct pattern *patterns_find(const struct router *r, struct str name)
{
    for (unsigned i = 0; i < r->n_elems; i++) {
        const struct patterns *p = (const struct patterns *)r->elems[i];

        if (p->e.cls != &class_IPRewriterPatterns)
            continue;
        for (unsigned k = 0; k < p->n; k++) {
            if (str_eq(p->named[k].name, name))
                return &p->named[k].pattern;
        }
    }
    return NULL;
}

static int patterns_configure(struct element *e, struct conf *c)
{
    struct patterns *p = (struct patterns *)e;

    p->named = calloc(c->argc + 1, sizeof(*p->named));
    if (!p->named)
        return -1;
    for (unsigned i = 0; i < c->argc; i++) {
        struct str rest = c->argv[i], name = str_word(&rest);
        struct pattern pattern;

        if (patterns_find(e->router, name))
            return conf_error(c, name, "there is a pattern '%.*s' already", (int)name.len, name.s);
        if (!pattern_parse(c, &rest, &pattern))
            return -1;
        if (rest.len)
            return conf_error(c, rest, "unexpected '%.*s'", (int)rest.len, rest.s);
        p->named[p->n].name.s = str_dup(name);
        if (!p->named[p->n].name.s)
            return -1;
        p->named[p->n].name.len = name.len;
        p->named[p->n++].pattern = pattern;
    }
    return 0;
}

static void patterns_cleanup(struct element *e)
{
    struct patterns *p = (struct patterns *)e;

    for (unsigned i = 0; i < p->n; i++)
        free((char *)p->named[i].name.s);
    free(p->named);
}

const struct element_class class_IPRewriterPatterns = {
    .name = "IPRewriterPatterns",
    .ports = "0/0",
    .processing = "a/a",
    .size = sizeof(struct patterns),
    .flags = CLASS_ARGS | CLASS_PATTERNS,
    .configure = patterns_configure,
    .cleanup = patterns_cleanup,
};

/* ---- RoundRobinIPMapper ---- */

static bool rr_map(struct mapper *m, struct rewriter *r, const struct flowid *in,
                   struct flowid *out, uint16_t outputs[2])
{
    struct rrmapper *rr = (struct rrmapper *)m;

    for (unsigned i = 0; i < rr->n; i++) {
        struct rrtarget *t = &rr->targets[rr->next];

        rr->next = rr->next + 1 == rr->n ? 0 : rr->next + 1;
        if (t->down || t->outputs[0] >= r->e.n_out || t->outputs[1] >= r->e.n_out)
            continue;
        if (pattern_apply(&t->pattern, r, in, out)) {
            outputs[0] = t->outputs[0];
            outputs[1] = t->outputs[1];
            t->flows++;
            return true;
        }
    }
    return false;
}

static int rr_configure(struct element *e, struct conf *c)
{
    struct rrmapper *rr = (struct rrmapper *)e;

    rr->mapper.map = rr_map;
    if (!c->argc)
        return conf_error(c, (struct str){NULL, 0}, "a pattern is missing");
    rr->targets = calloc(c->argc, sizeof(*rr->targets));
    if (!rr->targets)
        return -1;
    for (; rr->n < c->argc; rr->n++) {
        struct rrtarget *t = &rr->targets[rr->n];
        struct str rest = c->argv[rr->n];

        if (!pattern_parse(c, &rest, &t->pattern) ||
            !parse_outputs(c, rest, c->argv[rr->n], 2, t->outputs))
            return -1;
    }
    return 0;
}

static void rr_cleanup(struct element *e)
{
    struct rrmapper *rr = (struct rrmapper *)e;

    free(rr->targets);
    rr->targets = NULL;
    rr->n = 0;
}

static unsigned rr_count(const struct element *e)
{
    return ((const struct rrmapper *)e)->n;
}

static int read_down(struct hcall *c)
{
    text_addf(c->out, "%s", ((struct rrmapper *)c->e)->targets[c->index].down ? "true" : "false");
    return 0;
}

static int write_down(struct hcall *c)
{
    bool down;

    if (!value_bool(c->arg, &down))
        return errs_at(c->errs, 0, "expected a Boolean");
    ((struct rrmapper *)c->e)->targets[c->index].down = down;
    return 0;
}

static int read_targets(struct hcall *c)
{
    const struct rrmapper *rr = (const struct rrmapper *)c->e;

    for (unsigned i = 0; i < rr->n; i++) {
        pattern_print(&rr->targets[i].pattern, c->out);
        text_addf(c->out, " %s %llu flows\n", rr->targets[i].down ? "down" : "up",
                  (unsigned long long)rr->targets[i].flows);
    }
    return 0;
}

static const struct handler rr_handlers[] = {
    {.name = "down#", .read = read_down, .write = write_down},
    {.name = "targets", .read = read_targets},
    {0},
};

const struct element_class class_RoundRobinIPMapper = {
    .name = "RoundRobinIPMapper",
    .ports = "0/0",
    .processing = "a/a",
    .size = sizeof(struct rrmapper),
    .flags = CLASS_ARGS,
    .handlers = rr_handlers,
    .configure = rr_configure,
    .cleanup = rr_cleanup,
    .extra = EXTRA(.handler_count = rr_count, .family = "mapper"),
};
