# SPDX-License-Identifier: BSD-2-Clause
#
# libext2fs, of e2fsprogs: what of it is built into the layer ext4. Its way to the disk and its
# journal are not: libc-glue/ext4 has its own. Three of its files are made here, as its own build
# makes them: the texts of errors, by its awk scripts, and the table of a checksum.
#
# Sets ext2fs_FILES and ext2fs_INCLUDES.

include(sources)

set(_ext2fs_files
    alloc.c alloc_sb.c alloc_stats.c badblocks.c bitmaps.c bitops.c blkmap64_ba.c blkmap64_rb.c
    blknum.c block.c bmap.c check_desc.c closefs.c crc16.c crc32c.c csum.c dir_iterate.c dirblock.c
    dirhash.c expanddir.c ext_attr.c extent.c fallocate.c fileio.c freefs.c gen_bitmap.c
    gen_bitmap64.c get_num_dirs.c hashmap.c i_block.c ind_block.c inline.c inline_data.c inode.c
    io_manager.c link.c lookup.c mmp.c newdir.c openfs.c punch.c rbtree.c read_bb.c rw_bitmaps.c
    sha512.c symlink.c unlink.c valid_blk.c)
list(TRANSFORM _ext2fs_files PREPEND lib/ext2fs/)
sprat_source_package(e2fsprogs ${_ext2fs_files}
    lib/ext2fs/gen_crc32ctable.c lib/ext2fs/ext2_err.et.in lib/et/et_c.awk lib/et/et_h.awk)
list(TRANSFORM _ext2fs_files PREPEND ${e2fsprogs_DIR}/ OUTPUT_VARIABLE ext2fs_FILES)

add_executable(gen_crc32ctable EXCLUDE_FROM_ALL ${e2fsprogs_DIR}/lib/ext2fs/gen_crc32ctable.c)
target_compile_options(gen_crc32ctable PRIVATE -w)
add_dependencies(gen_crc32ctable source-e2fsprogs)

set(_ext2fs_made ${CMAKE_BINARY_DIR}/sprat/ext2fs)
file(MAKE_DIRECTORY ${_ext2fs_made}/ext2fs)
set(_ext2fs_errors ${e2fsprogs_DIR}/lib/ext2fs/ext2_err.et.in)
find_program(SPRAT_AWK awk DOC "an awk")
mark_as_advanced(SPRAT_AWK)
if(NOT SPRAT_AWK)
    message(FATAL_ERROR "awk is not here: apt install mawk.")
endif()
add_custom_command(
    OUTPUT ${_ext2fs_made}/ext2_err.c ${_ext2fs_made}/ext2fs/ext2_err.h
           ${_ext2fs_made}/crc32c_table.h
    COMMAND ${SPRAT_AWK} -f ${e2fsprogs_DIR}/lib/et/et_h.awk
        outfile=${_ext2fs_made}/ext2fs/ext2_err.h outfn=ext2_err.h ${_ext2fs_errors}
    COMMAND ${SPRAT_AWK} -f ${e2fsprogs_DIR}/lib/et/et_c.awk
        outfile=${_ext2fs_made}/ext2_err.c outfn=ext2_err.c ${_ext2fs_errors}
    COMMAND gen_crc32ctable > ${_ext2fs_made}/crc32c_table.h
    DEPENDS ${_ext2fs_errors} gen_crc32ctable
    COMMENT "Making libext2fs's error codes and its table of checksums"
    VERBATIM)
add_custom_target(made-ext2fs
    DEPENDS ${_ext2fs_made}/ext2_err.c ${_ext2fs_made}/ext2fs/ext2_err.h)

list(APPEND ext2fs_FILES ${_ext2fs_made}/ext2_err.c)
set(ext2fs_INCLUDES
    ${PROJECT_SOURCE_DIR}/libc-glue/ext4/port ${_ext2fs_made} ${e2fsprogs_DIR}/lib)
