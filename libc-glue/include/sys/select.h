/* SPDX-License-Identifier: BSD-2-Clause */
/** newlib's, with room for more than its 64 descriptors. poll() has no limit. */
#ifndef FD_SETSIZE
#define FD_SETSIZE 1024
#endif

#include_next <sys/select.h>
