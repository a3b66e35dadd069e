# SPDX-License-Identifier: BSD-2-Clause
"""Every command of the README and of docs/ works: each line of a block marked `sh` is run."""

import os
import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.M | re.S)
# This very run is part of it.
NOT_AGAIN = {"scripts/test"}
TIMEOUT_S = 400


def commands_of(path):
    """Return the commands of a document."""
    blocks = BLOCK.findall(path.read_text())
    return [line for block in blocks for line in block.splitlines() if line]


class Docs(unittest.TestCase):
    """One test for each document: test_README, test_lab, ..."""

    def run_all(self, path):
        commands = commands_of(path)
        self.assertTrue(commands or path.name != "README.md")
        # A reader has no lab yet. One that the document tells him to start gets a name of its own.
        env = {key: value for key, value in os.environ.items() if key != "SPRAT_LAB"}
        if "scripts/sprat lab up" in commands:
            env["SPRAT_LAB"] = f"docs-{path.stem.lower()}"
        script = "\n".join(f"{{ {command}; }} || exit 99" for command in commands
                           if command not in NOT_AGAIN)  # fmt: skip
        try:
            done = subprocess.run(["sh", "-xc", script], cwd=ROOT, env=env, text=True, check=False,
                                  capture_output=True, timeout=TIMEOUT_S)  # fmt: skip
        finally:
            if "SPRAT_LAB" in env:
                subprocess.run([ROOT / "scripts/sprat", "lab", "down"], env=env, timeout=60,
                               check=False, capture_output=True)  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stdout[-2000:] + done.stderr[-3000:])


def add_test(path):
    """Give class Docs a test for a document."""
    setattr(Docs, f"test_{path.stem}", lambda self: self.run_all(path))


for document in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
    if commands_of(document):
        add_test(document)

if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    unittest.main(verbosity=2)
