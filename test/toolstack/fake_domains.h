/* SPDX-License-Identifier: BSD-2-Clause */
/** The domains that Xen lists. Each test is a program of its own, so this is its own list. */
#ifndef SPRAT_TEST_FAKE_DOMAINS_H
#define SPRAT_TEST_FAKE_DOMAINS_H

#include <errno.h>

#include <xenctrl.h>

#include "hyper.h"

static xc_domaininfo_t infos[600];
static int n_infos; /* -1: Xen refuses to list them */

int xc_domain_getinfolist(xc_interface *control, uint32_t first, unsigned max,
                          xc_domaininfo_t *list)
{
    int n = 0;

    (void)control;
    if (n_infos < 0) {
        errno = EPERM;
        return -1;
    }
    for (int i = 0; i < n_infos && n < (int)max; i++)
        if (infos[i].domain >= first)
            list[n++] = infos[i];
    return n;
}

int hyper_domain_info(struct hyper *hyper, uint32_t domid, xc_domaininfo_t *info)
{
    (void)hyper;
    for (int i = 0; i < n_infos; i++) {
        if (infos[i].domain == domid) {
            *info = infos[i];
            return 0;
        }
    }
    return -ESRCH;
}

#endif
