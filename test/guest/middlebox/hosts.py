# SPDX-License-Identifier: BSD-2-Clause
"""One middlebox guest for all tests, with four hosts around it: network namespaces of dom0.

eth0 leads to the host "left", eth1 to "right", eth2 to "third", eth3 to "fourth". Each test swaps
its configuration in while the guest runs.
"""

import atexit
import functools
import os
import pathlib
import re
import shlex
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import support as guests  # of all tests of guests

CONF = guests.ROOT / "examples/middlebox/conf"
PEER = pathlib.Path(os.environ["MIDDLEBOX_PEER"])
NAME = "middlebox-hosts"
HOSTS = ("left", "right", "third", "fourth")


@functools.cache
def folder():
    """Start the guest and its hosts at the first call; return its folder for handlers."""
    words = "; ".join(f"FromDevice(eth{number}) -> Discard" for number in range(len(HOSTS)))
    cfg = PEER.parent / f"{NAME}.cfg"
    vifs = ", ".join(f"'bridge=mbhosts{number}'" for number in range(len(HOSTS)))
    cfg.write_text(f"""name = "{NAME}"
type = "pv"
kernel = "{guests.BUILD}/examples/middlebox.xen"
extra = "-e '{words};'"
memory = 4
vif = [ {vifs} ]
max_grant_frames = 6
max_maptrack_frames = 0
""")
    guests.dom0(f"xl create -q -e {cfg}")
    atexit.register(stop)
    guests.eventually(lambda: "middlebox: running" in guests.console(NAME))
    domid = guests.dom0(f"xl domid {NAME}").strip()
    guests.dom0(f"{library()}\nbegin {domid} {' '.join(HOSTS)}")
    return f"/local/domain/{domid}/data/control"


def stop():
    """End the hosts, the guest, and the bridges that its interfaces were on for a moment."""
    bridges = " ".join(f"mbhosts{number}" for number in range(len(HOSTS)))
    guests.dom0(f"{library()}\nend {' '.join(HOSTS)}; xl destroy {NAME};"
                f"for b in {bridges}; do ip link set $b down; brctl delbr $b; done")  # fmt: skip


def library():
    """Return what scripts for dom0 begin with."""
    return f"peer={shlex.quote(str(PEER))}\n" + (HERE / "hosts.sh").read_text()


def run(script):
    """Run a shell script in dom0 with hosts.sh at hand; return its output. Raises AssertionError
    with all it said if it fails.
    """
    done = guests.sprat("lab", "exec", "--", "sh", "-c",
                        f"folder={folder()}\n{library()}\nset -e\n{script}")  # fmt: skip
    if done.returncode:
        raise AssertionError(f"exit status {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def swap_words(text):
    """Return the shell command that swaps a configuration in, and prints the guest's answer."""
    text = "\n".join(line for line in text.splitlines() if not line.startswith("//")).strip()
    request = f"WRITEDATA hotconfig {len(text.encode())}\r\n{text}"
    request = request.replace("\\", "\\\\")  # which xenstore-write takes for an escape
    return f"ask {shlex.quote(request)}"


class TrafficTest(unittest.TestCase):
    """Tests of one configuration: CONFIG is its text, or the name of a ready one; PREPARE sets the
    hosts up.
    """

    CONFIG = ""
    PREPARE = ""

    @classmethod
    def config(cls):
        """Return the configuration's text."""
        ready = CONF / f"{cls.CONFIG}.click"
        return ready.read_text() if re.fullmatch(r"\w+", cls.CONFIG) else cls.CONFIG

    def play(self, script):
        """Swap the configuration in, set the hosts up, and run a script; return what it printed."""
        said = run(f"{swap_words(self.config())}\n{self.PREPARE}\n{script}")
        answer, _, rest = said.partition("\n")
        self.assertRegex(answer, "^200 ")
        return rest


def pings(said):
    """Return how many pings were answered, of each `ping` whose output this is."""
    return [int(number) for number in re.findall(r"(\d+) packets received", said)]
