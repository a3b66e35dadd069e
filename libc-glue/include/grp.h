/* SPDX-License-Identifier: BSD-2-Clause */
/** newlib's, with what BSD adds. */
#include_next <grp.h>

#ifndef _SPRAT_GRP_H
#define _SPRAT_GRP_H

#if __MISC_VISIBLE
/** @return 1; -1 when there is no room for it. *n becomes 1. */
int getgrouplist(const char *name, gid_t group, gid_t *groups, int *n);
#endif

#endif
