# SPDX-License-Identifier: BSD-2-Clause
"""Take the power from guests and their disks in the middle of their work, and look at what is left.

A guest with a disk is destroyed at a random moment, and with it the cache of its disk: what was not
flushed is there, or not, or in part. It is started again on what is left, and asked for all that it
had acknowledged before; again and again. One cut in --early comes while it starts. kv answers
clients, and an answer to a change is an acknowledgement; SQLite's shell prints a row's number
behind each commit, and checks its database after each cut (PRAGMA integrity_check). Before one cut
in --fail the disk fails for a moment, whatever it is asked for, and comes back or not. After every
--fsck cuts e2fsck looks at copies of the disk, cut at moments of its own. The same seed makes the
same choices; what the moments hit depends on the machine.

The disk is a file, behind Linux' blkback and dm-log-writes, which knows what was flushed, and a
device in front of it that can fail.
"""

import os
import pathlib
import random
import shutil
import subprocess
import tempfile
import time

from spratlib import lab, lab_cli, paths, powercut_loads, writelog
from spratlib.errors import SpratError

DISK_MIB = 64
LOG_MIB = 2048  # of a file that takes what is written to it
DOM0_TIMEOUT_S = 60
FOR_EVER_S = 1000000
# How much of what was not flushed is there, one of them for each cut.
KEEPS = (0, 0.1, 0.5, 0.9, 1)
FSCK_MOMENTS = 3
FAIL_S, AFTER_S = 0.5, 0.5  # at most: how long a disk fails, and the guest goes on then
UNITS = (512, 4096)

# In dom0: a device $1 whose writes to file $2 are told in file $3.
POWER_ON = """
modprobe -a loop dm-log-writes dm-flakey || exit 1
data=$(/sbin/losetup --find --show "$2") || exit 1
log=$(/sbin/losetup --find --show "$3") || exit 1
sectors=$(($(stat -c %s "$2") / 512))
export DM_DISABLE_UDEV=1
echo "0 $sectors log-writes $data $log" | dmsetup create "$1-log" || exit 1
echo "0 $sectors linear /dev/mapper/$1-log 0" | dmsetup create "$1" || exit 1
echo "$data $log"
"""
# Device $1 is this from now on, also for what waits in it.
SWITCH = """
export DM_DISABLE_UDEV=1
sectors=$(($(dmsetup table "$1" | cut -d ' ' -f 2)))
echo "0 $sectors $2" | dmsetup reload "$1" && dmsetup suspend --noflush --nolockfs "$1" &&
    dmsetup resume "$1"
"""
POWER_OFF = """
export DM_DISABLE_UDEV=1
dmsetup remove --retry "$1" && dmsetup remove --retry "$1-log" || exit 1
shift
/sbin/losetup --detach "$@"
"""


def add_arguments(parser):
    parser.add_argument("load", choices=sorted(powercut_loads.LOADS),
                        help="what the guest is doing")  # fmt: skip
    parser.add_argument("--cuts", type=lab_cli.positive, default=200, metavar="N",
                        help="how many (default: 200)")  # fmt: skip
    parser.add_argument("--seed", type=int, default=1, help="of all choices (default: 1)")
    parser.add_argument("--longest", type=float, default=3.0, metavar="S",
                        help="work at most so long before a cut (default: 3)")  # fmt: skip
    parser.add_argument("--early", type=lab_cli.positive, default=5, metavar="N",
                        help="cut one in N while the guest starts (default: 5)")  # fmt: skip
    parser.add_argument("--fail", type=lab_cli.positive, default=4, metavar="N",
                        help="have the disk fail before one cut in N (default: 4)")  # fmt: skip
    parser.add_argument("--fsck", type=lab_cli.positive, default=5, metavar="N",
                        help="have e2fsck look after each Nth cut (default: 5)")  # fmt: skip
    parser.add_argument("--unit", type=int, choices=UNITS, default=UNITS[-1], metavar="BYTES",
                        help="what the disk writes as a whole: 512 or 4096 (default: 4096); with"
                             " 512 e2fsck looks not, for it can't read half a superblock")
    parser.add_argument("--mkfs", default="-t ext4", metavar="OPTIONS",
                        help="of mke2fs (default: -t ext4)")  # fmt: skip
    parser.add_argument("--lab", metavar="NAME",
                        default=os.environ.get("SPRAT_LAB") or lab.DEFAULT_NAME,
                        help="the lab to do it in (default: $SPRAT_LAB)")  # fmt: skip


def main(args):
    """Cut, start, compare; return 0, or raise SpratError for what was lost."""
    running = lab.Lab(args.lab)
    running.require_running()
    folder = pathlib.Path(tempfile.mkdtemp(dir=paths.build_folder(), prefix="powercut-"))
    try:
        run(args, running, folder)
    except SpratError as error:
        raise SpratError(f"{error}\nThe disk, as it was before the last start, and what was written"
                         f" then, are in {folder}") from None  # fmt: skip
    except BaseException:
        shutil.rmtree(folder)
        raise
    shutil.rmtree(folder)
    return 0


def run(args, running, folder):
    """Do it in `folder`."""
    # What one chooses is nothing to the others: how often they do depends on the machine.
    chance, disk_chance, load_chance = (random.Random(f"{args.seed} {what}")
                                        for what in ("cut", "disk", "load"))  # fmt: skip
    disk = Disk(running, folder, args, disk_chance)
    load = powercut_loads.LOADS[args.load](running, folder, disk.device, load_chance)
    for cut in range(1, args.cuts + 1):
        with disk, load:
            if chance.randrange(args.early) == 0:
                load.begin()
            else:
                trouble = disk.fail if disk_chance.randrange(args.fail) == 0 else None
                load.work(chance.uniform(0, args.longest), trouble)
        disk.lose_cache(check=cut % args.fsck == 0 and args.unit == UNITS[-1])
        if cut % 10 == 0:
            lab_cli.report(f"{cut} cuts, {load.n_acknowledged} acknowledged changes")
    with disk, load:  # what the last cut left
        load.work(0)
    print(f"{args.load}: {args.cuts} cuts, {disk.n_writes} writes, of which the cache had"
          f" {disk.n_volatile}; it failed {disk.n_failures} times;"
          f" {load.n_acknowledged} acknowledged changes: none is lost")  # fmt: skip


class Disk:
    """A file with a file system; in a `with`, a device of dom0 over it, with a volatile cache."""

    def __init__(self, running, folder, args, chance):
        self.lab = running
        self.unit = args.unit
        self.chance = chance
        self.image = folder / "disk.img"  # what is on the disk for sure
        self.seen = folder / "disk.seen"  # what its reader sees
        self.log = folder / "disk.log"
        self.name = f"sprat-{folder.name}"
        self.device = f"/dev/mapper/{self.name}"
        self.n_writes = self.n_volatile = self.n_failures = 0
        self._loops = []
        make_empty(self.image, DISK_MIB)
        run_tool(["mke2fs", "-q", "-F", *args.mkfs.split(), str(self.image)])

    def __enter__(self):
        shutil.copyfile(self.image, self.seen)
        make_empty(self.log, LOG_MIB)
        words = [self.name, str(self.seen), str(self.log)]
        self._loops = self.lab.output_of(["sh", "-c", POWER_ON, "on", *words],
                                         DOM0_TIMEOUT_S).split()  # fmt: skip
        return self

    def __exit__(self, *_):
        self.lab.output_of(["sh", "-c", POWER_OFF, "off", self.name, *self._loops], DOM0_TIMEOUT_S)

    def fail(self):
        """Have all requests fail for a while."""
        # Not the target "error": a device without a cache takes flushes for done.
        self._switch(f"flakey {self.device}-log 0 0 {FOR_EVER_S}")
        time.sleep(self.chance.uniform(0, FAIL_S))
        if self.chance.randrange(2):
            self._switch(f"linear {self.device}-log 0")
        time.sleep(self.chance.uniform(0, AFTER_S))
        self.n_failures += 1

    def _switch(self, target):
        self.lab.output_of(["sh", "-c", SWITCH, "switch", self.name, target], DOM0_TIMEOUT_S)

    def lose_cache(self, check):
        """Bring the file to what a power cut may have left. @param check  have e2fsck look"""
        with writelog.WriteLog(self.log) as log:
            if check:
                for _ in range(FSCK_MOMENTS):
                    self.check(log, self.chance.randrange(len(log.entries) + 1))
                self.check(log, len(log.entries))
            self.n_writes += log.n_writes()
            self.n_volatile += log.n_volatile()
            self.apply(log, self.image, len(log.entries))

    def apply(self, log, image, n_entries):
        """Bring a file to what is left when the power goes behind so many entries."""
        log.apply(image, n_entries, self.chance, self.chance.choice(KEEPS), self.unit)

    def check(self, log, n_entries):
        """Have e2fsck replay the journal of a copy, and find nothing wrong with it."""
        copy = self.image.with_suffix(".copy")
        shutil.copyfile(self.image, copy)
        self.apply(log, copy, n_entries)
        run_tool(["e2fsck", "-y", "-E", "journal_only", str(copy)])
        run_tool(["e2fsck", "-fn", str(copy)])
        copy.unlink()


def make_empty(path, mib):
    """Make a file of so many MiB that take no room."""
    with path.open("wb") as file:
        file.truncate(mib << 20)


def run_tool(argv):
    """Run a program of e2fsprogs; SpratError with what it says when it is not content."""
    folders = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False,
                              env={**os.environ, "PATH": folders})  # fmt: skip
    except FileNotFoundError as error:
        raise SpratError(f"{argv[0]} is not here: apt install e2fsprogs") from error
    if done.returncode != 0:
        raise SpratError(f"{' '.join(argv)} ended with {done.returncode}:\n"
                         f"{done.stdout}{done.stderr}")  # fmt: skip
