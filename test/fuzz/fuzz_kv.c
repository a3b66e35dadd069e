/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kv's input from both sides. The first byte chooses: requests of a client, which are done on a
 * store in a temporary directory; or the bytes of a log, which is opened and read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "fuzz.h"
#include "store.h"

#define STARTED_MS 1000000

static char dir[] = "/tmp/fuzz-kv-XXXXXX";
static struct resp_request request;

static struct store *open_store(char *why, size_t size)
{
    struct store *store;

    return store_open(dir, &store, why, size) ? NULL : store;
}

static void remove_log(void)
{
    char path[64];

    for (unsigned i = 1; i < 4; i++) {
        snprintf(path, sizeof(path), "%s/%08u.log", dir, i);
        unlink(path);
    }
}

static void remove_all(void)
{
    remove_log();
    rmdir(dir);
}

static void read_key(void *arg, const char *key, size_t len)
{
    char *value;

    store_get(arg, key, len, STARTED_MS, &value);
}

static void serve(struct store *store, const uint8_t *data, size_t size)
{
    struct command_stats stats = {.started_ms = STARTED_MS};
    struct command_context context = {.store = store, .stats = &stats, .now_ms = STARTED_MS + size};
    struct resp_out out = {0};
    const char *why = NULL;
    size_t used;
    int result = 0;

    while (size && (result = resp_parse((const char *)data, size, &request, &used, &why)) > 0) {
        if (used == 0 || used > size || command_run(&context, &request, &out))
            abort();
        data += used;
        size -= used;
    }
    if (result < 0 && !why)
        abort();
    store_sync(store);
    resp_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool made;
    char why[128], path[64];

    if (!made) {
        if (!mkdtemp(dir) || atexit(remove_all))
            abort();
        made = true;
    }
    if (!size)
        return 0;
    remove_log();
    bool is_log = data[0] % 4 == 0;
    if (is_log) {
        snprintf(path, sizeof(path), "%s/00000001.log", dir);
        FILE *file = fopen(path, "wb");
        if (!file || fwrite(data + 1, 1, size - 1, file) != size - 1 || fclose(file))
            abort();
    }
    struct store *store = open_store(why, sizeof(why));
    if (!store) {
        if (!is_log || !*why)
            abort();
        return 0;
    }
    if (!is_log)
        serve(store, data + 1, size - 1);
    store_each(store, STARTED_MS, read_key, store);
    unsigned long long n_keys = store_stats(store)->n_keys;
    store_close(store);
    /* What it holds it holds again. */
    store = open_store(why, sizeof(why));
    if (!store || (is_log && store_stats(store)->n_keys != n_keys))
        abort();
    store_close(store);
    return 0;
}
