# SPDX-License-Identifier: BSD-2-Clause
"""ELEMENTS.md has the table that the program named on the command line prints, line by line."""

import difflib
import pathlib
import subprocess
import sys

DOCUMENT = pathlib.Path(__file__).resolve().parents[1] / "ELEMENTS.md"


def main():
    """Compare; return the exit code."""
    printed = subprocess.run([sys.argv[1]], capture_output=True, text=True, check=True).stdout
    written = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| `")]
    difference = list(difflib.unified_diff(written, printed.splitlines(), DOCUMENT.name, "engine",
                                           lineterm="", n=0))  # fmt: skip
    if difference:
        print(f"{DOCUMENT.name} is not what `{sys.argv[1]}` prints:", *difference, sep="\n")
    return 1 if difference else 0


if __name__ == "__main__":
    sys.exit(main())
