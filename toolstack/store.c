/* SPDX-License-Identifier: BSD-2-Clause */
#include "store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/io/xs_wire.h>

#include "store_line.h"

#define PATH_MAX_ XENSTORE_ABS_PATH_MAX

static struct store_request *add(struct store *store, uint32_t type, const char *about,
                                 const void *payload, size_t len)
{
    return store_line_add(store, type, 0, about, payload, len);
}

/* A request whose payload is a path with its NUL, and something behind it. */
static struct store_request *add_about(struct store *store, uint32_t type, const void *rest,
                                       size_t rest_len, const char *path, va_list args)
{
    char payload[PATH_MAX_ + XENSTORE_PAYLOAD_MAX];
    int len = vsnprintf(payload, PATH_MAX_, path, args);

    if (len < 0 || len >= PATH_MAX_ || rest_len > XENSTORE_PAYLOAD_MAX) {
        store_line_fail(store, ENAMETOOLONG);
        return NULL;
    }
    if (rest_len)
        memcpy(payload + len + 1, rest, rest_len);
    return add(store, type, payload, payload, (size_t)len + 1 + rest_len);
}

void store_write(struct store *store, const char *value, const char *path, ...)
{
    va_list args;

    va_start(args, path);
    add_about(store, XS_WRITE, value, strlen(value), path, args);
    va_end(args);
}

void store_mkdir(struct store *store, const char *path, ...)
{
    va_list args;

    va_start(args, path);
    add_about(store, XS_MKDIR, NULL, 0, path, args);
    va_end(args);
}

void store_remove(struct store *store, const char *path, ...)
{
    va_list args;

    va_start(args, path);
    struct store_request *request = add_about(store, XS_RM, NULL, 0, path, args);
    va_end(args);
    if (request)
        request->absent_is_fine = true;
}

void store_permit(struct store *store, const char *permissions, const char *path, ...)
{
    char list[128];
    va_list args;

    size_t len = strlen(permissions) + 1;
    if (len > sizeof(list)) {
        store_line_fail(store, E2BIG);
        return;
    }
    memcpy(list, permissions, len);
    for (char *c = list; *c; c++)
        if (*c == ' ')
            *c = '\0';
    va_start(args, path);
    add_about(store, XS_SET_PERMS, list, len, path, args);
    va_end(args);
}

static struct store_request *add_watch(struct store *store, uint32_t type, const char *path,
                                       const char *token)
{
    char payload[512];
    size_t path_len = strlen(path) + 1, token_len = strlen(token) + 1;

    if (path_len + token_len > sizeof(payload)) {
        store_line_fail(store, ENAMETOOLONG);
        return NULL;
    }
    memcpy(payload, path, path_len);
    memcpy(payload + path_len, token, token_len);
    return add(store, type, path, payload, path_len + token_len);
}

void store_watch(struct store *store, const char *path, const char *token)
{
    add_watch(store, XS_WATCH, path, token);
}

void store_unwatch(struct store *store, const char *path, const char *token)
{
    struct store_request *request = add_watch(store, XS_UNWATCH, path, token);

    if (request)
        request->absent_is_fine = true;
}

void store_introduce(struct store *store, uint32_t domid, uint64_t mfn, uint32_t port)
{
    char payload[64];
    int len = sprintf(payload, "%" PRIu32 "%c%" PRIu64 "%c%" PRIu32, domid, 0, mfn, 0, port);

    add(store, XS_INTRODUCE, payload, payload, (size_t)len + 1);
}

void store_release(struct store *store, uint32_t domid)
{
    char payload[16];
    int len = sprintf(payload, "%" PRIu32, domid);
    struct store_request *request = add(store, XS_RELEASE, payload, payload, (size_t)len + 1);

    if (request)
        request->absent_is_fine = true;
}

/* One question, answered. */
static int ask(struct store *store, uint32_t type, const char *path, struct fail *fail)
{
    int error = store_flush(store, fail);
    if (error)
        return error;
    add(store, type, path, path, strlen(path) + 1);
    return store_flush(store, fail);
}

int store_read(struct store *store, const char *path, char **value, struct fail *fail)
{
    size_t len;
    int error = ask(store, XS_READ, path, fail);

    if (!error) {
        *value = store_line_take_answer(store, &len);
    }
    return error;
}

int store_list(struct store *store, const char *path, char ***names, struct fail *fail)
{
    int error = ask(store, XS_DIRECTORY, path, fail);
    size_t n = 0, len;

    if (error)
        return error;
    char *answer = store_line_take_answer(store, &len);
    for (size_t i = 0; i < len; i++)
        n += answer[i] == '\0';
    char **list = malloc((n + 1) * sizeof(*list) + len + 1);
    if (!list) {
        free(answer);
        return fail_set(fail, ENOMEM, "no memory");
    }
    char *text = memcpy(list + n + 1, answer, len + 1);
    free(answer);
    for (size_t i = 0; i < n; i++) {
        list[i] = text;
        text += strlen(text) + 1;
    }
    list[n] = NULL;
    *names = list;
    return 0;
}

void store_pass_on(struct store *store, uint32_t type, uint32_t tx, const void *payload, size_t len,
                   store_answered *answered, void *context)
{
    struct store_request *request = store_line_add(store, type, tx, "for a guest", payload, len);

    if (!request) {
        answered(context, -ENOMEM, NULL, 0);
        return;
    }
    request->answered = answered;
    request->context = context;
}
