/* SPDX-License-Identifier: BSD-2-Clause */
#include "device.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <xen/io/xenbus.h>

#include <sprat/evtchn.h>
#include <sprat/xenstore.h>

#include "machine.h"
#include "port.h"
#include "world.h"
#include "xenstored.h"

static void play_on_xenstore(const struct fuzz_device *device, struct fuzz *fuzz)
{
    const char *key = device->keys[fuzz_byte(fuzz) % device->n_keys];
    uint8_t how = fuzz_byte(fuzz);
    char bytes[64], id[64];

    snprintf(id, sizeof(id), "%s/backend-id", device->frontend);
    if (strcmp(key, id) == 0 && how >= 16)
        how = 6; /* grants to others are nobody's business here */
    if (how < 16)
        fake_xenstored_remove(how == 0 ? device->frontend : key);
    else if (how < 200)
        fake_xenstored_write(key, device->values[how % device->n_values]);
    else
        fake_xenstored_write_bytes(key, bytes, fuzz_bytes(fuzz, bytes, how - 200u));
}

static void change_state(const struct fuzz_device *device, struct fuzz *fuzz)
{
    uint8_t state = fuzz_byte(fuzz) % 9;

    if (state == XenbusStateClosed || state == XenbusStateInitialising)
        device->detach();
    device->state(state);
}

void fuzz_device_act(const struct fuzz_device *device, struct fuzz *fuzz, unsigned what)
{
    switch (what) {
    case 0:
        play_on_xenstore(device, fuzz);
        break;
    case 1:
        change_state(device, fuzz);
        break;
    case 2:
        fake_alloc_fails(fuzz_byte(fuzz));
        break;
    default:
        fake_pages_left(fuzz_byte(fuzz) & 1 ? fuzz_byte(fuzz) % 32u : UINT_MAX);
    }
}

void fuzz_device_start(const struct fuzz_device *device)
{
    if (!fake_built()) {
        fake_build(&(struct fake_guest){0});
        fuzz_check(xenstore_init(fake_xenstore_page(), fake_start_info()->store_evtchn) == 0);
    }
    fake_pages_left(UINT_MAX);
    fake_xenstored_remove(device->frontend);
    fake_xenstored_remove(device->backend);
    device->plug();
}

void fuzz_device_settle(void)
{
    do {
        fake_settle();
    } while (evtchn_dispatch());
}
