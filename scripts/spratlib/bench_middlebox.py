# SPDX-License-Identifier: BSD-2-Clause
"""What middleboxes cost per packet, beside Linux doing the same: all of examples/middlebox/conf.

In a machine that counts instructions instead of time (see `sprat bench cost`), each middlebox, and
then a Linux PV guest with bridges, nft, iptables and tc, gets packets from dom0 and passes them on
there. For each size of frame (check sequence counted):

  instructions  that the guest under test took for each packet, its share of Xen included
  packets/s     through dom0 and the guest on one CPU of that machine (500 million instructions/s)
  held          packets/s again, the guest held to a small share of that CPU: then it, and not dom0,
                is what limits the rate

and for each the first packet: the time since the guest was let go, and the guest's instructions.
The engine alone is measured as a program of this computer, against ports in memory.

In the folder --output: lab.csv, first.csv, engine.csv, environment.txt, and plots.
"""

import csv
import dataclasses
import os
import pathlib
import platform
import subprocess

from spratlib import bench_middlebox_frames as frames
from spratlib import bench_middlebox_plots as plots
from spratlib import counting, cpucap, guest_cfg, lab, lab_cli, linuxguest, middlebox, paths, qemu
from spratlib.bench_middlebox_cases import CASES, MODULES, PACKAGES
from spratlib.errors import SpratError, UsageError

CONFIGURATIONS = paths.REPOSITORY / "examples/middlebox/conf"
SIDES = ("sprat", "linux")
MACHINE = {"memory": 1024, "dom0_memory": 512, "smp": 1}
LINUX_MACHINE = {"memory": 3072, "dom0_memory": 1536, "smp": 1}  # dom0's memory has its files too
LINUX_MEMORY_MIB = 256
HELD_SHARE = 2  # percent of the CPU: dom0 takes up to 20 times what a guest does
MAY_BE_LOST = 0.01  # of the packets; more is an error
ENGINE_TIMEOUT_S = 600
LAB_COLUMNS = ("middlebox", "guest", "size", "share_percent", "sent", "received",
               "instructions", "packets_s")  # fmt: skip
FIRST_COLUMNS = ("middlebox", "guest", "ns", "instructions")
ENGINE_COLUMNS = ("configuration", "mpps", "cycles")

# What is done for one guest. `first` lets it go; Linux is told meanwhile what to do.
SCRIPT = """
tell() { # WHAT...: a report's lines, as one
    say "$* $(tr '\\n' ' ' </tmp/report)"
}
complain() {
    while read -r line; do say "error $*: $line"; done </tmp/errors
}
measure() { # CASE SIDE SIZES OPTIONS...
    case=$1 side=$2 sizes=$3; shift 3
    xl create -q -e -p "$case-$side.cfg" >/tmp/errors 2>&1 || { complain "$case $side"; return; }
    domid=$(xl domid "$case-$side")
    lab-frames first "$@" "$domid" "$case-${sizes%%%% *}.pcap" >/tmp/report 2>/tmp/errors &
    first=$!
    if [ "$side" = linux ]; then
        sh follow "$domid" >/tmp/said 2>&1 &&
            sh ask "$domid" bench "$(cat "$case.linux")" >/tmp/said 2>&1 ||
            while read -r line; do say "error $case $side: $line"; done </tmp/said
    fi
    wait $first || { complain "$case $side"; xl destroy "$case-$side"; return; }
    tell first "$case" "$side"
    for size in $sizes; do
        for share in %(shares)s; do
            cap "$domid" "$share"
            lab-frames run --count %(count)s --warm %(warm)s --window %(window)s "$@" "$domid" \\
                "$case-$size.pcap" >/tmp/report 2>/tmp/errors &&
                tell run "$case" "$side" "$size" "$share" || complain "$case $side $size $share"
        done
    done
    xl destroy "$case-$side"
}
echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
"""


def add_arguments(parser):
    parser.description = __doc__
    parser.add_argument("names", nargs="*", metavar="NAME",
                        help="configurations to measure (default: all)")
    parser.add_argument("--sizes", metavar="BYTES[,...]",
                        help="frame sizes (default: 64 to 1500)")
    parser.add_argument("--count", type=lab_cli.positive, default=2000, metavar="N",
                        help="packets for each figure (default: %(default)s)")
    parser.add_argument("--window", type=lab_cli.positive, default=128, metavar="N",
                        help="packets on their way at once (default: %(default)s)")
    parser.add_argument("--memory", type=lab_cli.positive, default=2, metavar="MIB",
                        help="of a middlebox (default: %(default)s)")
    parser.add_argument("--guests", default=",".join(SIDES), metavar="SIDE[,SIDE]",
                        help="of %(default)s")
    parser.add_argument("--no-engine", action="store_true",
                        help="leave out the engine on this computer")
    parser.add_argument("--output", metavar="DIR",
                        help="default: bench/middlebox in the build folder")
    parser.set_defaults(act=main)


def main(args):
    cases = chosen(args)
    sides = args.guests.split(",")
    if not set(sides) <= set(SIDES):
        raise UsageError(f"--guests {args.guests}: there are {', '.join(SIDES)}")
    output = pathlib.Path(args.output) if args.output else paths.build_folder() / "bench/middlebox"
    output.mkdir(parents=True, exist_ok=True)
    engine = [] if args.no_engine else measure_engine()
    found = measure(cases, sides, args)
    (output / "environment.txt").write_text(environment(args, found))
    write_csv(output / "lab.csv", LAB_COLUMNS, map(dataclasses.astuple, found.runs))
    write_csv(output / "first.csv", FIRST_COLUMNS, map(dataclasses.astuple, found.firsts))
    write_csv(output / "engine.csv", ENGINE_COLUMNS, engine)
    print_tables(found, engine)
    plots.draw(output, found.runs)
    print(f"The figures and plots are in {output}")
    if found.errors:
        raise SpratError("\n".join(["not all could be measured:", *found.errors]))
    return 0


def chosen(args):
    """Return the Cases that the arguments ask for."""
    known = {case.name: case for case in CASES}
    for name in args.names:
        if name not in known:
            raise UsageError(f"there is no middlebox '{name}'; there are {', '.join(known)}")
    cases = [known[name] for name in args.names] or list(CASES)
    if args.sizes is None:
        return cases
    try:
        sizes = tuple(int(size) for size in args.sizes.split(","))
    except ValueError:
        sizes = ()
    if not sizes or min(sizes) < 64 or max(sizes) > 1518:
        raise UsageError(f"--sizes {args.sizes}: numbers from 64 to 1518 with commas between")
    return [dataclasses.replace(case, sizes=sizes) if len(case.sizes) > 1 else case
            for case in cases]  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Run:
    """Traffic of one size through one guest: a line of lab.csv."""

    middlebox: str
    guest: str
    size: int
    share: int  # percent of the machine's one CPU, at most, for the guest
    sent: int
    received: int
    instructions: int  # of the guest, per packet sent
    packets_s: int


@dataclasses.dataclass(frozen=True)
class First:
    """A guest's first packet: a line of first.csv."""

    middlebox: str
    guest: str
    ns: int
    instructions: int


class Found:
    """What the machine tells, line by line."""

    def __init__(self):
        self.runs, self.firsts, self.facts, self.errors = [], [], [], []

    def take_line(self, text, elapsed_s):
        """Take a line that the script tells."""
        kind, _, rest = text.partition(" ")
        words = rest.split()
        if kind == "error":
            self.errors.append(rest)
        elif kind == "fact":
            self.facts.append(rest)
        elif kind == "first":
            report = dict(zip(words[2::2], map(int, words[3::2])))
            instructions = report["cpu-ns"] // counting.NS_PER_INSTRUCTION
            self.firsts.append(First(*words[:2], report["ns"], instructions))
            lab_cli.report(f"{elapsed_s:4.0f} s: {words[0]} by {words[1]}")
        elif kind == "run":
            self.take_run(*words[:4], dict(zip(words[4::2], map(int, words[5::2]))))

    def take_run(self, case, side, size, share, report):
        sent, received = report["sent"], report["received"]
        if received < sent * (1 - MAY_BE_LOST):
            self.errors.append(f"{case} {side} {size} {share} %: of {sent} packets,"
                               f" {received} came through")  # fmt: skip
            return
        per_packet = report["cpu-ns"] // counting.NS_PER_INSTRUCTION // sent
        rate = received * 10**9 // report["ns"]
        self.runs.append(Run(case, side, int(size), int(share), sent, received, per_packet, rate))

    def of(self, case, side, size, share=cpucap.WHOLE):
        """Return the Run of these, or None."""
        wanted = (case, side, size, share)
        return next((r for r in self.runs
                     if (r.middlebox, r.guest, r.size, r.share) == wanted), None)  # fmt: skip


def measure(cases, sides, args):
    """Run all cases in a counting machine; return what was Found."""
    found = Found()
    image = None
    if "linux" in sides:
        image = linuxguest.prepare(
            lab_cli.report, packages=PACKAGES,
            modules=(*linuxguest.NET, *linuxguest.BRIDGE, *linuxguest.FIREWALL, *linuxguest.SHAPER,
                     *MODULES))  # fmt: skip
    options = lab.Options(**(LINUX_MACHINE if image else MACHINE))
    counting.run(options, lambda archive: add_files(archive, cases, image, args.memory),
                 script(cases, sides, args), found.take_line)  # fmt: skip
    return found


def add_files(archive, cases, linux_image, memory_mib):
    """Add the guests, their configurations and the frames to the machine's files."""
    image = guest_cfg.find("middlebox").with_suffix(".xen")
    archive.file("/bench/middlebox.xen", image.read_bytes())
    if linux_image:
        here = linuxguest.Image(pathlib.Path("/bench/vmlinux"), pathlib.Path("/bench/initramfs"))
        archive.file(str(here.kernel), linux_image.kernel.read_bytes())
        archive.file(str(here.initramfs), linux_image.initramfs.read_bytes())
        archive.file("/bench/follow", linuxguest.FOLLOW.encode())
        archive.file("/bench/ask", linuxguest.ASK.encode())
    for case in cases:
        bridges = [f"bench{number}" for number in range(case.interfaces)]
        ramdisk = f"/bench/{case.name}.cpio"
        archive.file(ramdisk, middlebox.archive_of(configuration(case)))
        archive.file(f"/bench/{case.name}-sprat.cfg", middlebox.cfg_text(
            f"{case.name}-sprat", "/bench/middlebox.xen", ramdisk, bridges, memory_mib).encode())
        if linux_image:
            archive.file(f"/bench/{case.name}.linux", linuxguest.encoded(case.linux_script()))
            archive.file(f"/bench/{case.name}-linux.cfg", linuxguest.cfg_text(
                f"{case.name}-linux", here, memory_mib=LINUX_MEMORY_MIB,
                vifs=[f"bridge={bridge}" for bridge in bridges]).encode())  # fmt: skip
        for size in case.sizes:
            archive.file(f"/bench/{case.name}-{size}.pcap", frames.pcap(case.frames(size)))
        if case.before:
            archive.file(f"/bench/{case.name}-before.pcap", frames.pcap(case.before))


def configuration(case):
    """Return a case's Click configuration, with its limits out of the way."""
    text = middlebox.read(CONFIGURATIONS / f"{case.name}.click").decode()
    for old, new in case.changes:
        text = text.replace(old, new)
    return text.encode()


def script(cases, sides, args):
    """Return what is done in the machine."""
    values = {"count": args.count, "warm": max(2 * args.window, 512), "window": args.window,
              "shares": f"{cpucap.WHOLE} {HELD_SHARE}"}  # fmt: skip
    lines = [cpucap.FUNCTION, SCRIPT % values]
    for case in cases:
        options = ["--from", case.way[0], "--to", case.way[1], "--type", f"{case.ethertype:x}"]
        if case.before:
            options += ["--before", f"{case.name}-before.pcap"]
        sizes = " ".join(map(str, case.sizes))
        for side in sides:
            lines.append(f"measure {case.name} {side} '{sizes}' {' '.join(map(str, options))}")
    lines.append('say "fact dom0: Linux $(uname -r)"')
    lines.append('say "fact Xen: $(xl info | sed -n "s/^xen_version *: //p")"')
    return "\n".join(lines)


def measure_engine():
    """Run the engine on this computer; return the lines of engine.csv."""
    program = paths.build_folder() / "examples/middlebox/middlebox_bench"
    if not program.exists():
        raise SpratError(f"{program} is not built: ninja -C {paths.build_folder()} middlebox_bench")
    lab_cli.report("measuring the engine alone")
    try:
        done = subprocess.run([program, "csv"], capture_output=True, text=True, check=False,
                              timeout=ENGINE_TIMEOUT_S)  # fmt: skip
    except subprocess.TimeoutExpired:
        raise SpratError(f"{program} has not ended after {ENGINE_TIMEOUT_S} s") from None
    if done.returncode != 0:
        raise SpratError(f"{program} fails: {done.stderr.strip()}")
    rows = list(csv.reader(done.stdout.splitlines()))[1:]
    return [(name, float(rate), float(cycles)) for name, rate, cycles in rows]


def environment(args, found):
    """Return what the figures depend on, as text."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    model = models[0] if models else "unknown"
    image = guest_cfg.find("middlebox").with_suffix(".xen")
    lines = [
        f"computer: {model}, {os.cpu_count()} CPUs, Linux {platform.release()}",
        f"counting machine: {qemu.version()}, {counting.NS_PER_INSTRUCTION} ns an instruction",
        *found.facts,
        f"middlebox.xen: {image.stat().st_size} bytes, memory {args.memory} MiB",
        f"Linux guest: dom0's kernel, memory {LINUX_MEMORY_MIB} MiB",
        f"traffic: {args.count} packets for each figure, at most {args.window} on their way",
        f"share of a guest that is held: {HELD_SHARE} % of the CPU",
    ]
    return "\n".join([*lines, ""])


def write_csv(path, columns, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(columns)
        table.writerows(rows)


def print_tables(found, engine):
    """Print what was found."""
    print(f"{'':10} {'':>5}   instructions a packet             packets/s"
          f"      packets/s, guest with {HELD_SHARE} %")  # fmt: skip
    print(f"{'middlebox':10} {'bytes':>5} {'sprat':>8} {'linux':>8} {'times':>6}"
          + f" {'sprat':>9} {'linux':>9} {'times':>6}" * 2)  # fmt: skip
    for case, size in dict.fromkeys((run.middlebox, run.size) for run in found.runs):
        pair = [found.of(case, side, size) for side in SIDES]
        costs = [run and run.instructions for run in pair]
        rates = [run and run.packets_s for run in pair]
        held = [found.of(case, side, size, HELD_SHARE) for side in SIDES]
        held = [run and run.packets_s for run in held]
        print(f"{case:10} {size:5} {row(costs, 8)} {ratio(costs[::-1])} {row(rates, 9)}"
              f" {ratio(rates)} {row(held, 9)} {ratio(held)}")  # fmt: skip
    print("\nthe first packet: ms, and instructions of the guest")
    for first in found.firsts:
        figures = f"{first.ns / 1e6:9.2f} {first.instructions:15,}"
        print(f"{first.middlebox:10} {first.guest:6} {figures}")
    if engine:
        print("\nthe engine alone, on this computer: million packets/s, cycles a packet")
    for name, rate, cycles in engine:
        print(f"{name:20} {rate:9.2f} {cycles:9.1f}")


def row(values, width):
    """Return values side by side; what is None is left out."""
    return " ".join(f"{'' if value is None else value:>{width}}" for value in values)


def ratio(values):
    """Return how many times the second the first is, or blanks."""
    return f"{values[0] / values[1]:6.1f}" if None not in values else " " * 6
