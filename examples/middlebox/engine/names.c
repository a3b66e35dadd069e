/* SPDX-License-Identifier: BSD-2-Clause */
/* Names for addresses: what AddressInfo elements say, used wherever an address is expected. */
#include <stdlib.h>

#include "router.h"

enum { NAME_IP = 1, NAME_PREFIX = 2, NAME_ETHER = 4, NAME_IP6 = 8 };

struct name_info {
    struct name_info *next;
    struct str name; /* with the compound's prefix in front */
    uint8_t has;
    uint32_t ip;
    struct prefix prefix;
    uint8_t ether[6];
    uint8_t ip6[16];
};

int name_add(struct router *r, struct str name, struct str value, struct errs *errs, uint32_t pos)
{
    struct name_info *n;
    struct prefix prefix;

    for (n = r->names; n && !str_eq(n->name, name); n = n->next)
        ;
    if (!n) {
        n = calloc(1, sizeof(*n));
        if (!n || !(n->name.s = str_dup(name))) {
            free(n);
            return errs_at(errs, pos, "out of memory");
        }
        n->name.len = name.len;
        n->next = r->names;
        r->names = n;
    }
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
    while (r->names) {
        struct name_info *n = r->names;

        r->names = n->next;
        free((char *)n->name.s);
        free(n);
    }
}

/* `name`, or `name:suffix`, as seen from an element: the innermost compound's names count first. */
static const struct name_info *lookup(const struct conf *c, struct str s, const char *suffix,
                                      unsigned has)
{
    struct str prefix = str_of(c->e->name);
    const char *colon = s.len ? memchr(s.s, ':', s.len) : NULL;

    if (colon) {
        if (!str_is((struct str){colon + 1, (uint32_t)(s.s + s.len - colon - 1)}, suffix))
            return NULL;
        s.len = (uint32_t)(colon - s.s);
    }
    for (;;) {
        while (prefix.len && prefix.s[prefix.len - 1] != '/')
            prefix.len--;
        for (const struct name_info *n = c->router->names; n; n = n->next) {
            if ((n->has & has) && n->name.len == prefix.len + s.len &&
                memcmp(n->name.s, prefix.s, prefix.len) == 0 &&
                memcmp(n->name.s + prefix.len, s.s, s.len) == 0)
                return n;
        }
        if (!prefix.len)
            return NULL;
        prefix.len--;
    }
}

bool conf_ip(const struct conf *c, struct str s, uint32_t *out)
{
    const struct name_info *n;

    s = str_trim(s);
    if (value_ip(s, out))
        return true;
    n = lookup(c, s, "ip", NAME_IP);
    if (n)
        *out = n->ip;
    return n;
}

bool conf_prefix(const struct conf *c, struct str s, bool bare, struct prefix *out)
{
    const struct name_info *n;

    s = str_trim(s);
    if (value_prefix(s, bare, out))
        return true;
    n = bare ? lookup(c, s, "ip", NAME_IP) : NULL; /* an address counts before its network */
    if (n) {
        *out = (struct prefix){n->ip, 0xffffffffu};
        return true;
    }
    n = lookup(c, s, "ipnet", NAME_PREFIX);
    if (n)
        *out = n->prefix;
    return n;
}

bool conf_ether(const struct conf *c, struct str s, uint8_t out[6])
{
    const struct name_info *n;
    struct port_dev *dev;
    const char *colon, *why;
    char name[32];

    s = str_trim(s);
    if (value_ether(s, out))
        return true;
    n = lookup(c, s, "eth", NAME_ETHER);
    if (n) {
        memcpy(out, n->ether, 6);
        return true;
    }
    /* a device's name stands for its own address */
    colon = s.len ? memchr(s.s, ':', s.len) : NULL;
    if (colon && str_is((struct str){colon + 1, (uint32_t)(s.s + s.len - colon - 1)}, "eth"))
        s.len = (uint32_t)(colon - s.s);
    if (!s.len || s.len >= sizeof(name))
        return false;
    memcpy(name, s.s, s.len);
    name[s.len] = 0;
    dev = port_dev_find(name, &why);
    if (dev)
        memcpy(out, port_dev_mac(dev), 6);
    return dev;
}
