# SPDX-License-Identifier: BSD-2-Clause
"""The same calls on sockets in a guest and in dom0's Linux.

    test_netops.py [SEED,... [CALLS]]   in $SPRAT_LAB's lab; without: what the test runs
"""

from support import BUILD, Transcripts, sprat

SEEDS = (1, 9)
CALLS = 1500
FOLDER = BUILD / "test/guest"
# A network of its own: no port of an earlier run is remembered in it.
ALONE = ("unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "alone")


class Same(Transcripts):
    """A guest's answers are Linux' answers."""

    seeds, calls = SEEDS, CALLS

    def run_both(self, seed):
        """Run both with a seed."""
        linux = sprat("lab", "exec", "--", *ALONE, FOLDER / "netops", seed, self.calls)
        self.assertEqual(linux.returncode, 0, linux.stdout[-2000:] + linux.stderr)
        guest = sprat("run", FOLDER / "test-netops.cfg", "--", seed, self.calls)
        said = "".join(line for line in guest.stdout.splitlines(keepends=True)
                       if not line.startswith("sprat: "))  # fmt: skip
        self.compare(f"seed {seed}", said, linux.stdout)
        self.assertEqual(guest.returncode, 0, guest.stderr)

    def test_calls_answer_what_they_do_with_linux(self):
        for seed in self.seeds:
            with self.subTest(seed=seed):
                self.run_both(seed)


if __name__ == "__main__":
    Same.main()
