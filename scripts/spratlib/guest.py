# SPDX-License-Identifier: BSD-2-Clause
"""Guests that stay in a lab, and the way to them from this machine.

`sprat run` ends with its guest; `sprat guest start` leaves it running until the lab ends, or
`sprat lab exec -- xl destroy NAME`. What follows "--" is appended to its command line.
"""

import ipaddress

from spratlib import guestconsole, lab, lab_cli, run, toolstack
from spratlib.errors import SpratError, UsageError

READY_TIMEOUT_S = 30
CREATE_TIMEOUT_S = 60


def add_arguments(parser):
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    start = actions.add_parser("start", help="start a guest and leave it running")
    lab_cli.add_lab_argument(start)
    start.add_argument("guest", metavar="GUEST", help="a cfg file, or the name of one")
    start.add_argument("--memory", type=lab_cli.guest_mib, metavar="MIB",
                       help="the guest's memory, instead of what the cfg says")
    start.add_argument("--ready", metavar="TEXT", help="wait until its console says TEXT")
    start.add_argument("--timeout", type=lab_cli.positive, default=READY_TIMEOUT_S, metavar="S",
                       help="destroy it when that takes longer (default: %(default)s)")
    start.usage = "sprat guest start [OPTION...] GUEST [-- ARG...]"
    start.set_defaults(act=start_guest)

    forward = actions.add_parser(
        "forward", help="have a free port of this machine (127.0.0.1) lead to a guest's TCP port"
    )
    lab_cli.add_lab_argument(forward)
    forward.add_argument("target", metavar="ADDRESS:PORT", help="as in 10.0.0.2:80")
    forward.set_defaults(act=forward_port)


def main(args):
    return args.act(args)


def start_guest(args):
    """Start a guest; print its name."""
    one = lab.Lab(args.lab)
    one.require_running()
    guest = run.Guest(args.guest, args.memory, args.words)
    print(start(one, guest, args.ready, args.timeout))
    return 0


def start(one, guest, ready=None, timeout_s=READY_TIMEOUT_S):
    """Start a run.Guest in the lab `one` and wait for its sign; return its name.

    @param ready  what its console says then, or None: as soon as xl has made it
    It is destroyed when the sign does not come in time, which raises SpratError.
    """
    tools = toolstack.LabToolstack(one)
    with tools.visible(guest.files(), guest.name) as visible:
        one.output_of(["xl", "create", "-q", "-e", *guest.xl_arguments(visible)], CREATE_TIMEOUT_S)
    try:
        if ready is not None:
            guestconsole.wait_for(one, guest.name, ready, timeout_s)
    except BaseException:
        destroy(one, guest.name)
        raise
    return guest.name


def destroy(one, name):
    """Destroy a guest of the lab `one`; nothing happens if it is gone."""
    one.run(["xl", "destroy", name], output=lambda *_: None, timeout_s=CREATE_TIMEOUT_S)


def forward_port(args):
    """Forward a port; print where it begins."""
    address, _, port = args.target.rpartition(":")
    try:
        inside = ipaddress.IPv4Address(address) in ipaddress.IPv4Network(lab.NETWORK)
        number = int(port)
    except ValueError:
        raise UsageError(f"'{args.target}' is no ADDRESS:PORT, as in 10.0.0.2:80") from None
    if not inside or not 0 < number < 65536:
        raise SpratError(f"{args.target} is not in the lab: an address is in {lab.NETWORK},"
                         " a port from 1 to 65535")  # fmt: skip
    one = lab.Lab(args.lab)
    one.require_running()
    print(f"127.0.0.1:{one.forward(address, number)}")
    return 0
