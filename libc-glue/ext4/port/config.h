/* SPDX-License-Identifier: BSD-2-Clause */
/** What libext2fs is told about the system that it is compiled for: the guest, and host tests. */
#ifndef EXT4_PORT_CONFIG_H
#define EXT4_PORT_CONFIG_H

#define HAVE_ERRNO_H     1
#define HAVE_INTTYPES_H  1
#define HAVE_STDINT_H    1
#define HAVE_STDLIB_H    1
#define HAVE_SYS_STAT_H  1
#define HAVE_SYS_TYPES_H 1
#define HAVE_UNISTD_H    1
#define SIZEOF_INT       4
#define SIZEOF_LONG      8
#define SIZEOF_LONG_LONG 8
#define SIZEOF_OFF_T     8
#define SIZEOF_SHORT     2
#define SIZEOF_TIME_T    8

#define HAVE_POSIX_MEMALIGN 1

/* What it finds wrong it tells its caller; nobody reads its stderr. */
#define OMIT_COM_ERR 1

/* What it takes; it is included before the headers that take it inline. */
#include <stdlib.h>

#include "spare.h"

#define malloc(len)         spare_malloc(len)
#define realloc(bytes, len) spare_realloc(bytes, len)

#endif
