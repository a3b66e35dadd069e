# SPDX-License-Identifier: BSD-2-Clause
"""What one creation costs dom0, in ns of its CPU time, by xl, by the launcher and from its pool.

Counted in a machine that counts instructions instead of time (see `sprat bench cost`): two runs of
the same build agree to the last digit. The figure is that of dom0 as a whole, so xenstored's, the
kernel's and the command's own part are in it; the cost of asking the launcher for nothing is given
too, and taken off what is divided by the number of guests.

A guest with interfaces has them connected when all is quiet, a second after the command has ended:
that second is in each figure, and taken off again.
"""

import re

from spratlib import counting, guest_cfg, lab, lab_cli, paths, run
from spratlib.errors import SpratError

BATCH = 10
READY_S = 60
SETTLE_S = 1  # for backends to connect
LAB_OVERHEAD_MIB = 1024
RESULT = re.compile(r"(\S+) cpu-ns (\d+)")

# %(...)s are filled in. `around WHAT COMMAND` reports dom0's CPU time for a command.
SCRIPT = """
ulimit -n 65536
printf '#!/bin/sh\\n"$@" && sleep %(settle_s)s\\n' >settled
chmod +x settled
[ %(settle_s)s = 0 ] || modprobe -a xen-netback bridge
for bridge in %(bridges)s; do ip link add $bridge type bridge && ip link set $bridge up; done
around() {
    what=$1; shift
    lab-domain around ./settled "$@" >/tmp/output 2>/tmp/errors 3>/tmp/report ||
        say "error $what: $(tail -n 1 /tmp/errors)"
    say "$what $(grep cpu-ns /tmp/report)"
}
create() { ./spratctl create --parallel 1 --ready %(ready)s --timeout %(ready_s)s "$@" guest.cfg; }
ten() { what=$1; shift; around "$what" ./spratctl create --parallel 1 --count %(batch)s \\
    --ready %(ready)s --timeout %(ready_s)s "$@" guest.cfg; }

around quiet true
around xl-first xl create -q -e guest.cfg 'name="xl-1"'
around xl xl create -q -e guest.cfg 'name="xl-2"'
xl destroy xl-1; xl destroy xl-2 # xenstored looks at each with whatever it is asked
mkfifo /tmp/ready
./spratd --ready-fd 7 7>/tmp/ready 2>/dev/console &
read -r line </tmp/ready
create --name warm >/dev/null || say "error: no guest can be created"
around nothing ./spratctl stats
ten sprat --name first
./spratctl pool --size %(pool)s --low 1 guest.cfg
until ./spratctl stats | grep -q 'shells *%(pool)s$'; do :; done
ten pool --name pooled
around destroy ./spratctl destroy %(names)s
./spratctl pool --size 0 guest.cfg # or those that follow would come from it
while ./spratctl stats | grep -q shells; do :; done
if [ %(running)s -gt 0 ]; then
    create --count %(running)s --name more >/dev/null
    ten sprat-at-%(running)s --name last
    around xl-at-%(running)s xl create -q -e guest.cfg 'name="xl-3"'
fi
"""


def add_arguments(parser):
    parser.description = __doc__
    parser.add_argument("image", nargs="?", default="hello", metavar="GUEST",
                        help="a cfg file, or the name of one (default: %(default)s)")
    parser.add_argument("--running", type=lab_cli.positive, default=0, metavar="N",
                        help="measure again when so many guests run")
    parser.add_argument("--cmdline", default="stay", metavar="TEXT",
                        help="the guests' command line (default: '%(default)s')")
    parser.add_argument("--ready", default="from Sprat", metavar="TEXT",
                        help="what a guest says in main (default: '%(default)s')")
    parser.set_defaults(act=main)


def main(args):
    guest = run.Guest(args.image)
    memory = LAB_OVERHEAD_MIB + (args.running + 5 * BATCH) * (guest.memory_mib + 1)
    figures = measure(guest, args, lab.Options(memory=max(2048, memory)))
    quiet, nothing = figures.pop("quiet"), figures.pop("nothing")
    print(f"{'':16} {'ns of dom0':>14} {'one guest':>12}  xl is so many times that")
    each = {name: total - quiet if name.startswith("xl") else (total - nothing) // BATCH
            for name, total in figures.items()}  # fmt: skip
    for name, total in figures.items():
        xl = each.get(name.replace("sprat", "xl").replace("pool", "xl"))
        ratio = f"{xl / each[name]:8.1f}" if not name.startswith("xl") and name != "destroy" else ""
        print(f"{name:16} {total:14,} {each[name]:12,}  {ratio}")
    print(f"{'asking nothing':16} {nothing:14,}")
    print(f"{'doing nothing':16} {quiet:14,}")
    return 0


def cfg_of(guest, cmdline):
    """Return the text of the cfg in the machine."""
    lines = [line for line in guest.cfg.read_text().splitlines()
             if not line.startswith(("name", "extra", "kernel", "uuid"))]  # fmt: skip
    lines += ['name = "guest"', 'kernel = "/bench/guest.xen"']
    return "\n".join([*lines, f"extra = {guest_cfg.quote(cmdline)}", ""])


def add_files(archive, guest, args):
    """Add the programs and the guest."""
    for name in ("spratd", "spratctl"):
        program = paths.build_folder() / "toolstack" / name
        if not program.exists():
            raise SpratError(f"{program} is not built: ninja -C {paths.build_folder()}")
        archive.file(f"/bench/{name}", program.read_bytes(), 0o755)
    archive.file("/bench/guest.xen", guest.kernel.read_bytes())
    archive.file("/bench/guest.cfg", cfg_of(guest, args.cmdline).encode())


def script(guest, args):
    """Return what is done in the machine."""
    names = " ".join(f"first-{number}" for number in range(1, BATCH + 1))
    bridges = sorted(set(re.findall(r"bridge=([A-Za-z0-9_.-]+)", guest.cfg.read_text())))
    has_vifs = re.search(r"(?m)^vif\s*=", guest.cfg.read_text())
    return SCRIPT % {
        "settle_s": SETTLE_S if has_vifs else 0, "bridges": " ".join(bridges),
        "batch": BATCH, "running": args.running, "names": names,
        "pool": 2 * BATCH,  # it is not filled up meanwhile
        "ready": guest_cfg.quote_word(args.ready), "ready_s": READY_S,
    }  # fmt: skip


def measure(guest, args, options):
    """Run the script in a counting machine; return {name: ns}."""
    figures = {}

    def take_line(text, _elapsed_s):
        if text.startswith("error"):
            raise SpratError(f"in the counting machine: {text}")
        if match := RESULT.match(text):
            figures[match[1]] = int(match[2])
            lab_cli.report(f"{match[1]}: {int(match[2]):,} ns")

    counting.run(options, lambda archive: add_files(archive, guest, args), script(guest, args),
                 take_line)
    return figures
