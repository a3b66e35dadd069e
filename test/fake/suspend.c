/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest that is saved, and what it finds when it is restored. */
#include <sprat/arch.h>

#include "hypervisor.h"
#include "machine.h"
#include "world.h"

/* Others than before. */
#define XENSTORE_PORT 4
#define CONSOLE_PORT  3

struct fake_suspension fake_suspension;

static void restore(void)
{
    struct start_info *si = fake_start_info();

    hypervisor_forget();
    if (si->store_mfn) {
        si->store_evtchn = XENSTORE_PORT;
        xenstored_restart(XENSTORE_PORT);
    }
    if (si->console.domU.mfn) {
        si->console.domU.evtchn = CONSOLE_PORT;
        consoled_restart(CONSOLE_PORT);
    }
}

int arch_suspend(void)
{
    if (fake_n_shared())
        fake_fail("the guest is to be saved with %u shared pages mapped", fake_n_shared());
    fake_suspension.n++;
    if (fake_suspension.saved)
        fake_suspension.saved();
    if (fake_suspension.result == 0)
        restore();
    fake_set_now(fake_now() + fake_suspension.saved_ns);
    return fake_suspension.result;
}
