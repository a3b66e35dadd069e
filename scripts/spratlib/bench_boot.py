# SPDX-License-Identifier: BSD-2-Clause
"""How long it takes to create guests, one after the other, and what each costs the host.

Each guest is created, and seen in main by what it says on its console, before the next one is.
With each of the toolstacks, one after the other on the same host:

  xl           `xl create`, once for each guest
  sprat        the launcher, from nothing
  sprat-pool   the launcher, from shells built ahead

The CSV has a line for each guest; samples.csv the memory after each so many guests; environment.txt
what host it was. The times are the host's own: compare them within one run only. A toolstack that
fails is left there, and the run goes on with the next one.
"""

import csv
import dataclasses
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import time

from spratlib import bench_host, fleet, guest_cfg, lab, lab_cli, paths, run, toolstack
from spratlib.errors import SpratError, UsageError

TOOLSTACKS = ("xl", "sprat", "sprat-pool")
PHASES = ("domain", "build", "console", "store", "vif", "start")
# What guests of these are told, and what they say when ready; of others --cmdline, --ready.
IMAGES = {"hello": ("stay", "from Sprat"), "daytime": ("sprat.ip=10.0.0.2/24", "serving on port")}
COLUMNS = ("toolstack", "image", "number", "create_ns", "ready_ns", *(f"{p}_ns" for p in PHASES))
SAMPLE_COLUMNS = ("toolstack", "image", "guests", "xen_free_kib", "dom0_available_kib",
                  "xenstored_kib", "launcher_kib")  # fmt: skip
CHECKPOINTS = (1, 10, 100, 300, 500, 1000, 3000)
POOL_MAX = 1000
BLOCK = 25  # guests between two samples of memory
READY_S = 60
PLOT_TIMEOUT_S = 60


def add_arguments(parser):
    parser.description = __doc__
    parser.add_argument("--guests", type=lab_cli.positive, default=100, metavar="N",
                        help="so many at once (default: %(default)s)")
    parser.add_argument("--xl-guests", type=lab_cli.positive, metavar="N",
                        help="no more than so many by xl, which takes seconds for one")
    parser.add_argument("--image", default="hello", metavar="CFG[,CFG...]",
                        help="cfg files, or names of such (default: %(default)s)")
    parser.add_argument("--toolstack", default=",".join(TOOLSTACKS), metavar="T[,T...]",
                        help="of %(default)s")
    parser.add_argument("--cmdline", metavar="TEXT", help="the guests' command line")
    parser.add_argument("--ready", metavar="TEXT", help="what a guest says in main")
    parser.add_argument("--lab", metavar="NAME", default=os.environ.get("SPRAT_LAB") or None,
                        help="the lab to use (default: $SPRAT_LAB)")
    parser.add_argument("--output", metavar="DIR", help="default: bench/boot in the build folder")
    parser.set_defaults(act=main)


def main(args):
    chosen = args.toolstack.split(",")
    for name in chosen:
        if name not in TOOLSTACKS:
            raise UsageError(f"there is no toolstack '{name}'; there are {', '.join(TOOLSTACKS)}")
    output = pathlib.Path(args.output) if args.output else paths.build_folder() / "bench/boot"
    output.mkdir(parents=True, exist_ok=True)
    images = [run.Guest(name) for name in args.image.split(",")]
    need = max(image.memory_mib for image in images) + 1
    options = lab.Options(memory=1024 + args.guests * need * 5 // 4, smp=1)
    rows, samples, destroyed = [], [], []
    with toolstack.choose(args.lab, options, lab_cli.report) as tools:
        bench = Bench(tools, args, output)
        (output / "environment.txt").write_text(bench.environment())
        for image in images:
            for name in chosen:
                if name == "sprat-pool" and re.search(r"(?m)^vif\s*=", image.cfg.read_text()):
                    continue  # pools are of guests without interfaces
                count = args.guests
                if name == "xl" and args.xl_guests:
                    count = min(count, args.xl_guests)
                lab_cli.report(f"{image.cfg.stem}: {count} guests by {name}")
                taken_s = bench.measure(image, name, count, rows, samples)
                destroyed.append((name, image.cfg.stem, taken_s))
    write_csv(output / "boot.csv", COLUMNS, rows)
    write_csv(output / "samples.csv", SAMPLE_COLUMNS, samples)
    print_tables(rows, samples, destroyed)
    plot(output, rows, samples)
    print(f"The figures and plots are in {output}")
    return 0


class Bench:
    """One run, on one host."""

    def __init__(self, tools, args, output):
        self.tools, self.args = tools, args
        self.launcher = fleet.Launcher(tools)
        self.cfg = output / "guest.cfg"
        self.ready = ""

    def shell(self, command):
        """Run a shell command in dom0; return its output. SpratError when it fails."""
        return bench_host.shell(self.launcher, command)

    def environment(self):
        """What the host is like."""
        return self.shell(
            "xl info; xl info -n | grep -c . >/dev/null; uname -r; cat /proc/cmdline;"
            " xl dmesg | grep -iE 'xpti|Speculative|TSC' | head -n 20;"
            " ls -l /proc/$(cat /run/xenstored/pid 2>/dev/null || pidof xenstored oxenstored)/exe"
            " | sed 's/.*-> /xenstored: /'; grep -m1 'model name' /proc/cpuinfo"
        )

    def sample(self):
        """Return (Xen's free memory, dom0's, xenstored's, the launcher's), each in KiB."""
        return dataclasses.astuple(bench_host.sample(self.launcher))[:4]

    def measure(self, image, name, count, rows, samples):
        """Create `count` guests, then destroy them; return the seconds that took."""
        self.launcher.start()
        if self.launcher.guests():
            raise SpratError("the launcher has guests already; first: spratctl destroy --all")
        text = image.cfg.read_text()
        cmdline, ready = IMAGES.get(image.cfg.stem, ("", ""))
        if self.args.cmdline is not None:
            cmdline = self.args.cmdline
        self.ready = guest_cfg.quote_word(self.args.ready or ready)
        if self.ready == "''":
            raise UsageError(f"--ready: what does {image.cfg.stem} say when it is ready?")
        lines = [line for line in text.splitlines() if not line.startswith(("extra", "name"))]
        lines += ['name = "bench"', f"extra = {guest_cfg.quote(cmdline)}"]
        self.cfg.write_text("\n".join(lines) + "\n")
        stem = image.cfg.stem
        if name == "sprat-pool":
            self.fill_pool(min(count, POOL_MAX))
        samples.append((name, stem, 0, *self.sample()))
        for first in range(1, count + 1, BLOCK):
            n = min(BLOCK, count + 1 - first)
            try:
                block = self.create_xl(first, n) if name == "xl" else self.create(first, n)
            except SpratError as error:
                lab_cli.report(f"{name} fails between guest {first} and {first + n - 1}: {error}")
                break
            rows += [(name, stem, first + i, *row) for i, row in enumerate(block)]
            samples.append((name, stem, first + n - 1, *self.sample()))
        started = time.monotonic()
        if name == "xl":
            self.shell(f"for i in $(seq {count}); do xl destroy bench-$i 2>/dev/null; done; true")
        else:
            self.launcher.ask("destroy --all")
        taken_s = time.monotonic() - started
        if name == "sprat-pool":
            self.launcher.ask("pool --size 0", [self.cfg])
        return taken_s

    def fill_pool(self, size):
        self.launcher.ask(f"pool --size {size} --low 1", [self.cfg])
        deadline = time.monotonic() + size + READY_S
        while self.launcher.ask("stats")[0]["pools"][0]["shells"] < size:
            if time.monotonic() > deadline:
                raise SpratError("the pool is not filled in time")
            time.sleep(0.5)

    def create(self, first, count):
        """Create guests by the launcher; return their figures."""
        answers = self.launcher.ask(
            f"create --parallel 1 --count {count} --first {first}"
            f" --timeout {READY_S} --ready {self.ready}",
            [self.cfg],
        )
        figures = []
        for answer in answers:
            if not answer["ok"]:
                raise SpratError(answer["error"])
            if "domid" in answer:
                ns = answer["ns"]
                figures.append((ns["total"], ns["total"] + answer["wait_ns"],
                                *(ns[phase] for phase in PHASES)))  # fmt: skip
        return figures

    def create_xl(self, first, count):
        """Create guests by xl; return their figures. A console's log tells who reached main."""
        if self.tools.console_logs is None:
            raise SpratError("with xl the consoles' logs are needed: give --toolstack without xl")
        figures = []
        for number in range(first, first + count):
            log = f"{self.tools.console_logs}/guest-bench-{number}.log"
            self.shell(f": >{log}")
            started = time.monotonic_ns()
            self.shell(f"xl create -q -e {self.cfg} 'name=\"bench-{number}\"'")
            created_ns = time.monotonic_ns() - started
            self.shell(f"n=0; until grep -q {self.ready} {log}; do n=$((n+1));"
                       f" [ $n -lt {READY_S * 20} ] || exit 1; usleep 50000; done")  # fmt: skip
            figures.append((created_ns, time.monotonic_ns() - started, *([""] * len(PHASES))))
        return figures


def write_csv(path, columns, rows):
    with open(path, "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(columns)
        table.writerows(rows)


def percentile(values, share):
    """The value that `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def print_tables(rows, samples, destroyed):
    """Print milliseconds around some numbers of guests, and memory."""
    head = f"{'toolstack':11} {'image':12} {'guests':>7}"
    print(f"{head}  {'p50':>9} {'p90':>9} {'p99':>9}  ms, created")
    for name, stem, taken_s in destroyed:
        own = [row for row in rows if row[:2] == (name, stem)]
        for checkpoint in CHECKPOINTS:
            near = [row[3] / 1e6 for row in own if checkpoint * 0.8 <= row[2] <= checkpoint]
            if near and len(own) >= checkpoint:
                figures = " ".join(f"{percentile(near, share):9.2f}" for share in (0.5, 0.9, 0.99))
                print(f"{name:11} {stem:12} {checkpoint:7}  {figures}")
        memory = [row for row in samples if row[:2] == (name, stem)]
        first, last = memory[0], memory[-1]
        ready = statistics.median(row[4] for row in own) / 1e6
        print(f"{'':24} created and in main: median {ready:.2f} ms")
        print(f"{'':24} all destroyed in {taken_s:.1f} s")
        if name != "sprat-pool":
            each = [(a - b) / last[2] for a, b in zip(first[3:5], last[3:5])]
            print(f"{'':24} a guest costs {each[0]:.0f} KiB of Xen, {each[1]:.0f} of dom0")


def plot(folder, rows, samples):
    """Draw times and memory against the number of guests, if gnuplot is here."""
    if shutil.which("gnuplot") is None:
        lab_cli.report("no plots: apt install gnuplot-nox")
        return
    series = sorted({row[:2] for row in rows})
    for name, stem in series:
        for table, suffix, unit in ((rows, "", 1e6), (samples, "-memory", 1024)):
            points = [row for row in table if row[:2] == (name, stem)]
            data = folder / f"{name}-{stem}{suffix}.dat"
            data.write_text("".join(f"{row[2]} {row[3] / unit}\n" for row in points))
    head = "set terminal svg size 800,500\nset key left top\nset grid\n"
    head += "set xlabel 'guests that run'\n"
    for target, label, suffix, style, scale in (
        ("time.svg", "ms to create one more", "", "points pt 7 ps 0.3", "set logscale y\n"),
        ("memory.svg", "Xen free memory, MiB", "-memory", "lines lw 2", ""),
    ):
        curves = ", ".join(
            f"'{folder}/{name}-{stem}{suffix}.dat' with {style} title '{name} {stem}'"
            for name, stem in series
        )
        script = f"{head}{scale}set output '{folder / target}'\nset ylabel '{label}'\n"
        script += f"plot {curves}\n"
        subprocess.run(["gnuplot"], input=script, text=True, check=True, timeout=PLOT_TIMEOUT_S)
