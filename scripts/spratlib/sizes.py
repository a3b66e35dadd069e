# SPDX-License-Identifier: BSD-2-Clause
"""Print the sizes of images: all that the build folder holds, or those named.

text is code and read-only data, data what is written and has a value at the start, bss what starts
as zero (stacks among it); stripped is the file that boots, gzip the same compressed; memory is the
least memory= (MiB) with which stock xl boots it. Sizes are in bytes.
"""

import csv
import gzip
import pathlib
import sys

from spratlib import footprint, paths
from spratlib.errors import SpratError

COLUMNS = ("image", "text", "data", "bss", "stripped", "gzip", "memory")


def add_arguments(parser):
    """Declare the arguments of `sprat sizes`."""
    parser.add_argument("--csv", action="store_true", help="comma-separated values, not a table")
    parser.add_argument("images", nargs="*", type=pathlib.Path, metavar="NAME.xen")


def main(args):
    """Print the table; return the exit code."""
    images = args.images or find(paths.build_folder())
    rows = [measure(path) for path in images]
    if args.csv:
        csv.writer(sys.stdout, lineterminator="\n").writerows([COLUMNS, *rows])
    else:
        print_table(rows)
    return 0


def find(folder):
    """Return the images under `folder`, by name; SpratError when there are none."""
    images = sorted(folder.glob("**/*.xen"), key=lambda path: path.name)
    if not images:
        raise SpratError(f"there is no image under {folder}: build first (cmake --build {folder})")
    return images


def measure(path):
    """Return a row of the table: the image at `path`."""
    try:
        contents = path.read_bytes()
    except OSError as error:
        raise SpratError(f"cannot read {path}: {error.strerror}") from error
    parts = footprint.read(path)
    return (path.stem, parts.text, parts.data, parts.bss, len(contents),
            len(gzip.compress(contents, mtime=0)), parts.least_memory)  # fmt: skip


def print_table(rows):
    """Print `rows` under COLUMNS: names to the left, numbers to the right, thousands apart."""
    table = [COLUMNS] + [(row[0], *(f"{number:,}" for number in row[1:])) for row in rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(COLUMNS))]
    for row in table:
        numbers = "  ".join(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))
        print(f"{row[0].ljust(widths[0])}  {numbers}")
