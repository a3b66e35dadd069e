/* SPDX-License-Identifier: BSD-2-Clause */
/** Checksums of ext4's metadata. Source: Linux, Documentation/filesystems/ext4/checksums.rst. */
#ifndef FUZZ_EXT4_SEAL_H
#define FUZZ_EXT4_SEAL_H

#include "ext4_image.h"

/** Make one checksum right in `bytes`, whatever they hold. */
void seal_unit(const struct image *image, const struct unit *unit, uint8_t *bytes);

#endif
