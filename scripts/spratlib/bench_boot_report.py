# SPDX-License-Identifier: BSD-2-Clause
"""What `sprat bench boot` found: tables, CSV files, plots."""

import csv
import dataclasses
import statistics

from spratlib import bench_host, csvfile, gnuplot
from spratlib.errors import SpratError

PHASES = ("domain", "build", "console", "store", "vif", "start")
COLUMNS = ("toolstack", "image", "number", "create_ns", "main_ns", "command_ns", "packet_ns",
           "destroy_ns", *(f"{phase}_ns" for phase in PHASES))  # fmt: skip
SAMPLES = ("toolstack", "image", "guests", "all_destroyed_s")
MEMORY = ("xen_free_kib", "dom0_available_kib", "xenstored_kib", "launcher_kib")
CHECKPOINTS = (1, 10, 100, 300, 500, 1000, 3000)
WINDOW = 0.8  # the guests around a checkpoint: from here to it
TIMES = (("create_ns", "created"), ("main_ns", "in main"), ("packet_ns", "first packet"),
         ("destroy_ns", "destroyed"))  # fmt: skip


@dataclasses.dataclass
class Row:
    """A guest's figures. 0: there is none."""

    number: int
    create_ns: int
    main_ns: int
    command_ns: int
    packet_ns: int
    destroy_ns: int = 0
    phases: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Series:
    """The guests of one image by one toolstack. samples: (guests, bench_host.Sample)."""

    toolstack: str
    image: str
    rows: list = dataclasses.field(default_factory=list)
    samples: list = dataclasses.field(default_factory=list)
    destroyed_s: float = 0

    def values(self, column, checkpoint):
        """The milliseconds of a column around a checkpoint, where it was reached."""
        if not self.rows or self.rows[-1].number < checkpoint:
            return []
        values = [getattr(row, column) / 1e6 for row in self.rows
                  if checkpoint * WINDOW <= row.number <= checkpoint]  # fmt: skip
        return [value for value in values if value]

    def lines(self):
        """The lines of a table."""
        title = f"{self.image} by {self.toolstack}"
        yield f"{title:30} {'guests':>7} {'p50':>9} {'p90':>9} {'p99':>9}  ms"
        for column, what in TIMES:
            for checkpoint in CHECKPOINTS:
                values = self.values(column, checkpoint)
                if values:
                    figures = " ".join(f"{percentile(values, s):9.2f}" for s in (0.5, 0.9, 0.99))
                    yield f"  {what:28} {checkpoint:7} {figures}"
        if not self.rows:
            return
        (_, first), (guests, last) = self.samples[0], self.samples[-1]
        used = first - last
        if self.toolstack != "sprat-pool":  # whose memory is taken before
            yield (f"  a guest takes {used.xen_free_kib / guests:.0f} KiB of Xen,"
                   f" {used.dom0_available_kib / guests:.0f} of dom0")  # fmt: skip
        median = statistics.median(row.command_ns for row in self.rows) / 1e6
        yield f"  the whole command: median {median:.1f} ms"
        yield f"  all destroyed in {self.destroyed_s:.1f} s"


class Report:
    """All series of a run."""

    def __init__(self):
        self.all = []
        self.errors = []

    def series(self, toolstack, image):
        """Begin a series, instead of what there is of it."""
        self.all = [one for one in self.all
                    if (one.toolstack, one.image) != (toolstack, image)]  # fmt: skip
        self.all.append(Series(toolstack, image))
        return self.all[-1]

    def has(self, toolstack, image, count):
        """Whether so many guests were measured."""
        return any((series.toolstack, series.image, len(series.rows)) == (toolstack, image, count)
                   for series in self.all)  # fmt: skip

    def read(self, folder):
        """Take over what an earlier run has written, as far as it is whole."""
        try:
            with open(folder / "boot.csv", newline="") as rows, \
                 open(folder / "samples.csv", newline="") as samples:  # fmt: skip
                self._take(list(csv.DictReader(rows)), list(csv.DictReader(samples)))
        except FileNotFoundError:
            return
        except (ValueError, KeyError, TypeError) as error:
            raise SpratError(f"{folder} has no run to go on with: {error}") from error

    def _take(self, rows, samples):
        for line in samples:
            if not self.has_series(line["toolstack"], line["image"]):
                self.series(line["toolstack"], line["image"])
            series = self.all[-1]
            series.destroyed_s = float(line["all_destroyed_s"])
            memory = {key: int(line[key]) for key in MEMORY}
            series.samples.append((int(line["guests"]), bench_host.Sample(**memory)))
        for series in self.all:
            for line in rows:
                if (line["toolstack"], line["image"]) == (series.toolstack, series.image):
                    phases = {key: int(line[f"{key}_ns"]) for key in PHASES if line[f"{key}_ns"]}
                    series.rows.append(Row(*(int(line[key] or 0) for key in COLUMNS[2:8]), phases))

    def has_series(self, toolstack, image):
        """Whether it was begun."""
        return any((series.toolstack, series.image) == (toolstack, image) for series in self.all)

    def text(self):
        """The tables."""
        return "\n".join("\n".join(series.lines()) for series in self.all)

    def write(self, folder):
        """Write the files."""
        (folder / "table.txt").write_text(self.text() + "\n")
        csvfile.write(folder / "boot.csv", COLUMNS, (
            [series.toolstack, series.image,
             *(getattr(row, column) or "" for column in COLUMNS[2:8]),
             *(row.phases.get(phase, "") for phase in PHASES)]
            for series in self.all for row in series.rows))  # fmt: skip
        csvfile.write(folder / "samples.csv", (*SAMPLES, *MEMORY), (
            [series.toolstack, series.image, guests, series.destroyed_s,
             *(getattr(sample, key) for key in MEMORY)]
            for series in self.all for guests, sample in series.samples))  # fmt: skip


def percentile(values, share):
    """The value that `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def plot(folder, report):
    """Draw times and memory against the number of guests, if gnuplot is here."""
    if not gnuplot.is_here():
        return
    times, memory = [], []
    for series in report.all:
        title = f"{series.image} by {series.toolstack}"
        for column, what in TIMES[:3]:
            points = [(row.number, getattr(row, column) / 1e6) for row in series.rows]
            if column != "main_ns":
                times.append((f"{title}, {what}", points))
        if series.toolstack == "sprat-pool" or not series.samples:
            continue
        start = series.samples[0][1]
        for key, what in (("xen_free_kib", "Xen"), ("dom0_available_kib", "dom0")):
            memory.append((f"{title}, {what}", [
                (guests, getattr(start - sample, key) / 1024)
                for guests, sample in series.samples
            ]))  # fmt: skip
    draw(folder / "time.svg", "ms for one more", times, "points pt 7 ps 0.3", "set logscale y")
    draw(folder / "memory.svg", "MiB that the guests take", memory, "lines lw 2", "")


def draw(path, label, curves, style, more):
    """Draw curves, [(title, [(x, y)])]; y of 0 is none."""
    curves = [(title, [point for point in points if point[1] > 0]) for title, points in curves]
    curves = [(title, points) for title, points in curves if points]
    script = ["set terminal svg size 800,500", "set key outside below", "set grid", more,
              "set xlabel 'guests that run'", f"set ylabel '{label}'",
              f"set output '{path}'"]  # fmt: skip
    for number, (_, points) in enumerate(curves):
        data = "\n".join(f"{x} {y}" for x, y in points)
        script.append(f"$data{number} << end\n{data}\nend")
    script.append("plot " + ", ".join(f"$data{number} with {style} title '{title}'"
                                      for number, (title, _) in enumerate(curves)))  # fmt: skip
    gnuplot.draw("\n".join(script) + "\n")
