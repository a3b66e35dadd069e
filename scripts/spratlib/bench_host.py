# SPDX-License-Identifier: BSD-2-Clause
"""What a host with many guests has left, and what serves them takes, at one moment."""

import dataclasses
import json

from spratlib import paths
from spratlib.errors import SpratError


@dataclasses.dataclass(frozen=True)
class Sample:
    """Memory in KiB."""

    xen_free_kib: int
    dom0_available_kib: int
    xenstored_kib: int
    launcher_kib: int

    def __sub__(self, other):
        pairs = zip(dataclasses.astuple(self), dataclasses.astuple(other))
        return Sample(*(mine - theirs for mine, theirs in pairs))


def shell(launcher, command):
    """Run a shell command in dom0; return its output. SpratError when it fails."""
    code, output = launcher.shell(command)
    if code != 0:
        said = launcher.said or f"exit code {code}"
        raise SpratError(f"in dom0, '{command[:60]}...' fails: {said}")
    return output


def sample(launcher):
    """Return a Sample of the host that launcher.Launcher `launcher` is on."""
    text = shell(
        launcher,
        "grep MemAvailable /proc/meminfo | tr -dc 0-9; echo;"
        " for p in $(pidof xenstored || pidof oxenstored) $(pidof spratd); do"
        " grep VmRSS /proc/$p/status | tr -dc 0-9; echo; done;"
        f" {paths.build_folder()}/toolstack/spratctl --json stats",
    )
    *numbers, stats = text.strip().split("\n")
    available, xenstored, own = map(int, numbers)
    return Sample(json.loads(stats)["xen_free_kib"], available, xenstored, own)
