# SPDX-License-Identifier: BSD-2-Clause
"""Many guests at once: how soon they are there and gone, and what they cost a host when idle.

Guests are created by the launcher, each seen in main, left alone, and destroyed; Xen's free memory
is then what it was, to the page, but for the pages in which it keeps dom0's event channels:
one for each 64 that there ever were at once. Memory is compared with what it
was before them; Xen's free memory and dom0's available memory are all that there is, so nothing is
left out. CPU time is what Xen accounts to the guests, all together, and to dom0, over some
seconds; dom0's without guests is measured before.
"""

import os
import time

from spratlib import bench_host, guest_cfg, lab, lab_cli, run, toolstack
from spratlib.errors import SpratError
from spratlib.launcher import Launcher

OVERHEAD_MAX_KIB = 200  # of one more guest, beside its own memory
IDLE_MAX_NS = 10_000  # a guest: one wake-up, which something outside may cause
READY_S = 120
SETTLE_S = 5  # dom0's looks after a guest's sign of life end after a second
FREED_S = 20  # Xen frees the last of a guest when no CPU can use it any more
LOOK_S = 0.1
LAB_OVERHEAD_MIB = 1024
CHANNELS_PER_PAGE = 64  # of a domain's event channels; Xen frees the page with the domain
PAGE_KIB = 4


def add_arguments(parser):
    parser.description = __doc__
    parser.add_argument("image", nargs="?", default="hello", metavar="GUEST",
                        help="a cfg file, or the name of one (default: %(default)s)")
    parser.add_argument("--guests", type=lab_cli.positive, default=100, metavar="N",
                        help="so many (default: %(default)s)")
    parser.add_argument("--idle", type=lab_cli.positive, default=30, metavar="S",
                        help="how long CPU time is looked at (default: %(default)s)")
    parser.add_argument("--cmdline", default="stay", metavar="TEXT",
                        help="the guests' command line (default: '%(default)s')")
    parser.add_argument("--ready", default="from Sprat", metavar="TEXT",
                        help="what a guest says in main (default: '%(default)s')")
    parser.add_argument("--lab", metavar="NAME", default=os.environ.get("SPRAT_LAB") or None,
                        help="the lab to use (default: $SPRAT_LAB)")
    parser.set_defaults(act=main)


def main(args):
    guest = run.Guest(args.image)
    own_kib = guest.memory_mib * 1024
    need_mib = args.guests * (own_kib + OVERHEAD_MAX_KIB) * 11 // 10 // 1024
    options = lab.Options(memory=LAB_OVERHEAD_MIB + need_mib, smp=1)
    with toolstack.choose(args.lab, options, lab_cli.report) as tools:
        launcher = Launcher(tools)
        started = launcher.start()
        create(launcher, guest, args, 1, "warm")
        launcher.ask("destroy --all")
        lone_ns, _ = idle(launcher, args.idle)
        before = bench_host.sample(launcher)
        lab_cli.report(f"creating {args.guests} guests")
        created_s = timed(lambda: create(launcher, guest, args, args.guests, "idle"))
        used = before - bench_host.sample(launcher)
        lab_cli.report(f"leaving them alone for {args.idle} s")
        dom0_ns, guests_ns = idle(launcher, args.idle)
        destroyed_s = timed(lambda: launcher.ask("destroy --all"))
        channels_kib = -(-args.guests // CHANNELS_PER_PAGE) * PAGE_KIB
        wanted_kib = before.xen_free_kib - channels_kib
        lost_kib = wanted_kib - freed_kib(launcher, wanted_kib)
        if started:
            launcher.ask("stop")
    xen, dom0 = used.xen_free_kib / args.guests, used.dom0_available_kib / args.guests
    print(f"{args.guests} guests were all in main after {created_s:.1f} s;"
          f" they were destroyed in {destroyed_s:.1f} s")  # fmt: skip
    print(f"one guest takes {xen + dom0:.0f} KiB: {own_kib} of its own, {xen - own_kib:.0f} of Xen,"
          f" {dom0:.0f} of dom0 (xenstored {-used.xenstored_kib / args.guests:.1f},"
          f" the launcher {-used.launcher_kib / args.guests:.1f})")  # fmt: skip
    print(f"{args.guests} guests take {(xen + dom0) * args.guests / 2**20:.2f} GiB")
    share = 1e9 * args.idle
    print(f"CPU time in {args.idle} s: {guests_ns:,} ns by all guests,"
          f" {100 * dom0_ns / share:.2f} % of a CPU by dom0"
          f" ({100 * lone_ns / share:.2f} % without guests)")
    if xen + dom0 > own_kib + OVERHEAD_MAX_KIB:
        raise SpratError(f"that is more than {OVERHEAD_MAX_KIB} KiB beside its own memory")
    if guests_ns > IDLE_MAX_NS * args.guests:
        raise SpratError("idle guests use the CPU")
    if lost_kib > PAGE_KIB:  # the list of those pages may have become longer
        raise SpratError(f"Xen has {lost_kib} KiB less free memory than it should have")
    print("Xen's free memory is what it was before, but for"
          f" {lost_kib + channels_kib} KiB of dom0's event channels")  # fmt: skip
    return 0


def timed(act):
    """Return how many seconds act() takes."""
    started = time.monotonic()
    act()
    return time.monotonic() - started


def freed_kib(launcher, wanted_kib):
    """Return Xen's free memory once it is what is wanted, or has had time enough."""
    end = time.monotonic() + FREED_S
    while True:
        free_kib = launcher.ask("stats")[0]["xen_free_kib"]
        if free_kib >= wanted_kib or time.monotonic() > end:
            return free_kib
        time.sleep(LOOK_S)


def create(launcher, guest, args, count, name):
    """Create guests, each seen in main."""
    words = (f"create --count {count} --name {name} --timeout {READY_S}"
             f" --cmdline {guest_cfg.quote_word(args.cmdline)}"
             f" --ready {guest_cfg.quote_word(args.ready)}")  # fmt: skip
    for answer in launcher.ask(words, [guest.cfg]):
        if not answer["ok"]:
            raise SpratError(answer["error"])


def idle(launcher, seconds):
    """Return (dom0's, all guests') CPU time in ns of so many seconds without a request."""
    time.sleep(SETTLE_S)
    first = launcher.ask("stats")[0]
    time.sleep(seconds)
    last = launcher.ask("stats")[0]
    return tuple(last[key] - first[key] for key in ("dom0_cpu_ns", "guests_cpu_ns"))
