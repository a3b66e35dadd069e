# SPDX-License-Identifier: BSD-2-Clause
"""A run of `sprat bench boot` that was interrupted: what it wrote is read again."""

import collections
import pathlib
import tempfile
import unittest
import unittest.mock

from spratlib import bench_boot, bench_boot_report, bench_host
from spratlib.errors import SpratError


def report():
    """Return a report of two series."""
    made = bench_boot_report.Report()
    for toolstack in ("xl", "sprat"):
        series = made.series(toolstack, "hello")
        phases = {"domain": 5} if toolstack == "sprat" else {}
        series.rows = [bench_boot_report.Row(n, 10 * n, 20, 30, 0, 40, phases) for n in (1, 2)]
        series.samples = [(0, bench_host.Sample(9, 8, 7, 6)), (2, bench_host.Sample(5, 4, 3, 2))]
        series.destroyed_s = 1.5
    return made


class ResumeTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def read(self):
        again = bench_boot_report.Report()
        again.read(self.folder)
        return again

    def test_what_was_written_is_read_again(self):
        report().write(self.folder)
        again = self.read()
        self.assertEqual(again.all, report().all)
        self.assertTrue(again.has("xl", "hello", 2))
        for other in (("xl", "hello", 3), ("sprat-pool", "hello", 2), ("xl", "pong", 2)):
            self.assertFalse(again.has(*other))
        again.series("xl", "hello")  # is measured anew
        self.assertEqual([series.rows != [] for series in again.all], [True, False])

    def test_nothing_there_is_a_beginning_and_damage_is_told(self):
        self.assertEqual(self.read().all, [])
        report().write(self.folder)
        for name in ("boot.csv", "samples.csv"):
            path = self.folder / name
            whole = path.read_text()
            path.write_text(whole.replace("hello,1", "hello,one").replace(",9,8", ",nine,8"))
            with self.assertRaisesRegex(SpratError, "no run to go on with"):
                self.read()
            path.write_text(whole)

    def test_a_run_goes_on_on_the_same_host_only(self):
        path = self.folder / "environment.txt"
        bench_boot.note_environment(path, "lab 'a'\nrelease : 1\nfree_memory : 3\n", False)
        bench_boot.note_environment(path, "lab 'b'\nrelease : 1\nfree_memory : 4\n", True)
        with self.assertRaisesRegex(SpratError, "another host"):
            bench_boot.note_environment(path, "lab 'b'\nrelease : 2\n", True)
        bench_boot.note_environment(path, "release : 2\n", False)
        self.assertEqual(path.read_text(), "release : 2\n")


class SpreadTest(unittest.TestCase):
    def test_dom0_has_room_for_all_interfaces(self):
        plain = unittest.mock.Mock(bridges=[], memory_mib=1)
        netted = unittest.mock.Mock(bridges=["a"], memory_mib=2)
        small = bench_boot.lab_options([plain], 1000)
        large = bench_boot.lab_options([plain, netted], 1000)
        self.assertEqual(small.dom0_memory, bench_boot.DOM0_MIB)
        self.assertGreater(large.dom0_memory - small.dom0_memory, 1000 * 326 // 1024)
        for options, each in ((small, 1), (large, 2)):
            self.assertGreater(options.memory - options.dom0_memory, 1000 * (each + 0.15))

    def test_guests_are_spread_over_bridges_of_their_own(self):
        image = unittest.mock.Mock(text='vif = [ "bridge=a", "mac=1,bridge=b" ]')
        texts = bench_boot.Image.spread(image, 3)
        self.assertEqual(texts[0], image.text)
        self.assertEqual(texts[2], 'vif = [ "bridge=a-2", "mac=1,bridge=b-2" ]')
        bench = bench_boot.Bench(unittest.mock.Mock(), None, 2)
        bench.shell = unittest.mock.Mock()
        image = unittest.mock.Mock(bridges=["a"], kernel="k", spread=lambda n: ["x"] * n)
        with tempfile.TemporaryDirectory() as folder:
            bench._seen = pathlib.Path(folder) / "boot"
            bench.prepare(image, 5)
        self.assertEqual(collections.Counter(map(bench.cfg, range(1, 6))).most_common()[0][1], 2)
        made = " ".join(call.args[0] for call in bench.shell.call_args_list)
        for bridge in ("a", "a-1", "a-2"):
            self.assertIn(f"ip link add {bridge} type bridge", made)
        self.assertNotIn("a-3", made)


if __name__ == "__main__":
    unittest.main()
