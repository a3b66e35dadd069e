# SPDX-License-Identifier: BSD-2-Clause
"""Guests created and destroyed in turn, many of them: does any of the host's figures grow?

In a machine that counts instructions instead of time (see `sprat bench cost`), by the launcher, 50
at once. After a first round, and then after each tenth of the guests, with none left: Xen's and
dom0's free memory, the memory of xenstored and of the launcher, its descriptors, xenstore's nodes,
and what creating and destroying one cost dom0. The last are compared with the first; it fails when
one has grown.
"""

import json

from spratlib import bench_launch, counting, csvfile, guest_cfg, lab, lab_cli, run
from spratlib.errors import SpratError

BATCH = 50  # guests at once
PARTS = 10
READY_S = 60
# How much of each may come and go: what the allocators of dom0's kernel and of libc keep.
SLACK = {"xen_free_kib": 0, "dom0_available_kib": 4096, "xenstored_kib": 256, "launcher_kib": 256,
         "nodes": 0, "descriptors": 0}  # fmt: skip
COST_GROWTH_MAX = 1.1
COLUMNS = ("guests", *SLACK, "dom0_ns_each")

SCRIPT = """
ulimit -n 65536
mkfifo /tmp/ready
./spratd --ready-fd 7 7>/tmp/ready 2>/dev/console &
read -r line </tmp/ready
spratd=$(pidof spratd); xenstored=$(pidof xenstored || pidof oxenstored)
number() { tr -dc 0-9; }
sample() {
    stats=$(./spratctl --json stats)
    say "$1 $(xenstore-ls -f | wc -l) $(ls /proc/$spratd/fd | wc -l)" \\
        "$(grep MemAvailable /proc/meminfo | number)" \\
        "$(grep VmRSS /proc/$xenstored/status | number)" \\
        "$(grep VmRSS /proc/$spratd/status | number) $stats"
}
churn() {
    left=$1
    while [ $left -gt 0 ]; do
        n=$left; [ $n -le %(batch)s ] || n=%(batch)s; left=$((left - n))
        ./spratctl create --count $n --name churn --timeout %(ready_s)s --ready %(ready)s \\
            guest.cfg >/tmp/output 2>&1 || say "error $(tail -n 1 /tmp/output)"
        ./spratctl destroy --all >/tmp/output 2>&1 || say "error $(tail -n 1 /tmp/output)"
    done
}
churn %(batch)s
sample before
for part in %(parts)s; do churn $part; sample after; sample before; done
"""


def add_arguments(parser):
    parser.description = __doc__
    parser.add_argument("image", nargs="?", default="hello", metavar="GUEST",
                        help="a cfg file, or the name of one (default: %(default)s)")
    parser.add_argument("--guests", type=lab_cli.positive, default=10000, metavar="N",
                        help="so many in all (default: %(default)s)")
    parser.add_argument("--cmdline", default="stay", metavar="TEXT",
                        help="the guests' command line (default: '%(default)s')")
    parser.add_argument("--ready", default="from Sprat", metavar="TEXT",
                        help="what a guest says in main (default: '%(default)s')")
    csvfile.add_option(parser, "churn")
    parser.set_defaults(act=main)


def main(args):
    guest = run.Guest(args.image)
    rows = measure(guest, args)
    csvfile.write_alone(args.csv, "churn", COLUMNS, ([row[key] for key in COLUMNS] for row in rows))
    grown = [f"{key}: {rows[0][key]} at first, {rows[-1][key]} in the end"
             for key, slack in SLACK.items() if has_grown(rows, key, slack)]  # fmt: skip
    if rows[-1]["dom0_ns_each"] > rows[0]["dom0_ns_each"] * COST_GROWTH_MAX:
        grown.append(f"a creation costs {rows[-1]['dom0_ns_each']} ns of dom0,"
                     f" and {rows[0]['dom0_ns_each']} at first")
    if grown:
        raise SpratError("\n".join(["after so many guests, the host is not what it was:", *grown]))
    print(f"{args.guests} guests created and destroyed; nothing has grown.")
    return 0


def has_grown(rows, key, slack):
    """Whether more is used in the end than after the first part, or less is free."""
    change = rows[-1][key] - rows[0][key]
    return (-change if key in ("xen_free_kib", "dom0_available_kib") else change) > slack


def measure(guest, args):
    """Churn in a counting machine; return a row for each part."""
    ends = [args.guests * part // PARTS for part in range(PARTS + 1)]
    parts = [end - start for start, end in zip(ends, ends[1:])]
    rows, before = [], []

    def take_line(text, _elapsed_s):
        kind, _, rest = text.partition(" ")
        if kind == "error":
            raise SpratError(f"in the counting machine: {rest}")
        if kind not in ("before", "after"):
            return
        *numbers, stats = rest.split(" ", 5)
        nodes, descriptors, available, xenstored, own = map(int, numbers)
        stats = json.loads(stats)
        if kind == "before":
            before[:] = [stats["dom0_cpu_ns"]]
            return
        each = (stats["dom0_cpu_ns"] - before[0]) // max(1, parts[len(rows)])
        rows.append({"guests": ends[len(rows) + 1], "xen_free_kib": stats["xen_free_kib"],
                     "dom0_available_kib": available, "xenstored_kib": xenstored,
                     "launcher_kib": own, "nodes": nodes, "descriptors": descriptors,
                     "dom0_ns_each": each})  # fmt: skip
        lab_cli.report(", ".join(f"{key} {value}" for key, value in rows[-1].items()))

    script = SCRIPT % {"batch": BATCH, "parts": " ".join(map(str, parts)), "ready_s": READY_S,
                       "ready": guest_cfg.quote_word(args.ready)}  # fmt: skip
    memory = 1024 + 2 * BATCH * (guest.memory_mib + 1)
    counting.run(lab.Options(memory=memory),
                 lambda archive: bench_launch.add_files(archive, guest, args), script, take_line)
    return rows
