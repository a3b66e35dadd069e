/* SPDX-License-Identifier: BSD-2-Clause */
#include <dlfcn.h>

#include <stdbool.h>
#include <stddef.h>

#include <sprat/compiler.h>

static bool failed;

SPRAT_API void *dlopen(const char *path, int mode)
{
    (void)path;
    (void)mode;
    failed = true;
    return NULL;
}

SPRAT_API void *dlsym(void *module, const char *name)
{
    (void)module;
    (void)name;
    failed = true;
    return NULL;
}

SPRAT_API int dlclose(void *module)
{
    (void)module;
    failed = true;
    return -1;
}

SPRAT_API char *dlerror(void)
{
    static char text[] = "an image is whole: nothing can be loaded into it";
    bool was = failed;

    failed = false;
    return was ? text : NULL;
}
