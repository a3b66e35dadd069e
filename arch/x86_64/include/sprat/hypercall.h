/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * Calls into Xen, one function each, as Xen's headers describe them.
 *
 * In the guest each is a jump into the hypercall page; on the host the fake hypervisor defines
 * them. Applications may call them too; what they break is theirs. All return 0 or more, or a
 * negative number of <xen/errno.h> (the same values as errno's).
 */
#ifndef SPRAT_HYPERCALL_H
#define SPRAT_HYPERCALL_H

#include <stdint.h>

#include <xen/sched.h>
#include <xen/xen.h>

#include <sprat/compiler.h>

SPRAT_API int hypercall_set_trap_table(const struct trap_info *table);
SPRAT_API int hypercall_mmu_update(const struct mmu_update *requests, unsigned count,
                                   unsigned *done, domid_t domid);
SPRAT_API int hypercall_memory_op(unsigned cmd, void *arg);
SPRAT_API int hypercall_multicall(struct multicall_entry *calls, unsigned count);
SPRAT_API int hypercall_update_va_mapping(unsigned long va, uint64_t pte, unsigned long flags);
SPRAT_API int hypercall_set_timer_op(uint64_t deadline_ns);
SPRAT_API int hypercall_xen_version(unsigned cmd, void *arg);
SPRAT_API int hypercall_console_io(unsigned cmd, unsigned len_bytes, const char *buffer);
SPRAT_API int hypercall_grant_table_op(unsigned cmd, void *ops, unsigned count);
SPRAT_API int hypercall_vcpu_op(unsigned cmd, unsigned vcpu, void *arg);
SPRAT_API int hypercall_mmuext_op(const void *ops, unsigned count, unsigned *done, domid_t domid);
SPRAT_API int hypercall_sched_op(unsigned cmd, void *arg);
SPRAT_API int hypercall_event_channel_op(unsigned cmd, void *arg);

/** SCHEDOP_shutdown for SHUTDOWN_suspend: it alone takes a third argument. See arch_suspend(). */
int hypercall_suspend(unsigned cmd, struct sched_shutdown *shutdown, unsigned long start_info_mfn);

/**
 * Enable events and give the CPU away until one is pending; return with events disabled.
 *
 * The only moment at which Xen may call the event upcall: the rest of the guest runs with events
 * disabled and takes them when it asks (evtchn_dispatch), so no code of the runtime is ever
 * interrupted. Returns at once when an event is pending already.
 */
void hypercall_block(void);

#endif
