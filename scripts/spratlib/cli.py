# SPDX-License-Identifier: BSD-2-Clause
"""The dispatcher: a line per subcommand; a subcommand's module is loaded only when asked for.

A subcommand's module has two functions:
    add_arguments(parser)      declares its arguments
    main(args) -> int          does it, and returns the exit code; raises SpratError to fail;
                               args.words is what follows "--" on the command line
"""

import argparse
import importlib
import os
import signal
import sys

from spratlib.errors import EXIT_FAILURE, SpratError

# name: (module, help)
COMMANDS = {
    "run": ("run", "start a guest, show its console, pass its exit code on"),
    "guest": ("guest", "guests that stay in a lab: start, forward"),
    "middlebox": ("middlebox", "start a Click configuration as a guest"),
    "handler": ("handler", "the handlers of a middlebox that runs: list, read, write, swap"),
    "chain": ("chain", "middleboxes in a row: bridges and guests from one small description"),
    "lab": ("lab_cli", "a real Xen with a Linux dom0, in QEMU: up, down, exec, console"),
    "symbolize": ("symbolize", "turn the addresses of a crash report into functions and lines"),
    "fleet": ("fleet", "many guests from one image: plan, up, down, scale, replace"),
    "powercut": ("powercut", "take the power from guests and their disks at work: nothing is lost"),
    "bench": ("bench", "measure what guests cost, to the last digit"),
    "sizes": ("sizes", "the sizes of the images, as a table"),
}


def build_parser(wanted):
    """Return the parser; only the subcommand `wanted` gets its arguments declared."""
    parser = argparse.ArgumentParser(
        prog="sprat", description="Build, start and measure Sprat guests.", allow_abbrev=False
    )
    parser.add_argument(
        "--build",
        metavar="DIR",
        help="the build folder (default: $SPRAT_BUILD, or build/ beside scripts/)",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module_name, summary) in COMMANDS.items():
        subparser = commands.add_parser(name, help=summary, allow_abbrev=False)
        if name == wanted:
            module = importlib.import_module(f"spratlib.{module_name}")
            subparser.description = module.__doc__
            subparser.formatter_class = argparse.RawDescriptionHelpFormatter
            subparser.set_defaults(main=module.main)
            module.add_arguments(subparser)
    return parser


def wanted_command(argv):
    """Return the first word of `argv` that names a subcommand, or None."""
    words = iter(argv)
    for word in words:
        if word == "--build":
            next(words, None)
        elif not word.startswith("-"):
            return word if word in COMMANDS else None
    return None


def main(argv):
    """Run the command line `argv` (without the program's name); return the exit code."""
    # What follows "--" is for the guest or for a command in dom0, and no argument of ours.
    own = argv[: argv.index("--")] if "--" in argv else argv
    args = build_parser(wanted_command(own)).parse_args(own)
    args.words = argv[len(own) + 1 :]
    if args.build is not None:
        os.environ["SPRAT_BUILD"] = args.build
    # SIGTERM takes the same way out as Ctrl-C, so that whatever was started is ended.
    signal.signal(signal.SIGTERM, raise_terminated)
    try:
        return args.main(args)
    except SpratError as error:
        print(f"sprat: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        # The reader of our output went away; nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILURE
    except KeyboardInterrupt as interrupt:
        return 128 + (interrupt.args[0] if interrupt.args else signal.SIGINT)


def raise_terminated(number, _frame):
    """Turn a signal into the exception that Ctrl-C raises, with the signal's number in it."""
    raise KeyboardInterrupt(number)
