#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Build newlib for the guest: build-newlib.sh ENV TARBALL WORK PREFIX
#
# ENV is a file of shell variables (CC, CFLAGS, ...), written by newlib.cmake. The result goes to
# PREFIX/include and PREFIX/lib, all at once at the end. Quiet; a failure shows the end of the log.
set -eu
env_file=$1 tarball=$2 work=$3 prefix=$4

CC='' AR='' RANLIB='' CFLAGS='' COMPILER_INCLUDE='' CONFIGURE='' PARTS='' DIRENT_INCLUDE=''
# shellcheck source=/dev/null
. "$env_file"

log=$work/build.log
failed() {
    printf 'newlib did not build; the end of %s:\n' "$log" >&2
    tail -n 30 "$log" >&2
    exit 1
}

rm -rf "$work/source" "$work/build" "$work/install"
mkdir -p "$work/source" "$work/build"
tar -xf "$tarball" -C "$work/source" --strip-components=1

# Warnings are newlib's authors' business (-w). No header of the host is in reach.
cflags="$CFLAGS -ffreestanding -w -nostdinc -isystem $COMPILER_INCLUDE"
cflags="$cflags -DREENTRANT_SYSCALLS_PROVIDED -DMISSING_SYSCALL_NAMES -DSIGNAL_PROVIDED"
cflags="$cflags -ffile-prefix-map=$work/source/= -ffile-prefix-map=$work/build=build"

cd "$work/build"
# $CONFIGURE is a list of words.
# shellcheck disable=SC2086
"$work/source/newlib/configure" --host=x86_64-elf --prefix="$work/install" $CONFIGURE \
    CC="$CC" AR="$AR" RANLIB="$RANLIB" AS=as CFLAGS="$cflags" CCASFLAGS="$cflags" \
    >"$log" 2>&1 || failed

# A make above this one may have left its job server's address, which is not for us.
unset MAKEFLAGS MAKELEVEL MFLAGS
make -j"$(nproc)" >>"$log" 2>&1 || failed
make install >>"$log" 2>&1 || failed

# Parts that newlib builds only for some systems, though they need nothing of one but <dirent.h>.
# The table of the order of letters, which only other languages have, counts as not loaded.
mkdir parts
echo 'int __collate_load_error = 1;' >parts/collate.c
for part in "$work/build/parts/collate.c" $PARTS; do
    object=parts/$(basename "$part" .c).o
    # $cflags is a list of words.
    # shellcheck disable=SC2086
    (cd "$work/source/newlib/libc" &&
        "$CC" $cflags -isystem "$DIRENT_INCLUDE" -isystem "$work/install/x86_64-elf/include" \
            -D_COMPILING_NEWLIB -D_GNU_SOURCE -c "$part" -o "$work/build/$object") \
        >>"$log" 2>&1 || failed
done
"$AR" rc "$work/install/x86_64-elf/lib/libc.a" parts/*.o >>"$log" 2>&1 || failed
"$RANLIB" "$work/install/x86_64-elf/lib/libc.a"

rm -rf "$prefix"
mkdir -p "$prefix"
mv "$work/install/x86_64-elf/include" "$prefix/include"
mv "$work/install/x86_64-elf/lib" "$prefix/lib"
rm -rf "$work/source" "$work/build" "$work/install"
# The stamp that the build looks at: newer than everything it was made from.
touch "$prefix/lib/libc.a" "$prefix/lib/libm.a"
