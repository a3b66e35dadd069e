# SPDX-License-Identifier: BSD-2-Clause
"""What measures of a Sprat guest beside a Linux one share: the two, what was found, its files."""

import os
import pathlib
import platform

from spratlib import counting, lab_cli, paths, qemu
from spratlib.errors import SpratError, UsageError

SIDES = ("sprat", "linux")

# Lines of a script for the counting machine: what it runs.
FACTS = """say "fact dom0: Linux $(uname -r)"
say "fact Xen: $(xl info | sed -n "s/^xen_version *: //p")"
"""


def add_options(parser, measure):
    """Add the options that all have; the results are in bench/MEASURE if not told otherwise."""
    parser.add_argument("--guests", default=",".join(SIDES), metavar="SIDE[,SIDE]",
                        help="of %(default)s")
    parser.add_argument("--output", metavar="DIR", type=pathlib.Path,
                        help=f"default: bench/{measure} in the build folder")
    parser.set_defaults(measure=measure)


def sides_of(args):
    """Return the sides to measure."""
    sides = args.guests.split(",")
    if not set(sides) <= set(SIDES):
        raise UsageError(f"--guests {args.guests}: there are {', '.join(SIDES)}")
    return sides


def folder_of(args):
    """Return the folder for what is found; it is there then."""
    folder = args.output or paths.build_folder() / "bench" / args.measure
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SpratError(f"--output {folder}: {error.strerror}") from error
    return folder


class Found:
    """What the counting machine tells, line by line. A measure's own takes `run`."""

    def __init__(self):
        self.runs, self.facts, self.errors = [], [], []

    def take_line(self, text, elapsed_s):
        """Take a line that the script tells."""
        kind, _, rest = text.partition(" ")
        if kind == "error":
            self.errors.append(rest)
        elif kind == "fact":
            self.facts.append(rest)
        elif kind != "done":
            self.take(kind, rest.split())
            lab_cli.report(f"{elapsed_s:4.0f} s: {rest}")

    def take(self, kind, words):
        """Take a line of the measure's own."""
        raise NotImplementedError

    def of(self, **wanted):
        """Return the first of the runs with these values, or None."""
        return next((run for run in self.runs
                     if all(getattr(run, key) == value for key, value in wanted.items())),
                    None)  # fmt: skip

    def pair(self, **wanted):
        """Return the runs of both sides with these values."""
        return [self.of(guest=side, **wanted) for side in SIDES]

    def finish(self, folder, missing=False):
        """Say where it all is. Raises SpratError when something could not be measured."""
        print(f"The figures and plots are in {folder}")
        if self.errors or missing:
            raise SpratError("\n".join(["not all could be measured:", *self.errors]))


def numbers(report):
    """Return {name: number} of words, a name and a number in turn."""
    return dict(zip(report[::2], map(int, report[1::2])))


def write_environment(folder, found, lines):
    """Write what the figures depend on: this computer, the machine's facts, and a measure's own."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    computer = f"{models[0] if models else 'unknown'}, {os.cpu_count()} CPUs"
    lines = [
        f"computer: {computer}, Linux {platform.release()}",
        f"counting machine: {qemu.version()};"
        f" an instruction takes {counting.NS_PER_INSTRUCTION} ns",
        *found.facts,
        *lines,
    ]
    (folder / "environment.txt").write_text("\n".join([*lines, ""]))


def compared(pair, width, less_is_better=False):
    """Return two figures side by side, and how many times better Sprat's is; None is left out."""
    texts = ["" if value is None else f"{value:,.0f}" for value in pair]
    times = ""
    if all(pair):
        sprat, linux = pair
        times = f"{linux / sprat if less_is_better else sprat / linux:.2f}"
    return f"{texts[0]:>{width}} {texts[1]:>{width}} {times:>6}"
