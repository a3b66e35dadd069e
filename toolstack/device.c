/* SPDX-License-Identifier: BSD-2-Clause */
#include "device.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "store.h"

#define NOTES        "/libxl/%" PRIu32               /* of a domain */
#define ERRORS       "/local/domain/0/error/backend" /* of Linux' */
#define INITIALISING "1"                             /* XenbusStateInitialising */

void device_front(const struct device *device, char path[DEVICE_PATH_MAX])
{
    snprintf(path, DEVICE_PATH_MAX, "/local/domain/%" PRIu32 "/device/%s/%" PRIu32, device->domid,
             device->kind, device->number);
}

void device_back(const struct device *device, char path[DEVICE_PATH_MAX])
{
    snprintf(path, DEVICE_PATH_MAX, DEVICE_BACKENDS "/%s/%" PRIu32 "/%" PRIu32, device->kind,
             device->domid, device->number);
}

static void permit(struct host *host, const struct device *device, const char *front,
                   const char *back)
{
    char readable[32], own[32];

    snprintf(readable, sizeof(readable), "n0 r%" PRIu32, device->domid);
    snprintf(own, sizeof(own), "n%" PRIu32 " r0", device->domid);
    store_mkdir(host->store, "%s", front);
    store_permit(host->store, own, "%s", front);
    store_mkdir(host->store, "%s", back);
    store_permit(host->store, readable, "%s", back);
}

void device_begin(struct host *host, const struct device *device, bool introduced)
{
    char front[DEVICE_PATH_MAX], back[DEVICE_PATH_MAX], number[12];

    device_front(device, front);
    device_back(device, back);
    if (introduced)
        permit(host, device, front, back);
    snprintf(number, sizeof(number), "%" PRIu32, device->domid);
    store_write(host->store, back, "%s/backend", front);
    store_write(host->store, "0", "%s/backend-id", front);
    store_write(host->store, front, "%s/frontend", back);
    store_write(host->store, number, "%s/frontend-id", back);
    store_write(host->store, "1", "%s/online", back);
    device_note(host, device, "frontend", front);
    device_note(host, device, "backend", back);
}

void device_say_front(struct host *host, const struct device *device, const char *key,
                      const char *value)
{
    char front[DEVICE_PATH_MAX];

    device_front(device, front);
    store_write(host->store, value, "%s/%s", front, key);
}

void device_say_back(struct host *host, const struct device *device, const char *key,
                     const char *value)
{
    char back[DEVICE_PATH_MAX];

    device_back(device, back);
    store_write(host->store, value, "%s/%s", back, key);
}

void device_note(struct host *host, const struct device *device, const char *key, const char *value)
{
    store_write(host->store, value, NOTES "/device/%s/%" PRIu32 "/%s", device->domid, device->kind,
                device->number, key);
}

void device_offer(struct host *host, const struct device *device)
{
    device_say_front(host, device, "state", INITIALISING);
    device_say_back(host, device, "state", INITIALISING);
}

void device_watch(struct host *host, const struct device *device)
{
    char path[DEVICE_PATH_MAX + 8];

    device_back(device, path);
    store_watch(host->store, strcat(path, "/state"), HOST_TOKEN_CHANGED);
}

void device_unwatch(struct host *host, const struct device *device)
{
    char path[DEVICE_PATH_MAX + 8];

    device_back(device, path);
    store_unwatch(host->store, strcat(path, "/state"), HOST_TOKEN_CHANGED);
}

void device_remove_all(struct host *host, const char *kind, uint32_t domid)
{
    store_remove(host->store, DEVICE_BACKENDS "/%s/%" PRIu32, kind, domid);
}

void device_remove_notes(struct host *host, uint32_t domid)
{
    store_remove(host->store, NOTES, domid);
}

void device_remove_domain(struct host *host, uint32_t domid)
{
    static const char *const kinds[] = {"vif", "vbd"};

    store_remove(host->store, "/local/domain/%" PRIu32, domid);
    device_remove_notes(host, domid);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        device_remove_all(host, kinds[i], domid);
        store_remove(host->store, ERRORS "/%s/%" PRIu32, kinds[i], domid);
    }
}

int device_list(struct host *host, const char *kind, uint32_t domid, uint32_t **numbers,
                unsigned *n, struct fail *fail)
{
    char path[DEVICE_PATH_MAX], **names, *end;

    *numbers = NULL;
    *n = 0;
    snprintf(path, sizeof(path), DEVICE_BACKENDS "/%s/%" PRIu32, kind, domid);
    int error = store_list(host->store, path, &names, fail);
    if (error)
        return error == -ENOENT ? 0 : error;
    unsigned n_names = 0;
    while (names[n_names])
        n_names++;
    *numbers = calloc(n_names + 1, sizeof(**numbers));
    if (!*numbers)
        error = fail_set(fail, ENOMEM, "no memory");
    for (unsigned i = 0; !error && i < n_names; i++) {
        unsigned long number = strtoul(names[i], &end, 10);
        if (*names[i] && !*end)
            (*numbers)[(*n)++] = (uint32_t)number;
    }
    free(names);
    return error;
}
