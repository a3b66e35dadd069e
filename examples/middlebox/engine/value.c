/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>

#include "bytes.h"
#include "lex.h"
#include "value.h"

bool value_bool(struct str s, bool *out)
{
    static const char *const words[] = {"0", "1", "false", "true", "no", "yes", "f", "t", "n", "y"};

    s = str_trim(s);
    for (unsigned i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (str_is(s, words[i])) {
            *out = i & 1;
            return true;
        }
    }
    return false;
}

bool value_uint(struct str s, uint64_t *out)
{
    uint64_t v = 0;
    unsigned base = 10;
    uint32_t i = 0;

    s = str_trim(s);
    if (s.len && s.s[0] == '+')
        i = 1;
    if (s.len > i + 2 && s.s[i] == '0' && (s.s[i + 1] | 32) == 'x') {
        base = 16;
        i += 2;
    } else if (s.len > i + 1 && s.s[i] == '0') {
        base = 8;
        i++;
    }
    if (i >= s.len)
        return false;
    for (; i < s.len; i++) {
        int d = hex_digit(s.s[i]);

        if (d < 0 || (unsigned)d >= base || v > (UINT64_MAX - (unsigned)d) / base)
            return false;
        v = v * base + (unsigned)d;
    }
    *out = v;
    return true;
}

bool value_int(struct str s, int64_t *out)
{
    bool negative;
    uint64_t v;

    s = str_trim(s);
    negative = s.len && s.s[0] == '-';
    if (negative) {
        s.s++;
        s.len--;
        if (s.len && !is_digit(s.s[0]))
            return false;
    }
    if (!value_uint(s, &v) || v > (uint64_t)INT64_MAX)
        return false;
    *out = negative ? -(int64_t)v : (int64_t)v;
    return true;
}

bool value_decimal(struct str s, uint64_t scale, uint64_t *out)
{
    uint64_t whole = 0, part = 0, unit = 1;
    bool any = false;
    uint32_t i = 0;

    s = str_trim(s);
    for (; i < s.len && is_digit(s.s[i]); i++, any = true) {
        if (whole > (UINT64_MAX - 9) / 10)
            return false;
        whole = whole * 10 + (unsigned)(s.s[i] - '0');
    }
    if (i < s.len && s.s[i] == '.') {
        for (i++; i < s.len && is_digit(s.s[i]); i++, any = true) {
            if (unit < 1000000000u) { /* further digits do not matter */
                part = part * 10 + (unsigned)(s.s[i] - '0');
                unit *= 10;
            }
        }
    }
    if (!any || i != s.len || (whole && scale > UINT64_MAX / whole / 2))
        return false;
    /* part/unit of the scale, in two steps that cannot overflow */
    *out = whole * scale + part * (scale / unit) + (part * (scale % unit) + unit / 2) / unit;
    return true;
}

struct unit {
    const char *name;
    uint64_t scale;
};

/* The number and the unit behind it; an empty unit gives `plain`. */
static bool with_unit(struct str s, const struct unit *units, uint64_t plain, uint64_t *out)
{
    struct str number = s = str_trim(s), unit;

    while (number.len && (is_alpha(number.s[number.len - 1]) || number.s[number.len - 1] == '/'))
        number.len--;
    unit = (struct str){number.s + number.len, s.len - number.len};
    if (!unit.len)
        return value_decimal(number, plain, out);
    for (; units->name; units++) {
        if (str_is(unit, units->name))
            return value_decimal(number, units->scale, out);
    }
    return false;
}

bool value_time(struct str s, uint64_t unit_ns, uint64_t *out_ns)
{
    static const struct unit units[] = {
        {"s", 1000000000},
        {"sec", 1000000000},
        {"ms", 1000000},
        {"msec", 1000000},
        {"us", 1000},
        {"usec", 1000},
        {"ns", 1},
        {"nsec", 1},
        {"m", 60000000000},
        {"min", 60000000000},
        {"h", 3600000000000},
        {"hr", 3600000000000},
        {"d", 86400000000000},
        {"day", 86400000000000},
        {NULL, 0},
    };

    return with_unit(s, units, unit_ns, out_ns);
}

bool value_bandwidth(struct str s, uint64_t *out)
{
    /* scaled by 8: a bit is one unit */
    static const struct unit units[] = {
        {"bps", 1},
        {"b/s", 1},
        {"baud", 1},
        {"Bps", 8},
        {"B/s", 8},
        {"k", 8000},
        {"kbps", 1000},
        {"kb/s", 1000},
        {"kBps", 8000},
        {"kB/s", 8000},
        {"KB/s", 8000},
        {"Kbps", 1000},
        {"M", 8000000},
        {"Mbps", 1000000},
        {"Mb/s", 1000000},
        {"MBps", 8000000},
        {"MB/s", 8000000},
        {"G", 8000000000},
        {"Gbps", 1000000000},
        {"Gb/s", 1000000000},
        {"GBps", 8000000000},
        {"GB/s", 8000000000},
        {NULL, 0},
    };
    uint64_t bits;

    if (!with_unit(s, units, 8, &bits))
        return false;
    *out = bits / 8;
    return true;
}

/* One to four dotted numbers; returns how many bytes there were, 0 if it is no address. */
static unsigned dotted(struct str s, uint8_t b[4])
{
    unsigned n = 0;
    uint32_t i = 0;

    memset(b, 0, 4);
    while (n < 4) {
        unsigned v = 0;
        uint32_t start = i;

        for (; i < s.len && is_digit(s.s[i]) && i - start < 3; i++)
            v = v * 10 + (unsigned)(s.s[i] - '0');
        if (i == start || v > 255)
            return 0;
        b[n++] = (uint8_t)v;
        if (i == s.len)
            return n;
        if (s.s[i++] != '.')
            return 0;
    }
    return 0;
}

bool value_ip(struct str s, uint32_t *out)
{
    uint8_t b[4];

    if (dotted(str_trim(s), b) != 4)
        return false;
    memcpy(out, b, 4);
    return true;
}

uint32_t prefix_mask(unsigned n)
{
    return n ? host_to_be32(0xffffffffu << (32 - n)) : 0;
}

int prefix_len(uint32_t mask)
{
    for (unsigned n = 0; n <= 32; n++) {
        if (prefix_mask(n) == mask)
            return (int)n;
    }
    return -1;
}

bool value_prefix(struct str s, bool bare, struct prefix *out)
{
    struct str addr, mask;
    uint8_t b[4];
    const char *slash;
    unsigned n;
    uint64_t bits;

    s = str_trim(s);
    slash = s.len ? memchr(s.s, '/', s.len) : NULL;
    addr = s;
    if (slash)
        addr.len = (uint32_t)(slash - s.s);
    n = dotted(addr, b);
    if (!slash) {
        if (!bare || n != 4)
            return false;
        memcpy(&out->ip, b, 4);
        out->mask = 0xffffffffu;
        return true;
    }
    mask = (struct str){slash + 1, s.len - addr.len - 1};
    if (!n || !mask.len || is_space(mask.s[0]))
        return false;
    if (value_uint(mask, &bits) && bits <= 32) {
        /* 18.26.4/24: the address must give all the bytes that the mask covers */
        if (n < 4 && bits > 8 * n)
            return false;
        out->mask = prefix_mask((unsigned)bits);
    } else if (n != 4 || !value_ip(mask, &out->mask)) {
        return false;
    }
    memcpy(&out->ip, b, 4);
    return true;
}

bool value_ether(struct str s, uint8_t out[6])
{
    uint8_t b[6];
    uint32_t i = 0;

    s = str_trim(s);
    for (unsigned n = 0; n < 6; n++) {
        unsigned v = 0;
        uint32_t start = i;

        for (; i < s.len && i - start < 2 && hex_digit(s.s[i]) >= 0; i++)
            v = v * 16 + (unsigned)hex_digit(s.s[i]);
        if (i == start)
            return false;
        b[n] = (uint8_t)v;
        if (n < 5 && (i >= s.len || (s.s[i] != ':' && s.s[i] != '-')))
            return false;
        i += n < 5;
    }
    if (i != s.len)
        return false;
    memcpy(out, b, 6);
    return true;
}

bool value_ip6(struct str s, uint8_t out[16])
{
    uint8_t b[16] = {0};
    unsigned n = 0, gap = 99;
    uint32_t i = 0;

    s = str_trim(s);
    if (s.len >= 2 && s.s[0] == ':' && s.s[1] == ':') {
        gap = 0;
        i = 2;
    }
    while (i < s.len) {
        unsigned v = 0;
        uint32_t start = i;

        for (; i < s.len && i - start < 4 && hex_digit(s.s[i]) >= 0; i++)
            v = v * 16 + (unsigned)hex_digit(s.s[i]);
        if (i < s.len && s.s[i] == '.') { /* ends in an IPv4 address */
            struct str tail = {s.s + start, s.len - start};
            uint8_t v4[4];

            if (n > 12 || dotted(tail, v4) != 4)
                return false;
            memcpy(b + n, v4, 4);
            n += 4;
            break;
        }
        if (i == start || n > 14)
            return false;
        b[n++] = (uint8_t)(v >> 8);
        b[n++] = (uint8_t)v;
        if (i == s.len)
            break;
        if (s.s[i++] != ':')
            return false;
        if (i < s.len && s.s[i] == ':') {
            if (gap != 99)
                return false;
            gap = n;
            i++;
        } else if (i == s.len) {
            return false; /* a single colon at the end */
        }
    }
    if (gap == 99 ? n != 16 : n > 14)
        return false;
    if (gap != 99) {
        memmove(b + 16 - (n - gap), b + gap, n - gap);
        memset(b + gap, 0, 16 - n);
    }
    memcpy(out, b, 16);
    return true;
}

/* One backslash substitution at s[i] (behind the backslash); returns the index behind it. */
static uint32_t unescape(struct str s, uint32_t i, struct text *t)
{
    static const char from[] = "abtnvfr", to[] = "\a\b\t\n\v\f\r";
    char c = s.s[i];
    const char *at = memchr(from, c, sizeof(from) - 1);
    unsigned v = 0;

    if (at) {
        text_char(t, to[at - from]);
        return i + 1;
    }
    if (c >= '0' && c <= '7') {
        uint32_t start = i;

        for (; i < s.len && i - start < 3 && s.s[i] >= '0' && s.s[i] <= '7'; i++)
            v = v * 8 + (unsigned)(s.s[i] - '0');
        text_char(t, (char)v);
        return i;
    }
    if (c == 'x') {
        for (i++; i < s.len && hex_digit(s.s[i]) >= 0; i++)
            v = v * 16 + (unsigned)hex_digit(s.s[i]);
        text_char(t, (char)v);
        return i;
    }
    if (c == '\n')
        return i + 1;
    if (c == '\r')
        return i + 1 + (i + 1 < s.len && s.s[i + 1] == '\n');
    text_char(t, c);
    return i + 1;
}

/* A \<...> substitution; i stands behind the `<`. Comments in it are skipped; anything else than
 * hex digits and white space makes it wrong. */
static bool hex_data(struct str s, uint32_t *i, struct text *t)
{
    int high = -1;

    for (; *i < s.len; ++*i) {
        char c = s.s[*i];
        int d = hex_digit(c);
        uint32_t behind = lex_skip_comment(s, *i);

        if (behind != *i) {
            *i = behind - 1;
            continue;
        }
        if (c == '>') {
            ++*i;
            return high < 0;
        }
        if (d < 0 && !is_space(c))
            return false;
        if (d < 0)
            continue;
        if (high >= 0)
            text_char(t, (char)(high * 16 + d));
        high = high >= 0 ? -1 : d;
    }
    return false;
}

bool value_string(struct str s, struct str *out)
{
    struct text t = {0};
    char quote = 0;

    s = str_trim(s);
    text_add(&t, "", 0);
    for (uint32_t i = 0; i < s.len;) {
        char c = s.s[i];

        if (quote ? c == quote : c == '"' || c == '\'') {
            quote = quote ? 0 : c;
            i++;
        } else if (c == '\\' && quote != '\'' && i + 1 < s.len && s.s[i + 1] == '<') {
            i += 2;
            if (!hex_data(s, &i, &t))
                goto err;
        } else if (c == '\\' && quote == '"' && i + 1 < s.len) {
            i = unescape(s, i + 1, &t);
        } else {
            text_char(&t, c);
            i++;
        }
    }
    if (quote || t.cut || !t.s)
        goto err;
    *out = (struct str){t.s, t.len};
    return true;
err:
    text_free(&t);
    return false;
}
