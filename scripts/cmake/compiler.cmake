# SPDX-License-Identifier: BSD-2-Clause
#
# How C is compiled for the guest. Read by Sprat's own build and, installed, by find_package(Sprat).
#
#   SPRAT_GUEST_FLAGS     code generation that all code in an image shares, newlib's too
#   SPRAT_GUEST_INCLUDES  the compiler's headers, newlib's, Xen's ABI; nothing of the host's
#   SPRAT_DEFINITIONS     which version of Xen's ABI the sources are written to
#   SPRAT_RUNTIME_FLAGS   what the runtime adds
#   SPRAT_APP_FLAGS       what an application adds
#   SPRAT_PATH_FLAGS      keep the names of this machine's folders out of the objects
#   SPRAT_LIBGCC          the compiler's own run-time library
#
# Needs SPRAT_NEWLIB, the folder with newlib's include/ and lib/.

if(NOT CMAKE_C_COMPILER_LOADED)
    message(FATAL_ERROR "Sprat is written in C: write project(NAME LANGUAGES C).")
endif()
if(NOT CMAKE_C_COMPILER_ID MATCHES "^(GNU|Clang)$")
    message(FATAL_ERROR "Sprat is built by gcc or clang, not ${CMAKE_C_COMPILER_ID}: set CC=gcc.")
endif()
if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$" OR NOT CMAKE_SIZEOF_VOID_P EQUAL 8)
    message(FATAL_ERROR "Sprat runs on x86-64 only; this compiler is for ${CMAKE_SYSTEM_PROCESSOR}"
                        " with ${CMAKE_SIZEOF_VOID_P}-byte pointers.")
endif()

set(SPRAT_GUEST_FLAGS
    -std=gnu11 -Os -g
    -fno-pic -fno-pie -mcmodel=small    # one static image in the lowest 2 GiB
    -mno-red-zone                       # an event upcall writes right below the stack pointer
    -fno-omit-frame-pointer             # a crash report walks frames
    -fno-asynchronous-unwind-tables     # and nothing reads .eh_frame
    -fstack-protector-strong            # canary at %fs:0x28
    -fcf-protection=none                # Xen gives a PV guest no CET: endbr64 is only weight
    -ffunction-sections -fdata-sections # what is not used is not linked
    -fno-common
    # What newlib's headers leave to the system, and must be the same in all that is compiled:
    -D_READ_WRITE_RETURN_TYPE=_ssize_t  # as POSIX has it; newlib's default is int
    -D__DYNAMIC_REENT__                 # errno and the like belong to a thread: __getreent()
    -D_POSIX_TIMERS=200809L -D_POSIX_MONOTONIC_CLOCK=200809L -D_POSIX_CLOCK_SELECTION=200809L)

set(SPRAT_RUNTIME_FLAGS
    -ffreestanding
    -fbuiltin                           # but memcpy of a few bytes is no call
    # calloc is malloc and memset, not the other way round:
    -fno-builtin-malloc -fno-builtin-calloc -fno-builtin-realloc -fno-builtin-free
    -fvisibility=hidden                 # see SPRAT_API in <sprat/compiler.h>
    -Oz                                 # no more instructions than -Os: `sprat bench cost`
    -UNDEBUG)                           # assert stays on in the guest, whatever the build type

if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    # memcpy of many bytes is a call: gcc -Os would have a byte at a time moved.
    list(APPEND SPRAT_RUNTIME_FLAGS -mstringop-strategy=libcall)
endif()

# Each function's prologue compares the stack pointer with %fs:0x70, so that an application that
# runs out of stack is caught before it writes below it. No stack is ever split: the runtime's
# __morestack reports. The runtime itself, newlib and libgcc run in the reserve below the limit.
# A call at a function's end stays a call, or its function would be missing from a crash report.
set(SPRAT_APP_FLAGS -fsplit-stack -fno-optimize-sibling-calls
    -D__LINUX_ERRNO_EXTENSIONS__) # <errno.h> has all names; newlib's strerror() not all sentences

function(_sprat_ask_compiler out)
    execute_process(COMMAND ${CMAKE_C_COMPILER} ${ARGN}
        OUTPUT_VARIABLE answer OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
    cmake_path(NORMAL_PATH answer)
    set(${out} "${answer}" PARENT_SCOPE)
endfunction()

if(CMAKE_C_COMPILER_ID STREQUAL "Clang")
    _sprat_ask_compiler(_sprat_resources -print-resource-dir)
    set(SPRAT_COMPILER_INCLUDE ${_sprat_resources}/include)
    _sprat_ask_compiler(SPRAT_LIBGCC -print-libgcc-file-name --rtlib=libgcc)
else()
    _sprat_ask_compiler(SPRAT_COMPILER_INCLUDE -print-file-name=include)
    _sprat_ask_compiler(SPRAT_LIBGCC -print-libgcc-file-name)
endif()
if(NOT EXISTS "${SPRAT_LIBGCC}")
    message(FATAL_ERROR "${CMAKE_C_COMPILER} finds no libgcc.a: apt install gcc.")
endif()

# <xen/...> is Xen's public ABI and nothing else: a folder that holds only a link to it keeps the
# host's libc headers, its neighbours in /usr/include, out of reach.
find_path(SPRAT_XEN_INCLUDE xen/xen.h DOC "the folder with Xen's public headers, xen/xen.h")
mark_as_advanced(SPRAT_XEN_INCLUDE)
if(NOT SPRAT_XEN_INCLUDE)
    message(FATAL_ERROR "Xen's public headers (xen/xen.h) are not here: apt install libxen-dev.")
endif()
set(_sprat_xen_abi ${CMAKE_BINARY_DIR}/sprat/xen-abi)
file(MAKE_DIRECTORY ${_sprat_xen_abi})
file(CREATE_LINK ${SPRAT_XEN_INCLUDE}/xen ${_sprat_xen_abi}/xen SYMBOLIC)

# Xen's headers keep their old shape for those who do not say which one they want.
set(SPRAT_DEFINITIONS __XEN_INTERFACE_VERSION__=0x00040e00)

# Joined, because CMake would drop the second of two equal words "-isystem".
set(SPRAT_GUEST_INCLUDES
    -nostdinc
    -isystem${SPRAT_COMPILER_INCLUDE}
    -isystem${SPRAT_NEWLIB}/include
    -isystem${_sprat_xen_abi})

# Of two prefixes that match, gcc takes the one given last and clang the longer one.
set(SPRAT_PATH_FLAGS
    -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=
    -ffile-prefix-map=${CMAKE_BINARY_DIR}=build
    -ffile-prefix-map=${SPRAT_NEWLIB}=newlib)
