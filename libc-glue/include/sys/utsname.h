/* SPDX-License-Identifier: BSD-2-Clause */
/** Who runs here: POSIX, <sys/utsname.h>. */
#ifndef _SYS_UTSNAME_H
#define _SYS_UTSNAME_H

#define UTSNAME_MAX 64 /* characters */

struct utsname {
    char sysname[UTSNAME_MAX + 1];
    char nodename[UTSNAME_MAX + 1]; /**< the domain's name */
    char release[UTSNAME_MAX + 1];
    char version[UTSNAME_MAX + 1];
    char machine[UTSNAME_MAX + 1];
};

int uname(struct utsname *names);

#endif
