/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * What a hostile backend of any kind of device does, but to its rings: it writes what it likes to
 * xenstore and shows any state; and the guest's memory ends.
 */
#ifndef FUZZ_DEVICE_H
#define FUZZ_DEVICE_H

#include <stddef.h>
#include <stdint.h>

#include "fuzz.h"

struct fuzz_device {
    const char *frontend, *backend; /**< their folders in xenstore */
    const char *const *keys;        /**< paths that are written or removed */
    size_t n_keys;
    const char *const *values; /**< that are written, if not any bytes */
    size_t n_values;
    void (*plug)(void);            /**< the toolstack makes the device */
    void (*detach)(void);          /**< the backend lets go of the rings */
    void (*state)(unsigned state); /**< it shows a state (XenbusState*) */
};

#define FUZZ_DEVICE_ACTS 4

/** Do one of FUZZ_DEVICE_ACTS things, as the input goes on. */
void fuzz_device_act(const struct fuzz_device *device, struct fuzz *fuzz, unsigned what);

/** Begin: a guest with memory and a device that is new. */
void fuzz_device_start(const struct fuzz_device *device);

/** Let the other side and the guest's worker do all they have to. */
void fuzz_device_settle(void);

#endif
