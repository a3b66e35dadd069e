/* SPDX-License-Identifier: BSD-2-Clause */
#include <sprat/arch.h>

#include <assert.h>

#include <xen/vcpu.h>

#include <sprat/compiler.h>
#include <sprat/cpu.h>
#include <sprat/hypercall.h>
#include <sprat/mmu.h>

#include "init.h"

/* What start.S and entry.S have as numbers. */
static_assert(offsetof(struct start_info, shared_info) == 40, "SI_SHARED_INFO");
static_assert(offsetof(struct start_info, pt_base) == 88, "SI_PT_BASE");
static_assert(offsetof(struct start_info, mfn_list) == 104, "SI_MFN_LIST");
static_assert(offsetof(struct shared_info, vcpu_info[0].evtchn_upcall_mask) == 1, "upcall mask");
static_assert(offsetof(struct cpu_local, canary) == CPU_LOCAL_CANARY, "-fstack-protector");
static_assert(offsetof(struct cpu_local, stack_limit) == CPU_LOCAL_STACK_LIMIT, "-fsplit-stack");

static struct {
    const struct start_info *start_info;
    uint64_t first_tick;
} arch;

struct cpu_local cpu_local = {.self = &cpu_local};

#define TRAP(vector_number)                                                                        \
    {                                                                                              \
        .vector = vector_number, .cs = FLAT_KERNEL_CS,                                             \
        .address = (unsigned long)trap_##vector_number                                             \
    }

/* Those that a PV guest's code can cause. Xen keeps double faults, NMIs, machine checks and #NM. */
static const struct trap_info trap_table[] = {
    TRAP(0),  TRAP(1),  TRAP(3),  TRAP(6),  TRAP(10), TRAP(11), TRAP(12),
    TRAP(13), TRAP(14), TRAP(16), TRAP(17), TRAP(19), {0},
};

const struct start_info *arch_start_info(void)
{
    return arch.start_info;
}

uint64_t arch_first_tick(void)
{
    return arch.first_tick;
}

/*
 * One trip into Xen does all that a boot needs. The trap table comes first, so that a failure in
 * what follows is reported.
 */
void arch_init(const struct start_info *si, uint64_t first_tick)
{
    arch.start_info = si;
    arch.first_tick = first_tick;

    struct mmu_update no_execute[MMU_FIRST_TABLES_MAX];
    unsigned n_tables = mmu_init(si, no_execute);
    struct mmuext_op flush = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};

    struct multicall_entry calls[] = {
        {.op = __HYPERVISOR_set_trap_table, .args = {(unsigned long)trap_table}},
        {.op = __HYPERVISOR_mmu_update,
         .args = {(unsigned long)no_execute, n_tables, 0, DOMID_SELF}},
        {.op = __HYPERVISOR_mmuext_op, .args = {(unsigned long)&flush, 1, 0, DOMID_SELF}},
        {.op = __HYPERVISOR_set_callbacks,
         .args = {(unsigned long)event_upcall, (unsigned long)failsafe_callback, 0}},
        /* Xen gives a new PV guest a tick of 100 Hz. */
        {.op = __HYPERVISOR_vcpu_op, .args = {VCPUOP_stop_periodic_timer, 0, 0}},
    };
    hypercall_multicall(calls, ARRAY_LEN(calls));
    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        if ((long)calls[i].result < 0)
            __builtin_trap(); /* reported with its registers: i tells which */
}
