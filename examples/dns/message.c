/* SPDX-License-Identifier: BSD-2-Clause */
#include "message.h"

#include <string.h>

#include "rdata.h"

#define POINTER       0xc000
#define POINTER_MAX   0x3fff
#define RECORD_HEADER 10 /* type, class, TTL, length */

static void put16(uint8_t *to, unsigned value)
{
    to[0] = (uint8_t)(value >> 8);
    to[1] = (uint8_t)value;
}

/* Remember where the labels of a name in the message begin, but for the root's. */
static void remember(struct message *message, size_t at)
{
    while (message->data[at] && message->data[at] < 0xc0 && at <= POINTER_MAX &&
           message->n_labels < MESSAGE_LABELS) {
        message->labels[message->n_labels++] = (uint16_t)at;
        at += 1u + message->data[at];
    }
}

void message_begin(struct message *message, uint8_t *data, size_t len, size_t max)
{
    *message = (struct message){.data = data, .len = len, .max = max};
    remember(message, MESSAGE_HEADER);
}

/* Is the name at `at`, pointers and all (they are our own), `name`? */
static bool is_same(const struct message *message, size_t at, const uint8_t *name)
{
    for (;;) {
        const uint8_t *label = message->data + at;
        if (*label >= 0xc0) {
            at = (size_t)(label[0] & 0x3f) << 8 | label[1];
            continue;
        }
        if (*label != *name)
            return false;
        if (!*label)
            return true;
        for (unsigned i = 1; i <= *label; i++)
            if (name_lower(label[i]) != name_lower(name[i]))
                return false;
        at += 1u + *label;
        name += 1u + *name;
    }
}

/* @return false when there is no room. */
static bool put_name(struct message *message, const uint8_t *name)
{
    size_t start = message->len;

    for (; *name; name += 1 + *name) {
        for (unsigned i = 0; i < message->n_labels; i++) {
            if (!is_same(message, message->labels[i], name))
                continue;
            if (message->max - message->len < 2)
                return false;
            put16(message->data + message->len, POINTER | message->labels[i]);
            message->len += 2;
            remember(message, start);
            return true;
        }
        if (message->max - message->len < 1u + *name)
            return false;
        memcpy(message->data + message->len, name, 1u + *name);
        message->len += 1u + *name;
    }
    if (message->len == message->max)
        return false;
    message->data[message->len++] = 0;
    remember(message, start);
    return true;
}

static bool put_bytes(struct message *message, const uint8_t *bytes, size_t len)
{
    if (message->max - message->len < len)
        return false;
    memcpy(message->data + message->len, bytes, len);
    message->len += len;
    return true;
}

static bool put_data(struct message *message, uint16_t type, const struct record *record)
{
    const uint8_t *data = record->data;
    unsigned before, n_names = rdata_names(type, &before);

    if (!put_bytes(message, data, before))
        return false;
    data += before;
    while (n_names--) {
        if (!put_name(message, data))
            return false;
        data += name_length(data, NAME_MAX_BYTES);
    }
    return put_bytes(message, data, (size_t)(record->data + record->len - data));
}

int message_set(struct message *message, const uint8_t *owner, const struct record_set *set,
                uint32_t ttl_s)
{
    static const uint8_t question[] = {POINTER >> 8, MESSAGE_HEADER};
    size_t start = message->len;
    unsigned labels = message->n_labels;

    for (const struct record *record = set->first; record; record = record->next) {
        if (owner ? !put_name(message, owner) : !put_bytes(message, question, sizeof(question)))
            goto no_room;
        if (message->max - message->len < RECORD_HEADER)
            goto no_room;
        uint8_t *header = message->data + message->len;
        put16(header, set->type);
        put16(header + 2, CLASS_IN);
        put16(header + 4, ttl_s >> 16);
        put16(header + 6, ttl_s & 0xffff);
        message->len += RECORD_HEADER;
        if (!put_data(message, set->type, record))
            goto no_room;
        put16(header + 8, (unsigned)(message->data + message->len - header) - RECORD_HEADER);
    }
    return set->n;
no_room:
    message->len = start;
    message->n_labels = labels;
    return -1;
}
