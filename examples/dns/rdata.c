/* SPDX-License-Identifier: BSD-2-Clause */
#include "rdata.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

#include <sys/socket.h>

#include "zone.h"

/*
 * The fields of a type: '1' '2' '4' numbers of so many bytes, 't' seconds, 'n' a name, 'a' an IPv4
 * and '6' an IPv6 address, 's' a string, 'S' one string or more, 'g' a tag (a string of letters and
 * digits), 'v' a text up to the data's end.
 */
static const struct type {
    const char *name;
    uint16_t number;
    const char *fields;
} types[] = {
    {"A", TYPE_A, "a"},       {"NS", TYPE_NS, "n"},         {"CNAME", TYPE_CNAME, "n"},
    {"PTR", TYPE_PTR, "n"},   {"HINFO", TYPE_HINFO, "ss"},  {"MX", TYPE_MX, "2n"},
    {"TXT", TYPE_TXT, "S"},   {"AAAA", TYPE_AAAA, "6"},     {"SRV", TYPE_SRV, "222n"},
    {"CAA", TYPE_CAA, "1gv"}, {"SOA", TYPE_SOA, "nn4tttt"},
};

#define N_TYPES (sizeof(types) / sizeof(types[0]))

struct writer {
    uint8_t *data;
    size_t len;
};

static bool word_is(const char *text, size_t len, const char *word)
{
    return len == strlen(word) && strncasecmp(text, word, len) == 0;
}

static int number(const char *text, size_t len, uint64_t max, uint64_t *value)
{
    *value = 0;
    if (!len)
        return -1;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        *value = *value * 10 + (unsigned)(text[i] - '0');
        if (*value > max)
            return -1;
    }
    return 0;
}

uint16_t rdata_type(const char *text, size_t len)
{
    uint64_t value;

    for (size_t i = 0; i < N_TYPES; i++)
        if (word_is(text, len, types[i].name))
            return types[i].number;
    if (len > 4 && strncasecmp(text, "TYPE", 4) == 0 &&
        number(text + 4, len - 4, 0xffff, &value) == 0)
        return (uint16_t)value;
    return 0;
}

static const struct type *type_of(uint16_t number_of)
{
    for (size_t i = 0; i < N_TYPES; i++)
        if (types[i].number == number_of)
            return &types[i];
    return NULL;
}

int rdata_seconds(const char *text, size_t len, uint32_t *seconds)
{
    static const char units[] = "smhdw";
    static const uint32_t worth_s[] = {1, 60, 3600, 86400, 604800};
    uint64_t total = 0;
    size_t at = 0;

    while (at < len) {
        uint64_t value;
        size_t start = at;
        while (at < len && text[at] >= '0' && text[at] <= '9')
            at++;
        if (number(text + start, at - start, INT32_MAX, &value))
            return -1;
        if (at < len) {
            const char *unit = strchr(units, name_lower((uint8_t)text[at]));
            if (!unit || !*unit)
                return -1;
            value *= worth_s[unit - units];
            at++;
        } else if (start) {
            return -1; /* digits behind a unit, and none of their own */
        }
        total += value;
        if (total > INT32_MAX)
            return -1;
    }
    *seconds = (uint32_t)total;
    return len ? 0 : -1;
}

static const char *put(struct writer *writer, const void *bytes, size_t len)
{
    if (len > RDATA_MAX - writer->len)
        return "this record has more data than 8192 bytes";
    memcpy(writer->data + writer->len, bytes, len);
    writer->len += len;
    return NULL;
}

static const char *put_number(struct writer *writer, uint64_t value, unsigned n_bytes)
{
    uint8_t bytes[4];

    for (unsigned i = 0; i < n_bytes; i++)
        bytes[i] = (uint8_t)(value >> 8 * (n_bytes - 1 - i));
    return put(writer, bytes, n_bytes);
}

/* Text with its escapes resolved; `max` bytes of it. */
static const char *put_text(struct writer *writer, const struct token *token, size_t max)
{
    size_t start = writer->len;
    const char *why = NULL;

    for (size_t i = 0; i < token->len && !why; i++) {
        uint8_t byte = (uint8_t)token->text[i];
        if (byte == '\\') {
            uint64_t value;
            if (++i == token->len)
                return "a backslash at the text's end";
            byte = (uint8_t)token->text[i];
            if (byte >= '0' && byte <= '9') {
                if (token->len - i < 3 || number(token->text + i, 3, 255, &value))
                    return "a backslash takes a character or three digits up to 255 behind it";
                byte = (uint8_t)value;
                i += 2;
            }
        }
        if (writer->len - start == max)
            return "a string of more than 255 bytes: split it in several, each in quotes";
        why = put(writer, &byte, 1);
    }
    return why;
}

static const char *put_string(struct writer *writer, const struct token *token)
{
    size_t length_at = writer->len;
    const char *why = put(writer, "", 1);

    if (!why)
        why = put_text(writer, token, 255);
    if (!why)
        writer->data[length_at] = (uint8_t)(writer->len - length_at - 1);
    return why;
}

static const char *put_tag(struct writer *writer, const struct token *token)
{
    for (size_t i = 0; i < token->len; i++) {
        uint8_t c = name_lower((uint8_t)token->text[i]);
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9'))
            return "a tag is made of letters and digits, as in issue";
    }
    return token->len ? put_string(writer, token) : "an empty tag";
}

static const char *put_address(struct writer *writer, const struct token *token, int family)
{
    char text[INET6_ADDRSTRLEN];
    uint8_t address[16];

    if (token->len < sizeof(text)) {
        memcpy(text, token->text, token->len);
        text[token->len] = '\0';
        if (inet_pton(family, text, address) == 1)
            return put(writer, address, family == AF_INET ? 4 : 16);
    }
    return family == AF_INET ? "no IPv4 address, as in 192.0.2.1"
                             : "no IPv6 address, as in 2001:db8::1";
}

static const char *put_name(struct writer *writer, const struct token *token,
                            const struct name *origin)
{
    struct name name;
    const char *why = name_parse(&name, token->text, token->len, origin);

    return why ? why : put(writer, name.wire, name.len);
}

static const char *put_seconds(struct writer *writer, const struct token *token)
{
    uint32_t seconds;

    if (rdata_seconds(token->text, token->len, &seconds))
        return "no number of seconds, as in 3600 or 1h";
    return put_number(writer, seconds, 4);
}

static const char *put_field(struct writer *writer, char field, const struct token *token,
                             const struct name *origin)
{
    uint64_t value;

    if (token->kind == TOKEN_STRING && !strchr("sSvg", field))
        return "quotes where there is no text";
    switch (field) {
    case 'a':
        return put_address(writer, token, AF_INET);
    case '6':
        return put_address(writer, token, AF_INET6);
    case 'n':
        return put_name(writer, token, origin);
    case 't':
        return put_seconds(writer, token);
    case 's':
    case 'S':
        return put_string(writer, token);
    case 'g':
        return put_tag(writer, token);
    case 'v':
        return put_text(writer, token, RDATA_MAX);
    default:
        if (number(token->text, token->len, (1ull << 8 * (field - '0')) - 1, &value))
            return field == '1'   ? "no number from 0 to 255"
                   : field == '2' ? "no number from 0 to 65535"
                                  : "no number from 0 to 4294967295";
        return put_number(writer, value, (unsigned)(field - '0'));
    }
}

static bool is_text(const struct token *token)
{
    return token->kind == TOKEN_WORD || token->kind == TOKEN_STRING;
}

static int hex_digit(char c)
{
    uint8_t lower = name_lower((uint8_t)c);

    return lower >= '0' && lower <= '9'   ? lower - '0'
           : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10
                                          : -1;
}

/* RFC 3597, 5: \# LENGTH HEX... From the word behind "\#". */
static const char *generic(struct writer *writer, struct lex *lex, struct token *token)
{
    uint64_t expected;
    unsigned half = 0, high = 0;
    const char *why = NULL;

    if (token->kind != TOKEN_WORD || number(token->text, token->len, RDATA_MAX, &expected))
        return "behind \\# comes the data's length in bytes";
    for (*token = lex_next(lex); token->kind == TOKEN_WORD; *token = lex_next(lex)) {
        for (size_t i = 0; i < token->len && !why; i++) {
            int digit = hex_digit(token->text[i]);
            if (digit < 0)
                return "this is not hexadecimal";
            uint8_t byte = (uint8_t)(high << 4 | (unsigned)digit);
            high = (unsigned)digit;
            if (half ^= 1)
                continue;
            why = put(writer, &byte, 1);
        }
        if (why)
            return why;
    }
    return half || writer->len != expected ? "there are more or fewer bytes than \\# says" : NULL;
}

static const char *fields(struct writer *writer, const struct type *type, struct lex *lex,
                          struct token *token, const struct name *origin)
{
    for (const char *field = type->fields; *field; field++) {
        do {
            if (!is_text(token))
                return token->kind == TOKEN_BAD ? token->why : "the record ends too early";
            const char *why = put_field(writer, *field, token, origin);
            if (why)
                return why;
            *token = lex_next(lex);
        } while (*field == 'S' && is_text(token));
    }
    return NULL;
}

int rdata_parse(uint16_t type_number, struct lex *lex, struct token *token,
                const struct name *origin, uint8_t *data, const char **why)
{
    const struct type *type = type_of(type_number);
    struct writer writer = {.data = data};

    if (!type && !(token->kind == TOKEN_WORD && word_is(token->text, token->len, "\\#"))) {
        *why = "data of a type without a name is written \\# LENGTH HEX";
        return -1;
    }
    if (type) {
        *why = fields(&writer, type, lex, token, origin);
    } else {
        *token = lex_next(lex);
        *why = generic(&writer, lex, token);
    }
    if (*why)
        return -1;
    if (token->kind != TOKEN_LINE_END && token->kind != TOKEN_END) {
        *why = token->kind == TOKEN_BAD ? token->why : "the record has a word too many";
        return -1;
    }
    return (int)writer.len;
}

unsigned rdata_names(uint16_t type, unsigned *before)
{
    *before = type == TYPE_MX ? 2 : 0;
    switch (type) {
    case TYPE_NS:
    case TYPE_CNAME:
    case TYPE_PTR:
    case TYPE_MX:
        return 1;
    case TYPE_SOA:
        return 2;
    default:
        return 0;
    }
}
