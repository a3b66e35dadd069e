# SPDX-License-Identifier: BSD-2-Clause
"""Check the form of all tracked files: clang-format, shellcheck, SPDX lines, the length of
lines."""

import pathlib
import re
import shutil
import subprocess
import sys

EXIT_SKIPPED = 77  # as CTest is told: not a checkout, so nothing says which files are ours
LINE_MAX = 100
SPDX = b"SPDX-License-Identifier: BSD-2-Clause"
SPDX_WITHIN = 400  # bytes: the first lines
SPDX_NOT_NEEDED = {".md", ".json", ".csv", ".txt", ".png", ".svg"}  # prose, data, no comments
CODE = {".c", ".h", ".S", ".lds", ".py", ".cmake", ".sh", ".in"}


def main():
    """Check the folder that the command line names; return the exit code."""
    root = pathlib.Path(sys.argv[1])
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=False)
    if listing.returncode != 0:
        print("not a git checkout: skipped")
        return EXIT_SKIPPED
    names = [name for name in listing.stdout.decode().split("\0") if name]
    files = [root / name for name in names if (root / name).is_file()]
    complaints = [line for check in CHECKS for line in check(files)]
    for line in complaints:
        print(line.removeprefix(f"{root}/"))
    return 1 if complaints else 0


def check_format(files):
    """C as .clang-format says."""
    sources = [path for path in files if path.suffix in (".c", ".h")]
    for line in complaints_of(["clang-format", "--dry-run", "-Werror"], sources):
        if "code should be clang-formatted" in line:
            yield line + " (clang-format -i mends it)"


def check_shell(files):
    """Shell scripts, by their first line."""
    scripts = [path for path in files if re.match(rb"#!.*\b(sh|bash)\b", head(path))]
    return complaints_of(["shellcheck", "--format=gcc"], scripts)


def check_licence(files):
    """The SPDX line."""
    for path in files:
        if path.suffix not in SPDX_NOT_NEEDED and SPDX not in head(path) and path.stat().st_size:
            yield f"{path}: no line \"{SPDX.decode()}\" among the first"


def check_lines(files):
    """No line of code too long, none that ends in a blank."""
    for path in files:
        if path.suffix not in CODE and path.name != "CMakeLists.txt" and head(path)[:2] != b"#!":
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if len(line.expandtabs()) > LINE_MAX:
                yield f"{path}:{number}: {len(line)} columns, {LINE_MAX} are the limit"
            if line != line.rstrip():
                yield f"{path}:{number}: ends in a blank"


CHECKS = (check_format, check_shell, check_licence, check_lines)


def complaints_of(tool, files):
    """Run a tool over files; return the lines it prints, or one that says that it is not here."""
    if not files:
        return []
    if shutil.which(tool[0]) is None:
        return [f"{tool[0]} is not installed"]
    done = subprocess.run([*tool, *files], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)  # fmt: skip
    return done.stdout.splitlines()


def head(path):
    """Return the beginning of a file."""
    with open(path, "rb") as file:
        return file.read(SPDX_WITHIN)


if __name__ == "__main__":
    sys.exit(main())
