# SPDX-License-Identifier: BSD-2-Clause
"""Have the simulation of power cuts go over file systems of several kinds. See simulate.c."""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

IMAGE_BYTES = 16 << 20
KINDS = (
    "-t ext4 -b 1024 -J size=1",
    "-t ext4 -b 4096 -J size=4",
    "-t ext3 -b 1024 -J size=1",
    "-t ext4 -b 4096 -J size=4 -O ^64bit,^metadata_csum",
)


def main():
    """Simulate; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--simulate", required=True, metavar="PROGRAM")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=10, help="of each kind of file system")
    parser.add_argument("--cuts", type=int, default=100, help="of each run")
    parser.add_argument("--fscks", type=int, default=5, help="cuts of each run that e2fsck sees")
    args = parser.parse_args()
    environment = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
    with tempfile.TemporaryDirectory() as folder:
        image = pathlib.Path(folder) / "image"
        for kind in KINDS:
            with image.open("wb") as file:
                file.truncate(IMAGE_BYTES)
            subprocess.run(["mke2fs", "-q", "-F", *kind.split(), image], check=True,
                           env=environment)  # fmt: skip
            words = [args.simulate, image, args.seed, args.runs, args.cuts, args.fscks]
            done = subprocess.run([str(word) for word in words], check=False, env=environment)
            if done.returncode != 0:
                print(f"with mke2fs {kind}, seed {args.seed}", file=sys.stderr)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
