/* SPDX-License-Identifier: BSD-2-Clause */
/* What a program may ask about the machine, and waiting for nothing in particular. */
#include <errno.h>
#include <reent.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sprat/app.h>
#include <sprat/compiler.h>
#include <sprat/page.h>
#include <sprat/thread.h>

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
    default:
        errno = EINVAL;
        return -1;
    }
}

SPRAT_API int getpagesize(void)
{
    return PAGE_BYTES;
}

/* The name that a DHCP server is told, too. */
SPRAT_API int gethostname(char *name, size_t size)
{
    if (strlen(app_name) >= size) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(name, app_name);
    return 0;
}

/* There are no users: all is done as root. */

SPRAT_API uid_t getuid(void)
{
    return 0;
}

SPRAT_API uid_t geteuid(void)
{
    return 0;
}

SPRAT_API gid_t getgid(void)
{
    return 0;
}

SPRAT_API gid_t getegid(void)
{
    return 0;
}

/* Until the host ends the guest, or a SIGTERM handler of the program's does. */
SPRAT_API int pause(void)
{
    struct port_queue nobody_wakes = {0};

    thread_wait(&nobody_wakes, PORT_FOREVER);
    errno = EINTR;
    return -1;
}

SPRAT_API int sched_yield(void)
{
    thread_yield();
    return 0;
}
