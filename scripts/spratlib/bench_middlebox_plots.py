# SPDX-License-Identifier: BSD-2-Clause
"""Plots of `sprat bench middlebox`."""

from spratlib import beside, cpucap, gnuplot

TITLES = {"sprat": "Sprat", "linux": "Linux PV guest"}
BARS = """set terminal svg size 1000,500 background '#ffffff'
set output '{output}'
set style data histograms
set style histogram clustered gap 1
set style fill solid 0.8 border -1
set grid ytics
set key top left
set yrange [0:*]
set xtics rotate by -35
set ylabel '{label}'
set title '{title}'
plot {curves}
"""
LINES = """set terminal svg size 1000,500 background '#ffffff'
set output '{output}'
set grid
set key outside right
set yrange [0:*]
set xlabel 'bytes in a frame'
set ylabel '{label}'
set title '{title}'
plot {curves}
"""


def draw(folder, runs):
    """Draw instructions and rates of all middleboxes at the smallest size, and by size: rates both
    with the guest as it likes and with a guest that is held."""
    if not runs or not gnuplot.is_here():
        return
    smallest = min(run.size for run in runs)
    held = [run for run in runs if run.share != cpucap.WHOLE and run.size == smallest]
    runs = [run for run in runs if run.share == cpucap.WHOLE]
    of = f"frames of {smallest} bytes"
    small = [run for run in runs if run.size == smallest]
    for name, of_these, value, title, label in (
        ("instructions", small, "instructions", of, "instructions a packet"),
        ("packets_s", small, "packets_s", of, "packets/s"),
        ("held", held, "packets_s", f"{of}, a guest that is held to a part of the CPU",
         "packets/s"),
    ):  # fmt: skip
        if of_these:
            bars(folder / name, of_these, value, f"{label}, {title}", label)
    if len({run.size for run in runs}) > 1:
        by_size(folder, runs)


def bars(stem, runs, value, title, label):
    """Draw one value of all middleboxes as bars, side by side, into the files STEM.dat and .svg."""
    names = list(dict.fromkeys(run.middlebox for run in runs))
    sides = [side for side in beside.SIDES if any(run.guest == side for run in runs)]
    figures = {(run.middlebox, run.guest): getattr(run, value) for run in runs}
    data = stem.with_suffix(".dat")
    data.write_text("".join(
        " ".join([name, *(str(figures.get((name, side), "?")) for side in sides)]) + "\n"
        for name in names))  # fmt: skip
    curves = ", ".join(f"'{data}' using {number + 2}:xtic(1) title '{TITLES[side]}'"
                       for number, side in enumerate(sides))  # fmt: skip
    gnuplot.draw(BARS.format(output=stem.with_suffix(".svg"), label=label, title=title,
                             curves=curves))  # fmt: skip


def by_size(folder, runs):
    """Draw what a packet costs in Sprat's guests against its size."""
    curves = []
    for name in dict.fromkeys(run.middlebox for run in runs):
        own = [run for run in runs if run.middlebox == name and run.guest == "sprat"]
        if len(own) > 1:
            data = folder / f"size-{name}.dat"
            data.write_text("".join(f"{run.size} {run.instructions}\n" for run in own))
            curves.append(f"'{data}' with linespoints pt 7 ps 0.5 title '{name}'")
    if curves:
        gnuplot.draw(LINES.format(output=folder / "sizes.svg", label="instructions a packet",
                                  title="Sprat by size of frame",
                                  curves=", ".join(curves)))  # fmt: skip
