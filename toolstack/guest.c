/* SPDX-License-Identifier: BSD-2-Clause */
#include "guest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "crc32.h"
#include "disk.h"
#include "domain.h"
#include "host.h"
#include "record.h"
#include "store.h"
#include "vif.h"
#include "xlconfig.h"
#include "xlrest.h"

/* RFC 4122, version 4 */
static int make_uuid(uint8_t uuid[16], struct fail *fail)
{
    if (getrandom(uuid, 16, GRND_NONBLOCK) != 16)
        return fail_errno(fail, "no random numbers for a UUID; set uuid in the configuration");
    uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40);
    uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
    return 0;
}

static int build(struct host *host, struct guest *guest, const struct config *config,
                 const char *cmdline, struct fail *fail)
{
    struct plan plan;
    struct build build = {.domid = guest->domid,
                          .image = guest->image,
                          .ramdisk = guest->ramdisk,
                          .plan = &plan,
                          .cmdline = cmdline ? cmdline : "",
                          .store_port = guest->store_port,
                          .console_port = guest->console_port};
    size_t n_ramdisk = guest->ramdisk ? guest->ramdisk->n_bytes : 0;
    int error = plan_make(&plan, guest->image, n_ramdisk, config->memory_mib, fail);
    if (!error)
        error = build_domain(&host->hyper, &build, fail);
    guest->start_info_mfn = build.start_info_mfn;
    guest->store_mfn = build.store_mfn;
    guest->console_mfn = build.console_mfn;
    return error;
}

static unsigned n_rings(const struct guest *guest)
{
    return guest->introduced ? 1 : 2;
}

static int map_rings(struct host *host, struct guest *guest, struct fail *fail)
{
    xen_pfn_t frames[2] = {guest->store_mfn, guest->console_mfn};
    unsigned n = n_rings(guest);

    guest->rings = xenforeignmemory_map(host->hyper.memory, guest->domid, PROT_READ | PROT_WRITE, n,
                                        frames + 2 - n, NULL);
    return guest->rings ? 0 : fail_errno(fail, "cannot map the guest's rings");
}

/* Of the two event channels, which may be one, xenstore's; the console has its own. */
static int bind_proxy(struct host *host, struct guest *guest, struct fail *fail)
{
    guest->proxy.port =
        guest->store_port == guest->console_port
            ? guest->console.port
            : xenevtchn_bind_interdomain(host->hyper.events, guest->domid, guest->store_port);
    return guest->proxy.port < 0 ? fail_errno(fail, "cannot bind xenstore's event channel") : 0;
}

static void unbind_proxy(struct host *host, struct guest *guest)
{
    if (guest->proxy.port >= 0 && guest->proxy.port != guest->console.port)
        xenevtchn_unbind(host->hyper.events, (evtchn_port_t)guest->proxy.port);
    guest->proxy.port = -1;
}

static void close_rings(struct host *host, struct guest *guest)
{
    unbind_proxy(host, guest);
    proxy_free(&guest->proxy, host);
    console_close(&guest->console, &host->hyper);
    /* A domain cannot go while a page of it is mapped here. */
    if (guest->rings)
        xenforeignmemory_unmap(host->hyper.memory, guest->rings, n_rings(guest));
    guest->rings = NULL;
}

/* Serve the guest's console, and its xenstore unless xenstored does. */
static int open_rings(struct host *host, struct guest *guest, struct fail *fail)
{
    int error = map_rings(host, guest, fail);
    char *console_page = (char *)guest->rings + (n_rings(guest) - 1) * IMAGE_PAGE_BYTES;

    if (!error)
        error = console_open(&guest->console, &host->hyper, guest->domid, console_page,
                             guest->console_port, fail);
    if (!error && !guest->introduced) {
        guest->proxy.ring = guest->rings;
        guest->proxy.domid = guest->domid;
        error = bind_proxy(host, guest, fail);
    }
    if (!error && host->make_terminals) {
        error = console_make_terminal(&guest->console, fail);
        /* Edges only: a terminal that nobody has opened is hung up all the time. */
        if (!error)
            error = host_poll(host, guest->console.terminal, SOURCE_TERMINAL, guest->domid,
                              EPOLLIN | EPOLLET, fail);
    }
    if (error)
        close_rings(host, guest);
    return error;
}

/*
 * What a domain needs that xenstored serves. The permission given first is inherited by what comes
 * below: the guest may read all and write only what is its to say.
 */
static void introduce(struct host *host, struct guest *guest)
{
    uint32_t domid = guest->domid;
    char readable[32], own[16];

    snprintf(readable, sizeof(readable), "n0 r%" PRIu32, domid);
    snprintf(own, sizeof(own), "n%" PRIu32, domid);
    store_mkdir(host->store, "/local/domain/%" PRIu32, domid);
    store_permit(host->store, readable, "/local/domain/%" PRIu32, domid);
    store_write(host->store, "", "/local/domain/%" PRIu32 "/control/shutdown", domid);
    store_permit(host->store, own, "/local/domain/%" PRIu32 "/control/shutdown", domid);
    store_mkdir(host->store, "/local/domain/%" PRIu32 "/data", domid);
    store_permit(host->store, own, "/local/domain/%" PRIu32 "/data", domid);
    store_introduce(host->store, domid, guest->store_mfn, guest->store_port);
    host->n_introduced++;
}

/*
 * A domain's nodes that do not tell who it is. The requests wait in the store. xenconsoled serves
 * no console that has no "port" here.
 */
static void write_shell_nodes(struct host *host, struct guest *guest)
{
    char terminal[64];

    host_make_room(host);
    if (guest->introduced)
        introduce(host, guest);
    if (console_terminal_name(&guest->console, terminal, sizeof(terminal)) == 0)
        store_write(host->store, terminal, "/local/domain/%" PRIu32 "/console/tty", guest->domid);
}

static void write_identity_nodes(struct host *host, struct guest *guest)
{
    host_write_name(host, guest);
    record_write(host, guest);
}

static void guest_free(struct guest *guest)
{
    image_put(guest->image);
    blob_put(guest->ramdisk);
    free(guest->text);
    free(guest->file);
    free(guest);
}

static uint64_t lap(uint64_t *since_ns)
{
    uint64_t now_ns = host_now_ns(), took_ns = now_ns - *since_ns;

    *since_ns = now_ns;
    return took_ns;
}

static int get_ramdisk(const char *path, struct blob **ramdisk, struct fail *fail)
{
    static const uint8_t gzip[] = {0x1f, 0x8b};
    int error = blob_get(path, ramdisk, fail);

    if (!error && (*ramdisk)->n_bytes >= sizeof(gzip) &&
        memcmp((*ramdisk)->bytes, gzip, sizeof(gzip)) == 0)
        error = fail_set(fail, EINVAL, "is compressed, as xl create alone can take it: gunzip it");
    if (error)
        fail_prefix(fail, "ramdisk %.255s", path);
    return error;
}

int guest_build(struct host *host, const struct config *config, const char *cmdline,
                struct guest **result, struct fail *fail)
{
    struct guest *guest = calloc(1, sizeof(*guest));
    uint64_t clock_ns = host_now_ns();

    if (!guest)
        return fail_set(fail, ENOMEM, "no memory for another guest");
    guest->console = (struct console)CONSOLE_CLOSED;
    guest->proxy = (struct proxy)PROXY_CLOSED;
    guest->introduced = host->introduce_all;
    guest->memory_mib = config->memory_mib;
    guest->has_cmdline = cmdline != NULL;
    int error = image_get(config->kernel, &guest->image, fail);
    if (!error && *config->ramdisk)
        error = get_ramdisk(config->ramdisk, &guest->ramdisk, fail);
    if (error)
        goto err_domain;
    error = domain_make(host, guest, config, fail);
    if (error)
        goto err_domain;
    guest->times.domain_ns = lap(&clock_ns);
    error = build(host, guest, config, cmdline, fail);
    if (error)
        goto err_build;
    guest->times.build_ns = lap(&clock_ns);
    error = open_rings(host, guest, fail);
    if (error)
        goto err_build;
    guest->times.console_ns = lap(&clock_ns);
    error = host_enter(host, guest, fail);
    if (error)
        goto err_rings;
    write_shell_nodes(host, guest);
    guest->times.store_ns = lap(&clock_ns);
    *result = guest;
    return 0;

err_rings:
    close_rings(host, guest);
err_build:
    xc_domain_destroy(host->hyper.control, guest->domid);
err_domain:
    guest_free(guest);
    return error;
}

static int take_identity(struct guest *guest, const struct config *config, const char *text,
                         const char *file, struct fail *fail)
{
    strcpy(guest->name, config->name);
    memcpy(guest->uuid, config->uuid, sizeof(guest->uuid));
    guest->on_poweroff = config->on_poweroff;
    guest->on_reboot = config->on_reboot;
    guest->on_crash = config->on_crash;
    guest->text = strdup(text);
    guest->file = strdup(file);
    guest->config_crc = crc32_of(text, strlen(text));
    if (!guest->text || !guest->file)
        return fail_set(fail, ENOMEM, "no memory for another guest");
    return config->uuid_given ? 0 : make_uuid(guest->uuid, fail);
}

int guest_launch(struct host *host, struct guest *guest, const struct config *config,
                 const char *text, const char *file, bool paused, struct fail *fail)
{
    uint64_t clock_ns = host_now_ns();
    struct fail ignored;

    int error = take_identity(guest, config, text, file, fail);
    if (error)
        goto err;
    guest->n_vifs = config->n_vifs;
    guest->n_disks = config->n_disks;
    write_identity_nodes(host, guest);
    host_hear(host, guest);
    error = store_flush(host->store, fail);
    if (error)
        goto err;
    guest->times.store_ns += lap(&clock_ns);
    if (config->n_vifs) {
        error = vif_plug(host, guest->domid, guest->introduced, config->vifs, config->n_vifs, fail);
        if (error)
            goto err;
        guest->proxy.n_vifs = config->n_vifs;
        guest->times.vif_ns = lap(&clock_ns);
    }
    if (config->n_disks) {
        error =
            disk_plug(host, guest->domid, guest->introduced, config->disks, config->n_disks, fail);
        if (error)
            goto err;
        guest->times.disk_ns = lap(&clock_ns);
    }
    if (!guest->has_cmdline) {
        error = build_set_cmdline(&host->hyper, guest->domid, guest->start_info_mfn,
                                  config->cmdline, fail);
        if (error)
            goto err;
    }
    if (xc_domain_sethandle(host->hyper.control, guest->domid, guest->uuid) < 0) {
        error = fail_errno(fail, "Xen refuses the UUID");
        goto err;
    }
    xlconfig_write(guest, config);
    if (!paused && xc_domain_unpause(host->hyper.control, guest->domid) < 0) {
        error = fail_errno(fail, "cannot unpause the guest");
        goto err;
    }
    guest->started_ns = host_now_ns();
    guest->times.start_ns = lap(&clock_ns);
    guest->state = GUEST_RUNNING;
    host_name(host, guest);
    return 0;

err:
    guest_destroy(host, guest, false, &ignored);
    return error;
}

int guest_destroy(struct host *host, struct guest *guest, bool announce, struct fail *fail)
{
    uint8_t handle[16];
    struct fail store_fail;
    bool introduced = guest->introduced;

    /* xl may have attached something unheard. */
    bool has_devices = guest->n_vifs || guest->n_disks || guest->given_devices || introduced;
    /* From here on, whoever finds the domain knows that it is to go. */
    domain_mark(handle);
    xc_domain_sethandle(host->hyper.control, guest->domid, handle);
    if (guest->known_to_xl)
        xlrest_leave(guest, handle);
    host_leave(host, guest);
    close_rings(host, guest);
    /* xenstored tells about the end of those it knows: it gets to know this one for a moment. */
    if (announce && !introduced) {
        store_introduce(host->store, guest->domid, guest->store_mfn, guest->store_port);
        host->n_introduced++;
        introduced = true;
    }
    store_remove(host->store, "/local/domain/%" PRIu32, guest->domid);
    if (has_devices) {
        vif_unplug(host, guest->domid);
        disk_unplug(host, guest->domid);
        device_remove_notes(host, guest->domid);
    }
    if (introduced)
        store_release(host->store, guest->domid);
    int store_error = store_flush(host->store, &store_fail);
    int error = 0;
    if (xc_domain_destroy(host->hyper.control, guest->domid) < 0 && errno != ESRCH)
        error = fail_errno(fail, "Xen does not destroy domain %" PRIu32, guest->domid);
    if (!error && store_error) {
        *fail = store_fail;
        error = store_error;
    }
    guest_free(guest);
    return error;
}

int guest_adopt(struct host *host, struct guest *guest, struct fail *fail)
{
    static struct config config;
    struct fail ignored;

    /* Without a configuration the actions are xl's own. */
    bool known =
        config_parse(&config, guest->text, strlen(guest->text), guest->file, &ignored) == 0;
    if (known) {
        guest->on_poweroff = config.on_poweroff;
        guest->on_reboot = config.on_reboot;
        guest->on_crash = config.on_crash;
    } else {
        guest->on_poweroff = guest->on_reboot = guest->on_crash = ACTION_DESTROY;
    }
    int error = vif_count(host, guest->domid, &guest->n_vifs, fail);
    if (!error)
        error = disk_adopt(host, guest->domid, &guest->n_disks, fail);
    if (!error)
        error = open_rings(host, guest, fail);
    if (!error)
        error = host_enter(host, guest, fail);
    if (error) {
        close_rings(host, guest);
        guest_free(guest);
        return error;
    }
    /* Of one whose first words are lost nobody can tell any more; it has said much since. */
    guest->ready = !console_recall(&guest->console);
    host_name(host, guest);
    host_hear(host, guest);
    xlconfig_adopt(host, guest, known ? &config : NULL);
    return 0;
}

static void release_channels(struct host *host, struct guest *guest)
{
    host_leave_ports(host, guest);
    unbind_proxy(host, guest);
    console_unbind(&guest->console, &host->hyper);
}

int guest_serve_again(struct host *host, struct guest *guest, struct fail *fail)
{
    if (guest->introduced || guest->proxy.port >= 0)
        return 0;
    int error =
        console_bind(&guest->console, &host->hyper, guest->domid, guest->console_port, fail);
    if (!error)
        error = bind_proxy(host, guest, fail);
    if (!error)
        error = host_enter_ports(host, guest, fail);
    if (error)
        release_channels(host, guest);
    return error;
}

/* xenstored takes the guest's channel for itself meanwhile. */
int guest_tell_suspended(struct host *host, struct guest *guest, struct fail *fail)
{
    struct fail again_fail;

    if (guest->introduced)
        return 0;
    release_channels(host, guest);
    store_introduce(host->store, guest->domid, guest->store_mfn, guest->store_port);
    host->n_introduced++;
    store_release(host->store, guest->domid);
    int error = store_flush(host->store, fail);
    int again = guest_serve_again(host, guest, &again_fail);
    if (!error && again)
        *fail = again_fail;
    return error ? error : again;
}

int guest_request(struct host *host, struct guest *guest, bool reboot, struct fail *fail)
{
    guest->asked_to_end = !reboot;
    store_write(host->store, reboot ? "reboot" : "poweroff",
                "/local/domain/%" PRIu32 "/control/shutdown", guest->domid);
    return store_flush(host->store, fail);
}
