# SPDX-License-Identifier: BSD-2-Clause
"""`sprat bench middlebox`: what packets cost is counted, so it can be held to a bar."""

import csv
import tempfile
import unittest

from support import BUILD, sprat

IMAGE_MAX = 256_000  # bytes
# Of a packet of 64 bytes; a tenth above what it is.
INSTRUCTIONS_MAX = {"bridge": 1060, "nat": 2600, "mirror": 2000}
FIRST_MAX = 2_500_000  # until the first packet comes out


def rows(path):
    """Return the lines of a CSV file, each by its columns' names."""
    with open(path, encoding="utf-8") as file:
        return list(csv.DictReader(file))


class Bench(unittest.TestCase):
    def test_image_packets_and_first_packet_keep_below_their_bars(self):
        image = BUILD / "examples/middlebox.xen"
        self.assertLessEqual(image.stat().st_size, IMAGE_MAX)
        with tempfile.TemporaryDirectory(dir=BUILD) as folder:
            done = sprat("bench", "middlebox", "--guests", "sprat", "--no-engine",
                         "--sizes", "64,1500", "--count", 500, "--output", folder,
                         *INSTRUCTIONS_MAX)  # fmt: skip
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            runs, firsts = rows(f"{folder}/lab.csv"), rows(f"{folder}/first.csv")
        self.assertEqual([(run["middlebox"], run["size"], run["share_percent"]) for run in runs],
                         [(name, size, share) for name in INSTRUCTIONS_MAX
                          for size in ("64", "1500") for share in ("100", "2")])  # fmt: skip
        for free, held in zip(runs[::2], runs[1::2]):
            self.assertLess(int(held["packets_s"]), int(free["packets_s"]))
        for run in runs:
            # Two of each of 128 packets are more than 2 MiB: the rest waits, and is not lost.
            self.assertEqual(run["received"], run["sent"])
            if run["size"] == "64":
                self.assertLess(int(run["instructions"]), INSTRUCTIONS_MAX[run["middlebox"]])
        for first in firsts:
            self.assertLess(int(first["instructions"]), FIRST_MAX)

    def test_what_is_not_there_is_refused(self):
        for words, complaint in (
            (("fnord",), "there is no middlebox 'fnord'"),
            (("--sizes", "63"), "--sizes 63: numbers from 64"),
            (("--guests", "bsd"), "--guests bsd: there are sprat, linux"),
        ):
            done = sprat("bench", "middlebox", *words)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(complaint, done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
