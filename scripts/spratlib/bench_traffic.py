# SPDX-License-Identifier: BSD-2-Clause
"""What a guest pays for traffic: `sprat bench cost --traffic`.

The figures are CPU time that Xen accounts to the domain, from idle to idle, for each packet (or
ping, connection, MiB), in the counting machine. A packet that comes alone pays for the wake-up as
well; the others come 32 at a time.
"""

import dataclasses

from spratlib import counting, csvfile, guest_cfg, lab, lab_cli, run
from spratlib.errors import SpratError, UsageError

CSV_COLUMNS = ("traffic", "guest", "of", "cpu_ns", "instructions")
ADDRESS = "10.0.0.2"
MIB = 2**20
TWO_VIFS = 'vif=["bridge=xenbr1","bridge=xenbr2"]'
BRIDGE = "FromDevice(eth0) -> Queue(1000) -> ToDevice(eth1); FromDevice(eth1) -> Discard;"


@dataclasses.dataclass(frozen=True)
class Traffic:
    """One kind of traffic: to which guest, and what lab-traffic is told."""

    guest: str
    words: tuple  # of the guest's command line
    of: str
    kind: str  # lab-traffic's, with %s for the domain's number
    count: int
    unit: int = 1
    xl: tuple = ()


STATIC = (f"sprat.ip={ADDRESS}/24", "sprat.ip6=off")
KINDS = {
    "start": Traffic("daytime", (f"sprat.ip={ADDRESS}/24",), "start", "start", 1),
    "ping": Traffic("daytime", STATIC, "ping", f"ping {ADDRESS}", 100),
    "connection": Traffic("daytime", STATIC, "connection", f"connect {ADDRESS} 13", 100),
    "request": Traffic("httpd", STATIC, "HTTP request", f"request {ADDRESS} 80", 100),
    "fetch": Traffic("httpd", STATIC, "connection and request", f"fetch {ADDRESS} 80", 100),
    # The same while a thousand others are open.
    "crowd": Traffic("httpd", STATIC, "connection and request", f"fetch {ADDRESS} 80 1000", 100,
                     xl=("memory=32",)),
    "query": Traffic("dns", STATIC, "DNS query", f"query {ADDRESS} 53", 100),
    "driver": Traffic("pong", (), "packet in and out", f"ping {ADDRESS} 32", 640),
    "receive": Traffic("test-traffic", STATIC, "datagram", f"send {ADDRESS} 9", 640),
    "transmit": Traffic("test-traffic", STATIC, "datagram", f"ask {ADDRESS} 19", 640),
    "upload": Traffic("test-traffic", STATIC, "MiB by TCP", f"upload {ADDRESS} 9", 16 * MIB, MIB),
    "download": Traffic("test-traffic", STATIC, "MiB by TCP", f"download {ADDRESS} 19", 16 * MIB,
                        MIB),
    "forward": Traffic("middlebox", ("-e", BRIDGE), "packet", "forward vif%s.0 vif%s.1", 640,
                       xl=(TWO_VIFS, "max_grant_frames=5")),
}  # fmt: skip


def measure(names):
    """Measure kinds of traffic; return {name: ns of one}. Raises SpratError."""
    found, errors = {}, []
    guests = {name: run.Guest(KINDS[name].guest, None, KINDS[name].words) for name in names}
    script = "\n".join(line for name in names for line in script_lines(name, guests[name]))

    def add_files(archive):
        added = set()
        for name in names:
            for path, target in visible(guests[name]).items():
                if target not in added:
                    archive.file(target, path.read_bytes())
                    added.add(target)

    def take_line(text, elapsed_s):
        name, _, rest = text.partition(" ")
        key, _, value = rest.partition(" ")
        if name not in names:
            return
        if key == "start":
            lab_cli.report(f"{elapsed_s:4.0f} s: {name}")
        elif key == "cpu-ns":
            found[name] = int(value) * KINDS[name].unit // KINDS[name].count
        else:
            errors.append(f"{name}: {rest}")

    counting.run(lab.Options(), add_files, script, take_line)
    if errors or set(found) != set(names):
        missing = sorted(set(names) - set(found))
        raise SpratError("\n".join(["traffic could not all be measured:", *missing, *errors]))
    return found


def visible(guest):
    """Return where a guest's files are in the machine: {path: path}."""
    return {path: f"/bench/{path.name}" for path in guest.files()}


def script_lines(name, guest):
    """Return the lines of the script that measure one kind of traffic."""
    traffic = KINDS[name]
    guest.name = name
    words = ["xl", "create", "-q", "-e", *guest.xl_arguments(visible(guest)), *traffic.xl]
    create = " ".join(guest_cfg.quote_word(word) for word in words)
    kind = traffic.kind.replace("%s", "$domid")
    return [
        f"say {name} start",
        f"{create} >/tmp/errors 2>&1 && domid=$(xl domid {name}) &&",
        f"lab-traffic $domid {traffic.count} {kind} >/tmp/report 2>/tmp/errors",
        f'while read -r line; do say {name} "$line"; done </tmp/report',
        f'while read -r line; do say {name} "$line"; done </tmp/errors',
        f"xl destroy {name}",
    ]


def choose(text):
    """Return the kinds that --traffic names."""
    names = list(KINDS) if text == "all" else text.split(",")
    for name in names:
        if name not in KINDS:
            raise UsageError(f"--traffic {name}: there are all, {', '.join(KINDS)}")
    return names


def main(args):
    """Measure what --traffic asks for; print a table, write it as CSV."""
    names = choose(args.traffic)
    found = first = measure(names)
    for _ in range(1, args.runs):
        found = measure(names)
        if found != first:
            raise SpratError(f"two runs differ:\n{first}\n{found}")
    width = max(map(len, names))
    print(f"{'':{width}}  {'CPU time, ns':>13}  {'instructions':>13}  of a")
    for name in names:
        ns = found[name]
        instructions = ns // counting.NS_PER_INSTRUCTION
        print(f"{name:{width}}  {ns:13,}  {instructions:13,}  {KINDS[name].of}")
    rows = [[name, KINDS[name].guest, KINDS[name].of, ns, ns // counting.NS_PER_INSTRUCTION]
            for name, ns in found.items()]  # fmt: skip
    csvfile.write_alone(args.csv, "traffic", CSV_COLUMNS, rows)
    return 0
