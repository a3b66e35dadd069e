# SPDX-License-Identifier: BSD-2-Clause
"""What Xen's primitives cost a PV guest, in instructions: hypercalls, events, grants, page tables,
threads, timers, xenstore.

examples/pvbench measures them in a machine that counts instructions instead of time (see `sprat
bench cost`), with a second guest for the event's round trip. What Xen, and for xenstore dom0, do on
the guest's behalf is in the figures.
"""

import csv
import io

from spratlib import counting, csvfile, lab, run
from spratlib.errors import SpratError

COLUMNS = ("operation", "ticks_p50", "ticks_p90", "ns_p50", "instructions_p50")
TIMEOUT_S = 20  # of the machine's own time

SCRIPT = """
log=/var/log/xen/console
started() {
    until xenstore-exists /local/domain/$1/data/port 2>/dev/null; do
        n=$((n + 1)); [ $n -lt %(timeout_s)s00 ] || { say "error $2"; return 1; }; usleep 10000
    done
}
create() { xl create -q -e guest.cfg "name=\\"$1\\"" "extra=\\"$2\\"" max_maptrack_frames=1 \
    'on_poweroff="preserve"' 2>/tmp/errors || say "error $(tr "\\n" " " </tmp/errors)"; }
create peer answer
peer=$(xl domid peer)
create pvbench "PEER=$peer csv"
domid=$(xl domid pvbench)
n=0
started $domid "pvbench offers no port" || exit
xenstore-write /local/domain/$peer/data/domid $domid
xenstore-write /local/domain/$peer/data/port "$(xenstore-read /local/domain/$domid/data/port)"
until xenstore-exists /local/domain/$domid/data/exit-status; do
    n=$((n + 1)); [ $n -lt %(timeout_s)s00 ] || break; usleep 10000
done
usleep 500000
while read -r line; do say "guest $line"; done <$log/guest-pvbench.log
say "status $(xenstore-read /local/domain/$domid/data/exit-status)"
"""


def add_arguments(parser):
    parser.description = __doc__
    csvfile.add_option(parser, "pv")
    parser.set_defaults(act=main)


def main(args):
    rows = measure(run.Guest("pvbench"))
    print(f"{'operation':38} {'instructions':>12} {'p90':>10}")
    for row in rows:
        p90 = row["ticks_p90"] * row["instructions_p50"] // max(1, row["ticks_p50"])
        print(f"{row['operation']:38} {row['instructions_p50']:12,} {p90:10,}")
    csvfile.write_alone(args.csv, "pv", COLUMNS, ([row[key] for key in COLUMNS] for row in rows))
    return 0


def measure(guest):
    """Run pvbench in a counting machine; return the rows as dictionaries."""
    said, ends = [], []

    def take_line(text, _elapsed_s):
        kind, _, rest = text.partition(" ")
        if kind == "error":
            raise SpratError(f"in the counting machine: {rest}")
        if kind == "guest":
            said.append(rest)
        elif kind == "status":
            ends.append(rest)

    def add_files(archive):
        archive.file("/bench/guest.xen", guest.kernel.read_bytes())
        lines = [line for line in guest.cfg.read_text().splitlines()
                 if not line.startswith(("name", "extra", "kernel"))]  # fmt: skip
        lines += ['kernel = "/bench/guest.xen"', ""]
        archive.file("/bench/guest.cfg", "\n".join(lines).encode())

    script = SCRIPT % {"timeout_s": TIMEOUT_S}
    counting.run(lab.Options(), add_files, script, take_line)
    if ends != ["0"]:
        raise SpratError("pvbench did not do all its work:\n" + "\n".join(said))
    start = next((i for i, line in enumerate(said) if line.startswith("operation,")), len(said))
    rows = list(csv.DictReader(io.StringIO("\n".join(said[start:]))))
    for row in rows:
        for key in COLUMNS[1:4]:
            row[key] = int(row[key])
        row["instructions_p50"] = row["ns_p50"] // counting.NS_PER_INSTRUCTION
    return rows
