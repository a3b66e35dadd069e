/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * Network interfaces of guests, plugged into bridges without a script: Linux' netback makes the
 * interface when it sees the nodes, and waits for hotplug-status before it connects. Source:
 * xen/io/netif.h, Linux' xen-netback.
 */
#ifndef SPRAT_TOOLSTACK_VIF_H
#define SPRAT_TOOLSTACK_VIF_H

#include <stdint.h>

#include "config.h"
#include "fail.h"

struct host;

/**
 * Make a guest's interfaces, before it runs. xenstored must know the domain.
 *
 * @return 0 or -errno: no such bridge, a full one (1024 ports), no netback. vif_unplug() undoes
 * what
 *         was done. Waits up to 5 s for the kernel.
 */
int vif_plug(struct host *host, uint32_t domid, const struct config_vif *vifs, unsigned n_vifs,
             struct fail *fail);

/** Remove a domain's interfaces. The requests wait in the store. */
void vif_unplug(struct host *host, uint32_t domid);

#endif
