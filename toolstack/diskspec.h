/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * A disk as a configuration names it. Source: xl-disk-configuration(5). What of it needs more than
 * Linux' blkback, a device or a raw file, is refused by name.
 */
#ifndef SPRAT_TOOLSTACK_DISKSPEC_H
#define SPRAT_TOOLSTACK_DISKSPEC_H

#include <stdbool.h>
#include <stdint.h>

#include "fail.h"

struct diskspec {
    char target[256]; /* a block device or a file: an absolute path */
    char vdev[16];    /* as the guest calls it: xvda */
    uint32_t number;  /* the same as xenstore has it: 51712 */
    bool read_only;
    bool no_discard;
};

/**
 * Read one: "phy:/dev/vg/disk,xvda,w", "/a/file,raw,xvda,rw", "vdev=xvda,access=ro,target=/a/file".
 *
 * @return 0 or -EINVAL.
 */
int diskspec_parse(struct diskspec *spec, const char *text, struct fail *fail);

#endif
