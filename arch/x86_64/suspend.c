/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whoever saves a guest turns each frame's number that it finds in the page tables into a page's,
 * and whoever restores it, back. Two are left to the guest: those in start_info. Frames that are
 * not the guest's memory can't be turned into anything, so none may be mapped.
 * Source: docs/specs/libxc-migration-stream.pandoc of Xen, and <xen/sched.h>, SCHEDOP_shutdown.
 */
#include <sprat/arch.h>

#include <assert.h>
#include <stdbool.h>

#include <xen/sched.h>
#include <xen/vcpu.h>

#include <sprat/hypercall.h>
#include <sprat/mmu.h>

#include "init.h"

/* The console's and xenstore's pages are named by frame while the guest runs, else by page. */
static void name_rings(struct start_info *si, mfn_t (*other_name)(mfn_t))
{
    if (si->store_mfn)
        si->store_mfn = other_name(si->store_mfn);
    if (si->console.domU.mfn)
        si->console.domU.mfn = other_name(si->console.domU.mfn);
}

static mfn_t frame_of_page(mfn_t pfn)
{
    return mmu_mfn(mmu_va(pfn));
}

int arch_suspend(void)
{
    struct start_info *si = (struct start_info *)arch_start_info();
    struct sched_shutdown shutdown = {.reason = SHUTDOWN_suspend};

    int error = mmu_map_shared_info(0);
    if (error)
        return error;
    name_rings(si, mmu_pfn_of_mfn);
    int result = hypercall_suspend(SCHEDOP_shutdown, &shutdown, mmu_mfn(si));
    if (result != 0)
        name_rings(si, frame_of_page);
    error = mmu_map_shared_info(si->shared_info);
    assert(!error);
    mmu_publish();
    /* A restored vCPU has the tick of a new one. */
    hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
    return result;
}
