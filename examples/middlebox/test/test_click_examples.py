# SPDX-License-Identifier: BSD-2-Clause
"""click_examples.py finds the examples of a checkout, and says of each whether it is accepted:
test_click_examples.py MIDDLEBOX_CHECK."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[1] / "check/click_examples.py"

HEADER = """
/*
=c

Strip(LENGTH)

=d

Prose is no example.

  Strip(14) -> ... -> Strip(LENGTH 3, ...)

=e

  c :: IPClassifier(tcp, udp);

Another one:

  ... -> Strip(x) -> ToDevice(eth0);

One more:

  ForeignElement -> Strip(1);

=h length

  Strip(y)
*/
/*
 * =c
 * Tee(N)
 * =e
 *   ... -> t :: Tee -> Strip(1) -> ToDevice(eth0);
 *   t[1] -> elsewhere;
 * and
 *   % a shell
 */
/* =e  Strip(z) */
"""


class Examples(unittest.TestCase):
    """One run over a small checkout."""

    def said(self, files):
        """What the script prints for a checkout of these files."""
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                path = pathlib.Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            command = [sys.executable, "-B", SCRIPT, PROGRAM, folder]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            return done.stdout.splitlines()

    def test_documents(self):
        lines = self.said({"elements/standard/strip.hh": HEADER})
        self.assertEqual(lines[:2], ["Strip: accepted", "Strip: accepted"])
        self.assertRegex(lines[2], r"^Strip: \d+:\d+: .*'x'")
        self.assertEqual(lines[3:], ["Tee: accepted"])

    def test_configurations(self):
        lines = self.said({
            "conf/b.click": "Idle -> Discard(7);",
            "conf/a.click": "Idle -> Discard;",
            "conf/c.click": "Idle -> ForeignElement;",
        })  # fmt: skip
        self.assertEqual(lines[0], "conf/a.click: accepted")
        self.assertRegex(lines[1], r"^conf/b.click: 1:17: ")
        self.assertEqual(len(lines), 2)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop()
    unittest.main()
