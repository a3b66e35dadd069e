/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The input is what a client sends to httpd, in pieces, and how much of the answers it takes
 * meanwhile. Each answer begins as one; nothing is read or written beyond its buffer.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "../../examples/httpd/connection.h"
#include "fuzz.h"

#define TURNS_MAX 4096

static struct {
    bool in_guest; /* what is opened is a file of the guest's */
    int client;
    unsigned n_maps;
    size_t n_answered; /* bytes */
    char answer[16];
} world;

/* The linker makes calls come here (--wrap): a guest has no files but those of its image. */

int __real_stat(const char *path, struct stat *st);
int __real_open(const char *path, int flags, ...);
void *__real_mmap(void *at, size_t size, int prot, int flags, int fd, off_t offset);
int __wrap_stat(const char *path, struct stat *st);
void *__wrap_mmap(void *at, size_t size, int prot, int flags, int fd, off_t offset);
int __wrap_open(const char *path, int flags, int mode);

/* @return false when it is outside, and there is no such file. */
static bool to_guest(const char *path, char *found, size_t size)
{
    errno = ENOENT;
    return !strstr(path, "..") && (size_t)snprintf(found, size, "%s%s", HTTPD_FILES, path) < size;
}

int __wrap_stat(const char *path, struct stat *st)
{
    char found[4096];

    if (!world.in_guest)
        return __real_stat(path, st);
    return to_guest(path, found, sizeof(found)) ? __real_stat(found, st) : -1;
}

int __wrap_open(const char *path, int flags, int mode)
{
    char found[4096];

    if (!world.in_guest)
        return __real_open(path, flags, mode);
    return to_guest(path, found, sizeof(found)) ? __real_open(found, flags) : -1;
}

/* A guest's mapping of a file is its bytes in the image: one for each, for ever. It may fail. */
void *__wrap_mmap(void *at, size_t size, int prot, int flags, int fd, off_t offset)
{
    static struct {
        size_t size;
        void *bytes;
    } kept[8];
    size_t i = 0;

    if (!world.in_guest)
        return __real_mmap(at, size, prot, flags, fd, offset);
    while (kept[i].size && kept[i].size != size)
        fuzz_check(++i < sizeof(kept) / sizeof(kept[0]));
    if (!kept[i].size)
        kept[i].bytes = __real_mmap(at, size, prot, flags, fd, offset);
    kept[i].size = size;
    return world.n_maps++ % 16 == 15 ? MAP_FAILED : kept[i].bytes;
}

/* Take some of what was answered. @return false when there is nothing. */
static bool take(size_t max)
{
    char bytes[4096];
    ssize_t n = recv(world.client, bytes, max < sizeof(bytes) ? max : sizeof(bytes), MSG_DONTWAIT);

    for (ssize_t i = 0; i < n && world.n_answered + (size_t)i < sizeof(world.answer); i++)
        world.answer[world.n_answered + (size_t)i] = bytes[i];
    if (n > 0)
        world.n_answered += (size_t)n;
    return n > 0;
}

static void check(const struct connection *connection)
{
    fuzz_check(connection->out_at <= connection->out_len &&
               connection->out_len < sizeof(connection->out));
    fuzz_check(connection->in_at <= connection->in_len && connection->in_len <= IN_BYTES);
    fuzz_check(connection->url_len <= URL_MAX + 1);
    if (world.n_answered >= sizeof("HTTP/1.1"))
        fuzz_check(memcmp(world.answer, "HTTP/1.1 ", sizeof("HTTP/1.1")) == 0);
}

static void serve(struct fuzz *fuzz, struct connection *connection)
{
    char bytes[256];
    short events;
    bool more = true;

    for (int i = 0; i < TURNS_MAX && more; i++) {
        uint8_t how = fuzz_byte(fuzz);
        size_t len = fuzz_bytes(fuzz, bytes, how);
        if (len && send(world.client, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
            break;
        more = len || fuzz->left;
        if (!connection_work(connection, i / 8, &events))
            break;
        check(connection);
        take(how);
    }
    while (take(sizeof(bytes)))
        ;
    check(connection);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz fuzz = {data, size};
    int pair[2], small = 1; /* the least there is */

    fuzz_check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
    world.client = pair[1];
    world.n_maps = 0;
    world.n_answered = 0;
    struct connection *connection = connection_new(pair[0], 0);
    fuzz_check(connection);
    world.in_guest = true;
    serve(&fuzz, connection);
    world.in_guest = false;
    connection_free(connection);
    close(pair[0]);
    close(pair[1]);
    return 0;
}
