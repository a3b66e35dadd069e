/* SPDX-License-Identifier: BSD-2-Clause */
#include <sprat/keys.h>

#include <assert.h>
#include <string.h>

static struct xenstore_item *add(struct keys *keys, const char *folder, const char *key)
{
    size_t i = keys->n++;

    assert(i < KEYS_MAX);
    keys->values[i][0] = '\0';
    xenstore_join(keys->paths[i], KEYS_PATH_BYTES, folder, key);
    keys->items[i] =
        (struct xenstore_item){keys->paths[i], keys->values[i], sizeof(keys->values[i]), 0};
    return &keys->items[i];
}

static void write_out(struct keys *keys)
{
    if (keys->n && !keys->error)
        keys->error = xenstore_write_items(XENSTORE_NO_TX, keys->items, keys->n);
    for (size_t i = 0; i < keys->n && !keys->error; i++)
        keys->error = keys->items[i].result;
    keys->n = 0;
}

void keys_put(struct keys *keys, const char *folder, const char *key, const char *value)
{
    assert(strlen(value) <= DECIMAL_MAX);
    if (keys->n == KEYS_MAX)
        write_out(keys);
    strcpy(add(keys, folder, key)->value, value);
}

void keys_put_number(struct keys *keys, const char *folder, const char *key, uint64_t value)
{
    char text[DECIMAL_MAX + 1];
    keys_put(keys, folder, key, decimal_text(value, text));
}

int keys_write(struct keys *keys)
{
    write_out(keys);
    int error = keys->error;
    keys->error = 0;
    return error;
}

struct xenstore_item *keys_want(struct keys *keys, const char *folder, const char *key)
{
    return add(keys, folder, key);
}

int keys_read(struct keys *keys)
{
    int error = xenstore_read_items(XENSTORE_NO_TX, keys->items, keys->n);

    keys->n = 0;
    return error;
}

bool keys_is_text(const struct xenstore_item *item)
{
    return strlen(item->value) == (size_t)item->result; /* which -errno is not */
}

uint64_t keys_number(const struct xenstore_item *item, uint64_t otherwise)
{
    uint64_t number;

    return keys_is_text(item) && decimal_parse(item->value, &number) ? number : otherwise;
}
