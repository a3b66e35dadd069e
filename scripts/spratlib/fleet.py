# SPDX-License-Identifier: BSD-2-Clause
"""Many guests from one image: plan them, start them, keep them, replace them.

  sprat fleet plan web --cfg hello --count 100 --cmdline "stay --name {name}"
  sprat fleet up web --ready "from Sprat"
  sprat fleet status web
  sprat fleet scale web 150
  sprat fleet replace web --cfg hello2 --parallel 5 --ready "from Sprat"
  sprat fleet down web

A fleet is a folder under fleet/ in the build folder, one cfg for each guest. Which guests run is
always asked of Xen: a command that was interrupted is simply given again. The launcher (spratd) is
started where it does not run.
"""

import dataclasses
import json
import os
import re

from spratlib import agent, fleet_plan, guest_cfg, lab, lab_cli, paths, toolstack
from spratlib.errors import SpratError, UsageError

CHUNK = 200  # guests named in one command: its line has a limit
LOG = "/var/log/spratd.log"
LAUNCH_S = 20  # to start the daemon


def add_arguments(parser):
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    def action(name, act, help_text):
        sub = actions.add_parser(name, help=help_text)
        sub.add_argument("fleet", metavar="FLEET", help="its name")
        sub.set_defaults(act=act)
        return sub

    plan = action("plan", plan_fleet, "write one cfg for each guest")
    plan.add_argument("--cfg", required=True, metavar="CFG", help="the image's cfg, or its name")
    plan.add_argument("--count", required=True, type=lab_cli.positive, metavar="N")
    plan.add_argument("--name", default=fleet_plan.Plan.name, metavar="PATTERN",
                      help="guests' names, with {fleet} and {n} (default: %(default)s)")
    plan.add_argument("--memory", type=lab_cli.positive, default=0, metavar="MIB")
    plan.add_argument("--net4", default="", metavar="A.B.C.D/N", help="IPv4 addresses from here")
    plan.add_argument("--net6", default="", metavar="A::/N", help="IPv6 addresses from here")
    plan.add_argument("--bridges", default="", metavar="BR[,BR...]",
                      help="give each guest an interface, spread over these bridges")
    plan.add_argument("--pool", default="", help="cpu pool")
    plan.add_argument("--cpus", default="", metavar="LIST", help="CPUs to run on, like 2-3")
    plan.add_argument("--cmdline", metavar="TEXT",
                      help="instead of the cfg's; {n} {name} {ip4} {ip6} {mac} {uuid} {bridge}")
    plan.add_argument("--libvirt", action="store_true", help="write libvirt's XML as well")

    up = action("up", up_fleet, "start those that do not run")
    scale = action("scale", scale_fleet, "have N guests: plan, start, end")
    scale.add_argument("count", type=lab_cli.positive, metavar="N")
    replace = action("replace", replace_fleet, "replace guests by a new image, some at a time")
    replace.add_argument("--cfg", required=True, metavar="CFG", help="the new image's cfg")
    down = action("down", down_fleet, "end them, the last one first")
    for sub in (up, scale, replace):
        sub.add_argument("--ready", metavar="TEXT", help="a guest is up when its console has this")
    for sub in (up, scale, replace, down):
        sub.add_argument("--timeout", type=lab_cli.positive, default=30, metavar="S",
                         help="for one guest (default: %(default)s)")
        sub.add_argument("--parallel", type=lab_cli.positive, default=16, metavar="K",
                         help="so many at a time (default: %(default)s)")
    down.add_argument("--now", action="store_true", help="do not ask them first")
    status = action("status", show_status, "which guests run")
    for sub in (up, scale, replace, down, status):
        sub.add_argument("--lab", metavar="NAME", default=os.environ.get("SPRAT_LAB") or None,
                         help="the lab to use (default: $SPRAT_LAB)")


def main(args):
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}", args.fleet):
        raise UsageError(f"'{args.fleet}' cannot name a fleet: 1 to 40 letters, digits, '_.-'")
    return args.act(args)


def folder_of(name):
    return paths.build_folder() / "fleet" / name


def plan_fleet(args):
    names = [field.name for field in dataclasses.fields(fleet_plan.Plan)]
    fields = {name: getattr(args, name) for name in names}
    fields["bridges"] = tuple(filter(None, args.bridges.split(",")))
    folder = folder_of(args.fleet)
    guests = fleet_plan.write(folder, fleet_plan.Plan(**fields), args.libvirt)
    print(f"{len(guests)} guests planned in {folder}")
    return 0


class Launcher:
    """spratd, where the guests are."""

    def __init__(self, tools):
        self._tools = tools
        self._folder = paths.build_folder() / "toolstack"
        self.said = ""

    def shell(self, command):
        """Run a shell command there; return (exit code, output). Its complaints are in `said`."""
        out, errors = bytearray(), bytearray()

        def keep(stream, data):
            (out if stream == agent.STDOUT else errors).extend(data)

        code = self._tools.run(["sh", "-c", command], output=keep)
        self.said = errors.decode(errors="replace").strip()
        return code, out.decode(errors="replace")

    def start(self):
        """Start the daemon, unless it runs; return whether it did not."""
        if self.shell(f"{self._folder}/spratctl stats >/dev/null 2>&1")[0] == 0:
            return False
        code, _ = self.shell(
            "f=$(mktemp -u); mkfifo $f && { setsid "
            f"{self._folder}/spratd --ready-fd 7 7>$f </dev/null >/dev/null 2>>{LOG} & "
            f"timeout {LAUNCH_S} head -n 1 $f | grep -q ready; r=$?; rm -f $f; exit $r; }}"
        )
        if code != 0:
            raise SpratError(f"spratd does not start; {LOG} in {self._tools.name} says why")
        return True

    def ask(self, command, words=()):
        """Run spratctl; return its answers. Many words are given in several turns."""
        answers = []
        for at in range(0, max(1, len(words)), CHUNK):
            quoted = " ".join(guest_cfg.quote_word(str(word)) for word in words[at : at + CHUNK])
            done = self.shell(f"{self._folder}/spratctl --json {command} {quoted}")
            answers += self._answers(done)
        return answers

    def guests(self):
        """Return {name: what the daemon says about it}, of all its guests."""
        answers = self._answers(self.shell(f"{self._folder}/spratctl --json list"))
        return {guest["name"]: guest for guest in answers[0]["guests"]}

    def _answers(self, result):
        code, output = result
        try:
            answers = [json.loads(line) for line in output.splitlines()]
        except ValueError:
            answers = []
        if not answers and code != 0:
            raise SpratError(f"the launcher does not answer: {self.said}")
        return answers


class Fleet:
    """A fleet's files, and the launcher that makes guests of them."""

    def __init__(self, args, launcher):
        self.folder = folder_of(args.fleet)
        self.plan = fleet_plan.read(self.folder)
        self.launcher = launcher
        self.args = args

    def names(self):
        """Return the planned names, in order."""
        return [guest.name for guest in fleet_plan.guests_of(self.folder.name, self.plan)]

    def start(self, names):
        """Start these guests; return the answers of those that failed."""
        words = f"create --parallel {self.args.parallel} --timeout {self.args.timeout}"
        if self.args.ready:
            words += f" --ready {guest_cfg.quote_word(self.args.ready)}"
        answers = self.launcher.ask(words, [self.folder / f"{name}.cfg" for name in names])
        return [answer for answer in answers if not answer["ok"]]

    def end(self, names, now):
        """End these guests: ask, wait, and destroy those that do not."""
        if not names:
            return
        if not now:
            self.launcher.ask("shutdown", names)
            at_once = f"--parallel {len(names)} --timeout {self.args.timeout}"
            self.launcher.ask(f"wait --end {at_once}", names)
        running = self.launcher.guests()
        left = [name for name in names if name in running]
        if left:
            self.launcher.ask("destroy", left)

    def extra(self):
        """Return the running guests that were this fleet's and are no longer planned."""
        pattern = re.escape(self.plan.name.replace("{fleet}", self.folder.name))
        pattern = pattern.replace(re.escape("{n}"), r"\d+")
        planned = set(self.names())
        return [name for name in self.launcher.guests()
                if re.fullmatch(pattern, name) and name not in planned]  # fmt: skip


def with_fleet(act):
    """Make a function of (args) of one of (Fleet)."""

    def run(args):
        fleet_plan.read(folder_of(args.fleet))
        with toolstack.choose(args.lab, lab.Options(), lab_cli.report) as tools:
            launcher = Launcher(tools)
            launcher.start()
            return act(Fleet(args, launcher))

    return run


def report_failures(failed):
    if failed:
        reasons = "\n".join(f"  {answer['error']}" for answer in failed[:5])
        more = f"\n  and {len(failed) - 5} more" if len(failed) > 5 else ""
        raise SpratError(f"{len(failed)} guests did not start:\n{reasons}{more}")


def start_missing(fleet):
    running = fleet.launcher.guests()
    missing = [name for name in fleet.names() if name not in running]
    if missing:
        fits = fleet.launcher.ask("fits", [fleet.folder / f"{missing[0]}.cfg"])[0]
        if fits["ok"] and fits["count"] < len(missing):
            raise SpratError(
                f"{len(missing)} guests do not fit: there is memory for {fits['count']}"
            )
    for at in range(0, len(missing), CHUNK):
        report_failures(fleet.start(missing[at : at + CHUNK]))
        lab_cli.report(f"{len(running) + min(at + CHUNK, len(missing))} guests are up")
    print(f"{len(missing)} guests started, {len(fleet.names()) - len(missing)} ran already")
    return 0


@with_fleet
def up_fleet(fleet):
    return start_missing(fleet)


@with_fleet
def down_fleet(fleet):
    running = fleet.launcher.guests()
    names = [name for name in reversed([*fleet.names(), *fleet.extra()]) if name in running]
    for at in range(0, len(names), fleet.args.parallel):
        fleet.end(names[at : at + fleet.args.parallel], fleet.args.now)
    print(f"{len(names)} guests ended")
    return 0


@with_fleet
def scale_fleet(fleet):
    plan = dataclasses.replace(fleet.plan, count=fleet.args.count)
    libvirt = any(fleet.folder.glob("*.xml"))
    fleet_plan.write(fleet.folder, plan, libvirt)
    fleet.plan = plan
    extra = fleet.extra()
    fleet.end(extra, now=False)
    if extra:
        print(f"{len(extra)} guests ended")
    return start_missing(fleet)


@with_fleet
def replace_fleet(fleet):
    """Each batch is ended and started with new files; one that fails gets its old files back."""
    old = fleet.plan
    new = dataclasses.replace(old, cfg=str(guest_cfg.find(fleet.args.cfg)))
    base = guest_cfg.find(new.cfg).read_text()
    guests = fleet_plan.guests_of(fleet.folder.name, new)
    for at in range(0, len(guests), fleet.args.parallel):
        batch = guests[at : at + fleet.args.parallel]
        files = {guest: fleet.folder / f"{guest.name}.cfg" for guest in batch}
        before = {path: path.read_text() for path in files.values()}
        names = [guest.name for guest in batch]
        running = fleet.launcher.guests()
        fleet.end([name for name in names if name in running], now=False)
        for guest, path in files.items():
            path.write_text(fleet_plan.cfg_text(fleet.folder.name, new, guest, base))
        failed = fleet.start(names)
        if failed:
            running = fleet.launcher.guests()
            fleet.end([name for name in names if name in running], now=True)
            for path, text in before.items():
                path.write_text(text)
            report_failures(fleet.start(names))
            raise SpratError(
                f"the new image does not work: {failed[0]['error']}\n"
                f"This batch runs the old one again; {at} guests run the new one."
            )
        lab_cli.report(f"{at + len(batch)} of {len(guests)} guests replaced")
    fleet_plan.write(fleet.folder, new, any(fleet.folder.glob("*.xml")))
    return 0


@with_fleet
def show_status(fleet):
    running = fleet.launcher.guests()
    names = fleet.names()
    up = [name for name in names if name in running]
    print(f"{len(up)} of {len(names)} guests run")
    for name in names:
        if name not in running:
            print(f"  {name:32} absent")
        elif running[name]["state"] != "running" or running[name]["restarts"]:
            print(f"  {name:32} {running[name]['state']}, {running[name]['restarts']} restarts")
    for name in fleet.extra():
        print(f"  {name:32} runs and is not planned: 'sprat fleet scale' ends it")
    return 0 if len(up) == len(names) else 1
