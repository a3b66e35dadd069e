/* SPDX-License-Identifier: BSD-2-Clause */
#include "client.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static char text[400000];
static size_t text_len;

static void put16(uint8_t *to, unsigned value)
{
    to[0] = (uint8_t)(value >> 8);
    to[1] = (uint8_t)value;
}

static unsigned get16(const uint8_t *from)
{
    return (unsigned)from[0] << 8 | from[1];
}

static unsigned get32(const uint8_t *from)
{
    return get16(from) << 16 | get16(from + 2);
}

size_t client_query(uint8_t *query, const struct question *question)
{
    static const uint8_t header[] = {0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
    uint8_t *to = query + sizeof(header);
    const char *name = question->name;

    memcpy(query, header, sizeof(header));
    while (*name && strcmp(name, ".") != 0) {
        size_t len = strcspn(name, ".");
        *to++ = (uint8_t)len;
        memcpy(to, name, len);
        to += len;
        name += len + (name[len] == '.');
    }
    *to++ = 0;
    put16(to, question->type);
    put16(to + 2, question->class ? question->class : 1);
    to += 4;
    if (question->udp_max) {
        uint8_t opt[11] = {0, 0, 41};
        put16(opt + 3, question->udp_max);
        opt[6] = (uint8_t)question->edns_version;
        opt[7] = question->dnssec_ok ? 0x80 : 0;
        memcpy(to, opt, sizeof(opt));
        to += sizeof(opt);
        query[11] = 1;
    }
    return (size_t)(to - query);
}

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    text_len += (size_t)vsnprintf(text + text_len, sizeof(text) - text_len, format, args);
    va_end(args);
}

/* Read a name at *at; pointers go back only. @return false when it is malformed. */
static bool read_name(const uint8_t *answer, size_t len, size_t *at)
{
    size_t from = *at, least = *at, n = 0;
    bool jumped = false;

    for (;;) {
        if (from >= len)
            return false;
        unsigned label = answer[from];
        if (label >= 0xc0) {
            if (from + 1 >= len)
                return false;
            if (!jumped)
                *at = from + 2;
            jumped = true;
            from = (label & 0x3f) << 8 | answer[from + 1];
            if (from >= least || from < 12)
                return false;
            least = from;
            continue;
        }
        n += 1 + label;
        if (label > 63 || n > 255 || from + 1 + label > len)
            return false;
        from++;
        if (!label)
            break;
        for (; label; label--, from++) {
            if (answer[from] > ' ' && answer[from] < 0x7f && answer[from] != '.')
                say("%c", answer[from]);
            else
                say("\\%03u", answer[from]);
        }
        say(".");
    }
    if (n == 1)
        say(".");
    if (!jumped)
        *at = from;
    return true;
}

static bool read_names_of(const uint8_t *answer, size_t end, size_t at, unsigned n)
{
    for (; n; n--) {
        say(" ");
        if (!read_name(answer, end, &at))
            return false;
    }
    for (; at < end; at += 4) {
        if (end - at < 4)
            return false;
        say(" %u", get32(answer + at));
    }
    return true;
}

static bool read_strings(const uint8_t *answer, size_t end, size_t at)
{
    while (at < end) {
        unsigned len = answer[at++];
        if (len > end - at)
            return false;
        say(" \"%.*s\"", (int)len, (const char *)answer + at);
        at += len;
    }
    return true;
}

static bool read_data(const uint8_t *answer, size_t at, size_t end, unsigned type)
{
    char address[64];

    switch (type) {
    case 1:
    case 28:
        if (end - at != (type == 1 ? 4 : 16))
            return false;
        say(" %s", inet_ntop(type == 1 ? AF_INET : AF_INET6, answer + at, address, 64));
        return true;
    case 2:
    case 5:
    case 12:
        return read_names_of(answer, end, at, 1);
    case 6:
        return read_names_of(answer, end, at, 2);
    case 15:
        if (end - at < 3)
            return false;
        say(" %u", get16(answer + at));
        return read_names_of(answer, end, at + 2, 1);
    case 16:
        return read_strings(answer, end, at);
    default:
        say(" ");
        for (; at < end; at++)
            say("%02x", answer[at]);
        return true;
    }
}

static bool read_record(const uint8_t *answer, size_t len, size_t *at, const char *section)
{
    static const struct {
        unsigned type;
        const char *name;
    } names[] = {{1, "A"},   {2, "NS"},   {5, "CNAME"}, {6, "SOA"},  {12, "PTR"},
                 {15, "MX"}, {16, "TXT"}, {28, "AAAA"}, {33, "SRV"}, {257, "CAA"}};

    say("%s ", section);
    if (!read_name(answer, len, at) || len - *at < 10)
        return false;
    const uint8_t *header = answer + *at;
    unsigned type = get16(header), data_len = get16(header + 8);
    *at += 10;
    if (data_len > len - *at)
        return false;
    if (type == 41) {
        say(" OPT size %u flags %08x\n", get16(header + 2), get32(header + 4));
        *at += data_len;
        return true;
    }
    const char *name = NULL;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i].type == type)
            name = names[i].name;
    say(" %u ", get32(header + 4));
    if (name)
        say("%s", name);
    else
        say("TYPE%u", type);
    if (get16(header + 2) != 1 || !read_data(answer, *at, *at + data_len, type))
        return false;
    say("\n");
    *at += data_len;
    return true;
}

const char *client_read(const uint8_t *answer, size_t len)
{
    static const char *const codes[] = {"NOERROR",  "FORMERR", "SERVFAIL",
                                        "NXDOMAIN", "NOTIMP",  "REFUSED"};
    static const char *const sections[] = {"an", "ns", "ar"};
    size_t at = 12;

    text_len = 0;
    text[0] = '\0';
    if (len < 12 || !(answer[2] & 0x80) || (answer[3] & 0xf) > 5 || get16(answer + 4) > 1)
        return NULL;
    say("%s%s%s\n", codes[answer[3] & 0xf], answer[2] & 4 ? " aa" : "", answer[2] & 2 ? " tc" : "");
    if (get16(answer + 4)) {
        size_t before = text_len;
        if (!read_name(answer, len, &at) || len - at < 4)
            return NULL;
        text_len = before;
        text[text_len] = '\0';
        at += 4;
    }
    for (int i = 0; i < 3; i++)
        for (unsigned n = get16(answer + 6 + 2 * i); n; n--)
            if (!read_record(answer, len, &at, sections[i]))
                return NULL;
    return at == len ? text : NULL;
}
