/* SPDX-License-Identifier: BSD-2-Clause */
/** For programs that can do without modules: an image is whole, and nothing is ever loaded. */
#ifndef _DLFCN_H
#define _DLFCN_H

#define RTLD_LAZY   1
#define RTLD_NOW    2
#define RTLD_GLOBAL 0x100
#define RTLD_LOCAL  0

/** @return NULL, and dlerror() says why. */
void *dlopen(const char *path, int mode);
void *dlsym(void *module, const char *name);
/** @return not 0, and dlerror() says why. */
int dlclose(void *module);
/** @return what went wrong since it was called last; NULL: nothing. */
char *dlerror(void);

#endif
