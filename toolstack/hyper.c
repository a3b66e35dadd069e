/* SPDX-License-Identifier: BSD-2-Clause */
#include "hyper.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <xen/grant_table.h>

#define ARGUMENT_PAGES 1

int hyper_open(struct hyper *hyper, struct fail *fail)
{
    *hyper = (struct hyper){0};
    hyper->control = xc_interface_open(NULL, NULL, 0);
    if (!hyper->control) {
        fail_errno(fail, "cannot talk to Xen (is this dom0, am I root?)");
        goto err;
    }
    hyper->call = xencall_open(NULL, 0);
    if (!hyper->call) {
        fail_errno(fail, "cannot make hypercalls");
        goto err;
    }
    hyper->memory = xenforeignmemory_open(NULL, 0);
    if (!hyper->memory) {
        fail_errno(fail, "cannot map guests' memory");
        goto err;
    }
    hyper->events = xenevtchn_open(NULL, 0);
    if (!hyper->events) {
        fail_errno(fail, "cannot open /dev/xen/evtchn");
        goto err;
    }
    hyper->argument = xencall_alloc_buffer_pages(hyper->call, ARGUMENT_PAGES);
    if (!hyper->argument) {
        fail_errno(fail, "no memory for hypercalls");
        goto err;
    }
    return 0;

err:
    hyper_close(hyper);
    return -EIO;
}

void hyper_close(struct hyper *hyper)
{
    if (hyper->argument)
        xencall_free_buffer_pages(hyper->call, hyper->argument, ARGUMENT_PAGES);
    if (hyper->events)
        xenevtchn_close(hyper->events);
    if (hyper->memory)
        xenforeignmemory_close(hyper->memory);
    if (hyper->call)
        xencall_close(hyper->call);
    if (hyper->control)
        xc_interface_close(hyper->control);
    *hyper = (struct hyper){0};
}

/*
 * One order at a time from large to small. A large piece saves Xen an allocation a page; where
 * memory is in fragments, single pages are taken instead.
 */
int hyper_populate(struct hyper *hyper, uint32_t domid, uint64_t n_pages, xen_pfn_t *mfns,
                   struct fail *fail)
{
    static const unsigned orders[] = {9, 8, 0};
    enum { BATCH = 1024 };
    xen_pfn_t extents[BATCH];
    uint64_t done = 0;

    for (size_t o = 0; o < sizeof(orders) / sizeof(*orders); o++) {
        unsigned order = orders[o];
        uint64_t size = 1ull << order;
        while (n_pages - done >= size) {
            uint64_t n = (n_pages - done) / size;
            if (n > BATCH)
                n = BATCH;
            for (uint64_t i = 0; i < n; i++)
                extents[i] = done + i * size;
            int given = xc_domain_populate_physmap(hyper->control, domid, n, order, 0, extents);
            if (given < 0 && order == 0)
                return fail_errno(fail, "Xen gives no memory");
            if (given < 0)
                given = 0;
            for (int i = 0; i < given; i++)
                for (uint64_t page = 0; page < size; page++)
                    mfns[done++] = extents[i] + page;
            if ((uint64_t)given == n)
                continue;
            if (order == 0)
                return fail_set(fail, ENOMEM, "Xen is out of memory: %llu of %llu KiB could be had",
                                (unsigned long long)done * 4, (unsigned long long)n_pages * 4);
            break;
        }
    }
    return 0;
}

int hyper_pin(struct hyper *hyper, uint32_t domid, uint64_t root_mfn, struct fail *fail)
{
    struct mmuext_op *op = hyper->argument;

    *op = (struct mmuext_op){.cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = root_mfn};
    if (xencall4(hyper->call, __HYPERVISOR_mmuext_op, (uintptr_t)op, 1, 0, domid) < 0)
        return fail_errno(fail, "Xen refuses the page tables");
    return 0;
}

int hyper_grant_frame(struct hyper *hyper, uint32_t domid, xen_pfn_t *frame, struct fail *fail)
{
    struct gnttab_setup_table *setup = hyper->argument;
    xen_pfn_t *frames = (xen_pfn_t *)(setup + 1);

    *setup = (struct gnttab_setup_table){.dom = (domid_t)domid, .nr_frames = 1};
    set_xen_guest_handle_raw(setup->frame_list, frames);
    if (xencall3(hyper->call, __HYPERVISOR_grant_table_op, GNTTABOP_setup_table, (uintptr_t)setup,
                 1) < 0)
        return fail_errno(fail, "cannot make the grant table");
    if (setup->status != GNTST_okay)
        return fail_set(fail, EIO, "cannot make the grant table: Xen's status %d", setup->status);
    *frame = frames[0];
    return 0;
}

static int do_domctl(struct hyper *hyper, struct xen_domctl *domctl)
{
    domctl->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    memcpy(hyper->argument, domctl, sizeof(*domctl));
    int result = xencall1(hyper->call, __HYPERVISOR_domctl, (uintptr_t)hyper->argument);
    memcpy(domctl, hyper->argument, sizeof(*domctl));
    return result;
}

int hyper_domain_info(struct hyper *hyper, uint32_t domid, xc_domaininfo_t *info)
{
    struct xen_domctl domctl = {.cmd = XEN_DOMCTL_getdomaininfo, .domain = (domid_t)domid};

    if (do_domctl(hyper, &domctl) < 0)
        return -errno;
    /* Xen answers with the next domain when there is none of this number. */
    if (domctl.u.getdomaininfo.domain != domid)
        return -ESRCH;
    *info = domctl.u.getdomaininfo;
    return 0;
}

int hyper_write_hypercall_page(struct hyper *hyper, uint32_t domid, uint64_t mfn, struct fail *fail)
{
    struct xen_domctl domctl = {
        .cmd = XEN_DOMCTL_hypercall_init, .domain = (domid_t)domid, .u.hypercall_init.gmfn = mfn};

    if (do_domctl(hyper, &domctl) < 0)
        return fail_errno(fail, "cannot make the hypercall page");
    return 0;
}
