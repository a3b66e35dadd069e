# SPDX-License-Identifier: BSD-2-Clause
"""Pack a folder's files into the cpio archive that is linked into an image. Run by the build.

Equal contents give an equal archive, whoever packs them, when and where: entries are sorted, belong
to root and carry one time.
"""

import argparse
import io
import os
import pathlib
import stat
import sys

from spratlib import cpio
from spratlib.errors import EXIT_FAILURE, SpratError


def main():
    """Pack; return the exit code."""
    parser = argparse.ArgumentParser(prog="spratlib.files", description=__doc__, allow_abbrev=False)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path)
    args = parser.parse_args()
    try:
        archive = pack(args.folder)
        temporary = args.output.with_name(args.output.name + ".new")
        temporary.write_bytes(archive)
        temporary.rename(args.output)
    except (SpratError, OSError) as error:
        print(f"FILES {args.folder}: {error}", file=sys.stderr)
        return EXIT_FAILURE
    return 0


def pack(folder):
    """Return the archive of a folder, as bytes."""
    file = io.BytesIO()
    writer = cpio.Writer(file)
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            writer.symlink(name, os.readlink(path))
        elif stat.S_ISDIR(mode):
            writer.directory(name)
        elif stat.S_ISREG(mode):
            writer.file(name, path.read_bytes(), 0o755 if mode & 0o111 else 0o644)
        else:
            raise SpratError(f"{name} is neither a file nor a folder nor a symbolic link")
    writer.close()
    return file.getvalue()


if __name__ == "__main__":
    sys.exit(main())
