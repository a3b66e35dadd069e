/* SPDX-License-Identifier: BSD-2-Clause */
/* The input is what the guest reads and writes, and what a console daemon does to the ring. */
#include "../../xen/console.c"

#include "fuzz.h"
#include "machine.h"
#include "world.h"

#define PORT 2

static void on_event(void)
{
}

static void use(struct fuzz *fuzz, struct xencons_interface *ring)
{
    char bytes[4096];
    size_t len = fuzz_number(fuzz) % sizeof(bytes);

    memset(bytes, 'x', sizeof(bytes));
    bytes[len / 2] = '\n';
    switch (fuzz_byte(fuzz) % 8) {
    case 0:
        fuzz_check(console_write(bytes, len) <= len);
        break;
    case 1:
        fuzz_check(console_read(bytes, len) <= len);
        fuzz_check(bytes[len] == (len == 0 ? '\n' : 'x'));
        break;
    case 2:
        ring->out_cons += fuzz_number(fuzz);
        break;
    case 3:
        ring->in_prod += fuzz_number(fuzz);
        break;
    case 4:
        ring->out_prod += fuzz_number(fuzz); /* ours, but it can write there too */
        break;
    case 5:
        ring->in_cons += fuzz_number(fuzz);
        break;
    case 6:
        ring->out_cons = ring->out_prod;
        break;
    default:
        console_drained();
        fake_evtchn_raise(PORT);
        evtchn_dispatch();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool built;
    struct fuzz fuzz = {data, size};
    struct xencons_interface *ring = calloc(1, sizeof(*ring)); /* nothing of ours beside it */

    if (!built)
        fake_build(&(struct fake_guest){.no_console = true});
    built = true;
    memset(&console, 0, sizeof(console));
    fake_evtchn_make(PORT, NULL, NULL);
    fuzz_check(ring && console_init(ring, PORT, on_event) == 0);
    while (fuzz.left)
        use(&fuzz, ring);
    evtchn_close(&console.channel);
    free(ring);
    return 0;
}
