# SPDX-License-Identifier: BSD-2-Clause
"""scripts/sprat powercut: short runs, in the lab that $SPRAT_LAB names."""

import re
import unittest

from support import sprat


class PowerCut(unittest.TestCase):
    """What was acknowledged is there after a cut; the command says how much that was."""

    def cut(self, load, *options):
        """Cut; return how much was acknowledged."""
        done = sprat("powercut", load, "--longest", "0.7", *options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return int(re.search(r"(\d+) acknowledged changes: none is lost", done.stdout)[1])

    def test_kv(self):
        # While it starts, and at work; e2fsck looks at what is left.
        acknowledged = self.cut("kv", "--cuts", "2", "--seed", "4", "--early", "2", "--fsck", "2",
                                "--fail", "1000")  # fmt: skip
        self.assertGreater(acknowledged, 0)

    def test_sqlite(self):
        acknowledged = self.cut("sqlite", "--cuts", "1", "--early", "1000", "--unit", "512",
                                "--fail", "1")  # fmt: skip
        self.assertGreater(acknowledged, 0)


if __name__ == "__main__":
    unittest.main()
