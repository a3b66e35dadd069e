/* SPDX-License-Identifier: BSD-2-Clause */
/* What a program may ask about the machine. */
#include <errno.h>
#include <reent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <sprat/app.h>
#include <sprat/compiler.h>
#include <sprat/file.h>
#include <sprat/page.h>
#include <sprat/thread.h>
#include <sprat/xenstore.h>

#include "fail.h"

/* errno and the other state of the calling thread. Threads of the runtime's own share main()'s. */
SPRAT_API struct _reent *__getreent(void)
{
    struct _reent *own = thread_self()->local;
    return own ? own : _impure_ptr;
}

SPRAT_API long sysconf(int name)
{
    switch (name) {
    case _SC_PAGESIZE:
        return PAGE_BYTES;
    case _SC_PHYS_PAGES:
        return (long)page_total();
    case _SC_AVPHYS_PAGES:
        return (long)page_free_count();
    case _SC_NPROCESSORS_CONF:
    case _SC_NPROCESSORS_ONLN:
        return 1;
    case _SC_CLK_TCK:
        return CLOCKS_PER_SEC;
    case _SC_OPEN_MAX:
        return FILE_MAX;
    case _SC_IOV_MAX:
        return IOV_MAX;
    case _SC_HOST_NAME_MAX:
        return UTSNAME_MAX;
    case _SC_LINE_MAX:
    case _SC_GETPW_R_SIZE_MAX:
    case _SC_GETGR_R_SIZE_MAX:
        return LINE_MAX;
    case _SC_ARG_MAX:
        return ARG_MAX;
    case _SC_THREADS:
    case _SC_TIMERS:
    case _SC_MONOTONIC_CLOCK:
        return 200809L;
    default:
        return fail(EINVAL);
    }
}

SPRAT_API int getpagesize(void)
{
    return PAGE_BYTES;
}

SPRAT_API int getdtablesize(void)
{
    return FILE_MAX;
}

/* The domain's name, by which `xl list` knows it; the image's where the guest may not read that. */
static void node_name(char name[UTSNAME_MAX + 1])
{
    int len = xenstore_read(XENSTORE_NO_TX, "name", name, UTSNAME_MAX + 1);

    if (len <= 0)
        strlcpy(name, app_name, UTSNAME_MAX + 1);
}

SPRAT_API int gethostname(char *name, size_t size)
{
    char whole[UTSNAME_MAX + 1];

    node_name(whole);
    return strlcpy(name, whole, size) < size ? 0 : fail(ENAMETOOLONG);
}

SPRAT_API int uname(struct utsname *names)
{
    *names = (struct utsname){
        .sysname = "Sprat", .release = SPRAT_VERSION, .version = "Xen PV", .machine = "x86_64"};
    node_name(names->nodename);
    return 0;
}

SPRAT_API int sched_yield(void)
{
    thread_yield();
    return 0;
}

/* The array may be one that setenv() will make larger, so it stays. */
SPRAT_API int clearenv(void)
{
    if (environ)
        *environ = NULL;
    return 0;
}
