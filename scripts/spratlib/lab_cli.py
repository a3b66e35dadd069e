# SPDX-License-Identifier: BSD-2-Clause
"""A real Xen with a Linux dom0, in QEMU: up, down, exec, console.

A lab started by `lab up` lives until `lab down`. The build folder is visible in dom0 under its own
path. Several labs may run side by side; --lab NAME tells them apart.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import termios
import time
import tty

from spratlib import agent, lab, paths, qemu
from spratlib.errors import SpratError, UsageError

EXIT_NOT_RUNNING = 3  # as systemctl status
GUEST_MOST_MIB = 32768  # what kernel/page.c counts


def add_arguments(parser):
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    up = actions.add_parser("up", help="start a lab")
    add_lab_argument(up)
    add_machine_arguments(up)
    up.set_defaults(act=up_lab)

    down = actions.add_parser("down", help="end a lab")
    add_lab_argument(down)
    down.add_argument("--all", action="store_true", help="end all labs of this build folder")
    down.set_defaults(act=down_lab)

    status = actions.add_parser("status", help="tell whether a lab runs (exit code 3: no)")
    add_lab_argument(status)
    status.set_defaults(act=status_lab)

    listing = actions.add_parser("list", help="list the labs of this build folder that run")
    listing.set_defaults(act=list_labs)

    console = actions.add_parser("console", help="Xen's and dom0's serial console (Ctrl-] leaves)")
    add_lab_argument(console)
    console.set_defaults(act=console_lab)

    execute = actions.add_parser("exec", help="run a command in dom0")
    add_lab_argument(execute)
    execute.add_argument("--timeout", type=positive, metavar="S", help="end it after S seconds")
    execute.usage = "sprat lab exec [OPTION...] -- COMMAND..."
    execute.set_defaults(act=exec_lab)

    with_lab = actions.add_parser(
        "with", help="run a command on this machine with a lab of its own ($SPRAT_LAB names it)"
    )
    add_machine_arguments(with_lab)
    with_lab.usage = "sprat lab with [OPTION...] -- COMMAND..."
    with_lab.set_defaults(act=with_own_lab)


def main(args):
    return args.act(args)


def positive(text):
    """An argument that is a whole number from 1."""
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


def guest_mib(text):
    """An argument that is a guest's memory."""
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= GUEST_MOST_MIB:
        raise argparse.ArgumentTypeError(f"{text}: write MiB, from 1 to {GUEST_MOST_MIB}")
    return int(text)


def add_lab_argument(parser):
    parser.add_argument(
        "--lab",
        metavar="NAME",
        default=os.environ.get("SPRAT_LAB") or lab.DEFAULT_NAME,
        help=f"which lab (default: $SPRAT_LAB, or '{lab.DEFAULT_NAME}')",
    )


def add_machine_arguments(parser):
    default = lab.Options()
    parser.add_argument("--memory", type=positive, metavar="MIB", default=default.memory,
                        help=f"the machine's memory (default: {default.memory})")
    parser.add_argument("--dom0-memory", type=positive, metavar="MIB", default=default.dom0_memory,
                        help=f"dom0's part of it (default: {default.dom0_memory})")
    parser.add_argument("--smp", type=positive, metavar="N", default=default.smp,
                        help=f"physical CPUs (default: {default.smp})")
    parser.add_argument("--xenstored", choices=("c", "ocaml"), default=default.xenstored,
                        help=f"which xenstored (default: {default.xenstored})")
    parser.add_argument("--no-snapshot", action="store_true",
                        help="boot, even if a snapshot could be used")


def options_of(args):
    """Return the lab.Options that add_machine_arguments() took."""
    if args.dom0_memory + 64 > args.memory:
        raise UsageError(
            f"--memory {args.memory} is too little for --dom0-memory {args.dom0_memory}:"
            " Xen itself needs 64 MiB"
        )
    return lab.Options(
        memory=args.memory,
        dom0_memory=args.dom0_memory,
        smp=args.smp,
        xenstored=args.xenstored,
        snapshot=not args.no_snapshot,
    )


def report(line):
    """Show a line of progress."""
    print(f"sprat: {line}", file=sys.stderr, flush=True)


def up_lab(args):
    started = time.monotonic()
    lab.Lab(args.lab).start(options_of(args), tied=False, report=report)
    took_s = time.monotonic() - started
    option = "" if args.lab == lab.DEFAULT_NAME else f" --lab {args.lab}"
    print(f"The lab '{args.lab}' is up ({took_s:.1f} s). Try: sprat lab exec{option} -- xl list")
    return 0


def down_lab(args):
    for one in lab.running() if args.all else [lab.Lab(args.lab)]:
        one.stop()
    return 0


def status_lab(args):
    one = lab.Lab(args.lab)
    if not one.is_running():
        print(f"The lab '{args.lab}' does not run.")
        return EXIT_NOT_RUNNING
    state = one.state()
    if not state:
        print(f"The lab '{args.lab}' is being started.")
        return 0
    options = state["options"]
    guests = one.output_of(["xl", "list"]).splitlines()[2:]
    how = "from a snapshot" if state["restored"] else "booted"
    print(f"The lab '{args.lab}' has run for {time.time() - state['started']:.0f} s ({how}).")
    print(f"  QEMU      process {one.pid()}, {options['smp']} CPUs, {options['memory']} MiB")
    print(f"  dom0      {options['dom0_memory']} MiB, xenstored in {options['xenstored']}")
    print(f"  guests    {len(guests)}")
    print(f"  share     {paths.build_folder()} (same path in dom0)")
    print(f"  console   {one.folder / 'serial.log'}")
    return 0


def list_labs(_args):
    for one in lab.running():
        print(one.name)
    return 0


def console_lab(args):
    one = lab.Lab(args.lab)
    one.require_running()
    stdin = sys.stdin.fileno()
    saved = None
    if sys.stdin.isatty():
        print("The console of the lab; Enter for a shell, Ctrl-] to leave.", file=sys.stderr)
        saved = termios.tcgetattr(stdin)
        tty.setraw(stdin)
    try:
        lab.console(one, stdin, sys.stdout.fileno())
    finally:
        if saved is not None:
            termios.tcsetattr(stdin, termios.TCSADRAIN, saved)
            print()
    return 0


def exec_lab(args):
    require_words(args, "sprat lab exec -- xl list")
    one = lab.Lab(args.lab)
    one.require_running()

    def output(stream, data):
        target = sys.stdout if stream == agent.STDOUT else sys.stderr
        target.buffer.write(data)
        target.buffer.flush()

    try:
        return one.run(
            args.words, output=output, stdin=sys.stdin.fileno(), cwd=folder_in_dom0(),
            timeout_s=args.timeout,
        )
    except TimeoutError as error:
        raise SpratError(str(error), 124) from error


def folder_in_dom0():
    """Return the folder to run a command in: the same as here, where dom0 has it."""
    here = os.path.realpath(os.getcwd())
    build = str(paths.build_folder())
    return here if here == build or here.startswith(build + "/") else "/root"


def require_words(args, example):
    """Raise UsageError unless a command follows "--"."""
    if not args.words:
        raise UsageError(f"give the command after --, as in: {example}")


def with_own_lab(args):
    require_words(args, "sprat lab with -- ctest --test-dir build")
    with lab.own_lab(options_of(args), report) as one:
        environment = {
            **os.environ, "SPRAT_LAB": one.name, "SPRAT_BUILD": str(paths.build_folder()),
        }
        try:
            child = subprocess.Popen(
                args.words, env=environment, preexec_fn=qemu.die_with(os.getpid(), signal.SIGTERM)
            )
        except FileNotFoundError:
            raise SpratError(f"there is no command {args.words[0]}", 127) from None
        try:
            code = child.wait()
        except KeyboardInterrupt:
            child.terminate()
            child.wait(lab.COMMAND_TIMEOUT_S)
            raise
        return code if code >= 0 else 128 - code
