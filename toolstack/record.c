/* SPDX-License-Identifier: BSD-2-Clause */
#include "record.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "guest.h"
#include "host.h"
#include "log.h"
#include "store.h"
#include "xlrest.h"

#define RECORD_MAX 3800 /* with its path, below xenstore's 4096 bytes a message */

/*
 * "2 INTRODUCED STORE-MFN STORE-PORT CONSOLE-MFN CONSOLE-PORT START-INFO-MFN CONFIG-CRC NAME FILE",
 * and on the next lines the configuration's text.
 */
#define FORMAT                                                                                     \
    "2 %d %" PRIu64 " %" PRIu32 " %" PRIu64 " %" PRIu32 " %" PRIu64 " %" PRIu32 " %s %s\n%s"

void record_write(struct host *host, struct guest *guest)
{
    char record[RECORD_MAX];
    int len =
        snprintf(record, sizeof(record), FORMAT, guest->introduced, guest->store_mfn,
                 guest->store_port, guest->console_mfn, guest->console_port, guest->start_info_mfn,
                 guest->config_crc, guest->name, guest->file, guest->text);

    /* A configuration full of comments: the guest can be taken over, and not restarted. */
    if (len >= (int)sizeof(record))
        *strchr(record, '\n') = '\0';
    store_write(host->store, record, "/local/domain/%" PRIu32 "/sprat", guest->domid);
}

/* A number and the blank behind it. @return whether there was one. */
static bool take_number(const char **at, uint64_t *number)
{
    char *rest;

    if (!isdigit((unsigned char)**at))
        return false;
    errno = 0;
    *number = strtoull(*at, &rest, 10);
    if (errno || *rest != ' ')
        return false;
    *at = rest + 1;
    return true;
}

/* What comes before `end`. @return whether it fits. */
static bool take_text(const char **at, char end, char *text, size_t size)
{
    const char *stop = strchrnul(*at, end);
    size_t len = (size_t)(stop - *at);

    if (len >= size)
        return false;
    memcpy(text, *at, len);
    text[len] = '\0';
    *at = *stop ? stop + 1 : stop;
    return true;
}

/* Read a record's first line. @return the configuration behind it, or NULL: it is no record. */
static const char *read_record(const char *at, struct guest *guest, char *file, size_t file_size)
{
    uint64_t version, introduced, store_port, console_port, config_crc;

    if (!take_number(&at, &version) || version != 2 || !take_number(&at, &introduced) ||
        !take_number(&at, &guest->store_mfn) || !take_number(&at, &store_port) ||
        !take_number(&at, &guest->console_mfn) || !take_number(&at, &console_port) ||
        !take_number(&at, &guest->start_info_mfn) || !take_number(&at, &config_crc) ||
        !take_text(&at, ' ', guest->name, sizeof(guest->name)) || !*guest->name ||
        !take_text(&at, '\n', file, file_size))
        return NULL;
    guest->introduced = introduced != 0;
    guest->store_port = (uint32_t)store_port;
    guest->console_port = (uint32_t)console_port;
    guest->config_crc = (uint32_t)config_crc;
    return at;
}

/* `xl rename` changes the node alone. */
static void take_name(struct host *host, struct guest *guest)
{
    char path[64], *name;
    struct fail fail;

    snprintf(path, sizeof(path), "/local/domain/%" PRIu32 "/name", guest->domid);
    if (store_read(host->store, path, &name, &fail) < 0)
        return;
    if (config_check_name(name, &fail) == 0)
        strcpy(guest->name, name);
    free(name);
}

/* Whether the record's domain could be made a guest of ours again. */
static int adopt(struct host *host, const xc_domaininfo_t *info, const char *record,
                 struct fail *fail)
{
    char file[256], terminal[64];
    struct guest *guest = calloc(1, sizeof(*guest));

    if (!guest)
        return fail_set(fail, ENOMEM, "no memory");
    guest->console = (struct console)CONSOLE_CLOSED;
    guest->proxy = (struct proxy)PROXY_CLOSED;
    guest->domid = info->domain;
    guest->state = GUEST_RUNNING;
    guest->memory_mib = (uint32_t)(info->tot_pages / 256);
    memcpy(guest->uuid, info->handle, sizeof(guest->uuid));
    const char *text = read_record(record, guest, file, sizeof(file));
    if (!text) {
        free(guest);
        return fail_set(fail, EINVAL, "its record is of another version");
    }
    take_name(host, guest);
    guest->proxy.shutdown_changed = true; /* it may have been */
    guest->text = strdup(text);
    guest->file = strdup(file);
    if (!guest->text || !guest->file) {
        free(guest->text);
        free(guest->file);
        free(guest);
        return fail_set(fail, ENOMEM, "no memory");
    }
    int error = guest_adopt(host, guest, fail);
    if (!error && console_terminal_name(&guest->console, terminal, sizeof(terminal)) == 0) {
        store_write(host->store, terminal, "/local/domain/%" PRIu32 "/console/tty", guest->domid);
        error = store_flush(host->store, fail);
    }
    return error;
}

static void remove_rest(struct host *host, uint32_t domid)
{
    struct fail fail;

    device_remove_domain(host, domid);
    store_release(host->store, domid);
    if (store_flush(host->store, &fail) < 0)
        log_line("domain %" PRIu32 ": %s", domid, fail.text);
    if (xc_domain_destroy(host->hyper.control, domid) < 0)
        log_line("domain %" PRIu32 " is left over and cannot be destroyed: %s", domid,
                 strerror(errno));
}

/* Backends whose domain went while no launcher ran, and not by `xl destroy`, which removes them. */
static void remove_orphans(struct host *host, const char *kind)
{
    char path[DEVICE_PATH_MAX], **names, *end;
    xc_domaininfo_t info;
    struct fail fail;

    snprintf(path, sizeof(path), DEVICE_BACKENDS "/%s", kind);
    int error = store_list(host->store, path, &names, &fail);
    if (error) {
        if (error != -ENOENT)
            log_line("left-overs are not looked for: %s", fail.text);
        return;
    }
    for (char **name = names; *name; name++) {
        unsigned long domid = strtoul(*name, &end, 10);
        if (!**name || *end || hyper_domain_info(&host->hyper, (uint32_t)domid, &info) != -ESRCH)
            continue;
        device_remove_all(host, kind, (uint32_t)domid);
        device_remove_notes(host, (uint32_t)domid);
    }
    free(names);
}

int record_adopt_all(struct host *host, unsigned *n_removed, unsigned *n_adopted, struct fail *fail)
{
    enum { BATCH = 256 };
    static xc_domaininfo_t infos[BATCH];
    uint32_t next = 1;
    int n;

    *n_removed = *n_adopted = 0;
    do {
        n = xc_domain_getinfolist(host->hyper.control, next, BATCH, infos);
        if (n < 0)
            return fail_errno(fail, "cannot list the domains");
        for (int i = 0; i < n; i++) {
            char path[64], *record;
            next = infos[i].domain + 1u;
            if (infos[i].domain >= HOST_DOMAINS || infos[i].flags & XEN_DOMINF_dying)
                continue;
            snprintf(path, sizeof(path), "/local/domain/%u/sprat", infos[i].domain);
            if (memcmp(infos[i].handle, GUEST_MARK, GUEST_MARK_BYTES) == 0) {
                remove_rest(host, infos[i].domain);
                ++*n_removed;
            } else if (store_read(host->store, path, &record, fail) == 0) {
                if (adopt(host, &infos[i], record, fail) == 0)
                    ++*n_adopted;
                else
                    log_line("domain %u cannot be taken over: %s", infos[i].domain, fail->text);
                free(record);
            }
        }
    } while (n == BATCH);
    remove_orphans(host, "vif");
    remove_orphans(host, "vbd");
    xlrest_find(host);
    host->domains_ended = true;
    return store_flush(host->store, fail);
}
