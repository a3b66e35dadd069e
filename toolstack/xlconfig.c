/* SPDX-License-Identifier: BSD-2-Clause */
#include "xlconfig.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"
#include "host.h"
#include "json.h"
#include "log.h"
#include "store.h"
#include "xlfile.h"

#define NODES_NS    1000000000ull /* from the first of those that wait until they are written */
#define NODES_BATCH 64            /* guests; then it is others' turn */

/* Domains whose guests have no nodes yet. */
static struct {
    uint32_t domids[HOST_DOMAINS];
    unsigned n, first;
    uint64_t due_ns;
} waiting = {.due_ns = UINT64_MAX};

static void put_vifs(struct json_out *out, const struct config *config)
{
    char mac[18];

    json_open(out, "nics", '[');
    for (unsigned i = 0; i < config->n_vifs; i++) {
        const struct config_vif *vif = &config->vifs[i];
        config_format_mac(vif->mac, mac);
        json_open(out, NULL, '{');
        json_put_number(out, "devid", i);
        if (vif->mac_given)
            json_put_string(out, "mac", mac);
        if (*vif->bridge)
            json_put_string(out, "bridge", vif->bridge);
        if (*vif->ip)
            json_put_string(out, "ip", vif->ip);
        json_close(out, '}');
    }
    json_close(out, ']');
}

static void put_disks(struct json_out *out, const struct config *config)
{
    json_open(out, "disks", '[');
    for (unsigned i = 0; i < config->n_disks; i++) {
        const struct diskspec *disk = &config->disks[i];
        json_open(out, NULL, '{');
        json_put_string(out, "pdev_path", disk->target);
        json_put_string(out, "vdev", disk->vdev);
        json_put_string(out, "format", "raw");
        json_put_number(out, "readwrite", !disk->read_only);
        json_close(out, '}');
    }
    json_close(out, ']');
}

/* A list of each vCPU's CPUs, of one. */
static void put_cpus(struct json_out *out, const struct config *config)
{
    json_open(out, "vcpu_hard_affinity", '[');
    json_open(out, NULL, '[');
    for (unsigned cpu = 0; cpu < CONFIG_CPUS_MAX; cpu++)
        if (config->cpus[cpu / 8] & 1 << cpu % 8)
            json_put_number(out, NULL, cpu);
    json_close(out, ']');
    json_close(out, ']');
}

/* By the names and types of libxl's libxl_types.idl; what is not said is as libxl has it. */
static void put_config(struct json_out *out, const struct guest *guest, const struct config *config)
{
    char uuid[37];

    config_format_uuid(guest->uuid, uuid);
    json_open(out, NULL, '{');
    json_open(out, "c_info", '{');
    json_put_string(out, "type", "pv");
    json_put_string(out, "name", guest->name);
    json_put_string(out, "uuid", uuid);
    if (*config->pool)
        json_put_string(out, "pool_name", config->pool);
    json_close(out, '}');
    json_open(out, "b_info", '{');
    json_put_number(out, "event_channels", config->max_event_channels);
    if (config->max_grant_frames >= 0)
        json_put_number(out, "max_grant_frames", config->max_grant_frames);
    if (config->max_maptrack_frames >= 0)
        json_put_number(out, "max_maptrack_frames", config->max_maptrack_frames);
    if (config->cpus_given)
        put_cpus(out, config);
    json_put_string(out, "tsc_mode", config_tsc_word(config->tsc_mode));
    json_put_string(out, "kernel", config->kernel);
    if (*config->ramdisk)
        json_put_string(out, "ramdisk", config->ramdisk);
    json_put_string(out, "cmdline", config->cmdline);
    json_open(out, "type.pv", '{');
    json_close(out, '}');
    json_close(out, '}');
    if (config->n_vifs)
        put_vifs(out, config);
    if (config->n_disks)
        put_disks(out, config);
    json_put_string(out, "on_poweroff", config_action_word(config->on_poweroff));
    json_put_string(out, "on_reboot", config_action_word(config->on_reboot));
    json_put_string(out, "on_crash", config_action_word(config->on_crash));
    json_close(out, '}');
    json_end_line(out);
}

/*
 * A file that is there is a whole one: it is written beside, by a name that libxl removes too with
 * all of a domain's.
 *
 * libxl's lock is not for this: libxl writes no file where it has read none.
 *
 * @param is_new  no xl has seen the domain: what is there is of another with its number and UUID.
 *                Else what is there is xl's, which knows the devices that it has added.
 * @return 0 or -errno.
 */
static int write_file(const struct guest *guest, const struct json_out *text, bool is_new)
{
    char path[XLFILE_PATH_MAX], begun[XLFILE_PATH_MAX];

    if (text->failed)
        return -ENOMEM;
    xlfile_path(guest->domid, guest->uuid, "d", "libxl-json", path);
    xlfile_path(guest->domid, guest->uuid, "s", "libxl-json", begun);
    int fd = open(begun, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    ssize_t n = write(fd, text->text, text->len);
    int error = n < 0 ? -errno : n < (ssize_t)text->len ? -ENOSPC : 0;
    close(fd);
    if (!error && (is_new ? rename(begun, path) : link(begun, path)) < 0)
        error = -errno;
    if (error || !is_new)
        unlink(begun);
    return error == -EEXIST ? 0 : error;
}

static void write_config(struct guest *guest, const struct config *config, bool is_new)
{
    static struct json_out text; /* its memory is kept */
    static bool complained;

    text.len = 0;
    text.failed = text.comma = false;
    put_config(&text, guest, config);
    int error = write_file(guest, &text, is_new);
    guest->known_to_xl = !error;
    if (error && !complained)
        log_line("xl will list guests, and refuse what needs more: " XLFILE_FOLDER ": %s",
                 strerror(-error));
    complained |= error != 0;
}

static void want_nodes(const struct guest *guest)
{
    if (!guest->known_to_xl || waiting.n == HOST_DOMAINS)
        return;
    if (!waiting.n)
        waiting.due_ns = host_now_ns() + NODES_NS;
    waiting.domids[waiting.n++] = guest->domid;
}

void xlconfig_write(struct guest *guest, const struct config *config)
{
    write_config(guest, config, true);
    want_nodes(guest);
}

void xlconfig_adopt(struct host *host, struct guest *guest, const struct config *config)
{
    char path[XLFILE_PATH_MAX], *target;
    struct fail ignored;

    xlfile_path(guest->domid, guest->uuid, "s", "libxl-json", path);
    unlink(path); /* of a launcher that was killed */
    xlfile_path(guest->domid, guest->uuid, "d", "libxl-json", path);
    guest->known_to_xl = access(path, F_OK) == 0;
    if (!guest->known_to_xl && config)
        write_config(guest, config, false);
    snprintf(path, sizeof(path), "/local/domain/%" PRIu32 "/memory/target", guest->domid);
    int error = store_read(host->store, path, &target, &ignored);
    if (!error)
        free(target); /* `xl mem-set` may have set it */
    else if (error == -ENOENT)
        want_nodes(guest);
}

static void write_nodes(struct host *host, const struct guest *guest)
{
    char kib[16];

    snprintf(kib, sizeof(kib), "%" PRIu32, guest->memory_mib * 1024);
    store_write(host->store, kib, "/local/domain/%" PRIu32 "/memory/target", guest->domid);
    store_write(host->store, kib, "/local/domain/%" PRIu32 "/memory/static-max", guest->domid);
}

uint64_t xlconfig_work(struct host *host, uint64_t now_ns)
{
    struct fail fail;

    if (now_ns < waiting.due_ns)
        return waiting.due_ns;
    for (unsigned i = 0; i < NODES_BATCH && waiting.first < waiting.n; i++) {
        /* One that has gone may have left its number to another, which gets them too. */
        const struct guest *guest = host->by_domid[waiting.domids[waiting.first++]];
        if (guest && guest->known_to_xl)
            write_nodes(host, guest);
    }
    if (store_flush(host->store, &fail) < 0)
        log_line("xl: %s", fail.text);
    if (waiting.first == waiting.n) {
        waiting.n = waiting.first = 0;
        waiting.due_ns = UINT64_MAX;
    }
    return waiting.due_ns;
}
