# SPDX-License-Identifier: BSD-2-Clause
"""Many guests from one image: plan them, start them, keep them, replace them.

  sprat fleet plan web --cfg hello --count 100 --cmdline "stay {n}" --ready "from Sprat"
  sprat fleet up web
  sprat fleet status web
  sprat fleet scale web 150
  sprat fleet replace web --cfg hello2 --parallel 5
  sprat fleet down web
  sprat fleet remove web

A fleet is a folder under fleet/ in the build folder, one cfg for each guest. Which guests run, and
of which cfg, is always asked of Xen and xenstore: a command that was interrupted is simply given
again. The launcher (spratd) is started where it does not run.
"""

import contextlib
import dataclasses
import fcntl
import os
import re
import shutil

from spratlib import fleet_guests, fleet_plan, fleet_replace, lab, lab_cli, paths, toolstack
from spratlib.errors import SpratError, UsageError
from spratlib.launcher import Launcher

SHOWN_MAX = 20  # guests of one kind that status names


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
    plan.add_argument("--vcpus", type=lab_cli.positive, default=0, metavar="N",
                      help="virtual CPUs; the launcher takes 1, as Sprat's images do")
    plan.add_argument("--net4", default="", metavar="A.B.C.D/N", help="IPv4 addresses from here")
    plan.add_argument("--net6", default="", metavar="A::/N", help="IPv6 addresses from here")
    plan.add_argument("--bridges", default="", metavar="BR[,BR...]",
                      help="give each guest an interface, spread over these bridges")
    plan.add_argument("--pool", default="", help="cpu pool")
    plan.add_argument("--cpus", default="", metavar="LIST", help="CPUs to run on, like 2-3")
    plan.add_argument("--disk", dest="disks", action="append", default=[], metavar="SPEC",
                      help="instead of the cfg's, for each disk: file:/srv/{name}.img,xvda,w")
    plan.add_argument("--cmdline", metavar="TEXT",
                      help="instead of the cfg's; {n} {name} {ip4} {ip6} {mac} {uuid} {bridge}")
    plan.add_argument("--restart", action="store_true",
                      help="start a guest again that fails, ever slower if it fails at once")
    plan.add_argument("--ready", default="", metavar="TEXT",
                      help="a guest is up when its console has this")
    plan.add_argument("--libvirt", action="store_true", help="write libvirt's XML as well")

    up = action("up", up_fleet, "start those that do not run")
    scale = action("scale", scale_fleet, "have N guests: plan, start, end")
    scale.add_argument("count", type=lab_cli.positive, metavar="N")
    replace = action("replace", replace_fleet, "replace guests by a new image, some at a time")
    what = replace.add_mutually_exclusive_group(required=True)
    what.add_argument("--cfg", metavar="CFG", help="the new image's cfg")
    what.add_argument("--back", action="store_true",
                      help="undo a replace that was interrupted: all guests as before it")
    down = action("down", down_fleet, "end them, the last one first")
    for sub in (up, scale, replace):
        sub.add_argument("--ready", metavar="TEXT", help="instead of what the plan says")
    for sub in (up, scale, replace, down):
        sub.add_argument("--timeout", type=lab_cli.positive, default=30, metavar="S",
                         help="for one guest (default: %(default)s)")
        sub.add_argument("--parallel", type=lab_cli.positive, default=16, metavar="K",
                         help="so many at a time (default: %(default)s)")
    down.add_argument("--now", action="store_true", help="do not ask them first")
    remove = action("remove", remove_fleet, "forget it: its plan and its files; no guest may run")
    listing = actions.add_parser("list", help="which fleets there are")
    listing.set_defaults(act=list_fleets, fleet="any")
    status = action("status", show_status, "which guests run (exit code 1: not all)")
    status.add_argument("--all", action="store_true", help="name all that are not as planned")
    for sub in (up, scale, replace, down, remove, status):
        sub.add_argument("--lab", metavar="NAME", default=os.environ.get("SPRAT_LAB") or None,
                         help="the lab to use (default: $SPRAT_LAB)")


def main(args):
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}", args.fleet):
        raise UsageError(f"'{args.fleet}' cannot name a fleet: 1 to 40 letters, digits, '_.-'")
    return args.act(args)


def folder_of(name):
    return paths.build_folder() / "fleet" / name


@contextlib.contextmanager
def alone(folder):
    """Work on a fleet; SpratError when another command does. The kernel frees the lock, however
    we end."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise SpratError(f"another command works on the fleet {folder.name}: wait for it") from None
    finally:
        os.close(descriptor)


def plan_fleet(args):
    names = [field.name for field in dataclasses.fields(fleet_plan.Plan) if field.name != "base"]
    fields = {name: getattr(args, name) for name in names}
    fields["bridges"] = tuple(filter(None, args.bridges.split(",")))
    fields["disks"] = tuple(args.disks)
    folder = folder_of(args.fleet)
    plan = fleet_plan.Plan(**fields)
    fleet_plan.check(folder, plan)
    folder.mkdir(parents=True, exist_ok=True)
    with alone(folder):
        fleet_replace.refuse_unfinished(folder)
        guests = fleet_plan.write(folder, fleet_plan.with_image(folder, plan), args.libvirt)
        fleet_plan.forget_images(folder)
    print(f"{len(guests)} guests planned in {folder}")
    return 0


@contextlib.contextmanager
def tools_for(args):
    """Give the toolstack: a lab that runs, or this machine. One that ends with us is of no use."""
    if (args.lab is None and not toolstack.is_dom0()
            and not lab.Lab(lab.DEFAULT_NAME).is_running()):  # fmt: skip
        raise SpratError("no lab runs, and this machine is no Xen dom0; first: sprat lab up")
    with toolstack.choose(args.lab, lab.Options(), lab_cli.report) as tools:
        yield tools


def with_fleet(act):
    """Make a function of (args) of one of (Fleet)."""

    def run(args):
        folder = folder_of(args.fleet)
        fleet_plan.read(folder)
        with alone(folder) if act is not status_of else contextlib.nullcontext():
            with tools_for(args) as tools:
                launcher = Launcher(tools)
                launcher.start()
                try:
                    return act(fleet_guests.Fleet(folder, launcher, args))
                except KeyboardInterrupt:
                    lab_cli.report("interrupted; to go on, give the command again")
                    raise

    return run


def start_missing(fleet, state):
    """Start what is planned and has no domain; check the others that have not been seen ready."""
    missing = [name for name in fleet.names() if not state.is_there(name)]
    fleet.check_room(missing)
    n_before = len(fleet.names()) - len(missing)
    fleet.report_failures(fleet.start(missing, n_before), "did not start")
    fleet.report_failures(fleet.await_ready(state), "are not ready")
    print(f"{len(missing)} guests started, {n_before} were there already")
    state = fleet.look()
    idle = [f"{name} {state.describe(name)}" for name in fleet.names() if not state.runs(name)]
    if idle:
        raise SpratError("\n  ".join([f"{len(idle)} guests do not run:", *idle[:SHOWN_MAX]]))
    return 0


@with_fleet
def up_fleet(fleet):
    return start_missing(fleet, fleet.look())


@with_fleet
def down_fleet(fleet):
    state = fleet.look()
    names = [name for name in reversed([*fleet.names(), *state.extra]) if name in state.ours]
    for at in range(0, len(names), fleet.args.parallel):
        fleet.end(names[at : at + fleet.args.parallel], state, fleet.args.now)
        if len(names) > fleet.args.parallel:
            lab_cli.report(f"{min(at + fleet.args.parallel, len(names))} of {len(names)} ended")
    print(f"{len(names)} guests ended")
    return 0


@with_fleet
def scale_fleet(fleet):
    fleet_replace.refuse_unfinished(fleet.folder)
    plan = dataclasses.replace(fleet.plan, count=fleet.args.count)
    state = fleet.look()
    running = [name for name in fleet.names() if name in state.ours]
    fleet.check_room([fleet.names()[0]] * (plan.count - len(running)))
    fleet_plan.write(fleet.folder, plan, any(fleet.folder.glob("*.xml")), keep=True)
    fleet.plan = plan
    state = fleet.look()
    fleet.end(list(reversed(state.extra)), state, now=False)
    if state.extra:
        print(f"{len(state.extra)} guests ended")
    return start_missing(fleet, fleet.look())


@with_fleet
def replace_fleet(fleet):
    if fleet.args.back:
        return fleet_replace.back(fleet)
    return fleet_replace.forward(fleet, fleet.args.cfg)


@with_fleet
def remove_fleet(fleet):
    state = fleet.look()
    if state.ours:
        raise SpratError(f"{len(state.ours)} of its guests are there; first: sprat fleet down")
    shutil.rmtree(fleet.folder)
    return 0


def list_fleets(_args):
    for path in sorted(folder_of("any").parent.glob(f"*/{fleet_plan.PLAN_FILE}")):
        plan = fleet_plan.read(path.parent)
        print(f"{path.parent.name:40} {plan.count:6} guests of {plan.cfg}")
    return 0


def status_of(fleet):
    state = fleet.look()
    names = fleet.names()
    up = [name for name in names if state.runs(name)]
    stale = [name for name in up if state.is_stale(name)]
    print(f"{len(up)} of {len(names)} guests run")
    show("absent", [name for name in names if not state.is_there(name)], fleet.args.all)
    for name in names:
        guest = state.ours.get(name)
        if guest and (guest["state"] != "running" or guest["restarts"]):
            print(f"  {name:32} {state.describe(name)}")
    show("not of their cfg file: 'sprat fleet replace' makes them so", stale, fleet.args.all)
    show("made by another: this fleet's commands leave them alone",
         [name for name in names if name in state.strangers], fleet.args.all)  # fmt: skip
    show("not planned: 'sprat fleet scale' ends them", state.extra, fleet.args.all)
    if fleet_replace.is_unfinished(fleet.folder):
        print("A replace was interrupted: 'sprat fleet replace' with --cfg goes on, with --back"
              " goes back")  # fmt: skip
    return 0 if len(up) == len(names) else 1


show_status = with_fleet(status_of)


def show(what, names, all_of_them):
    """Name guests, unless there are too many."""
    if not names:
        return
    shown = names if all_of_them else names[:SHOWN_MAX]
    more = f" and {len(names) - len(shown)} more (--all)" if len(shown) < len(names) else ""
    print(f"  {len(names)} {what}: {' '.join(shown)}{more}")
