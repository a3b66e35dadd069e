/* SPDX-License-Identifier: BSD-2-Clause */
#include "name.h"

#include <string.h>

/* FNV-1a over a label, begun with the hash of what follows it: so all suffixes' hashes fall off. */
#define HASH_START 2166136261u
#define HASH_PRIME 16777619u

void name_take_apart(struct name_parts *parts, const uint8_t *wire)
{
    unsigned n = 0;
    size_t at = 0;

    while (wire[at]) {
        unsigned len = wire[at];
        parts->starts[n++] = (uint8_t)at;
        parts->lower[at++] = (uint8_t)len;
        for (; len; len--, at++)
            parts->lower[at] = name_lower(wire[at]);
    }
    parts->lower[at] = 0;
    parts->starts[n] = (uint8_t)at;
    parts->n_labels = (uint8_t)n;
    parts->len = (uint8_t)(at + 1);
    parts->hashes[n] = HASH_START;
    while (n--) {
        uint32_t hash = parts->hashes[n + 1];
        const uint8_t *label = parts->lower + parts->starts[n];
        for (unsigned i = 0; i <= label[0]; i++)
            hash = (hash ^ label[i]) * HASH_PRIME;
        parts->hashes[n] = hash;
    }
}

size_t name_length(const uint8_t *wire, size_t max)
{
    size_t at = 0;

    if (max > NAME_MAX_BYTES)
        max = NAME_MAX_BYTES;
    while (at < max) {
        unsigned len = wire[at];
        if (!len)
            return at + 1;
        if (len > LABEL_MAX_BYTES)
            return 0;
        at += 1 + len;
    }
    return 0;
}

bool name_equal(const uint8_t *one, const uint8_t *other)
{
    size_t len = name_length(one, NAME_MAX_BYTES);

    if (len != name_length(other, NAME_MAX_BYTES))
        return false;
    for (size_t i = 0; i < len; i++)
        if (name_lower(one[i]) != name_lower(other[i]))
            return false;
    return true;
}

bool name_is_below(const uint8_t *name, const uint8_t *parent)
{
    size_t len = name_length(name, NAME_MAX_BYTES);
    size_t parent_len = name_length(parent, NAME_MAX_BYTES);

    while (len > parent_len) {
        len -= 1u + *name;
        name += 1u + *name;
    }
    return len == parent_len && name_equal(name, parent);
}

/* @return the byte that a backslash stands before, or -1; *text moves behind it. */
static int unescape(const char **text, const char *end)
{
    const char *at = *text;
    int value = 0;

    if (at == end)
        return -1;
    if (*at < '0' || *at > '9') {
        *text = at + 1;
        return (uint8_t)*at;
    }
    for (int i = 0; i < 3; i++, at++) {
        if (at == end || *at < '0' || *at > '9')
            return -1;
        value = value * 10 + (*at - '0');
    }
    *text = at;
    return value <= 255 ? value : -1;
}

const char *name_parse(struct name *name, const char *text, size_t len, const struct name *origin)
{
    const char *end = text + len;
    size_t at = 0, label = 0; /* where the label's length goes */

    if (len == 1 && text[0] == '@') {
        if (!origin)
            return "@ stands for the origin, and there is none: write $ORIGIN before";
        *name = *origin;
        return NULL;
    }
    if (len == 1 && text[0] == '.') {
        name->wire[0] = 0;
        name->len = 1;
        return NULL;
    }
    at = 1;
    while (text < end) {
        int byte = (uint8_t)*text++;
        if (byte == '.') {
            if (at == label + 1)
                return "a name with an empty label";
            name->wire[label] = (uint8_t)(at - label - 1);
            label = at++;
            continue;
        }
        if (byte == '\\' && (byte = unescape(&text, end)) < 0)
            return "a backslash takes a character or three digits up to 255 behind it";
        if (at - label > LABEL_MAX_BYTES)
            return "a label of more than 63 bytes";
        if (at + 1 >= NAME_MAX_BYTES)
            return "a name of more than 255 bytes";
        name->wire[at++] = (uint8_t)byte;
    }
    if (at == label + 1) { /* it ended in a dot */
        name->wire[label] = 0;
        name->len = (uint8_t)at;
        return at > 1 ? NULL : "a name with an empty label";
    }
    name->wire[label] = (uint8_t)(at - label - 1);
    if (!origin)
        return "a relative name, and no origin: end it with a dot, or write $ORIGIN before";
    if (at + origin->len > NAME_MAX_BYTES)
        return "a name of more than 255 bytes";
    memcpy(name->wire + at, origin->wire, origin->len);
    name->len = (uint8_t)(at + origin->len);
    return NULL;
}

char *name_text(const uint8_t *wire, char *text)
{
    char *to = text;

    if (!*wire)
        *to++ = '.';
    for (; *wire; wire += 1 + *wire) {
        for (unsigned i = 1; i <= *wire; i++) {
            uint8_t byte = wire[i];
            if (byte > ' ' && byte < 0x7f) {
                if (strchr(".\\\"();@$", byte))
                    *to++ = '\\';
                *to++ = (char)byte;
                continue;
            }
            *to++ = '\\';
            *to++ = (char)('0' + byte / 100);
            *to++ = (char)('0' + byte / 10 % 10);
            *to++ = (char)('0' + byte % 10);
        }
        *to++ = '.';
    }
    *to = '\0';
    return text;
}
