# SPDX-License-Identifier: BSD-2-Clause
"""pvbench in the lab: each of Xen's primitives works for a guest, with another one beside it."""

import csv
import io
import re
import unittest

from support import BUILD, console, dom0, eventually, sprat

OPERATIONS = (
    "null hypercall", "event: send", "event: send to itself and take",
    "event: round trip with another guest", "grant: give and revoke", "grant: map", "grant: unmap",
    "grant: copy 4096 bytes", "page table: change an entry", "timer: set", "timer: wait 1 ms",
    "xenstore: read", "thread: switch to another and back",
)  # fmt: skip
MS_NS = 1_000_000


def create(name, arguments):
    """Start a pvbench that may map a grant, and stays when it has ended; return its domain."""
    dom0(f"rm -f /var/log/xen/console/guest-{name}.log")
    dom0(f"xl create -q -e {BUILD}/examples/pvbench.cfg 'name=\"{name}\"' 'extra=\"{arguments}\"'"
         " max_maptrack_frames=1 'on_poweroff=\"preserve\"'")  # fmt: skip
    return dom0(f"xl domid {name}").strip()


class Pvbench(unittest.TestCase):
    """examples/pvbench."""

    def test_what_is_not_there_is_named_and_the_rest_measured(self):
        done = sprat("run", "pvbench")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("another guest: needs PEER=DOMID\n", done.stdout)
        self.assertIn("grant: map: needs max_maptrack_frames = 1 in its cfg\n", done.stdout)
        for name in set(OPERATIONS) - {OPERATIONS[3], "grant: map", "grant: unmap"}:
            self.assertRegex(done.stdout, rf"(?m)^{re.escape(name)} +[0-9]+ +[0-9]+ +[0-9]+$")

    def test_all_is_measured_with_another_guest(self):
        answerer = create("pv-answer", "answer")
        self.addCleanup(dom0, "xl destroy pv-answer")
        measurer = create("pv-measure", f"PEER={answerer} csv")
        self.addCleanup(dom0, "xl destroy pv-measure")
        port = f"/local/domain/{measurer}/data/port"
        eventually(lambda: dom0(f"xenstore-exists {port} && echo yes || true"))
        folder = f"/local/domain/{answerer}/data"
        dom0(f"xenstore-write {folder}/domid {measurer} {folder}/port $(xenstore-read {port})")
        eventually(lambda: OPERATIONS[-1] in console("pv-measure"))
        said = console("pv-measure")
        rows = list(csv.DictReader(io.StringIO(said[said.index("operation,") :])))
        self.assertEqual(tuple(row["operation"] for row in rows), OPERATIONS)
        times_ns = {row["operation"]: int(row["ns_p50"]) for row in rows}
        self.assertGreater(times_ns["timer: wait 1 ms"], MS_NS)
        for name in OPERATIONS:
            self.assertGreater(times_ns[name], 0, name)

    def test_a_wrong_word_is_refused(self):
        done = sprat("run", "pvbench", "--", "cvs")
        self.assertEqual(done.returncode, 1)
        self.assertIn("usage: ", done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
