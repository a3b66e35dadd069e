/* SPDX-License-Identifier: BSD-2-Clause */
/** The guest's console as a file: descriptors 0, 1 and 2. */
#ifndef SPRAT_CONSOLE_FILE_H
#define SPRAT_CONSOLE_FILE_H

#include <sprat/file.h>

extern struct file console_file;

#endif
