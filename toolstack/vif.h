/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * Network interfaces of guests, plugged into bridges without a script: Linux' netback makes the
 * interface when it sees the nodes, and waits for hotplug-status before it connects. Source:
 * xen/io/netif.h, Linux' xen-netback.
 */
#ifndef SPRAT_TOOLSTACK_VIF_H
#define SPRAT_TOOLSTACK_VIF_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "device.h"
#include "fail.h"

#define VIF_BACKENDS DEVICE_BACKENDS "/vif" /* a folder for each domain, one for each vif */

struct host;

/**
 * Make a guest's interfaces, before it runs.
 *
 * @param introduced  xenstored serves the guest, and must let it at the nodes.
 * @return 0 or -errno: no such bridge, a full one (1024 ports), no netback. vif_unplug() undoes
 *         what was done. Waits up to 5 s for the kernel.
 */
int vif_plug(struct host *host, uint32_t domid, bool introduced, const struct config_vif *vifs,
             unsigned n_vifs, struct fail *fail);

/** Remove a domain's interfaces. The requests wait in the store. */
void vif_unplug(struct host *host, uint32_t domid);

/** Have xenstored tell about the backends of a domain's `n_vifs` interfaces, or no more. */
void vif_watch(struct host *host, uint32_t domid, unsigned n_vifs);
void vif_unwatch(struct host *host, uint32_t domid, unsigned n_vifs);

/** How many interfaces a domain has, by what xenstored says. @return 0 or -errno. */
int vif_count(struct host *host, uint32_t domid, unsigned *n_vifs, struct fail *fail);

#endif
