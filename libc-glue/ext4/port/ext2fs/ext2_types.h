/* SPDX-License-Identifier: BSD-2-Clause */
/** The integers of libext2fs's headers. x86-64 is little endian, as its disks are. */
#ifndef _EXT2_TYPES_H
#define _EXT2_TYPES_H

#include <stddef.h>
#include <stdint.h>

typedef uint8_t __u8;
typedef int8_t __s8;
typedef uint16_t __u16;
typedef int16_t __s16;
typedef uint32_t __u32;
typedef int32_t __s32;
typedef unsigned long long __u64; /* it prints them with %llu */
typedef long long __s64;
typedef __u16 __le16;
typedef __u32 __le32;
typedef __u64 __le64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;

/* For a checker that nobody runs here. */
#define __bitwise
#define __force

#endif
