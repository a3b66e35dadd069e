/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * Build a PV guest in the memory of an empty domain.
 */
#ifndef SPRAT_TOOLSTACK_BUILD_H
#define SPRAT_TOOLSTACK_BUILD_H

#include <stdint.h>

#include "fail.h"
#include "hyper.h"
#include "image.h"
#include "plan.h"

struct build {
    /* Set by the caller. */
    uint32_t domid;
    const struct image *image;
    const struct blob *ramdisk; /* or NULL */
    const struct plan *plan;
    const char *cmdline;
    uint32_t store_port, console_port; /* the guest's ends of its two event channels */

    /* Found by build_domain(). */
    uint64_t start_info_mfn, store_mfn, console_mfn;
};

/**
 * Give the domain its memory, fill it, and set its CPU up: unpaused, the domain starts.
 *
 * @return 0 or -errno. A domain that this failed on is of no use but to be destroyed.
 */
int build_domain(struct hyper *hyper, struct build *build, struct fail *fail);

/** Write another command line into a built domain that has not run yet. @return 0 or -errno. */
int build_set_cmdline(struct hyper *hyper, uint32_t domid, uint64_t start_info_mfn,
                      const char *cmdline, struct fail *fail);

#endif
