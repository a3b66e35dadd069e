# SPDX-License-Identifier: BSD-2-Clause
#
# newlib, the C library, built for the guest from Debian's newlib-source: once, into the build
# folder, and again only when something it is made from changes. Target: sprat_newlib. Result:
# ${SPRAT_NEWLIB}, a folder with include/ and lib/libc.a, lib/libm.a.
#
# System calls. newlib is built with REENTRANT_SYSCALLS_PROVIDED and MISSING_SYSCALL_NAMES, which
# together make <reent.h> turn _write_r(r, ...) into write(...). So stdio calls the runtime's POSIX
# functions directly, with no wrapper between, and there is one errno: the running thread's
# _REENT->_errno, which the runtime sets through <errno.h>. Only what a program uses must exist.
# The runtime (libc-glue) defines:
#
#   always linked    _exit  write read close lseek fstat isatty
#                    malloc free calloc realloc  _malloc_r _free_r _calloc_r _realloc_r
#                    __retarget_lock_{init,close,acquire,try_acquire,release}, each also with
#                    _recursive at its end; struct __lock __lock___X_mutex, X one of at_quick_exit,
#                    tz, dd_hash, arc4random, {sinit,sfp,atexit,malloc,env}_recursive
#   when called for  open stat unlink rename link mkdir fcntl; gettimeofday (time), times (clock);
#                    getentropy (arc4random); memalign _memalign_r posix_memalign aligned_alloc
#                    malloc_usable_size _malloc_usable_size_r, the rest of mallocr.c; opendir and
#                    the like (glob)
#   in its place     signal raise (newlib's are a thread's, and forget a handler when they call it),
#                    abort, system, popen
#   by the compiler  __stack_chk_fail (newlib's would write to fd 2), __morestack
#
# rename must be among them: newlib's own, compiled this way, would call itself.
# sbrk must not: nothing but newlib's own malloc calls it, and that must never be linked.
# _init and _fini are wanted by __libc_init_array alone; the runtime walks .init_array itself.
#
# Options, measured on a program that prints integers, strings and %f and calls ctime():
#   as below                46.1 KiB text, 1.7 KiB data
#   reent-small             +1.4 KiB text, -0.9 KiB data, and malloc behind strtok, rand, ctime: off
#   no fvwrite-in-streamio  -3.9 KiB, and a system call for each character to stderr: off
#   io-long-double          +11.5 KiB; without it %Lf works, with the precision of a double: off
#   nano-formatted-io       no long long, no %zu: off

set(_sprat_newlib_configure
    --disable-multilib
    --disable-newlib-supplied-syscalls
    --disable-newlib-wide-orient
    --enable-lite-exit
    --enable-newlib-global-atexit
    --enable-newlib-io-c99-formats
    --enable-newlib-io-long-long
    --enable-newlib-retargetable-locking)

# What newlib leaves out for a system that it does not know.
set(_sprat_newlib_parts
    posix/collcmp.c posix/fnmatch.c posix/glob.c posix/regcomp.c posix/regerror.c posix/regexec.c
    posix/regfree.c unix/dirname.c)

set(SPRAT_NEWLIB "${CMAKE_BINARY_DIR}/newlib" CACHE PATH
    "newlib for the guest; another build folder's may be named here, whichever compiler made it")
mark_as_advanced(SPRAT_NEWLIB)

# Called after compiler.cmake, whose flags are newlib's too.
function(sprat_build_newlib)
    if(NOT SPRAT_NEWLIB STREQUAL "${CMAKE_BINARY_DIR}/newlib")
        if(NOT EXISTS ${SPRAT_NEWLIB}/lib/libc.a)
            message(FATAL_ERROR "SPRAT_NEWLIB=${SPRAT_NEWLIB} holds no lib/libc.a: build it there"
                                " first, or leave SPRAT_NEWLIB out.")
        endif()
        add_custom_target(sprat_newlib)
        return()
    endif()

    file(GLOB tarballs /usr/src/newlib/newlib-*.tar.xz)
    if(NOT tarballs)
        message(FATAL_ERROR "newlib's source is not here: apt install newlib-source.")
    endif()
    list(GET tarballs -1 tarball)

    # What newlib is made from, apart from its source: a file, so that a change is seen.
    set(work ${CMAKE_BINARY_DIR}/sprat/newlib)
    list(JOIN SPRAT_GUEST_FLAGS " " flags)
    list(JOIN _sprat_newlib_configure " " configure)
    list(JOIN _sprat_newlib_parts " " parts)
    set(dirent_include ${PROJECT_SOURCE_DIR}/libc-glue/include)
    file(CONFIGURE OUTPUT ${work}/newlib.env @ONLY CONTENT
"CC='@CMAKE_C_COMPILER@'
AR='@CMAKE_AR@'
RANLIB='@CMAKE_RANLIB@'
CFLAGS='@flags@'
COMPILER_INCLUDE='@SPRAT_COMPILER_INCLUDE@'
CONFIGURE='@configure@'
PARTS='@parts@'
DIRENT_INCLUDE='@dirent_include@'
")
    set(script ${PROJECT_SOURCE_DIR}/scripts/cmake/build-newlib.sh)
    add_custom_command(
        OUTPUT ${SPRAT_NEWLIB}/lib/libc.a ${SPRAT_NEWLIB}/lib/libm.a
        COMMAND ${script} ${work}/newlib.env ${tarball} ${work} ${SPRAT_NEWLIB}
        DEPENDS ${script} ${work}/newlib.env ${tarball} ${dirent_include}/sys/dirent.h
        COMMENT "Building newlib for the guest (once, about a minute)"
        VERBATIM)
    add_custom_target(sprat_newlib DEPENDS ${SPRAT_NEWLIB}/lib/libc.a ${SPRAT_NEWLIB}/lib/libm.a)
endfunction()
