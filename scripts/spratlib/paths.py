# SPDX-License-Identifier: BSD-2-Clause
"""Where things are: the repository, the build folder, the lab's share of it."""

import os
import pathlib
import shutil

SCRIPTS = pathlib.Path(__file__).resolve().parent.parent
REPOSITORY = SCRIPTS.parent
LAB_SOURCES = SCRIPTS / "lab"


def build_folder():
    """Return the build folder, absolute: --build, or $SPRAT_BUILD, or build/ in the repository."""
    chosen = os.environ.get("SPRAT_BUILD")
    return pathlib.Path(chosen).resolve() if chosen else REPOSITORY / "build"


def keep_latest(folder, count):
    """Remove all but the `count` subfolders of `folder` changed last. Hidden ones stay."""
    found = [path for path in folder.iterdir() if path.is_dir() and path.name[0] != "."]
    for path in sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)[count:]:
        shutil.rmtree(path, ignore_errors=True)


def lab_folder():
    """Return the folder under the build folder that holds all the lab needs and leaves."""
    return build_folder() / "lab"
