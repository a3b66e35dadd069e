/* SPDX-License-Identifier: BSD-2-Clause */
#include "build.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <xen/grant_table.h>

/* A 64-bit PV guest's kernel runs in ring 3, so all it sees is the user's. */
#define PTE_RO    0x025ull /* present, user, accessed */
#define PTE_RW    0x067ull /* present, write, user, accessed, dirty */
#define PTE_TABLE 0x067ull

#define RFLAGS_INTERRUPTS (1u << 9)
#define VGCF_CREATED      (VGCF_in_kernel | VGCF_online)

static_assert(MAX_GUEST_CMDLINE == 1024, "CONFIG_CMDLINE_MAX");

/* The domain's first pages, mapped here, and two pages of Xen's own for it. */
struct window {
    uint8_t *base;
    uint64_t n_pages;
    struct shared_info *shared_info;
    struct grant_entry_v1 *grants;
};

static void *page_at(const struct window *window, uint64_t pfn)
{
    return window->base + pfn * IMAGE_PAGE_BYTES;
}

static void write_image(const struct window *window, const struct image *image)
{
    for (unsigned i = 0; i < image->n_segments; i++) {
        const struct image_segment *segment = &image->segments[i];
        memcpy(window->base + segment->offset, segment->bytes, segment->n_file);
        memset(window->base + segment->offset + segment->n_file, 0,
               segment->n_memory - segment->n_file);
    }
}

static void write_ramdisk(const struct window *window, const struct plan *plan,
                          const struct blob *ramdisk)
{
    uint8_t *at = page_at(window, plan->ramdisk);

    memcpy(at, ramdisk->bytes, ramdisk->n_bytes);
    memset(at + ramdisk->n_bytes, 0, plan->n_ramdisk * IMAGE_PAGE_BYTES - ramdisk->n_bytes);
}

static void write_tables(const struct window *window, const struct plan *plan, uint64_t base,
                         const xen_pfn_t *mfns)
{
    memset(page_at(window, plan->tables), 0, plan->n_tables * IMAGE_PAGE_BYTES);

    uint64_t *entries = page_at(window, plan->level[1].pfn);
    uint64_t first = (base - plan->level[1].first_va) / IMAGE_PAGE_BYTES;
    for (uint64_t pfn = 0; pfn < plan->n_mapped; pfn++) {
        bool is_table = pfn >= plan->tables && pfn < plan->tables + plan->n_tables;
        entries[first + pfn] = mfns[pfn] * IMAGE_PAGE_BYTES | (is_table ? PTE_RO : PTE_RW);
    }
    /* Each level's tables follow one another, so that one array of entries runs through them. */
    uint64_t covered = IMAGE_PAGE_BYTES * PLAN_TABLE_LENGTH;
    for (int level = 2; level <= PLAN_LEVELS; level++) {
        const struct plan_level *below = &plan->level[level - 1];
        entries = page_at(window, plan->level[level].pfn);
        first = (below->first_va - plan->level[level].first_va) / covered;
        for (uint64_t i = 0; i < below->n_tables; i++)
            entries[first + i] = mfns[below->pfn + i] * IMAGE_PAGE_BYTES | PTE_TABLE;
        covered *= PLAN_TABLE_LENGTH;
    }
}

static void write_start_info(const struct window *window, const struct build *build,
                             const xen_pfn_t *mfns, uint64_t shared_info_mfn)
{
    const struct plan *plan = build->plan;
    uint64_t base = build->image->virt_base;
    struct start_info *info = page_at(window, plan->start_info);

    memset(info, 0, IMAGE_PAGE_BYTES);
    strcpy(info->magic, "xen-3.0-x86_64");
    info->nr_pages = plan->n_pages;
    info->shared_info = shared_info_mfn * IMAGE_PAGE_BYTES;
    info->store_mfn = mfns[plan->xenstore];
    info->store_evtchn = build->store_port;
    info->console.domU.mfn = mfns[plan->console];
    info->console.domU.evtchn = build->console_port;
    info->pt_base = base + plan->tables * IMAGE_PAGE_BYTES;
    info->nr_pt_frames = plan->n_tables;
    if (build->ramdisk) {
        info->mod_start = base + plan->ramdisk * IMAGE_PAGE_BYTES;
        info->mod_len = build->ramdisk->n_bytes;
    }
    info->mfn_list = base + plan->p2m * IMAGE_PAGE_BYTES;
    strncpy((char *)info->cmd_line, build->cmdline, sizeof(info->cmd_line) - 1);
}

/* The backends of console and xenstore may map their rings by these two reserved references. */
static void write_grants(const struct window *window, const struct plan *plan,
                         const xen_pfn_t *mfns)
{
    window->grants[GNTTAB_RESERVED_CONSOLE] = (struct grant_entry_v1){
        .flags = GTF_permit_access, .domid = 0, .frame = (uint32_t)mfns[plan->console]};
    window->grants[GNTTAB_RESERVED_XENSTORE] = (struct grant_entry_v1){
        .flags = GTF_permit_access, .domid = 0, .frame = (uint32_t)mfns[plan->xenstore]};
}

static int map_window(struct hyper *hyper, const struct build *build, const xen_pfn_t *mfns,
                      uint64_t shared_info_mfn, struct window *window, struct fail *fail)
{
    uint64_t n = build->plan->end;
    xen_pfn_t *frames = malloc((n + 2) * sizeof(*frames));

    if (!frames)
        return fail_set(fail, ENOMEM, "no memory to build a guest");
    memcpy(frames, mfns, n * sizeof(*frames));
    frames[n] = shared_info_mfn;
    int error = hyper_grant_frame(hyper, build->domid, &frames[n + 1], fail);
    if (!error) {
        window->n_pages = n + 2;
        window->base = xenforeignmemory_map(hyper->memory, build->domid, PROT_READ | PROT_WRITE,
                                            n + 2, frames, NULL);
        if (!window->base)
            error = fail_errno(fail, "cannot map the guest's memory");
    }
    free(frames);
    if (!error) {
        window->shared_info = page_at(window, n);
        window->grants = page_at(window, n + 1);
    }
    return error;
}

static int set_cpu(struct hyper *hyper, const struct build *build, uint64_t root_mfn,
                   struct fail *fail)
{
    static vcpu_guest_context_any_t any; /* 5 KiB, and there is one builder */
    struct vcpu_guest_context *context = &any.c;
    const struct plan *plan = build->plan;
    uint64_t base = build->image->virt_base;

    memset(&any, 0, sizeof(any));
    context->flags = VGCF_CREATED;
    context->user_regs.rip = build->image->entry;
    context->user_regs.rsp = base + (plan->stack + 1) * IMAGE_PAGE_BYTES;
    context->user_regs.rsi = base + plan->start_info * IMAGE_PAGE_BYTES;
    context->user_regs.rflags = RFLAGS_INTERRUPTS;
    context->user_regs.cs = FLAT_KERNEL_CS;
    context->user_regs.ss = FLAT_KERNEL_SS;
    context->user_regs.ds = context->user_regs.es = FLAT_KERNEL_DS;
    context->user_regs.fs = context->user_regs.gs = FLAT_KERNEL_DS;
    context->kernel_ss = FLAT_KERNEL_SS;
    context->kernel_sp = context->user_regs.rsp;
    context->ctrlreg[3] = xen_pfn_to_cr3(root_mfn);
    if (xc_vcpu_setcontext(hyper->control, build->domid, 0, &any) < 0)
        return fail_errno(fail, "Xen refuses the CPU's first state");
    return 0;
}

/*
 * The order matters to Xen: a page with a writable mapping, even dom0's, cannot become a page
 * table, so the window is closed before the tables are pinned.
 */
static int fill(struct hyper *hyper, struct build *build, const xen_pfn_t *mfns, struct fail *fail)
{
    const struct plan *plan = build->plan;
    struct window window = {0};
    xc_domaininfo_t info;

    if (hyper_domain_info(hyper, build->domid, &info) < 0)
        return fail_set(fail, ESRCH, "the domain vanished while it was built");
    int error = map_window(hyper, build, mfns, info.shared_info_frame, &window, fail);
    if (error)
        return error;
    write_image(&window, build->image);
    if (build->ramdisk)
        write_ramdisk(&window, plan, build->ramdisk);
    memcpy(page_at(&window, plan->p2m), mfns, plan->n_pages * sizeof(*mfns));
    write_start_info(&window, build, mfns, info.shared_info_frame);
    memset(page_at(&window, plan->xenstore), 0, IMAGE_PAGE_BYTES);
    memset(page_at(&window, plan->console), 0, IMAGE_PAGE_BYTES);
    write_tables(&window, plan, build->image->virt_base, mfns);
    for (int i = 0; i < XEN_LEGACY_MAX_VCPUS; i++)
        window.shared_info->vcpu_info[i].evtchn_upcall_mask = 1;
    write_grants(&window, plan, mfns);
    xenforeignmemory_unmap(hyper->memory, window.base, window.n_pages);

    if (build->image->has_hypercall_page)
        error = hyper_write_hypercall_page(
            hyper, build->domid, mfns[build->image->hypercall_page / IMAGE_PAGE_BYTES], fail);
    if (!error)
        error = hyper_pin(hyper, build->domid, mfns[plan->tables], fail);
    if (!error)
        error = set_cpu(hyper, build, mfns[plan->tables], fail);
    build->start_info_mfn = mfns[plan->start_info];
    build->store_mfn = mfns[plan->xenstore];
    build->console_mfn = mfns[plan->console];
    return error;
}

int build_domain(struct hyper *hyper, struct build *build, struct fail *fail)
{
    xen_pfn_t *mfns = malloc(build->plan->n_pages * sizeof(*mfns));

    if (!mfns)
        return fail_set(fail, ENOMEM, "no memory to build a guest");
    int error = hyper_populate(hyper, build->domid, build->plan->n_pages, mfns, fail);
    if (!error)
        error = fill(hyper, build, mfns, fail);
    free(mfns);
    return error;
}

int build_set_cmdline(struct hyper *hyper, uint32_t domid, uint64_t start_info_mfn,
                      const char *cmdline, struct fail *fail)
{
    xen_pfn_t frame = start_info_mfn;
    struct start_info *info =
        xenforeignmemory_map(hyper->memory, domid, PROT_READ | PROT_WRITE, 1, &frame, NULL);

    if (!info)
        return fail_errno(fail, "cannot map the guest's start_info");
    strncpy((char *)info->cmd_line, cmdline, sizeof(info->cmd_line) - 1);
    xenforeignmemory_unmap(hyper->memory, info, 1);
    return 0;
}
