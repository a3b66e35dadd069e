/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A question to a guest that answers through xenstore.
 *
 *  1. The guest says in data/state that it runs.
 *  2. The question goes to data/control/request/0, /1, ... in pieces; then "TAG t PIECES n" to
 *     data/control/request, which the guest empties when it takes the question.
 *  3. The guest writes its answer to data/control/reply/0, /1, ..., and then "n t" to
 *     data/control/replies. With another tag, or none, it is the answer to somebody else.
 *
 * A lock of this machine keeps those that ask the same guest in a row.
 */
#define _GNU_SOURCE
#include "ask.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "tool.h"

enum {
    PIECE_BYTES = 2048, /* with its path within xenstore's 4096 */
    PIECES_MAX = 1024,  /* the guest takes no more */
    ANSWER_PIECES_MAX = 65536,
    LOCK_STEP_MS = 50,
};

struct asking {
    struct domain domain;
    int64_t deadline_ms;
    char tag[16];
    char *question;
    size_t question_len;
};

static void node(char *path, size_t size, const struct asking *a, const char *name)
{
    snprintf(path, size, "/local/domain/%" PRIu32 "/%s", a->domain.domid, name);
}

static void piece(char *path, size_t size, const struct asking *a, const char *of, unsigned n)
{
    snprintf(path, size, "/local/domain/%" PRIu32 "/data/control/%s/%u", a->domain.domid, of, n);
}

static void read_question(struct asking *a)
{
    FILE *stream = open_memstream(&a->question, &a->question_len);
    char chunk[4096];
    ssize_t n;

    if (!stream)
        die("no memory");
    while ((n = read(0, chunk, sizeof(chunk))) > 0)
        fwrite(chunk, 1, (size_t)n, stream);
    if (n < 0 || fclose(stream) != 0)
        die("the question can't be read: %s", strerror(errno));
}

/** Wait for what is watched, or a signal. @return NULL, or why there is nothing to wait for. */
static const char *wait_on(struct asking *a)
{
    struct pollfd fds[2] = {{.fd = signals, .events = POLLIN},
                            {.fd = xs_fileno(xs), .events = POLLIN}};
    xc_dominfo_t info;

    if (how_ended(&a->domain, &info))
        return "gone";
    if (left_ms(a->deadline_ms) == 0)
        return "timeout";
    poll(fds, 2, left_ms(a->deadline_ms));
    return take_signal() ? "interrupted" : NULL;
}

/** @return NULL when we are the only one that asks this guest, until our end. */
static const char *lock(struct asking *a)
{
    char path[64];
    int file;

    snprintf(path, sizeof(path), "/run/lock/sprat-ask-%" PRIu32, a->domain.domid);
    file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0)
        die("%s: %s", path, strerror(errno));
    while (flock(file, LOCK_EX | LOCK_NB) != 0) {
        struct pollfd fds = {.fd = signals, .events = POLLIN};

        if (left_ms(a->deadline_ms) == 0)
            return "busy";
        poll(&fds, 1, LOCK_STEP_MS); /* with a signal and a deadline, flock() can only be tried */
        if (take_signal())
            return "interrupted";
    }
    return NULL;
}

static const char *wait_until_it_runs(struct asking *a)
{
    for (;;) {
        char *state = read_node(a->domain.domid, "data/state");
        bool runs = state && strcmp(state, "running") == 0;
        const char *end;

        free(state);
        if (runs)
            return NULL;
        end = wait_on(a);
        if (end)
            return strcmp(end, "timeout") == 0 ? "silent" : end;
        take_watch_events();
    }
}

static void write_node(const char *path, const char *bytes, size_t len)
{
    if (!xs_write(xs, XBT_NULL, path, bytes, (unsigned)len))
        die("xenstore does not take %s: %s", path, strerror(errno));
}

static void send(struct asking *a)
{
    char path[96], request[64];
    unsigned n = 0;

    node(path, sizeof(path), a, "data/control/replies");
    xs_rm(xs, XBT_NULL, path);
    for (size_t at = 0; at < a->question_len; at += PIECE_BYTES, n++) {
        size_t left = a->question_len - at;

        piece(path, sizeof(path), a, "request", n);
        write_node(path, a->question + at, left < PIECE_BYTES ? left : PIECE_BYTES);
    }
    snprintf(request, sizeof(request), "TAG %s PIECES %u", a->tag, n);
    node(path, sizeof(path), a, "data/control/request");
    write_node(path, request, strlen(request));
}

/** Take the question back. @return whether the guest had not taken it. */
static bool take_back(struct asking *a)
{
    char *request = read_node(a->domain.domid, "data/control/request"), path[96];
    bool there = request && *request;

    node(path, sizeof(path), a, "data/control/request");
    xs_rm(xs, XBT_NULL, path);
    free(request);
    return there;
}

/** @return how many pieces our answer has, or -1: it is not there. */
static int answer_pieces(struct asking *a)
{
    char *text = read_node(a->domain.domid, "data/control/replies"), *end;
    int n = -1;

    if (text && isdigit((unsigned char)*text)) {
        unsigned long number = strtoul(text, &end, 10);

        if (*end == ' ' && strcmp(end + 1, a->tag) == 0 && number <= ANSWER_PIECES_MAX)
            n = (int)number;
    }
    free(text);
    return n;
}

static const char *wait_for_answer(struct asking *a, int *n)
{
    while ((*n = answer_pieces(a)) < 0) {
        const char *end = wait_on(a);

        if (!end) {
            take_watch_events();
            continue;
        }
        if (strcmp(end, "gone") != 0 && take_back(a))
            fputs("taken-back\n", report);
        return end;
    }
    return NULL;
}

static void print_answer(struct asking *a, int n)
{
    for (unsigned i = 0; i < (unsigned)n; i++) {
        unsigned len = 0;
        char path[96], *bytes;

        piece(path, sizeof(path), a, "reply", i);
        bytes = xs_read(xs, XBT_NULL, path, &len);
        if (!bytes)
            die("the guest's answer has no piece %u", i);
        fwrite(bytes, 1, len, stdout);
        free(bytes);
    }
    fflush(stdout);
}

static const char *ask(struct asking *a)
{
    char path[96];
    const char *end = lock(a);
    int n;

    if (end)
        return end;
    watch("@releaseDomain");
    node(path, sizeof(path), a, "data/state");
    watch(path);
    node(path, sizeof(path), a, "data/control/replies");
    watch(path);
    end = wait_until_it_runs(a);
    if (end)
        return end;
    send(a);
    end = wait_for_answer(a, &n);
    if (end)
        return end;
    print_answer(a, n);
    return "answered";
}

/** @return whether `full` is `name` and what `sprat run` makes it unique with: "-" and 8 digits. */
static bool is_run_of(const char *full, const char *name)
{
    size_t len = strlen(name);

    return strncmp(full, name, len) == 0 && full[len] == '-' &&
           strspn(full + len + 1, "0123456789abcdef") == 8 && !full[len + 9];
}

/**
 * Find the guest that a user means: by its name or number, or by what `sprat run` was given if it
 * is the only such one. The names of all guests are reported.
 *
 * @return whether there is one
 */
static bool find(struct domain *domain)
{
    unsigned int n = 0, runs = 0;
    char **ids = xs_directory(xs, XBT_NULL, "/local/domain", &n);
    bool found = false;

    for (unsigned int i = 0; ids && i < n && !found; i++) {
        uint32_t domid = (uint32_t)strtoul(ids[i], NULL, 10);
        char *name = domid ? read_node(domid, "name") : NULL;

        if (!name)
            continue;
        fprintf(report, "guest %s\n", name);
        found = strcmp(name, domain->name) == 0 || strcmp(ids[i], domain->name) == 0;
        if (found || is_run_of(name, domain->name)) {
            domain->domid = domid;
            runs++;
        }
        free(name);
    }
    free(ids);
    return found || runs == 1;
}

int command_ask(const char *name, int timeout_s)
{
    struct asking a = {.domain = {.name = name}};
    const char *end = "nobody";

    read_question(&a);
    if (a.question_len > (size_t)PIECE_BYTES * PIECES_MAX)
        die("a question has at most %u bytes", PIECE_BYTES * PIECES_MAX);
    a.deadline_ms = now_ms() + timeout_s * 1000LL;
    snprintf(a.tag, sizeof(a.tag), "%" PRIu32, (uint32_t)(getpid() ^ now_ms() << 16));
    if (find(&a.domain))
        end = ask(&a);
    fprintf(report, "end %s\n", end);
    fflush(report);
    free(a.question);
    return 0;
}
