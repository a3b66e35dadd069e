/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine as a guest: one image for any network function.
 *
 *     middlebox -e 'FromDevice(eth0) -> Discard;'   the configuration itself
 *     middlebox /etc/nat.click                      a file of the image's archive or of the ramdisk
 *     middlebox                                     what the host wrote to data/config in xenstore
 *
 * While it runs, the host calls handlers through xenstore: see control.c.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <sprat/netfront.h>
#include <sprat/xenstore.h>

#include "../engine/port.h"
#include "../engine/router.h"
#include "control.h"
#include "say.h"

#define TASKS_IN_A_ROW 256 /* between two looks at what else there is to do */
#define CONFIG_MAX     (1u << 20)
#define XENSTORE_MAX   4096
#define CONFIG_PATH    "data/config"
#define STATE_PATH     "data/state" /* for the host: it need not read the console */
#define EXIT_USAGE     2

static void read_file(const char *name, struct text *config)
{
    struct port_file *file = port_file_open(name, false);
    char chunk[512];
    long n;

    if (!file) {
        say("middlebox: no file %s in the image's archive or the ramdisk (error %d)\n", name,
            errno);
        exit(EXIT_FAILURE);
    }
    while ((n = port_file_read(file, chunk, sizeof(chunk))) > 0 && config->len < CONFIG_MAX)
        text_add(config, chunk, (size_t)n);
    port_file_close(file);
    if (n || config->cut) {
        say("middlebox: %s can't be read, or is longer than 1 MiB or than memory\n", name);
        exit(EXIT_FAILURE);
    }
}

static void read_xenstore(struct text *config)
{
    char *value = malloc(XENSTORE_MAX + 1);
    int n = value ? xenstore_read(XENSTORE_NO_TX, CONFIG_PATH, value, XENSTORE_MAX + 1) : -ENOMEM;

    if (n < 0) {
        say("middlebox: no configuration: give it with -e TEXT, as a file of the ramdisk, or in "
            "xenstore at " CONFIG_PATH " (error %d)\n",
            -n);
        exit(EXIT_USAGE);
    }
    text_add(config, value, (size_t)n);
    free(value);
}

static void read_configuration(int argc, char **argv, struct text *config)
{
    if (argc == 3 && strcmp(argv[1], "-e") == 0) {
        text_add(config, argv[2], strlen(argv[2]));
    } else if (argc == 2 && argv[1][0] != '-') {
        read_file(argv[1], config);
    } else if (argc == 1) {
        read_xenstore(config);
    } else {
        say("usage: middlebox [-e CONFIGURATION | FILE]\n");
        exit(EXIT_USAGE);
    }
}

int main(int argc, char **argv)
{
    struct text config = {0}, errors = {0};

    read_configuration(argc, argv, &config);
    struct engine *engine = engine_new();
    if (!engine) {
        say("middlebox: no memory\n");
        return EXIT_FAILURE;
    }
    control_take_engine(engine);
    int failed = engine_load(engine, config.s ? config.s : "", config.len, &errors);
    if (errors.len)
        port_log(errors.s, errors.len);
    text_free(&errors);
    text_free(&config);
    if (failed)
        return EXIT_FAILURE;
    control_start(engine);
    xenstore_write(XENSTORE_NO_TX, STATE_PATH, "running");
    say("middlebox: running\n");

    while (!engine_stopped(engine)) {
        uint64_t deadline_ns = engine_run(engine, TASKS_IN_A_ROW);
        if (deadline_ns)
            netfront_wait_any(deadline_ns);
        else
            sched_yield();
    }
    engine_free(engine);
    say("middlebox: stopped\n");
    return EXIT_SUCCESS;
}
