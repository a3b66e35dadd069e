/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * The two ends of a guest's device in xenstore: the frontend's folder is the guest's, the backend's
 * is dom0's kernel's. All requests wait in the store. Source: xen/io/xenbus.h, Linux' xenbus.
 */
#ifndef SPRAT_TOOLSTACK_DEVICE_H
#define SPRAT_TOOLSTACK_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "fail.h"

#define DEVICE_BACKENDS "/local/domain/0/backend"
#define DEVICE_PATH_MAX 80

struct host;

struct device {
    const char *kind; /* "vif", "vbd" */
    uint32_t domid, number;
};

/** The paths of the two ends. */
void device_front(const struct device *device, char path[DEVICE_PATH_MAX]);
void device_back(const struct device *device, char path[DEVICE_PATH_MAX]);

/**
 * Write what each device has, but for its states.
 *
 * @param introduced  xenstored serves the guest: the frontend's nodes are the guest's to write, the
 *                    backend's to read.
 */
void device_begin(struct host *host, const struct device *device, bool introduced);

/** Write a node of one of the two ends. */
void device_say_front(struct host *host, const struct device *device, const char *key,
                      const char *value);
void device_say_back(struct host *host, const struct device *device, const char *key,
                     const char *value);

/** Write a node of what libxl keeps about a domain's devices, which xl looks into. */
void device_note(struct host *host, const struct device *device, const char *key,
                 const char *value);

/** Let backend and guest begin: all that they read is written. */
void device_offer(struct host *host, const struct device *device);

/** Have xenstored tell about the backend's state, or no more. */
void device_watch(struct host *host, const struct device *device);
void device_unwatch(struct host *host, const struct device *device);

/** Remove the backends of a domain's devices of one kind; what is not there is no failure. */
void device_remove_all(struct host *host, const char *kind, uint32_t domid);

/** Remove what libxl keeps about a domain's devices, of all kinds. */
void device_remove_notes(struct host *host, uint32_t domid);

/** Remove all of a domain that is not there any more: its own nodes too. */
void device_remove_domain(struct host *host, uint32_t domid);

/**
 * The numbers of a domain's devices, by what xenstored says.
 *
 * @param numbers  receives an array, the caller's to free; NULL if there is none.
 * @return 0 or -errno.
 */
int device_list(struct host *host, const char *kind, uint32_t domid, uint32_t **numbers,
                unsigned *n, struct fail *fail);

#endif
