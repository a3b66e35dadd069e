/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Play captures through a configuration, without a network:
 *
 *     middlebox_replay CONFIG.click FOLDER SECONDS [HANDLER...]
 *
 * FromDevice(eth0) takes its packets from FOLDER/eth0.in.pcap, ToDevice(eth0) leaves them in
 * FOLDER/eth0.out.pcap. The clock is that of the captures: it begins at 0, stands still while the
 * engine works, and ends after SECONDS. Then the handlers are read and their values printed, each
 * followed by a NUL; the log goes to standard error. The same captures give the same output, to the
 * byte: random numbers are none.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../../engine/bytes.h"
#include "../../engine/router.h"
#include "../host.h"

#define NAME_MAX_LEN 256
#define SOURCES_MAX  HOST_DEVS
#define CONFIG_MAX   (1u << 16)

/* In front of the configuration, and on its first line: positions stay true. */
static const char prelude[] =
    "define($captures %s);"
    "elementclass FromDevice { $dev | FromDump($captures/${dev}.in.pcap, TIMING true,"
    " ACTIVE false) -> output };"
    "elementclass ToDevice { $dev | input -> SetTimestamp"
    " -> ToDump($captures/${dev}.out.pcap, SNAPLEN 65535) };";

/** An input capture that has not begun yet. */
struct source {
    char name[NAME_MAX_LEN]; /* of its FromDump */
    uint64_t start_ns;       /* since the beginning */
};

static struct engine *engine;
static struct source sources[SOURCES_MAX];
static unsigned n_sources;

__attribute__((noreturn)) static void die(const char *what, const char *why)
{
    fprintf(stderr, "middlebox_replay: %s: %s\n", what, why);
    exit(2);
}

static void read_handler(const char *name, struct text *out)
{
    out->len = 0;
    if (engine_read(engine, str_of(name), str_of(""), out) != HANDLER_OK)
        die(name, out->s ? out->s : "no such handler");
    text_char(out, '\0');
}

/* The moment of a capture's first packet, in ns; NEVER if it has none. */
static uint64_t first_moment(const char *path)
{
    uint8_t h[24 + 8];
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(h, 1, sizeof(h), f) : 0;

    if (!f || n < 24)
        die(path, "no capture");
    fclose(f);
    if (n < sizeof(h))
        return NEVER;
    return get_raw32(h + 24) * NSEC_PER_SEC + get_raw32(h + 28) * 1000ull;
}

static void find_sources(void)
{
    struct text list = {0}, answer = {0};
    char name[NAME_MAX_LEN], handler[NAME_MAX_LEN + 16];

    read_handler("list", &list);
    for (char *line = strtok(list.s, "\n"); line; line = strtok(NULL, "\n")) {
        snprintf(name, sizeof(name), "%s", line);
        snprintf(handler, sizeof(handler), "%s.class", name);
        if (engine_check_handler(engine, str_of(handler), false) != HANDLER_OK)
            continue; /* the first line: how many there are */
        read_handler(handler, &answer);
        if (strcmp(answer.s, "FromDump") != 0)
            continue;
        if (n_sources == SOURCES_MAX)
            die(name, "too many devices");
        snprintf(handler, sizeof(handler), "%s.filename", name);
        read_handler(handler, &answer);
        memcpy(sources[n_sources].name, name, sizeof(name));
        sources[n_sources++].start_ns = first_moment(answer.s);
    }
    text_free(&list);
    text_free(&answer);
}

/* Begin what is due; returns when the next one is. */
static uint64_t start_sources(uint64_t since_ns)
{
    uint64_t next_ns = NEVER;

    for (unsigned i = 0; i < n_sources; i++) {
        char handler[NAME_MAX_LEN + 16];
        struct text out = {0};

        if (sources[i].start_ns > since_ns) {
            if (sources[i].start_ns < next_ns)
                next_ns = sources[i].start_ns;
            continue;
        }
        snprintf(handler, sizeof(handler), "%s.active", sources[i].name);
        if (engine_write(engine, str_of(handler), str_of("true"), &out) != HANDLER_OK)
            die(handler, out.s ? out.s : "not writable");
        sources[i].start_ns = NEVER;
        text_free(&out);
    }
    return next_ns;
}

static void play(uint64_t length_ns)
{
    const uint64_t begin_ns = host.now_ns;

    for (;;) {
        uint64_t next_ns = start_sources(host.now_ns - begin_ns), deadline_ns = 0;

        while (!deadline_ns || deadline_ns <= host.now_ns)
            deadline_ns = engine_run(engine, 64);
        if (next_ns != NEVER && begin_ns + next_ns < deadline_ns)
            deadline_ns = begin_ns + next_ns;
        if (deadline_ns > begin_ns + length_ns)
            break;
        host_advance(deadline_ns - host.now_ns);
    }
}

static void load(const char *path, const char *folder)
{
    static char config[CONFIG_MAX];
    struct text errors = {0};
    FILE *f = fopen(path, "rb");

    if (!f)
        die(path, "cannot be read");
    int n = snprintf(config, sizeof(config), prelude, folder);
    size_t len = (size_t)n + fread(config + n, 1, sizeof(config) - (size_t)n, f);
    fclose(f);
    if (engine_load(engine, config, len, &errors) != 0)
        die(path, errors.s ? errors.s : "refused");
    text_free(&errors);
}

int main(int argc, char **argv)
{
    struct text value = {0};

    if (argc < 4)
        die("usage", "middlebox_replay CONFIG.click FOLDER SECONDS [HANDLER...]");
    host_reset();
    host.wall_ns = 0;
    host.real_files = true;
    engine = engine_new();
    if (!engine)
        die(argv[1], "no memory");
    load(argv[1], argv[2]);
    find_sources();
    play((uint64_t)(strtod(argv[3], NULL) * 1e9));
    for (int i = 4; i < argc; i++) {
        read_handler(argv[i], &value);
        fwrite(value.s, 1, value.len, stdout);
    }
    text_free(&value);
    if (host.log.s)
        fwrite(host.log.s, 1, host.log.len, stderr);
    engine_free(engine); /* closes the files */
    if (host.packets)
        die(argv[1], "packets leaked");
    host_reset();
    return 0;
}
