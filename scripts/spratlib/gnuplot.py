# SPDX-License-Identifier: BSD-2-Clause
"""Plots, drawn by gnuplot where that is installed."""

import shutil
import subprocess

from spratlib import lab_cli
from spratlib.errors import SpratError

TIMEOUT_S = 60


def is_here():
    """Whether it is installed; says how to, if it is not."""
    here = shutil.which("gnuplot") is not None
    if not here:
        lab_cli.report("no plots: apt install gnuplot-nox")
    return here


def draw(script):
    """Run a script of gnuplot's. Raises SpratError when it fails."""
    done = subprocess.run(["gnuplot"], input=script, text=True, check=False, timeout=TIMEOUT_S,
                          capture_output=True)  # fmt: skip
    if done.returncode != 0:
        raise SpratError(f"gnuplot fails: {done.stderr.strip()}")
