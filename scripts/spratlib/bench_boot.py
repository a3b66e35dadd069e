# SPDX-License-Identifier: BSD-2-Clause
"""How long it takes to create guests, one after the other, and what each costs the host.

Each guest is created, seen in main by what it says on its console, and heard by its first packet
if it has an interface, before the next one is; in the end all are destroyed, the last one first.
Guests with interfaces are spread over bridges: what a new one says to all on its own wakes those
that are there. With each of the toolstacks, one after the other on the same host:

  xl           `xl create`, once for each guest
  sprat        the launcher, from nothing
  sprat-pool   the launcher, from shells built ahead

boot.csv has a line for each guest, in ns: its creation as the toolstack sees it (of the launcher,
by phase), until it is in main, the whole command, until its first packet, its destruction.
samples.csv has the memory after each so many guests; environment.txt what host it was; table.txt
what is printed. The times are the host's own: compare them within one run only. A toolstack that
fails is left there, the run goes on with the next one, and ends with its error. What was measured
is written as soon as one toolstack is through: a run that was interrupted goes on with --resume.
"""

import ipaddress
import json
import os
import pathlib
import re
import shutil
import time

from spratlib import bench_boot_report, bench_host, guest_cfg, lab, lab_cli, paths, run
from spratlib import toolstack
from spratlib.errors import SpratError, UsageError
from spratlib.launcher import Launcher

TOOLSTACKS = ("xl", "sprat", "sprat-pool")
# What guests of these are told, and what they say when ready; of others --cmdline, --ready.
IMAGES = {"hello": ("stay", "from Sprat"), "daytime": ("sprat.ip={ip}/8", "serving on port"),
          "pong": ("{ip}", "link up")}  # fmt: skip
SILENT = {"pong"}  # has an interface, and says nothing there until it is asked
FIRST_ADDRESS = ipaddress.ip_address("10.0.0.2")
POOL_MAX = 1000
DOM0_MIB = 512
VIF_KIB = 400  # of dom0 for a guest with an interface: with 512 MiB it ends at some 1000
BLOCK = 25  # guests between two samples of memory
READY_S = 60
PLACE = "/tmp/sprat-bench"  # in dom0's memory: a lab reads the build folder through QEMU
# What must be the same in all parts of a run.
HOST = ("release", "nr_cpus", "xen_version", "xen_commandline", "xenstored", "model name")
LOOK_US = 20000  # between two looks into a console's log


def add_arguments(parser):
    parser.description = __doc__
    parser.add_argument("--guests", type=lab_cli.positive, default=100, metavar="N",
                        help="so many at once (default: %(default)s)")
    parser.add_argument("--xl-guests", type=lab_cli.positive, metavar="N",
                        help="no more than so many by xl, which takes seconds for one")
    parser.add_argument("--per-bridge", type=lab_cli.positive, default=50, metavar="N",
                        help="so many guests on one bridge (default: %(default)s)")
    parser.add_argument("--image", default="hello", metavar="CFG[,CFG...]",
                        help="cfg files, or names of such (default: %(default)s)")
    parser.add_argument("--toolstack", default=",".join(TOOLSTACKS), metavar="T[,T...]",
                        help="of %(default)s")
    parser.add_argument("--cmdline", metavar="TEXT",
                        help="the guests' command line; {n} is a guest's number, {ip} an address")
    parser.add_argument("--ready", metavar="TEXT", help="what a guest says in main")
    parser.add_argument("--lab", metavar="NAME", default=os.environ.get("SPRAT_LAB") or None,
                        help="the lab to use (default: $SPRAT_LAB)")
    parser.add_argument("--output", metavar="DIR", help="default: bench/boot in the build folder")
    parser.add_argument("--resume", action="store_true",
                        help="keep what is there of a run on the same host, measure the rest")
    parser.set_defaults(act=main)


def main(args):
    chosen = args.toolstack.split(",")
    for name in chosen:
        if name not in TOOLSTACKS:
            raise UsageError(f"there is no toolstack '{name}'; there are {', '.join(TOOLSTACKS)}")
    images = [Image(name, args) for name in args.image.split(",")]
    output = pathlib.Path(args.output) if args.output else paths.build_folder() / "bench/boot"
    output.mkdir(parents=True, exist_ok=True)
    options = lab_options(images, args.guests)
    report = bench_boot_report.Report()
    if args.resume:
        report.read(output)
    with toolstack.choose(args.lab, options, lab_cli.report) as tools:
        bench = Bench(tools, report, args.per_bridge)
        note_environment(output / "environment.txt", bench.environment(), bool(report.all))
        for image in images:
            for name in chosen:
                count = args.guests
                if name == "xl" and args.xl_guests:
                    count = min(count, args.xl_guests)
                if report.has(name, image.stem, count):
                    continue
                lab_cli.report(f"{image.stem}: {count} guests by {name}")
                try:
                    bench.measure(image, name, count)
                finally:
                    report.write(output)  # what there is, should it be interrupted
    print(report.text())
    bench_boot_report.plot(output, report)
    print(f"The figures and plots are in {output}")
    if report.errors:
        raise SpratError("\n".join(["not all guests could be created:", *report.errors]))
    return 0


def lab_options(images, count):
    """Return the lab that has room for so many guests, and its dom0 for their interfaces."""
    dom0 = DOM0_MIB + (count * VIF_KIB // 1024 if any(image.bridges for image in images) else 0)
    guests = count * (max(image.memory_mib for image in images) + 1) * 5 // 4
    return lab.Options(memory=dom0 + 512 + guests, dom0_memory=dom0, smp=1)


def note_environment(path, text, resumed):
    """Write what the host is like. SpratError when the run began on another one."""
    def of_host(lines):
        return sorted(line for line in lines.splitlines() if line.startswith(HOST))

    if resumed and path.exists() and of_host(path.read_text()) != of_host(text):
        raise SpratError(f"{path} tells of another host: measure all of it anew, without --resume")
    path.write_text(text)


class Image:
    """What guests are made of, and how they are told apart."""

    def __init__(self, name, args):
        guest = run.Guest(name)
        self.stem, self.memory_mib = guest.cfg.stem, guest.memory_mib
        text = guest.cfg.read_text()
        self.speaks = self.stem not in SILENT and "bridge=" in text
        self.bridges = sorted(set(re.findall(r"bridge=([A-Za-z0-9_.-]+)", text)))
        self.kernel = guest.kernel
        lines = [line for line in text.splitlines()
                 if not line.startswith(("extra", "name", "uuid", "kernel"))]  # fmt: skip
        lines.append(f'kernel = "{PLACE}/{guest.kernel.name}"')
        self.text = "\n".join(lines)
        cmdline, ready = IMAGES.get(self.stem, ("", ""))
        self._cmdline = cmdline if args.cmdline is None else args.cmdline
        self.ready = args.ready or ready
        if not self.ready:
            raise UsageError(f"--ready: what does {self.stem} say when it is ready?")

    def spread(self, places):
        """Return the text of the cfg for each of so many places: on the bridges that it names, then
        on others like them."""
        return [re.sub(r"bridge=([A-Za-z0-9_.-]+)", rf"bridge=\g<1>-{place}", self.text)
                if place else self.text for place in range(places)]  # fmt: skip

    def cmdline(self, number):
        """The command line of guest `number`."""
        address = str(FIRST_ADDRESS + number)
        return self._cmdline.replace("{n}", str(number)).replace("{ip}", address)


class Bench:
    """One run, on one host."""

    def __init__(self, tools, report, per_bridge):
        self.tools, self.report, self.per_bridge = tools, report, per_bridge
        self.launcher = Launcher(tools)
        self.ctl = f"{PLACE}/spratctl"
        self.timed = tools.program("timed.c")
        self.cfgs = []
        self._seen = paths.build_folder() / "bench" / "boot-guest"  # where a lab sees them

    def shell(self, command):
        """Run a shell command in dom0; return its output. SpratError when it fails."""
        return bench_host.shell(self.launcher, command)

    def environment(self):
        """What the host is like."""
        return f"{self.tools.machine()}\n" + self.shell(
            "xl info; uname -r; cat /proc/cmdline;"
            " xl dmesg | grep -iE 'xpti|Speculative|TSC' | head -n 20;"
            " ls -l /proc/$(cat /run/xenstored/pid 2>/dev/null || pidof xenstored oxenstored)/exe"
            " | sed 's/.*-> /xenstored: /'; grep -m1 'model name' /proc/cpuinfo"
        )

    def measure(self, image, name, count):
        """Create `count` guests, then destroy them."""
        self.launcher.start()
        if self.launcher.guests():
            raise SpratError("the launcher has guests already; first: spratctl destroy --all")
        self.prepare(image, count)
        if name == "sprat-pool":
            self.fill_pool(min(count, POOL_MAX))
        create, destroy = (
            (self.create_by_xl, self.destroy_by_xl) if name == "xl"
            else (self.create_by_sprat, self.destroy_by_sprat)
        )  # fmt: skip
        series = self.report.series(name, image.stem)
        series.samples.append((0, bench_host.sample(self.launcher)))
        for first in range(1, count + 1, BLOCK):
            numbers = range(first, min(first + BLOCK, count + 1))
            try:
                series.rows += create(image, numbers)
            except SpratError as error:
                where = f"{image.stem} by {name}, guest {numbers[0]} to {numbers[-1]}"
                self.report.errors.append(f"{where}: {error}")
                lab_cli.report(self.report.errors[-1])
                break
            series.samples.append((numbers[-1], bench_host.sample(self.launcher)))
        started = time.monotonic()
        destroy(series.rows)
        self.sweep(count)
        series.destroyed_s = time.monotonic() - started
        if name == "sprat-pool":
            self.launcher.ask("pool --size 0", self.cfgs[:1])

    def prepare(self, image, count):
        """Have dom0 hold what guests are made of, and the bridges."""
        places = -(-count // self.per_bridge) if image.bridges else 1
        shutil.rmtree(self._seen, ignore_errors=True)
        self._seen.mkdir(parents=True)
        self.cfgs = [f"{PLACE}/guest-{place}.cfg" for place in range(places)]
        for place, text in enumerate(image.spread(places)):
            (self._seen / f"guest-{place}.cfg").write_text(text + '\nname = "bench"\n')
        programs = paths.build_folder() / "toolstack"
        self.shell(f"mkdir -p {PLACE}; cp {programs}/spratctl {image.kernel} {PLACE};"
                   f" cp {self._seen}/* {PLACE}")  # fmt: skip
        for bridge in image.bridges:
            for place in range(places):
                own = f"{bridge}-{place}" if place else bridge
                make = f"ip link add {own} type bridge && ip link set {own} up"
                self.shell(f"ip link show {own} >/dev/null 2>&1 || {{ {make}; }}")

    def cfg(self, number):
        """The cfg of guest `number`."""
        return self.cfgs[number % len(self.cfgs)]

    def fill_pool(self, size):
        self.launcher.ask(f"pool --size {size} --low 1", self.cfgs[:1])
        deadline = time.monotonic() + size + READY_S
        while self.launcher.ask("stats")[0]["pools"][0]["shells"] < size:
            if time.monotonic() > deadline:
                raise SpratError("the pool is not filled in time")
            time.sleep(0.5)

    def commands(self, lines):
        """Run commands; return what `lab-timed` and the commands said, in blocks for each."""
        output = self.shell(" && ".join(f"{line} && echo end" for line in lines))
        blocks = output.split("end\n")[:-1]
        return [block.splitlines() for block in blocks]

    def packet(self, image):
        return f"--packet {READY_S} " if image.speaks else ""

    def create_by_sprat(self, image, numbers):
        """Create guests by the launcher; return a Row for each."""
        lines = [
            f"{self.timed} {self.packet(image)}{self.ctl} --json create --name bench-{number}"
            f" --cmdline {guest_cfg.quote_word(image.cmdline(number))} --timeout {READY_S}"
            f" --ready {guest_cfg.quote_word(image.ready)} {self.cfg(number)}"
            for number in numbers
        ]
        rows = []
        for number, (text, *figures) in zip(numbers, self.commands(lines), strict=True):
            answer = json.loads(text)
            ns, figures = answer["ns"], dict(line.split() for line in figures)
            rows.append(bench_boot_report.Row(
                number, ns["total"], ns["total"] + answer["wait_ns"], int(figures["command-ns"]),
                int(figures.get("packet-ns", 0)), phases=ns))  # fmt: skip
        return rows

    def create_by_xl(self, image, numbers):
        """Create guests by xl; return a Row for each. A console's log tells who reached main."""
        if self.tools.console_logs is None:
            raise SpratError("with xl the consoles' logs are needed: give --toolstack without xl")
        lines = []
        for number in numbers:
            log = f"{self.tools.console_logs}/guest-bench-{number}.log"
            extra = guest_cfg.quote_word(f"extra={guest_cfg.quote(image.cmdline(number))}")
            create = (f"{self.timed} {self.packet(image)}xl create -q -e {self.cfg(number)}"
                      f" 'name=\"bench-{number}\"' {extra}")  # fmt: skip
            looks = READY_S * 1000000 // LOOK_US
            wait = (f"n=0; until grep -q {guest_cfg.quote_word(image.ready)} {log};"
                    f" do n=$((n+1)); [ $n -lt {looks} ] || exit 1;"
                    f" usleep {LOOK_US}; done")  # fmt: skip
            both = guest_cfg.quote_word(f"{create} && {{ {wait}; }}")
            lines.append(f": >{log} && {self.timed} sh -c {both}")
        rows = []
        for number, said in zip(numbers, self.commands(lines), strict=True):
            figures = [line.split() for line in said if re.fullmatch(r"[a-z]+-ns \d+", line)]
            commands = [int(value) for key, value in figures if key == "command-ns"]
            packets = [int(value) for key, value in figures if key == "packet-ns"]
            packet_ns = packets[0] if packets else 0
            rows.append(bench_boot_report.Row(number, *commands, commands[-1], packet_ns))
        return rows

    def destroy_by_sprat(self, rows):
        names = [f"bench-{row.number}" for row in reversed(rows)]
        for row, answer in zip(reversed(rows), self.launcher.ask("destroy", names) if rows else ()):
            row.destroy_ns = answer.get("ns", 0)

    def destroy_by_xl(self, rows):
        lines = [f"{self.timed} xl destroy bench-{row.number}" for row in reversed(rows)]
        for first in range(0, len(lines), BLOCK):
            part = lines[first : first + BLOCK]
            for row, said in zip(list(reversed(rows))[first:], self.commands(part)):
                row.destroy_ns = int(said[-1].split()[1])

    def sweep(self, count):
        """Destroy what a toolstack that failed has left."""
        self.launcher.ask("destroy --all")
        self.shell(f"for n in $(xl list | grep -o '^bench-[0-9]*' | head -n {count});"
                   " do xl destroy $n; done; true")  # fmt: skip
