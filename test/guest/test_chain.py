# SPDX-License-Identifier: BSD-2-Clause
"""`sprat chain`: descriptions and their errors; a chain in the lab, with traffic through it."""

import pathlib
import re
import signal
import subprocess
import tempfile
import unittest

from support import BUILD, ROOT, TIMEOUT_S, dom0, eventually, sprat

EDGE = ROOT / "examples/middlebox/chain/edge.chain"
HOSTS = (ROOT / "test/guest/middlebox/hosts.sh").read_text()
SERVER = "198.51.100.7"
WIRE = "FromDevice(eth0) -> Queue -> ToDevice(eth1);"


class Folder(unittest.TestCase):
    """Tests with a folder of their own for descriptions."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(dir=BUILD)
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "wire.click").write_text(WIRE)
        (self.folder / "wrong.click").write_text("Idle -> Fnord")

    def describe(self, text, name="row.chain"):
        """Write a description; return its path."""
        path = self.folder / name
        path.write_text(text)
        return path

    def check(self, text):
        """Return what `sprat chain check` has to say, with its exit code."""
        path = self.describe(text)
        done = sprat("chain", "check", path)
        return done.returncode, (done.stdout + done.stderr).replace(f"{path}", "row")


class Descriptions(Folder):
    ENDS = "bridge a\nbridge b\n"

    def test_the_ready_one_is_taken(self):
        done = sprat("chain", "check", EDGE)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("2 guests, 3 bridges", done.stdout)

    def test_words_in_quotes_comments_and_blank_lines(self):
        (self.folder / "a wire.click").write_text(WIRE)
        code, said = self.check(f'{self.ENDS}\n # all of it\nguest g "a wire.click" a b # here\n')
        self.assertEqual(code, 0, said)

    def test_errors_have_their_place(self):
        for text, complaint in (
            ("bridg a", "row:1:1: 'bridg' is no statement"),
            ("bridge", "row:1:1: a bridge needs a name"),
            ("bridge a/b", "row:1:8: 'a/b' can't be a bridge's name"),
            ("bridge abcdefghijklmnop", "row:1:8: "),
            ("bridge a exists", "row:1:10: 'exists' can't stand here"),
            ("bridge a existing b", "row:1:19: 'b' can't stand here"),
            ("bridge a\nbridge a", "row:2:8: the bridge 'a' is in line 1 already"),
            ("bridge a", "row:1:8: no guest is at the bridge 'a'"),
            ("", "row:1:1: a chain has one guest at least"),
            ("guest g", "row:1:7: something is missing"),
            (f"{self.ENDS}guest 1g wire.click a b", "row:3:7: '1g' can't be a guest's name"),
            (f"{self.ENDS}guest g wire.click a b\nguest g wire.click b a",
             "row:4:7: there is a guest 'g' already"),
            (f"{self.ENDS}guest g wire.click a c", "row:3:22: there is no bridge 'c'"),
            (f"{self.ENDS}guest g wire.click a a", "row:3:22: 'g' is at the bridge 'a' already"),
            (f"{self.ENDS}guest g wire.click a", "row:3:9: wire.click has 2 devices, and the guest"
             " is at 1 bridges"),
            (f"{self.ENDS}guest g gone.click a b", "row:3:9: cannot read"),
            (f"{self.ENDS}guest g wrong.click a b", "wrong.click:1:9: 'Fnord' is neither"),
            (f"{self.ENDS}guest g wire.click a b memory=1", "row:3:24: '1' is no memory"),
            (f"{self.ENDS}guest g wire.click a b memory=x", "row:3:24: 'x' is no memory"),
            (f"{self.ENDS}guest g wire.click a b memory=32769", "row:3:24: '32769' is no memory"),
            (f"{self.ENDS}guest g wire.click a b cpus=2", "row:3:24: 'cpus' can't be set"),
            ('guest g "wire.click a b', "row:1:9: this quote is not closed"),
            ("#" * (1 << 20) + "\n", "row: a description is 1 MiB long at most"),
        ):  # fmt: skip
            with self.subTest(text):
                code, said = self.check(text)
                self.assertEqual(code, 125)
                self.assertIn(complaint, said)

    def test_all_errors_are_told_at_once(self):
        self.assertRegex(self.check("x\nbridge a/b\n")[1], r"(?s)row:1:1:.*row:2:8:")

    def test_names_of_files_that_cannot_name_a_chain(self):
        done = sprat("chain", "check", self.describe("", name="1.chain"))
        self.assertIn("can't be a chain's name", done.stderr)
        self.assertEqual(sprat("chain", "check", self.folder / "gone.chain").returncode, 125)


class Chains(Folder):
    """In the lab."""

    def traces(self, name):
        """Return what dom0 has of a chain: domains and bridges."""
        return dom0(f"xl list | grep -o '^{name}[.][^ ]*';"
                    f" grep -l 'sprat chain {name}$' /sys/class/net/*/ifalias; true")  # fmt: skip

    def test_traffic_passes_the_firewall_and_the_translator(self):
        self.addCleanup(sprat, "chain", "down", EDGE)
        done = sprat("chain", "up", EDGE)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"edge\.filter: domain \d+, running,.*\n +eth0 at outside:")
        said = dom0(f"""{HOSTS}
            begin $(xl domid edge.filter) outer
            begin $(xl domid edge.nat) - inner
            trap 'kill $servers; end outer inner' EXIT
            host outer 192.0.2.254/24 {SERVER}/32
            host inner 100.64.0.5/10
            on inner ip route add default via 100.64.0.1
            web outer {SERVER} 80
            get inner {SERVER} 80 bulk | cmp - /tmp/web/{SERVER}/bulk && echo equal
            on outer ping -q -c 1 -W 1 192.0.2.1 || true""")
        self.assertIn("equal", said)
        self.assertIn(" 0 packets received", said)
        shown = sprat("chain", "show", EDGE).stdout
        self.assertGreater(int(re.search(r"eth0 at middle: (\d+) packets in", shown)[1]), 100)

        self.assertIn("up already", sprat("chain", "up", EDGE).stderr)
        self.assertEqual(sprat("chain", "down", EDGE).returncode, 0)
        self.assertEqual(self.traces("edge"), "")

    def test_an_interrupted_start_leaves_nothing(self):
        ends = "bridge int0\nbridge int1\n"
        path = self.describe(ends + "".join(f"guest g{n} wire.click int0 int1\n" for n in range(4)),
                             name="interrupted.chain")  # fmt: skip
        with subprocess.Popen([ROOT / "scripts/sprat", "chain", "up", path],
                              stderr=subprocess.PIPE) as process:  # fmt: skip
            eventually(lambda: "interrupted.g0" in self.traces("interrupted"))
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(TIMEOUT_S), 130)
        self.assertEqual(self.traces("interrupted"), "")

    def test_what_a_killed_start_left_is_removed_by_down(self):
        path = self.describe("bridge kil0\nbridge kil1\nguest g wire.click kil0 kil1\n",
                             name="killed.chain")  # fmt: skip
        self.assertEqual(sprat("chain", "up", path).returncode, 0)
        self.assertIn("killed.g", self.traces("killed"))
        (self.folder / "killed.chain").write_text("no more than a name is needed")
        self.assertEqual(sprat("chain", "down", path).returncode, 0)
        self.assertEqual(self.traces("killed"), "")

    def test_a_guest_that_ends_at_once_is_reported_and_nothing_stays(self):
        large = "ARPTable(ENTRY_CAPACITY 1048576);"  # that only the guest knows to be too large
        (self.folder / "wrong.click").write_text(f"{WIRE} {large}")
        path = self.describe("bridge wro0\nbridge wro1\nguest good wire.click wro0 wro1\n"
                             "guest bad wrong.click wro0 wro1\n", name="wrong.chain")  # fmt: skip
        done = sprat("chain", "up", path)
        self.assertEqual(done.returncode, 1)
        self.assertIn("out of memory", done.stderr)
        self.assertIn("wrong.bad has ended", done.stderr)
        self.assertEqual(self.traces("wrong"), "")

    def test_bridges_that_exist_are_joined_and_stay(self):
        path = self.describe("bridge chain-have existing\nguest g one.click chain-have\n",
                             name="joined.chain")  # fmt: skip
        (self.folder / "one.click").write_text("FromDevice(eth0) -> Discard;")
        self.assertIn("there is no bridge chain-have", sprat("chain", "up", path).stderr)
        dom0("brctl addbr chain-have")
        self.addCleanup(dom0, "ip link set chain-have down; brctl delbr chain-have")
        self.assertEqual(sprat("chain", "up", path).returncode, 0)
        self.assertEqual(sprat("chain", "down", path).returncode, 0)
        dom0("[ -d /sys/class/net/chain-have/bridge ]")
        other = self.describe("bridge chain-have\nguest g one.click chain-have\n",
                              name="taken.chain")  # fmt: skip
        done = sprat("chain", "up", other)
        self.assertIn("bridge chain-have existing", done.stderr)
        dom0("[ -d /sys/class/net/chain-have/bridge ]")


if __name__ == "__main__":
    unittest.main(verbosity=2)
