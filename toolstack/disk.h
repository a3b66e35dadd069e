/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * Disks of guests, given to Linux' blkback without a script: block devices, and raw files by way of
 * a loop device. The device nodes are those that libxl writes, so `xl block-list` and
 * `xl block-detach` work on them. Source: xen/io/blkif.h, Linux' xen-blkback, Xen's block script.
 */
#ifndef SPRAT_TOOLSTACK_DISK_H
#define SPRAT_TOOLSTACK_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "device.h"
#include "diskspec.h"
#include "fail.h"

#define VBD_BACKENDS DEVICE_BACKENDS "/vbd" /* a folder for each domain, one for each disk */

struct host;

/**
 * Is one of these disks still that of a domain that was destroyed, and has not gone altogether?
 * Xen tells nobody when it has.
 *
 * @return 0 or -EAGAIN.
 */
int disk_check_left(struct host *host, const struct diskspec *specs, unsigned n_specs,
                    struct fail *fail);

/**
 * Give a guest its disks, before it runs.
 *
 * @param introduced  xenstored serves the guest, and must let it at the nodes.
 * @return 0 or -errno: there is none; -EBUSY: it is in use, and one of the two would write.
 *         disk_unplug() undoes what was done.
 */
int disk_plug(struct host *host, uint32_t domid, bool introduced, const struct diskspec *specs,
              unsigned n_specs, struct fail *fail);

/**
 * Remove a domain's disks. The requests wait in the store. Until the domain has gone its backend
 * may still write: its disks are given to nobody else.
 */
void disk_unplug(struct host *host, uint32_t domid);

/** Know the disks of a domain that an earlier launcher made. @return 0 or -errno. */
int disk_adopt(struct host *host, uint32_t domid, unsigned *n_disks, struct fail *fail);

/** A node below VBD_BACKENDS has changed. */
void disk_changed(struct host *host, const char *path);

/** Forget disks whose domains have gone. Requests may wait in the store. */
void disk_settle(struct host *host);

/** Forget all; the guests keep theirs. */
void disk_close_all(struct host *host);

#endif
