/* SPDX-License-Identifier: BSD-2-Clause */
/** Error codes as libext2fs has them: errno's numbers, or its own from EXT2_ET_BASE on. */
#ifndef EXT4_PORT_COM_ERR_H
#define EXT4_PORT_COM_ERR_H

typedef long errcode_t;

/** The texts of one library's codes, which are `base` and what follows. */
struct error_table {
    char const *const *msgs;
    long base;
    int n_msgs;
};

#endif
