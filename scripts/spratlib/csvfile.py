# SPDX-License-Identifier: BSD-2-Clause
"""Tables of figures, as CSV files."""

import csv
import pathlib

from spratlib import lab_cli, paths
from spratlib.errors import SpratError


def add_option(parser, measure):
    """Add the option that says where a measure's only table goes."""
    parser.add_argument("--csv", metavar="FILE", type=pathlib.Path,
                        help=f"the table as CSV (default: bench/{measure}.csv in the build folder)")


def write(path, columns, rows):
    """Write a table into a file, in a folder that may be new. Raises SpratError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(columns)
            table.writerows(rows)
    except OSError as error:
        raise SpratError(f"cannot write {path}: {error.strerror}") from error


def write_alone(chosen, measure, columns, rows):
    """Write a measure's only table where --csv chose, and say where that is."""
    path = chosen or paths.build_folder() / "bench" / f"{measure}.csv"
    write(path, columns, rows)
    lab_cli.report(f"the same as CSV: {path}")
