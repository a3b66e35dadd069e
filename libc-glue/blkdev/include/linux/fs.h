/* SPDX-License-Identifier: BSD-2-Clause */
/** What ioctl() can ask of a disk. Numbers as on Linux. */
#ifndef _LINUX_FS_H
#define _LINUX_FS_H

#include <stdint.h>

#define BLKROGET      0x125d     /**< int *: may it only be read? */
#define BLKGETSIZE    0x1260     /**< unsigned long *: its size in units of 512 bytes */
#define BLKFLSBUF     0x1261     /**< flush, as fsync() does */
#define BLKSSZGET     0x1268     /**< int *: bytes of a sector, of which all access is a multiple */
#define BLKGETSIZE64  0x80081272 /**< uint64_t *: its size in bytes */
#define BLKDISCARD    0x1277 /**< uint64_t[2]: what is from this byte on, so many, is not needed */
#define BLKIOMIN      0x1278 /**< unsigned *: bytes that the medium writes in one piece */
#define BLKPBSZGET    0x127b /**< unsigned *: the same */
#define BLKSECDISCARD 0x127d /**< as BLKDISCARD; nobody can read it any more */

#endif
