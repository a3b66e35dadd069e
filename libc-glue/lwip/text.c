/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses as texts. */
#include <errno.h>
#include <string.h>

#include <netinet/in.h>

#include <sprat/compiler.h>
#include <sprat/format.h>

#include "bytes.h"
#include "socket.h"

#define QUAD_BYTES 4
#define SIX_BYTES  16

/* Four decimal numbers: inet_aton() knows shorter forms and other bases. */
static bool parse_quad(const char *text, uint8_t *address)
{
    for (int part = 0; part < QUAD_BYTES; part++) {
        const char *first = text;
        unsigned value = 0;
        for (; *text >= '0' && *text <= '9' && value <= UINT8_MAX; text++)
            value = value * 10 + (unsigned)(*text - '0');
        if (text == first || value > UINT8_MAX || (*first == '0' && text - first > 1) ||
            *text++ != (part < QUAD_BYTES - 1 ? '.' : '\0'))
            return false;
        address[part] = (uint8_t)value;
    }
    return true;
}

/* Up to four hexadecimal digits. @return what is behind them. */
static const char *parse_group(const char *text, unsigned *value)
{
    static const char digits[] = "0123456789abcdef";
    const char *digit;

    *value = 0;
    for (int n = 0; n < 4 && *text && (digit = strchr(digits, *text | 0x20)); n++, text++)
        *value = *value << 4 | (unsigned)(digit - digits);
    return text;
}

static bool parse_six(const char *text, uint8_t *address)
{
    uint8_t *at = address, *end = address + SIX_BYTES, *gap = NULL;
    unsigned value;

    memset(address, 0, SIX_BYTES);
    if (*text == ':' && *++text != ':')
        return false;
    for (;;) {
        if (*text == ':') {
            if (gap)
                return false;
            gap = at;
            if (!*++text)
                break;
        }
        const char *behind = parse_group(text, &value);
        if (*behind == '.') {
            if (end - at < QUAD_BYTES || !parse_quad(text, at))
                return false;
            at += QUAD_BYTES;
            break;
        }
        if (behind == text || at == end)
            return false;
        *at++ = (uint8_t)(value >> 8);
        *at++ = (uint8_t)value;
        if (!*behind)
            break;
        if (*behind != ':' || !behind[1])
            return false;
        text = behind + 1;
    }
    if (!gap)
        return at == end;
    size_t n = (size_t)(at - gap);
    memmove(end - n, gap, n);
    memset(gap, 0, (size_t)(end - at));
    return at != end;
}

SPRAT_API int inet_pton(int family, const char *text, void *address)
{
    uint8_t parsed[SIX_BYTES];

    if (family != AF_INET && family != AF_INET6) {
        errno = EAFNOSUPPORT;
        return -1;
    }
    if (!(family == AF_INET ? parse_quad : parse_six)(text, parsed))
        return 0;
    memcpy(address, parsed, family == AF_INET ? QUAD_BYTES : SIX_BYTES);
    return 1;
}

bool address_parse(int family, const char *text, ip_addr_t *ip)
{
    *ip = *(family == AF_INET ? IP4_ADDR_ANY : IP6_ADDR_ANY);
    return inet_pton(family, text, ip) == 1;
}

/* A number in C's bases, below 2^32. @return what is behind it, NULL: there is none. */
static const char *parse_number(const char *text, uint64_t *value)
{
    unsigned base = *text != '0' ? 10 : (text[1] | 0x20) == 'x' ? 16 : 8;
    const char *first = base == 16 ? text += 2 : text;

    for (*value = 0;; text++) {
        unsigned digit = *text >= '0' && *text <= '9' ? (unsigned)(*text - '0') : 16;
        if ((*text | 0x20) >= 'a' && (*text | 0x20) <= 'f')
            digit = (unsigned)((*text | 0x20) - 'a') + 10;
        if (digit >= base)
            return text == first ? NULL : text;
        *value = *value * base + digit;
        if (*value > UINT32_MAX)
            return NULL;
    }
}

/* One to four numbers: the last one is for all the bytes that are left. */
SPRAT_API int inet_aton(const char *text, struct in_addr *address)
{
    unsigned left = 32; /* bits */
    uint32_t all = 0;
    uint64_t value;

    while ((text = parse_number(text, &value)) && *text == '.') {
        if (value > UINT8_MAX || left == 8)
            return 0;
        left -= 8;
        all |= (uint32_t)value << left;
        text++;
    }
    if (!text || value >> left || !strchr(" \t\n\v\f\r", *text))
        return 0;
    address->s_addr = htonl(all | (uint32_t)value);
    return 1;
}

SPRAT_API in_addr_t inet_addr(const char *text)
{
    struct in_addr address;

    return inet_aton(text, &address) ? address.s_addr : INADDR_NONE;
}

void address_text(int family, const void *address, char *text)
{
    const uint8_t *at = address, *end = at + (family == AF_INET ? 4 : 16);
    const uint8_t *zeros = NULL, *zeros_end = NULL; /* the longest row of two groups or more */
    char *to = text, *text_end = text + INET6_ADDRSTRLEN;

    if (family == AF_INET6 && IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)address)) {
        to += format(to, INET6_ADDRSTRLEN, "::ffff:");
        at += 12;
    }
    if (end - at == 4) {
        format(to, (size_t)(text_end - to), "%u.%u.%u.%u", at[0], at[1], at[2], at[3]);
        return;
    }
    for (const uint8_t *row = at, *row_end; row < end; row = row_end + 2) {
        for (row_end = row; row_end < end && !bytes_get16(row_end);)
            row_end += 2;
        if (row_end - row > 2 && row_end - row > zeros_end - zeros)
            zeros = row, zeros_end = row_end;
    }
    for (; at < end; at += 2) {
        const char *colon = to == text || to[-1] == ':' ? "" : ":";
        if (at == zeros) {
            to += format(to, (size_t)(text_end - to), "::");
            at = zeros_end - 2;
            continue;
        }
        to += format(to, (size_t)(text_end - to), "%s%x", colon, bytes_get16(at));
    }
}

SPRAT_API const char *inet_ntop(int family, const void *address, char *text, socklen_t size)
{
    char written[INET6_ADDRSTRLEN];

    if (family != AF_INET && family != AF_INET6) {
        errno = EAFNOSUPPORT;
        return NULL;
    }
    address_text(family, address, written);
    if (strlen(written) < size)
        return strcpy(text, written);
    errno = ENOSPC;
    return NULL;
}

SPRAT_API char *inet_ntoa(struct in_addr address)
{
    static char text[INET_ADDRSTRLEN];

    inet_ntop(AF_INET, &address, text, sizeof(text));
    return text;
}
