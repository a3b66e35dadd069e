# SPDX-License-Identifier: BSD-2-Clause
"""Disks: requests per second and what one costs, beside a Linux PV guest with fio.

In a machine that counts instructions instead of time (see `sprat bench cost`), examples/blkbench
and then a Linux guest with fio (direct, libaio, no I/O scheduler) use the same disk: memory of
dom0, behind Linux' blkback. For each operation, size and depth (requests under way at a time),
dom0 counts for a while what goes through the backend:

  requests/s    of that size, through guest and dom0 on one CPU of that machine (500 million
                instructions/s)
  instructions  of the guest for each request, its share of Xen included; and of dom0

In the folder --output: block.csv, environment.txt and, where gnuplot is, a plot for each operation.
"""

import dataclasses

from spratlib import beside, counting, csvfile, gnuplot, guest_cfg, lab, lab_cli, linuxguest
from spratlib.errors import UsageError

OPERATIONS = ("read", "write", "randread", "randwrite")
SIZES = (4096, 16384, 65536, 262144, 1048576)
DEPTHS = (1, 2, 4, 8, 16, 32)
SECTOR = 512
DISK_MIB = 64
LAB_MEMORY_MIB, DOM0_MEMORY_MIB = 2048, 1024  # guests' files and the disk are in dom0's memory
LINUX_MEMORY_MIB = 384
XVDA = 51712
COLUMNS = ("operation", "bytes", "depth", "guest", "requests_s", "guest_instructions",
           "dom0_instructions", "ring_requests")  # fmt: skip

FIO = ("fio --name=bench --filename=/dev/xvda --direct=1 --ioengine=libaio --thread --time_based"
       " --runtime=3600 --norandommap --gtod_reduce=1")  # fmt: skip

# What is done for each point: start the load, count, stop it.
SCRIPT = f"""
modprobe brd rd_nr=1 rd_size={DISK_MIB * 1024} && dd if=/dev/zero of=/dev/ram0 bs=1M 2>/dev/null
complain() {{
    while read -r line; do say "error $*: $line"; done </tmp/errors
}}
count() {{ # SIDE POINT...
    lab-diskload "$domid" {XVDA} %(ms)s >/tmp/report 2>/tmp/errors &&
        say "run $* $(cat /tmp/report)" || complain "$@"
}}
sprat() {{ # OP BYTES DEPTH
    xl create -q -e sprat.cfg "extra=\\"xvda op=$1 bytes=$2 depth=$3 seconds=3600\\"" \\
        >/tmp/errors 2>&1 || {{ complain sprat "$@"; return; }}
    domid=$(xl domid sprat)
    count sprat "$@"
    xl destroy sprat
}}
linux() {{ # OP BYTES DEPTH START: the command, encoded
    sh ask "$domid" start "$4" >/tmp/errors 2>&1 || {{ complain linux "$@"; return; }}
    count linux "$1" "$2" "$3"
    sh ask "$domid" stop "$stop" >/tmp/errors 2>&1 || complain linux "$1" "$2" "$3"
}}
"""


def add_arguments(parser):
    parser.description = __doc__
    parser.add_argument("--op", default=",".join(OPERATIONS), metavar="OP[,...]",
                        help="operations (default: %(default)s)")
    parser.add_argument("--bytes", default=",".join(map(str, SIZES)), metavar="N[,...]",
                        help="sizes of requests (default: %(default)s)")
    parser.add_argument("--depth", default=",".join(map(str, DEPTHS)), metavar="N[,...]",
                        help="requests under way at a time (default: %(default)s)")
    parser.add_argument("--ms", type=lab_cli.positive, default=50, metavar="N",
                        help="of the machine's time, for each figure (default: %(default)s)")
    beside.add_options(parser, "block")
    parser.set_defaults(act=main)


def main(args):
    points = chosen(args)
    sides = beside.sides_of(args)
    output = beside.folder_of(args)
    found = measure(points, sides, args.ms)
    beside.write_environment(output, found, environment(args))
    csvfile.write(output / "block.csv", COLUMNS, map(dataclasses.astuple, found.runs))
    print_table(found, points)
    draw(output, found, points)
    found.finish(output, missing=len(found.runs) != len(points) * len(sides))
    return 0


def chosen(args):
    """Return the points to measure: (operation, bytes, depth)."""
    operations = args.op.split(",")
    for operation in operations:
        if operation not in OPERATIONS:
            raise UsageError(f"--op {operation}: there are {', '.join(OPERATIONS)}")
    sizes, depths = numbers("--bytes", args.bytes, SECTOR, 2**24), numbers("--depth", args.depth,
                                                                         1, 256)  # fmt: skip
    for size in sizes:
        if size % SECTOR:
            raise UsageError(f"--bytes {size}: a disk takes multiples of {SECTOR}")
    return [(operation, size, depth) for operation in operations for size in sizes
            for depth in depths]  # fmt: skip


def numbers(option, text, least, most):
    """Return the numbers of a list."""
    try:
        found = [int(word) for word in text.split(",")]
    except ValueError:
        found = []
    if not found or min(found) < least or max(found) > most:
        raise UsageError(f"{option} {text}: numbers from {least} to {most}, with commas between")
    return found


@dataclasses.dataclass(frozen=True)
class Run:
    """One guest at one point: a line of block.csv."""

    operation: str
    bytes: int
    depth: int
    guest: str
    requests_s: int
    guest_instructions: int  # for each request
    dom0_instructions: int
    ring_requests: float  # that the backend saw for each: a large one is split


class Found(beside.Found):
    """What the machine tells, line by line."""

    def take(self, _kind, words):
        side, operation, size, depth = words[:4]
        report = beside.numbers(words[4:])
        count = report["sectors"] * SECTOR / int(size)
        if not count:
            self.errors.append(f"{side} {operation} {size} {depth}: nothing went through")
            return
        self.runs.append(Run(
            operation, int(size), int(depth), side, round(count * 1e9 / report["ns"]),
            round(report["guest-ns"] / counting.NS_PER_INSTRUCTION / count),
            round(report["dom0-ns"] / counting.NS_PER_INSTRUCTION / count),
            round(report["requests"] / count, 2)))  # fmt: skip


def measure(points, sides, ms):
    """Measure in a counting machine; return what was Found."""
    found = Found()
    image = None
    if "linux" in sides:
        image = linuxguest.prepare(lab_cli.report, packages=("fio",), modules=linuxguest.BLOCK)
    options = lab.Options(memory=LAB_MEMORY_MIB, dom0_memory=DOM0_MEMORY_MIB, smp=1)
    counting.run(options, lambda archive: add_files(archive, image), script(points, sides, ms),
                 found.take_line)  # fmt: skip
    return found


def add_files(archive, linux_image):
    """Add the guests to the machine's files."""
    cfg = guest_cfg.find("blkbench")
    settings = cfg.read_text().splitlines()
    own = {"name": "sprat", "kernel": "/bench/blkbench.xen"}
    kept = [line for line in settings if line.partition(" =")[0] not in own]
    kept += [f"{key} = {guest_cfg.quote(value)}" for key, value in own.items()]
    archive.file("/bench/sprat.cfg", "\n".join([*kept, ""]).encode())
    archive.file("/bench/blkbench.xen", cfg.with_suffix(".xen").read_bytes())
    if linux_image:
        here = linuxguest.add_files(archive, linux_image)
        archive.file("/bench/linux.cfg", linuxguest.cfg_text(
            "linux", here, memory_mib=LINUX_MEMORY_MIB,
            disks=["phy:/dev/ram0,xvda,w"]).encode())  # fmt: skip


def script(points, sides, ms):
    """Return what is done in the machine."""
    lines = [SCRIPT % {"ms": ms}]
    if "sprat" in sides:
        lines += [f"sprat {op} {size} {depth}" for op, size, depth in points]
    if "linux" in sides:
        stop = linuxguest.encoded("kill $(cat /tmp/pid); while pidof fio; do sleep 0.1; done")
        lines += [
            "xl create -q -e linux.cfg >/tmp/errors 2>&1 && domid=$(xl domid linux) &&",
            '    sh follow "$domid" >/tmp/errors 2>&1 || complain linux',
            f"stop={stop.decode()}",
        ]
        for op, size, depth in points:
            start = linuxguest.encoded(f"{FIO} --rw={op} --bs={size} --iodepth={depth}"
                                       " >/tmp/fio.log 2>&1 & echo $! >/tmp/pid")  # fmt: skip
            lines.append(f"linux {op} {size} {depth} {start.decode()}")
        version = linuxguest.encoded("fio --version").decode()
        lines.append(f'say "fact fio: $(sh ask "$domid" version {version})"')
    return "\n".join([*lines, beside.FACTS])


def environment(args):
    """Return what the figures depend on, line by line."""
    image = guest_cfg.find("blkbench").with_suffix(".xen")
    return [
        f"disk: brd, {DISK_MIB} MiB, in dom0; blkback with its defaults",
        f"blkbench.xen: {image.stat().st_size} bytes",
        f"Linux guest: dom0's kernel, memory {LINUX_MEMORY_MIB} MiB; {FIO}",
        f"each figure: {args.ms} ms of the machine's time",
    ]


def print_table(found, points):
    """Print what was found."""
    print(f"{'':10} {'':>8} {'':>5} {'requests/s':>27}   {'guest instructions':>27}")
    print(f"{'operation':10} {'bytes':>8} {'depth':>5}"
          + f" {'sprat':>10} {'linux':>10} {'times':>6}  " * 2)  # fmt: skip
    for operation, size, depth in points:
        pair = found.pair(operation=operation, bytes=size, depth=depth)
        rates = beside.compared([run and run.requests_s for run in pair], 10)
        costs = beside.compared([run and run.guest_instructions for run in pair], 10, True)
        print(f"{operation:10} {size:8} {depth:5} {rates}   {costs}")


PLOT = """set terminal svg size 1000,500 background '#ffffff'
set output '{output}'
set grid
set key outside right
set logscale x 2
set logscale y 10
set xlabel 'requests under way'
set ylabel 'requests/s'
set title '{title}'
plot {curves}
"""


def draw(folder, found, points):
    """Draw the rate by depth, a curve for each size and guest, a plot for each operation."""
    if not gnuplot.is_here():
        return
    sizes = list(dict.fromkeys(size for _, size, _ in points))
    for operation in dict.fromkeys(operation for operation, _, _ in points):
        curves = []
        for number, size in enumerate(sizes):
            for side, dash in zip(beside.SIDES, (1, 2)):
                runs = [run for run in found.runs
                        if (run.operation, run.bytes, run.guest) == (operation, size, side)]
                if not runs:
                    continue
                data = folder / f"{operation}-{size}-{side}.dat"
                data.write_text("".join(f"{run.depth} {run.requests_s}\n" for run in runs))
                curves.append(f"'{data}' with linespoints lc {number + 1} dt {dash} pt 7 ps 0.4"
                              f" title '{size // 1024} KiB, {side}'")
        if curves:
            gnuplot.draw(PLOT.format(output=folder / f"{operation}.svg",
                                     title=f"{operation}: Sprat and a Linux PV guest",
                                     curves=", ".join(curves)))  # fmt: skip
