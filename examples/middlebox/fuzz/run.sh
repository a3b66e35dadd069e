#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Run a fuzzer on its seeds for a while: run.sh SEEDS-PROGRAM FUZZER TARGET SECONDS. What it finds
# stays in the current folder.
set -eu

seeds=$1 fuzzer=$2 target=$3 seconds=$4
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$seeds" "$folder" "$target"
FUZZ_TARGET=$target "$fuzzer" -max_total_time="$seconds" -max_len=4096 -timeout=20 \
    -artifact_prefix="$PWD/" "$folder"
