/* SPDX-License-Identifier: BSD-2-Clause */
#include "store_line.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <xen/io/xs_wire.h>

#define SOCKET_PATH "/run/xenstored/socket"
#define TIMEOUT_MS  30000 /* a busy xenstored answers within a second; then it is dead */

/* A growing run of bytes. */
struct bytes {
    char *data;
    size_t len, size;
};

struct event_node {
    struct store_event event;
    struct event_node *next;
};

struct store {
    int fd;
    struct bytes out, in;
    struct store_request *requests; /* sent or to be sent, not answered yet */
    size_t n_requests, requests_size, n_answered;
    int error; /* of the batch */
    struct fail fail;
    char *answer; /* the last one's payload, with a NUL */
    size_t answer_len;
    struct event_node *first_event, **last_event;
    bool dead;
};

static const char *type_name(uint32_t type)
{
    static const char *const names[] = {
        [XS_READ] = "read",           [XS_WRITE] = "write",      [XS_MKDIR] = "mkdir",
        [XS_RM] = "remove",           [XS_SET_PERMS] = "permit", [XS_WATCH] = "watch",
        [XS_INTRODUCE] = "introduce", [XS_RELEASE] = "release",  [XS_DIRECTORY] = "list",
        [XS_UNWATCH] = "unwatch",
    };
    return type < sizeof(names) / sizeof(*names) && names[type] ? names[type] : "request";
}

static void note_error(struct store *store, const struct store_request *request, int error)
{
    if (store->error)
        return;
    store->error = fail_set(&store->fail, error, "xenstore: %s %s: %s",
                            request ? type_name(request->type) : "request",
                            request ? request->about : "", strerror(error));
}

static bool bytes_add(struct bytes *bytes, const void *data, size_t len)
{
    if (bytes->size - bytes->len < len) {
        size_t size = bytes->size ? bytes->size : 4096;
        while (size - bytes->len < len)
            size *= 2;
        char *grown = realloc(bytes->data, size);
        if (!grown)
            return false;
        bytes->data = grown;
        bytes->size = size;
    }
    memcpy(bytes->data + bytes->len, data, len);
    bytes->len += len;
    return true;
}

int store_open(struct store **result, struct fail *fail)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = SOCKET_PATH};
    struct store *store = calloc(1, sizeof(*store));

    if (!store)
        return fail_set(fail, ENOMEM, "no memory");
    store->last_event = &store->first_event;
    store->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (store->fd < 0 ||
        connect(store->fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        int error = fail_errno(fail, "cannot connect to xenstored at " SOCKET_PATH);
        store_close(store);
        return error;
    }
    *result = store;
    return 0;
}

void store_event_free(struct store_event *event)
{
    free(event->path); /* the token is part of it */
}

void store_close(struct store *store)
{
    struct store_event event;

    if (!store)
        return;
    while (store_next_event(store, &event))
        store_event_free(&event);
    if (store->fd >= 0)
        close(store->fd);
    free(store->out.data);
    free(store->in.data);
    free(store->requests);
    free(store->answer);
    free(store);
}

int store_fd(const struct store *store)
{
    return store->fd;
}

struct store_request *store_line_add(struct store *store, uint32_t type, uint32_t tx,
                                     const char *about, const void *payload, size_t len)
{
    struct xsd_sockmsg header = {.type = type, .tx_id = tx, .len = (uint32_t)len};

    if (store->n_requests == store->requests_size) {
        size_t size = store->requests_size ? store->requests_size * 2 : 64;
        struct store_request *grown = reallocarray(store->requests, size, sizeof(*grown));
        if (!grown) {
            note_error(store, NULL, ENOMEM);
            return NULL;
        }
        store->requests = grown;
        store->requests_size = size;
    }
    struct store_request *request = &store->requests[store->n_requests];
    *request = (struct store_request){.type = type};
    snprintf(request->about, sizeof(request->about), "%s", about);
    size_t before = store->out.len;
    if (len > XENSTORE_PAYLOAD_MAX) {
        note_error(store, request, E2BIG);
        return NULL;
    }
    if (!bytes_add(&store->out, &header, sizeof(header)) || !bytes_add(&store->out, payload, len)) {
        store->out.len = before;
        note_error(store, request, ENOMEM);
        return NULL;
    }
    store->n_requests++;
    return request;
}

void store_line_fail(struct store *store, int error)
{
    note_error(store, NULL, error);
}

static int errno_of(const char *name)
{
    for (size_t i = 0; i < sizeof(xsd_errors) / sizeof(*xsd_errors); i++)
        if (strcmp(xsd_errors[i].errstring, name) == 0)
            return xsd_errors[i].errnum;
    return EIO;
}

static void take_event(struct store *store, const char *payload, size_t len)
{
    const char *token = memchr(payload, '\0', len);
    struct event_node *node = malloc(sizeof(*node));
    char *copy = malloc(len + 1);

    if (!token || !node || !copy) {
        free(node);
        free(copy);
        return;
    }
    memcpy(copy, payload, len);
    copy[len] = '\0';
    size_t path_len = strlen(copy);
    *node = (struct event_node){
        .event = {copy, path_len < len ? copy + path_len + 1 : copy + path_len}};
    *store->last_event = node;
    store->last_event = &node->next;
}

static void take_answer(struct store *store, uint32_t type, const char *payload, size_t len)
{
    if (store->n_answered >= store->n_requests) {
        note_error(store, NULL, EPROTO);
        return;
    }
    const struct store_request *request = &store->requests[store->n_answered++];
    free(store->answer);
    store->answer = malloc(len + 1);
    store->answer_len = len;
    if (!store->answer) {
        if (request->answered)
            request->answered(request->context, -ENOMEM, NULL, 0);
        else
            note_error(store, request, ENOMEM);
        return;
    }
    memcpy(store->answer, payload, len);
    store->answer[len] = '\0';
    int error = type == XS_ERROR ? errno_of(store->answer) : type != request->type ? EPROTO : 0;
    bool absent = error == ENOENT || (request->type == XS_RELEASE && error == EINVAL);
    if (request->answered)
        request->answered(request->context, -error, store->answer, len);
    else if (error && !(absent && request->absent_is_fine))
        note_error(store, request, error);
}

static void take_messages(struct store *store)
{
    size_t at = 0;

    while (store->in.len - at >= sizeof(struct xsd_sockmsg)) {
        struct xsd_sockmsg header;
        memcpy(&header, store->in.data + at, sizeof(header));
        if (header.len > XENSTORE_PAYLOAD_MAX) {
            store->dead = true;
            return;
        }
        if (store->in.len - at - sizeof(header) < header.len)
            break;
        const char *payload = store->in.data + at + sizeof(header);
        if (header.type == XS_WATCH_EVENT)
            take_event(store, payload, header.len);
        else
            take_answer(store, header.type, payload, header.len);
        at += sizeof(header) + header.len;
    }
    memmove(store->in.data, store->in.data + at, store->in.len - at);
    store->in.len -= at;
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static int lost(struct store *store, int error, struct fail *fail)
{
    store->dead = true;
    store->n_requests = store->n_answered = 0; /* whoever waits for an answer may go */
    return fail_set(fail, error, "xenstored %s",
                    error == ETIMEDOUT ? "has not answered for 30 s"
                                       : "closed the connection: is it alive?");
}

int store_receive(struct store *store, struct fail *fail)
{
    char data[16384];

    for (;;) {
        ssize_t n = recv(store->fd, data, sizeof(data), MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return 0;
        if (n <= 0)
            return lost(store, EPIPE, fail);
        if (!bytes_add(&store->in, data, (size_t)n))
            return lost(store, ENOMEM, fail);
        take_messages(store);
        if (store->dead)
            return lost(store, EPIPE, fail);
        if ((size_t)n < sizeof(data))
            return 0;
    }
}

int store_flush(struct store *store, struct fail *fail)
{
    int64_t deadline_ms = now_ms() + TIMEOUT_MS;
    size_t sent = 0;

    if (store->dead)
        return lost(store, EPIPE, fail);
    while (store->n_answered < store->n_requests) {
        if (sent < store->out.len) {
            ssize_t n = send(store->fd, store->out.data + sent, store->out.len - sent,
                             MSG_DONTWAIT | MSG_NOSIGNAL);
            if (n > 0)
                sent += (size_t)n;
            else if (n < 0 && errno != EAGAIN && errno != EINTR)
                return lost(store, EPIPE, fail);
        }
        struct pollfd poll_fd = {.fd = store->fd,
                                 .events = (short)(POLLIN | (sent < store->out.len ? POLLOUT : 0))};
        int64_t left_ms = deadline_ms - now_ms();
        if (left_ms <= 0)
            return lost(store, ETIMEDOUT, fail);
        if (poll(&poll_fd, 1, (int)left_ms) > 0 && poll_fd.revents & ~POLLOUT) {
            int error = store_receive(store, fail);
            if (error)
                return error;
        }
    }
    store->out.len = 0;
    store->n_requests = store->n_answered = 0;
    int error = store->error;
    if (error)
        *fail = store->fail;
    store->error = 0;
    return error;
}

char *store_line_take_answer(struct store *store, size_t *len)
{
    char *answer = store->answer;

    *len = store->answer_len;
    store->answer = NULL;
    return answer;
}

bool store_next_event(struct store *store, struct store_event *event)
{
    struct event_node *node = store->first_event;

    if (!node)
        return false;
    *event = node->event;
    store->first_event = node->next;
    if (!node->next)
        store->last_event = &store->first_event;
    free(node);
    return true;
}
