/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * The handles to Xen, opened once, and the hypercalls that libxenctrl has no function for.
 */
#ifndef SPRAT_TOOLSTACK_HYPER_H
#define SPRAT_TOOLSTACK_HYPER_H

#include <stdint.h>

#include <xenctrl.h>
#include <xencall.h>
#include <xenevtchn.h>
#include <xenforeignmemory.h>

#include "fail.h"

struct hyper {
    xc_interface *control;
    xencall_handle *call;
    xenforeignmemory_handle *memory;
    xenevtchn_handle *events;
    void *argument; /* a page that hypercalls can read and write */
};

/** Open everything. @return 0, or -errno with the reason (no Xen, no rights). */
int hyper_open(struct hyper *hyper, struct fail *fail);

void hyper_close(struct hyper *hyper);

/**
 * What Xen knows of one domain. (xc_domain_getinfolist() has Xen walk over all domains before it.)
 *
 * @return 0; -ESRCH: there is none; or another -errno of Xen's.
 */
int hyper_domain_info(struct hyper *hyper, uint32_t domid, xc_domaininfo_t *info);

/**
 * Give a domain memory, in as large pieces as Xen has.
 *
 * @param mfns  receives n_pages machine frames, for pfn 0 and following.
 * @return 0, -ENOMEM, or another -errno. What was given stays with the domain.
 */
int hyper_populate(struct hyper *hyper, uint32_t domid, uint64_t n_pages, xen_pfn_t *mfns,
                   struct fail *fail);

/** Make Xen take a page of a domain for its root page table. @return 0 or -errno. */
int hyper_pin(struct hyper *hyper, uint32_t domid, uint64_t root_mfn, struct fail *fail);

/** Make a domain's grant table and find its first frame. @return 0 or -errno. */
int hyper_grant_frame(struct hyper *hyper, uint32_t domid, xen_pfn_t *frame, struct fail *fail);

/** Let Xen write its hypercall page into a domain's page. @return 0 or -errno. */
int hyper_write_hypercall_page(struct hyper *hyper, uint32_t domid, uint64_t mfn,
                               struct fail *fail);

#endif
