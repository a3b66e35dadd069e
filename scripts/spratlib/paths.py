# SPDX-License-Identifier: BSD-2-Clause
"""Where things are: the repository, the build folder, the lab's share of it."""

import os
import pathlib

SCRIPTS = pathlib.Path(__file__).resolve().parent.parent
REPOSITORY = SCRIPTS.parent
LAB_SOURCES = SCRIPTS / "lab"


def build_folder():
    """Return the build folder, absolute: --build, or $SPRAT_BUILD, or build/ in the repository."""
    chosen = os.environ.get("SPRAT_BUILD")
    return pathlib.Path(chosen).resolve() if chosen else REPOSITORY / "build"


def lab_folder():
    """Return the folder under the build folder that holds all the lab needs and leaves."""
    return build_folder() / "lab"
