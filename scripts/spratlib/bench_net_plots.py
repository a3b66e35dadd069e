# SPDX-License-Identifier: BSD-2-Clause
"""The plot of `sprat bench net`: how many times Linux's figures Sprat's are."""

from spratlib import gnuplot

PLOT = """set terminal svg size 900,450 background '#ffffff'
set output '{output}'
set style data histograms
set style histogram clustered gap 1
set style fill solid 0.8 border -1
set grid ytics
set key top left
set yrange [0:*]
set ylabel 'times better than the Linux guest'
set title 'Sprat beside a Linux PV guest'
plot '{data}' using 2:xtic(1) title 'rate, all on one CPU', \\
     '' using 3 title "the guest's own CPU time", 1 with lines lt -1 notitle
"""


def draw(folder, runs):
    """Draw net.svg into a folder, of the cases that both guests did."""
    of = {(one.case, one.guest): one for one in runs}
    names = [name for name in dict.fromkeys(one.case for one in runs)
             if (name, "sprat") in of and (name, "linux") in of]  # fmt: skip
    if not names or not gnuplot.is_here():
        return
    lines = []
    for name in names:
        sprat, linux = of[name, "sprat"], of[name, "linux"]
        lines.append(f"{name} {sprat.rate_s / linux.rate_s:.3f}"
                     f" {linux.guest_cpu_ns / sprat.guest_cpu_ns:.3f}\n")  # fmt: skip
    data = folder / "net.dat"
    data.write_text("".join(lines))
    gnuplot.draw(PLOT.format(output=folder / "net.svg", data=data))
