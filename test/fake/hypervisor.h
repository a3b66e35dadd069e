/* SPDX-License-Identifier: BSD-2-Clause */
/** What the parts of the fake hypervisor tell each other. */
#ifndef FAKE_HYPERVISOR_H
#define FAKE_HYPERVISOR_H

#include <stdbool.h>
#include <stdint.h>

/** All as Xen leaves it for a new domain. */
void hypervisor_reset(void);

/** What a domain has of Xen's is as new; what the test asked of hypercalls stays. */
void hypervisor_forget(void);

/** Send the timer's event if it is due. */
void hypervisor_run_timer(void);

/** Count a hypercall. @return 0, or the failure that the test wants. */
int hypervisor_call(unsigned hypercall, unsigned cmd);

/** The rings' other sides. */
void xenstored_start(void *page, uint32_t port);
void consoled_start(void *page, uint32_t port);

/** They meet the guest again in a restored domain: the pages are the same, the ports others. */
void xenstored_restart(uint32_t port);
void consoled_restart(uint32_t port);

/** The grant table's frames have machine frame numbers from here on. */
#define GNTTAB_FIRST_MFN 0x700000
void *gnttab_frame(unsigned long mfn);

#endif
