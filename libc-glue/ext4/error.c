/* SPDX-License-Identifier: BSD-2-Clause */
#include "fs.h"

#include <errno.h>

#include <sprat/compiler.h>

/* The generated file of libext2fs's texts offers to put them on such a list. */
extern void *_et_list;
void *_et_list;

#define ERRNO_MAX 4095

static const struct {
    errcode_t code;
    int error;
} errors[] = {
    {EXT2_ET_BLOCK_ALLOC_FAIL, ENOSPC}, {EXT2_ET_INODE_ALLOC_FAIL, ENOSPC},
    {EXT2_ET_DIR_NO_SPACE, ENOSPC},     {EXT2_ET_FILE_NOT_FOUND, ENOENT},
    {EXT2_ET_DIR_EXISTS, EEXIST},       {EXT2_ET_NO_DIRECTORY, ENOTDIR},
    {EXT2_ET_FILE_TOO_BIG, EFBIG},      {EXT2_ET_RO_FILSYS, EROFS},
    {EXT2_ET_NO_MEMORY, ENOMEM},        {EXT2_ET_BAD_INODE_NUM, EIO},
};

int fs_errno(errcode_t code)
{
    if (code <= ERRNO_MAX)
        return -(int)code;
    for (size_t i = 0; i < ARRAY_LEN(errors); i++)
        if (errors[i].code == code)
            return -errors[i].error;
    return -EIO;
}

const char *fs_error_text(errcode_t code)
{
    const struct error_table *table = &et_ext2_error_table;

    if (code >= table->base && code < table->base + table->n_msgs)
        return table->msgs[code - table->base];
    switch (code) {
    case EIO:
        return "the disk failed";
    case ENODEV:
        return "the disk is gone";
    case EROFS:
        return "the disk has become read-only";
    case ERANGE:
        return "the disk has become smaller";
    case ENOMEM:
        return "no memory";
    default:
        return "an error";
    }
}
