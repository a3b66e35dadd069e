/* SPDX-License-Identifier: BSD-2-Clause */
#include "domain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "guest.h"
#include "host.h"
#include "image.h"
#include "store.h"

/* What libxl's maxmem has beyond the guest's memory: a balloon driver may overshoot by it. */
#define MAXMEM_SLACK_KIB 1024

void domain_mark(uint8_t handle[16])
{
    memcpy(handle, GUEST_MARK, GUEST_MARK_BYTES);
    if (getrandom(handle + GUEST_MARK_BYTES, 16 - GUEST_MARK_BYTES, GRND_NONBLOCK) < 0)
        memset(handle + GUEST_MARK_BYTES, 0, 16 - GUEST_MARK_BYTES);
}

/* The number of a pool, by its name in xenstore, where xl keeps it. */
static int find_pool(struct host *host, const char *name, uint32_t *pool, struct fail *fail)
{
    char **ids;

    *pool = 0;
    if (!*name || strcmp(name, "Pool-0") == 0)
        return 0;
    int error = store_list(host->store, "/local/pool", &ids, fail);
    if (error)
        return error;
    bool found = false;
    for (char **id = ids; *id && !found; id++) {
        char path[64], *pool_name;
        snprintf(path, sizeof(path), "/local/pool/%.10s/name", *id);
        if (store_read(host->store, path, &pool_name, fail) == 0) {
            found = strcmp(pool_name, name) == 0;
            if (found)
                *pool = (uint32_t)strtoul(*id, NULL, 10);
            free(pool_name);
        }
    }
    free(ids);
    return found ? 0 : fail_set(fail, ENOENT, "there is no cpu pool %s", name);
}

static int set_affinity(struct host *host, uint32_t domid, const struct config *config,
                        struct fail *fail)
{
    int n_bytes = xc_get_cpumap_size(host->hyper.control);
    xc_cpumap_t map = n_bytes > 0 ? xc_cpumap_alloc(host->hyper.control) : NULL;

    if (!map)
        return fail_errno(fail, "cannot tell how many CPUs there are");
    for (int i = 0; i < n_bytes && i < CONFIG_CPUS_MAX / 8; i++)
        map[i] = config->cpus[i];
    int error = 0;
    if (xc_vcpu_setaffinity(host->hyper.control, domid, 0, map, NULL, XEN_VCPUAFFINITY_HARD) < 0)
        error = fail_errno(fail, "Xen refuses cpus: is one of them here, and in the pool?");
    free(map);
    return error;
}

int domain_make(struct host *host, struct guest *guest, const struct config *config,
                struct fail *fail)
{
    xc_interface *control = host->hyper.control;
    struct xen_domctl_createdomain create = {
        .max_vcpus = 1,
        .max_evtchn_port = config->max_event_channels,
        .max_grant_frames = config->max_grant_frames,
        .max_maptrack_frames = config->max_maptrack_frames,
        .grant_opts = XEN_DOMCTL_GRANT_version(1),
    };
    uint32_t domid = 0;
    int store_port, console_port;

    domain_mark(create.handle);
    int error = find_pool(host, config->pool, &create.cpupool_id, fail);
    if (error)
        return error;
    if (xc_domain_create(control, &domid, &create) < 0)
        return errno == ENOMEM ? fail_set(fail, ENOMEM, "Xen is out of memory: it makes no domain")
                               : fail_errno(fail, "Xen makes no domain");
    uint64_t max_kib = (uint64_t)config->memory_mib * 1024 + MAXMEM_SLACK_KIB;
    if (xc_domain_max_vcpus(control, domid, 1) < 0 ||
        xc_domain_setmaxmem(control, domid, max_kib) < 0 ||
        xc_domain_set_tsc_info(control, domid, config->tsc_mode, 0, 0, 0) < 0) {
        error = fail_errno(fail, "Xen makes an incomplete domain");
        goto err;
    }
    if (config->cpus_given) {
        error = set_affinity(host, domid, config, fail);
        if (error)
            goto err;
    }
    store_port = xc_evtchn_alloc_unbound(control, domid, 0);
    if (store_port < 0 || (guest->image->one_channel && !guest->introduced))
        console_port = store_port;
    else
        console_port = xc_evtchn_alloc_unbound(control, domid, 0);
    if (console_port < 0) {
        error = fail_errno(fail, "Xen makes no event channel");
        goto err;
    }
    guest->store_port = (uint32_t)store_port;
    guest->console_port = (uint32_t)console_port;
    guest->domid = domid;
    return 0;

err:
    xc_domain_destroy(control, domid);
    return error;
}
