# SPDX-License-Identifier: BSD-2-Clause
"""Run clang-tidy over the runtime and the examples, as .clang-tidy says."""

import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

EXIT_SKIPPED = 77
GCC_ONLY = (" -malign-data=abi ", " -mstringop-strategy=libcall ")  # clang does not know them
SOURCE = pathlib.Path(__file__).resolve().parents[2]


def main():
    """Check the build folder that the command line names; return the exit code."""
    build = pathlib.Path(sys.argv[1])
    if shutil.which("clang-tidy") is None:
        print("clang-tidy is not installed: skipped")
        return EXIT_SKIPPED
    commands = json.loads((build / "compile_commands.json").read_text())
    # Of a file that is compiled for the guest and for tests, the first: clang-tidy would read all.
    commands = list({entry["file"]: entry for entry in reversed(commands)}.values())
    files = sorted(entry["file"] for entry in commands if is_source(entry["file"], build))
    for entry in commands:
        for option in GCC_ONLY:
            entry["command"] = entry["command"].replace(option, " ")
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "compile_commands.json").write_text(json.dumps(commands))
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            complaints = [text for text in pool.map(lambda file: tidy(folder, file), files) if text]
    print("\n".join(complaints), end="")
    return 1 if complaints else 0


LEFT_OUT = (SOURCE / "test", SOURCE / "examples/middlebox/test",
            SOURCE / "examples/middlebox/fuzz", SOURCE / "examples/middlebox/bench")  # fmt: skip


def is_source(file, build):
    """Say whether a file is C, not made by the build and not left out."""
    folders = pathlib.Path(file).parents
    return (file.endswith(".c") and build not in folders
            and not any(folder in folders for folder in LEFT_OUT))  # fmt: skip


def tidy(folder, file):
    """Return what clang-tidy says of a file, compiled as the commands in `folder` say."""
    done = subprocess.run(["clang-tidy", "-p", folder, "--quiet", file], capture_output=True,
                          text=True, check=False)  # fmt: skip
    return done.stdout if done.returncode == 0 else done.stdout + done.stderr


if __name__ == "__main__":
    sys.exit(main())
