/* SPDX-License-Identifier: BSD-2-Clause */
/* Names for addresses: what AddressInfo elements say, used wherever an address is expected. */
#include <stdlib.h>

#include "router.h"

enum { NAME_IP = 1, NAME_PREFIX = 2, NAME_ETHER = 4, NAME_IP6 = 8 };

struct name_info {
    struct name_info *next; /* of those with the same place */
    struct str name;        /* with the compound's prefix in front */
    uint8_t has;
    uint32_t ip;
    struct prefix prefix;
    uint8_t ether[6];
    uint8_t ip6[16];
};

/** All of them, by their names' hash: a configuration may have 80,000. */
struct names {
    struct name_info **places;
    unsigned n, n_places; /* n_places: a power of two, and not less than n */
};

#define HASH_START 2166136261u /* FNV-1a */
#define HASH_PRIME 16777619u

static uint32_t hash(uint32_t h, struct str s)
{
    for (uint32_t i = 0; i < s.len; i++)
        h = (h ^ (uint8_t)s.s[i]) * HASH_PRIME;
    return h;
}

static struct name_info **place_of(const struct names *names, uint32_t h)
{
    return &names->places[h & (names->n_places - 1)];
}

static void put(struct names *names, struct name_info *n)
{
    struct name_info **place = place_of(names, hash(HASH_START, n->name));

    n->next = *place;
    *place = n;
}

/* Make room for one more. @return false without memory. */
static bool grow(struct names *names)
{
    struct names more = {.n = names->n, .n_places = names->n_places ? 2 * names->n_places : 16};

    if (names->n < names->n_places)
        return true;
    more.places = calloc(more.n_places, sizeof(*more.places));
    if (!more.places)
        return false;
    for (unsigned i = 0; i < names->n_places; i++) {
        while (names->places[i]) {
            struct name_info *n = names->places[i];

            names->places[i] = n->next;
            put(&more, n);
        }
    }
    free(names->places);
    *names = more;
    return true;
}

static struct name_info *add(struct names *names, struct str name)
{
    struct name_info *n = grow(names) ? calloc(1, sizeof(*n)) : NULL;

    if (!n || !(n->name.s = str_dup(name))) {
        free(n);
        return NULL;
    }
    n->name.len = name.len;
    put(names, n);
    names->n++;
    return n;
}

/* The name that `prefix` and `s` together are. */
static struct name_info *find(const struct names *names, struct str prefix, struct str s)
{
    struct name_info *n = NULL;

    if (names && names->n_places)
        n = *place_of(names, hash(hash(HASH_START, prefix), s));
    while (n &&
           (n->name.len != prefix.len + s.len || memcmp(n->name.s, prefix.s, prefix.len) != 0 ||
            memcmp(n->name.s + prefix.len, s.s, s.len) != 0))
        n = n->next;
    return n;
}

int name_add(struct router *r, struct str name, struct str value, struct errs *errs, uint32_t pos)
{
    struct name_info *n;
    struct prefix prefix;

    if (!r->names)
        r->names = calloc(1, sizeof(*r->names));
    n = find(r->names, STR(""), name);
    if (!n && (!r->names || !(n = add(r->names, name))))
        return errs_at(errs, pos, "out of memory");
    if (value_ip(value, &n->ip)) {
        n->has |= NAME_IP;
    } else if (value_prefix(value, false, &prefix)) {
        n->has |= NAME_PREFIX;
        n->prefix = prefix;
        if (!(n->has & NAME_IP) && (prefix.ip & ~prefix.mask)) {
            /* 10.0.0.1/8 names a host and its network */
            n->has |= NAME_IP;
            n->ip = prefix.ip;
        }
    } else if (value_ether(value, n->ether)) {
        n->has |= NAME_ETHER;
    } else if (value_ip6(value, n->ip6)) {
        n->has |= NAME_IP6;
    } else {
        return errs_at(errs, pos, "'%.*s' is no address", (int)value.len, value.s);
    }
    return 0;
}

void name_free(struct router *r)
{
    for (unsigned i = 0; r->names && i < r->names->n_places; i++) {
        while (r->names->places[i]) {
            struct name_info *n = r->names->places[i];

            r->names->places[i] = n->next;
            free((char *)n->name.s);
            free(n);
        }
    }
    if (r->names)
        free(r->names->places);
    free(r->names);
}

/* Cut what follows a name's last colon, and return it; empty if there is none. */
static struct str cut_suffix(struct str *s)
{
    uint32_t n = s->len;
    struct str suffix;

    while (n && s->s[n - 1] != ':')
        n--;
    suffix = (struct str){s->s + n, n ? s->len - n : 0};
    if (n)
        s->len = n - 1;
    return suffix;
}

/* Is it one of these words, each followed by a blank, or empty? */
static bool suffix_is(struct str suffix, const char *words)
{
    for (; *words; words = strchr(words, ' ') + 1) {
        if (!suffix.len || (strncmp(words, suffix.s, suffix.len) == 0 && words[suffix.len] == ' '))
            return true;
    }
    return false;
}

/* A name as seen from an element: the innermost compound's names count first. */
static const struct name_info *lookup(const struct conf *c, struct str s, unsigned has)
{
    struct str prefix = str_of(c->e->name);

    for (;;) {
        while (prefix.len && prefix.s[prefix.len - 1] != '/')
            prefix.len--;
        const struct name_info *n = find(c->router->names, prefix, s);
        if (n && (n->has & has))
            return n;
        if (!prefix.len)
            return NULL;
        prefix.len--;
    }
}

/* `name:bcast` and `name:gw`: the last and the first address of the name's network. */
static bool network_ip(const struct conf *c, struct str s, bool last, uint32_t *out)
{
    const struct name_info *n = lookup(c, s, NAME_PREFIX);

    if (n && last)
        *out = n->prefix.ip | ~n->prefix.mask;
    else if (n)
        *out = (n->prefix.ip & n->prefix.mask) | host_to_be32(1);
    return n;
}

bool conf_ip(const struct conf *c, struct str s, uint32_t *out)
{
    const struct name_info *n;
    struct str whole, suffix;

    s = whole = str_trim(s);
    if (value_ip(s, out))
        return true;
    suffix = cut_suffix(&s);
    if (str_is(suffix, "bcast"))
        return network_ip(c, s, true, out);
    if (suffix_is(suffix, "ip ip4 "))
        n = lookup(c, s, NAME_IP);
    else if (str_is(suffix, "gw")) /* one that was named itself comes first */
        n = lookup(c, whole, NAME_IP);
    else
        return false;
    if (n)
        *out = n->ip;
    return n || (str_is(suffix, "gw") && network_ip(c, s, false, out));
}

bool conf_prefix(const struct conf *c, struct str s, bool bare, struct prefix *out)
{
    const struct name_info *n;
    uint32_t ip;

    s = str_trim(s);
    if (value_prefix(s, bare, out))
        return true;
    if (bare && conf_ip(c, s, &ip)) { /* an address counts before its network */
        *out = (struct prefix){ip, 0xffffffffu};
        return true;
    }
    if (!suffix_is(cut_suffix(&s), "net ipnet ip4net "))
        return false;
    n = lookup(c, s, NAME_PREFIX);
    if (n)
        *out = n->prefix;
    return n;
}

bool conf_ether(const struct conf *c, struct str s, uint8_t out[6])
{
    const struct name_info *n;
    struct port_dev *dev;
    const char *why;
    char name[32];

    s = str_trim(s);
    if (value_ether(s, out))
        return true;
    if (!suffix_is(cut_suffix(&s), "eth ether ethernet "))
        return false;
    n = lookup(c, s, NAME_ETHER);
    if (n) {
        memcpy(out, n->ether, 6);
        return true;
    }
    /* a device's name stands for its own address */
    if (!s.len || s.len >= sizeof(name))
        return false;
    memcpy(name, s.s, s.len);
    name[s.len] = 0;
    dev = port_dev_find(name, &why);
    if (dev)
        memcpy(out, port_dev_mac(dev), 6);
    return dev;
}
