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
import subprocess

from spratlib import bench_middlebox_frames as frames
from spratlib import bench_middlebox_plots as plots
from spratlib import beside, counting, cpucap, csvfile, guest_cfg, lab, lab_cli, linuxguest
from spratlib import middlebox, paths
from spratlib.bench_middlebox_cases import CASES, MODULES, PACKAGES
from spratlib.errors import SpratError, UsageError

CONFIGURATIONS = paths.REPOSITORY / "examples/middlebox/conf"
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
    for vif in /sys/class/net/vif"$domid".*; do ip link set "${vif##*/}" nomaster; done
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
    parser.add_argument("--memory", type=lab_cli.guest_mib, default=2, metavar="MIB",
                        help="of a middlebox (default: %(default)s)")
    parser.add_argument("--no-engine", action="store_true",
                        help="leave out the engine on this computer")
    beside.add_options(parser, "middlebox")
    parser.set_defaults(act=main)


def main(args):
    cases = chosen(args)
    sides = beside.sides_of(args)
    output = beside.folder_of(args)
    engine = [] if args.no_engine else measure_engine()
    found = measure(cases, sides, args)
    beside.write_environment(output, found, environment(args))
    csvfile.write(output / "lab.csv", LAB_COLUMNS, map(dataclasses.astuple, found.runs))
    csvfile.write(output / "first.csv", FIRST_COLUMNS, map(dataclasses.astuple, found.firsts))
    csvfile.write(output / "engine.csv", ENGINE_COLUMNS, engine)
    print_tables(found, engine)
    plots.draw(output, found.runs)
    found.finish(output)
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


class Found(beside.Found):
    """What the machine tells, line by line."""

    def __init__(self):
        super().__init__()
        self.firsts = []

    def take(self, kind, words):
        if kind == "first":
            report = beside.numbers(words[2:])
            instructions = report["cpu-ns"] // counting.NS_PER_INSTRUCTION
            self.firsts.append(First(*words[:2], report["ns"], instructions))
        else:
            self.take_run(*words[:4], beside.numbers(words[4:]))

    def take_run(self, case, side, size, share, report):
        sent, received = report["sent"], report["received"]
        if received < sent * (1 - MAY_BE_LOST):
            self.errors.append(f"{case} {side} {size} {share} %: of {sent} packets,"
                               f" {received} came through")  # fmt: skip
            return
        per_packet = report["cpu-ns"] // counting.NS_PER_INSTRUCTION // sent
        rate = received * 10**9 // report["ns"]
        self.runs.append(Run(case, side, int(size), int(share), sent, received, per_packet, rate))


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
        here = linuxguest.add_files(archive, linux_image)
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
    return "\n".join([*lines, beside.FACTS])


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


def environment(args):
    """Return what the figures depend on, line by line."""
    image = guest_cfg.find("middlebox").with_suffix(".xen")
    return [
        f"middlebox.xen: {image.stat().st_size} bytes, memory {args.memory} MiB",
        f"Linux guest: dom0's kernel, memory {LINUX_MEMORY_MIB} MiB",
        f"traffic: {args.count} packets for each figure, at most {args.window} on their way",
        f"share of a guest that is held: {HELD_SHARE} % of the CPU",
    ]


def print_tables(found, engine):
    """Print what was found."""
    held = f"packets/s, guest with {HELD_SHARE} %"
    print(f"{'':10} {'':>5} {'instructions a packet':>27}   {'packets/s':>27}   {held:>27}")
    print(f"{'middlebox':10} {'bytes':>5}"
          + f" {'sprat':>10} {'linux':>10} {'times':>6}  " * 3)  # fmt: skip
    for case, size in dict.fromkeys((run.middlebox, run.size) for run in found.runs):
        whole = found.pair(middlebox=case, size=size, share=cpucap.WHOLE)
        costs = beside.compared([run and run.instructions for run in whole], 10, True)
        rates = beside.compared([run and run.packets_s for run in whole], 10)
        small = found.pair(middlebox=case, size=size, share=HELD_SHARE)
        held = beside.compared([run and run.packets_s for run in small], 10)
        print(f"{case:10} {size:5} {costs}   {rates}   {held}")
    print("\nthe first packet: ms, and instructions of the guest")
    for first in found.firsts:
        figures = f"{first.ns / 1e6:9.2f} {first.instructions:15,}"
        print(f"{first.middlebox:10} {first.guest:6} {figures}")
    if engine:
        print("\nthe engine alone, on this computer: million packets/s, cycles a packet")
    for name, rate, cycles in engine:
        print(f"{name:20} {rate:9.2f} {cycles:9.1f}")
