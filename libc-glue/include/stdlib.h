/* SPDX-License-Identifier: BSD-2-Clause */
/** newlib's, with what programs expect of GNU's and BSD's. */
#include_next <stdlib.h>

#ifndef _SPRAT_STDLIB_H
#define _SPRAT_STDLIB_H

#if __MISC_VISIBLE
int clearenv(void);
/** @return -1: how many would run is not counted. */
int getloadavg(double loads[], int n);
#endif

#endif
