# SPDX-License-Identifier: BSD-2-Clause
"""What a guest costs from its start until it is idle (or has shut down), in ns of CPU time.

The figure is what Xen accounts to the domain, in a machine that counts instructions instead of
time: one takes 2 ns (-icount shift=1), nothing depends on this computer, and two runs agree to the
last digit. All guests are started one after the other in one such machine, which boots for it; its
memory, its dom0 and its random numbers are always the same. What follows "--" is appended to each
command line.
"""

import dataclasses
import re

from spratlib import bench_traffic, counting, csvfile, guest_cfg, lab, lab_cli, run
from spratlib.errors import SpratError, UsageError

GUEST_TIMEOUT_S = 120  # of the machine's own time
CSV_COLUMNS = ("guest", "memory_mib", "arguments", "cpu_ns", "end", "memory_kib", "boot_ticks")
BOOT_TICKS = re.compile(r"^sprat: boot: (\d+) ticks", re.MULTILINE)


@dataclasses.dataclass
class Case:
    """One guest to be measured, and what was found."""

    name: str
    memory_mib: int
    guest: run.Guest
    words: list
    cpu_ns: int = 0
    end: str = ""
    memory_kib: int = 0
    boot_ticks: int | None = None

    def result(self):
        """What two runs must agree on."""
        return (self.cpu_ns, self.end, self.memory_kib, self.boot_ticks)


def add_arguments(parser):
    parser.description = __doc__
    parser.usage = "sprat bench cost [OPTION...] GUEST... [-- ARG...] | --traffic KIND,..."
    parser.add_argument("guests", nargs="*", metavar="GUEST", help="cfg files, or names of such")
    parser.add_argument("--traffic", nargs="?", const="all", metavar="KIND[,KIND...]",
                        help="what traffic costs guests that the build has for it, instead:"
                        f" {', '.join(bench_traffic.KINDS)} (default: all)")
    parser.add_argument("--memory", metavar="MIB[,MIB...]",
                        help="measure each guest with each of these (default: what its cfg says)")
    parser.add_argument("--runs", type=lab_cli.positive, default=1, metavar="N",
                        help="measure N times, and fail if the figures differ (default: 1)")
    csvfile.add_option(parser, "cost")
    parser.set_defaults(act=main)


def main(args):
    if args.traffic:
        return bench_traffic.main(args)
    if not args.guests:
        raise UsageError("name a guest to be measured, or --traffic")
    cases = cases_of(args)
    options = lab.Options(memory=max(2048, 1024 + max(case.memory_mib for case in cases)))
    first = None
    for number in range(args.runs):
        if args.runs > 1:
            lab_cli.report(f"run {number + 1} of {args.runs}")
        measure(cases, options)
        results = [case.result() for case in cases]
        if first is not None and results != first:
            changed = [f"{c.name} {c.memory_mib} MiB: {before} then {c.result()}"
                       for c, before in zip(cases, first) if before != c.result()]
            raise SpratError("two runs differ:\n" + "\n".join(changed))
        first = results
    print_table(cases)
    rows = [[case.name, case.memory_mib, " ".join(case.words), *case.result()[:3],
             "" if case.boot_ticks is None else case.boot_ticks] for case in cases]  # fmt: skip
    csvfile.write_alone(args.csv, "cost", CSV_COLUMNS, rows)
    return 0


def cases_of(args):
    """Return the Cases that the arguments ask for."""
    try:
        sizes = [int(size) for size in args.memory.split(",")] if args.memory else [None]
    except ValueError:
        raise UsageError(f"--memory {args.memory}: numbers of MiB with commas between") from None
    if any(size is not None and size < 1 for size in sizes):
        raise UsageError(f"--memory {args.memory}: a guest has 1 MiB at least")
    cases = []
    for name in args.guests:
        for size in sizes:
            guest = run.Guest(name, size, args.words)
            if guest.kernel is None:
                raise SpratError(f"{guest.cfg} names no kernel; only such guests can be measured")
            cases.append(Case(guest.cfg.stem, guest.memory_mib, guest, args.words))
    return cases


def measure(cases, options):
    """Measure `cases` in a counting machine; fill in what it finds."""
    errors = []
    script = "\n".join(line for number, case in enumerate(cases)
                       for line in script_lines(number, case))  # fmt: skip

    def add_files(archive):
        for number, case in enumerate(cases):
            for path, target in visible(number, case).items():
                archive.file(target, path.read_bytes())

    counting.run(options, add_files, script,
                 lambda text, elapsed_s: take_line(text, cases, errors, elapsed_s))  # fmt: skip
    if errors:
        raise SpratError("the guests could not all be measured:\n" + "\n".join(errors))
    for case in cases:
        if case.end not in ("idle", "poweroff"):
            how = case.end or "nothing"
            raise SpratError(f"{case.name} with {case.memory_mib} MiB ended by: {how}")


def visible(number, case):
    """Return where a case's files are in the machine: {path: path}."""
    files = enumerate(case.guest.files())
    return {path: f"/bench/{number}/{index}-{path.name}" for index, path in files}


def script_lines(number, case):
    """Return the lines of the script that measure a case."""
    case.guest.name = f"bench-{number}"  # the same in every run
    words = [
        "lab-domain", "cost", "--log", f"/var/log/xen/console/guest-bench-{number}.log",
        "--timeout", str(GUEST_TIMEOUT_S), case.guest.name, "--",
        *case.guest.xl_arguments(visible(number, case)),
    ]
    command = " ".join(guest_cfg.quote_word(word) for word in words)
    return [
        f"say {number} start",
        f"{command} >/tmp/console 2>/tmp/errors 3>/tmp/report",
        f'while read -r line; do say {number} "$line"; done </tmp/report',
        'grep "^sprat: boot:" /tmp/console >/tmp/boot',
        f'while read -r line; do say {number} "$line"; done </tmp/boot',
        f'while read -r line; do say {number} error "$line"; done </tmp/errors',
    ]


def take_line(text, cases, errors, elapsed_s):
    """Take one line "NUMBER KEY VALUE" of the machine."""
    number, _, rest = text.partition(" ")
    if not number.isdigit() or int(number) >= len(cases):
        return
    case = cases[int(number)]
    key, _, value = rest.partition(" ")
    if key == "start":
        lab_cli.report(f"{elapsed_s:4.0f} s: {case.name} with {case.memory_mib} MiB")
    elif key == "cpu-ns":
        case.cpu_ns = int(value)
    elif key == "memory-kib":
        case.memory_kib = int(value)
    elif key == "end":
        case.end = value
    elif key == "error":
        errors.append(f"{case.name} with {case.memory_mib} MiB: {value}")
    elif match := BOOT_TICKS.match(rest):
        case.boot_ticks = int(match[1])


def print_table(cases):
    """Print what was found."""
    width = max(len("guest"), *(len(case.name) for case in cases))
    print(f"{'guest':{width}}  {'MiB':>5}  {'CPU time, ns':>13}  {'then':8}  {'ticks to main':>13}")
    for case in cases:
        ticks = "" if case.boot_ticks is None else f"{case.boot_ticks:,}"
        figures = f"{case.memory_mib:5}  {case.cpu_ns:13,}  {case.end:8}  {ticks:>13}"
        print(f"{case.name:{width}}  {figures}")
