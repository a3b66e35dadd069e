/* SPDX-License-Identifier: BSD-2-Clause */
/** How many CPUs there are: one. */
#ifndef _SYS_SYSINFO_H
#define _SYS_SYSINFO_H

int get_nprocs(void);
int get_nprocs_conf(void);

#endif
