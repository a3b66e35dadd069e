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

static void read_key(void *arg, const char *key, size_t len, int64_t expires_ms)
{
    char *value;

    (void)expires_ms;

    store_get(arg, key, len, STARTED_MS, &value);
}

/* Behind one answer. */
static const char *skip_answer(const char *at, const char *end)
{
    const char *line = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
    long long n = 0;

    if (!line || line[-1] != '\r' || !strchr("+-:$*", *at))
        abort();
    if (strchr(":$*", *at))
        n = strtoll(at + 1, NULL, 10);
    if (*at == '$' && n >= 0) {
        if (end - line - 1 < n + 2 || memcmp(line + 1 + n, "\r\n", 2) != 0)
            abort();
        return line + n + 3;
    }
    bool many = *at == '*';
    for (at = line + 1; many && n > 0; n--)
        at = skip_answer(at, end);
    return at;
}

/* A request has one answer: with none or two, the client takes another one's for its own. */
static void check_answer(const struct resp_out *out, size_t from, bool wanted)
{
    if (!wanted && out->len != from)
        abort();
    if (!wanted)
        return;
    const char *end = out->bytes + out->len;
    if (skip_answer(out->bytes + from, end) != end)
        abort();
}

static void serve(struct store *store, const uint8_t *data, size_t size)
{
    struct command_stats stats = {.started_ms = STARTED_MS};
    struct command_client client = {.id = 1};
    struct command_context context = {
        .store = store, .stats = &stats, .client = &client, .now_ms = STARTED_MS + size};
    struct resp_out out = {0};
    const char *why = NULL;
    size_t used, at = 0, answered;
    char *bytes = malloc(size);
    int result = 0;

    memcpy(bytes, data, size); /* it is parsed where it is */
    while (at < size && (result = resp_parse(bytes + at, size - at, &request, &used, &why)) > 0) {
        answered = out.len;
        if (used == 0 || used > size - at || command_run(&context, &request, &out))
            abort();
        check_answer(&out, answered, request.n != 0);
        at += used;
    }
    if (result < 0 && !why)
        abort();
    store_sync(store);
    resp_free(&out);
    free(bytes);
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
