# SPDX-License-Identifier: BSD-2-Clause
"""What network services reach, beside a Linux PV guest with servers from Debian's packages.

In a machine that counts instructions instead of time (see `sprat bench cost`), ordinary clients in
dom0 load a Sprat guest and then a Linux guest that does the same. Client, dom0, Xen and guest share
the machine's one CPU, so a rate says what all of them take together. It is measured again with the
guest held to a small share of that CPU, as on a host with many guests: there the guest is what
limits it. Beside them stands the guest's own CPU time for each request (or packet, or MiB), Xen's
work for it included. Forwarding is that of `sprat bench middlebox router`.

With --loss, packets are delayed and lost between dom0's clients and the guests, on both ways.

In the folder --output: net.csv, environment.txt, and plots.
"""

import argparse
import dataclasses

from spratlib import bench_middlebox, bench_net_cases, bench_net_plots, beside, counting, cpucap
from spratlib import csvfile, debtree, guest_cfg, guestconsole, lab, lab_cli, linuxguest
from spratlib import losspath, run
from spratlib.bench_net_cases import CASES, CLIENT_PACKAGES, CLIENTS, SERVER_PACKAGES
from spratlib.errors import UsageError

FORWARD = "forward"
LAB_MEMORY_MIB, DOM0_MEMORY_MIB = 3072, 1024  # the files are in dom0's memory
LINUX_MEMORY_MIB = 256
COLUMNS = ("case", "guest", "of", "share_percent", "rate_s", "guest_cpu_ns", "latency_us")

# What is done for one case and guest. The client leaves how many requests there were, the ns that
# they took, and the client's own word on latency in us, or "-".
SCRIPT = """
export PATH=/bench/bin:$PATH
complain() { while read -r line; do say "error $*: $line"; done <"$errors"; }
errors=/tmp/errors
limit=30
cpu() { lab-dominfo "$1" | sed -n 's/^cpu-ns //p'; }
up() { # GUEST: started, and heard
    xl create -q -e -p "$1.cfg" >"$errors" 2>&1 || return 1
    domid=$(xl domid "$1")
    case $1 in
    *-client) return 0 ;;
    esac
    lab-dominfo unpause "$domid" >"$errors" 2>&1 || return 1
    case $1 in
    *-linux)
        sh follow "$domid" >"$errors" 2>&1 &&
            sh ask "$domid" bench "$(cat "$1.commands")" >"$errors" 2>&1 ;;
    *) timeout "$limit" sh wait "$domid" serving >"$errors" 2>&1 ;;
    esac
}
measure() { # CASE SIDE GUEST SHARE: that it may have while it is measured
    warm_$1 >"$errors" 2>&1 || { complain "$1 $2"; return; }
    cap "$domid" "$4"
    before=$(cpu "$domid")
    load_$1 "$3" >/tmp/report 2>"$errors" || { complain "$1 $2"; return; }
    after=$(cpu "$domid")
    cap "$domid" 100
    say "run $1 $2 $4 $((after - before)) $(cat /tmp/report)"
}
"""


LOSS_DELAY = "2ms"
# dom0's addresses move to the other end of a path that loses packets.
FAR_AWAY = f"""
ip=/bench/bin/ip tc=/bench/bin/tc
{{{{ losspath delay {LOSS_DELAY} loss {{loss:g}}% && $ip addr flush dev xenbr0 scope global &&
    $ip addr add {bench_net_cases.DOM0}/24 dev end &&
    $ip addr add {bench_net_cases.DOM06}/64 dev end nodad; }}}} >"$errors" 2>&1 || complain path
"""


def add_arguments(parser):
    parser.description = __doc__
    known = ", ".join([*(case.name for case in CASES), FORWARD])
    parser.add_argument("names", nargs="*", metavar="CASE", help=f"of {known} (default: all)")
    parser.add_argument("--seconds", type=lab_cli.positive, default=1, metavar="S",
                        help="the machine's time for each figure (default: %(default)s)")
    parser.add_argument("--loss", type=float, metavar="PERCENT",
                        help=f"of the packets, each being on its way for {LOSS_DELAY} (default:"
                        " none are lost, or wait)")
    beside.add_options(parser, "net")
    parser.set_defaults(act=main)


def main(args):
    all_names = [*(case.name for case in CASES), *([FORWARD] if args.loss is None else [])]
    names = args.names or all_names
    cases = [case for case in CASES if case.name in names]
    sides = beside.sides_of(args)
    unknown = set(names) - set(all_names)
    if unknown:
        raise UsageError(f"there is no case {', '.join(unknown)}; sprat bench net --help has them")
    if args.loss is not None and not 0 <= args.loss < 100:
        raise UsageError(f"--loss {args.loss:g}: some percent, from 0 to less than 100")
    output = beside.folder_of(args)
    found = Found()
    if cases:
        measure(cases, sides, args, found)
    if FORWARD in names:
        measure_forward(sides, found)
    beside.write_environment(output, found, environment(args))
    csvfile.write(output / "net.csv", COLUMNS, (one.row() for one in found.runs))
    print_table(found)
    bench_net_plots.draw(output, found.runs)
    found.finish(output)
    return 0


@dataclasses.dataclass(frozen=True)
class Run:
    """One case by one guest: a line of net.csv."""

    case: str
    guest: str
    of: str  # what is counted
    share: int  # percent of the machine's one CPU, at most, for the guest
    rate_s: float
    guest_cpu_ns: int  # for each
    latency_us: float | None = None

    def row(self):
        """Return its line of net.csv."""
        latency = "" if self.latency_us is None else f"{self.latency_us:.1f}"
        return (self.case, self.guest, self.of, self.share, f"{self.rate_s:.1f}",
                self.guest_cpu_ns, latency)  # fmt: skip


class Found(beside.Found):
    """What the machine tells, line by line."""

    def take(self, _kind, words):
        self.take_run(*words)

    def take_run(self, case, side, share, cpu_ns, count="0", took_ns="0", latency_us="-"):
        """Take a case's figures: how much CPU time the guest had, how many, in which time."""
        count, took_ns = float(count), float(took_ns)
        if count <= 0 or took_ns <= 0:
            self.errors.append(f"{case} {side}: the client did nothing")
            return
        of = next(one.of for one in CASES if one.name == case)
        latency = None if latency_us == "-" else float(latency_us)
        self.runs.append(Run(case, side, of, int(share), count * 1e9 / took_ns,
                             round(int(cpu_ns) / count), latency))  # fmt: skip


def measure(cases, sides, args, found):
    """Run all cases in a counting machine."""
    image = tree = None
    clients = CLIENTS if args.loss is None else (*CLIENTS, *losspath.PROGRAMS)
    if "linux" in sides:
        image = linuxguest.prepare(
            lab_cli.report, packages=SERVER_PACKAGES, modules=linuxguest.NET,
            files=bench_net_cases.server_files())  # fmt: skip
    if args.loss is not None or any(case.needs_client for case in cases):
        tree = debtree.make((*CLIENT_PACKAGES, losspath.PACKAGE), lab_cli.report)
    options = lab.Options(memory=LAB_MEMORY_MIB, dom0_memory=DOM0_MEMORY_MIB, smp=1)
    tools = tree and debtree.alone(tree, clients)
    counting.run(options, lambda archive: add_files(archive, cases, args.seconds, image, tools),
                 script(cases, sides, args), found.take_line)  # fmt: skip


def add_files(archive, cases, seconds, linux_image, tools):
    """Add guests, clients and what they need to the machine's files."""
    archive.file("/bench/wait", guestconsole.FOLLOW.encode())
    archive.file("/bench/queries", bench_net_cases.QUERIES.encode())
    if linux_image:
        add_linux(archive, linux_image, seconds)
    add_clients(archive, tools or {})
    for name, case in {case.guest: case for case in cases}.items():
        guest = run.Guest(case.image)
        archive.file(f"/bench/{name}.xen", guest.kernel.read_bytes())
        archive.file(f"/bench/{name}.cfg", sprat_cfg(guest, case, seconds).encode())


def add_linux(archive, image, seconds):
    """Add the Linux guest, and what it is told."""
    here = linuxguest.add_files(archive, image)
    archive.file("/bench/all-linux.cfg", linuxguest.cfg_text(
        "all-linux", here, memory_mib=LINUX_MEMORY_MIB, vifs=["bridge=xenbr0"]).encode())
    told = {"all-linux": bench_net_cases.SERVE, **bench_net_cases.downloads(seconds)}
    for name, commands in told.items():
        archive.file(f"/bench/{name}.commands", linuxguest.encoded(commands))


def add_clients(archive, tools):
    """Add the clients, and what they need (debtree.alone()), as commands in /bench/bin."""
    for name, path in tools.items():
        archive.file(f"/bench/lib/{name}", path.read_bytes(), 0o755)
    for name in (name for name in (*CLIENTS, *losspath.PROGRAMS) if name in tools):
        archive.file(f"/bench/bin/{name}", (
            f"#!/bin/sh\nexec /bench/lib/{debtree.LOADER} --library-path /bench/lib"
            f' /bench/lib/{name} "$@"\n').encode(), 0o755)  # fmt: skip


def sprat_cfg(guest, case, seconds):
    """Return the cfg of a case's Sprat guest in the machine."""
    lines = [line for line in guest.cfg.read_text().splitlines()
             if not line.startswith(("name", "extra", "kernel", "uuid"))]  # fmt: skip
    extra = " ".join([*bench_net_cases.ADDRESS_WORDS, *case.words(seconds)])
    return "\n".join([*lines, f'name = "{case.guest}"', f'kernel = "/bench/{case.guest}.xen"',
                      f"extra = {guest_cfg.quote(extra)}", ""])  # fmt: skip


def script(cases, sides, args):
    """Return what is done in the machine."""
    lines = [SCRIPT, cpucap.FUNCTION, bench_net_cases.CLIENT_FUNCTIONS, f"seconds={args.seconds}",
             f"address={bench_net_cases.ADDRESS}", f"address6={bench_net_cases.ADDRESS6}"]
    if args.loss is not None:
        lines += [losspath.FUNCTIONS, FAR_AWAY.format(loss=args.loss)]
    for side in sides:
        for guest, measures in lives(cases, side):
            lines.append(f"if up {guest}; then")
            lines += [f"    measure {case.name} {side} {guest} {share}" for case, share in measures]
            lines += [f"else complain {guest}; fi", f"xl destroy {guest}"]
    return "\n".join([*lines, beside.FACTS])


def lives(cases, side):
    """Return the lives of one side's guests: (guest, [(case, share) that is measured in it]).

    A guest that is the client ends when it has been.
    """
    ended, lasting = [], {}
    for case in cases:
        measures = [(case, share) for share in (cpucap.WHOLE, cpucap.SHARE)
                    if share == cpucap.WHOLE or not case.waits]  # fmt: skip
        if side == "linux":
            lasting.setdefault("all-linux", []).extend(measures)
        elif case.paused:
            ended += [(case.guest, [measure]) for measure in measures]
        else:
            lasting.setdefault(case.guest, []).extend(measures)
    return [*lasting.items(), *ended]


def measure_forward(sides, found):
    """Have the middleboxes' benchmark measure the router."""
    args = argparse.Namespace(count=2000, window=128, memory=2)
    case = next(case for case in bench_middlebox.CASES if case.name == "router")
    case = dataclasses.replace(case, sizes=(64,))
    forwarded = bench_middlebox.measure([case], sides, args)
    found.errors += forwarded.errors
    for one in forwarded.runs:
        cost_ns = one.instructions * counting.NS_PER_INSTRUCTION
        found.runs.append(Run(FORWARD, one.guest, "packet of 64 bytes", one.share,
                              one.packets_s, cost_ns))  # fmt: skip


def environment(args):
    """Return what the figures depend on, line by line."""
    lines = [
        f"Linux guest: dom0's kernel, memory {LINUX_MEMORY_MIB} MiB; {' '.join(SERVER_PACKAGES)}",
        f"clients in dom0: {' '.join(CLIENT_PACKAGES)}; {args.seconds} s for each figure",
        f"share of a guest that is held: {cpucap.SHARE} % of the CPU",
        *([] if args.loss is None else
          [f"lost: {args.loss:g} % of the packets each way, which takes {LOSS_DELAY}"]),
    ]
    for name in dict.fromkeys(case.image for case in CASES):
        guest = run.Guest(name)
        size = guest.kernel.stat().st_size
        lines.append(f"{name}.xen: {size} bytes, memory {guest.memory_mib} MiB")
    return lines


def print_table(found):
    """Print what was found, Sprat beside Linux."""
    held = f"guest with {cpucap.SHARE} % of it, per s"
    print(f"{'':9} {'':20} {'all on one CPU, per s':>30}   {held:>30}   {'guest CPU time, ns':>30}")
    print(f"{'':9} {'':20}" + f" {'sprat':>11} {'linux':>11} {'times':>6}  " * 3)
    for name in dict.fromkeys(one.case for one in found.runs):
        whole = found.pair(case=name, share=cpucap.WHOLE)
        small = found.pair(case=name, share=cpucap.SHARE)
        rates = beside.compared([one and one.rate_s for one in whole], 11)
        held = beside.compared([one and one.rate_s for one in small], 11)
        costs = beside.compared([one and one.guest_cpu_ns for one in whole], 11, True)
        print(f"{name:9} {next(filter(None, whole + small)).of:20} {rates}   {held}   {costs}")
        latencies = [one and one.latency_us for one in whole]
        if any(latencies):
            print(f"{'':9} {'us there and back':20} {beside.compared(latencies, 11, True)}")
