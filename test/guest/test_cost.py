# SPDX-License-Identifier: BSD-2-Clause
"""What a guest costs when it starts and for its traffic, in CPU time of the domain, counted to the
last instruction."""

import csv
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TIMEOUT_S = 300
HELLO_NS_MAX = 160_000  # from unpause to idle in main; it was 147,000 when this was written
GROWTH_MAX = 1.10  # from 16 MiB to 1 GiB
# A tenth above what it was when this was written: ns of a ping, a connection, a packet, a MiB.
TRAFFIC_NS_MAX = {
    # daytime with an interface, until idle; what IPv6 asks its neighbours comes before or after.
    "start": 1_000_000,
    "ping": 24_000, "connection": 90_000, "request": 48_000, "fetch": 117_000, "query": 33_400,
    # A thousand others are open: no search for them.
    "crowd": 130_000,
    "driver": 2_500, "receive": 5_100, "transmit": 6_900, "upload": 840_000,
    "download": 1_150_000, "forward": 2_900,
}  # fmt: skip


def count(*words):
    """Count once; return the rows of the table."""
    with tempfile.NamedTemporaryFile(suffix=".csv") as table:
        done = subprocess.run(
            [ROOT / "scripts/sprat", "bench", "cost", "--csv", table.name, *words],
            text=True, capture_output=True, timeout=TIMEOUT_S, check=False)  # fmt: skip
        if done.returncode != 0:
            raise AssertionError(done.stdout + done.stderr)
        with open(table.name, newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))


def measure():
    """Start hello; return {MiB: (CPU time in ns, ticks to main)}."""
    rows = count("hello", "--memory", "1,16,1024", "--", "sprat.boottime", "stay")
    return {int(row["memory_mib"]): (int(row["cpu_ns"]), int(row["boot_ticks"])) for row in rows}


class Cost(unittest.TestCase):
    """hello, in the machine that counts."""

    def test_starting_a_guest_costs_the_same_each_time_and_with_any_memory(self):
        runs = []
        # The host's own load can move an interrupt in QEMU's start: two of three must agree.
        while len(runs) < 3 and not any(run in runs[:n] for n, run in enumerate(runs)):
            runs.append(measure())
        self.assertTrue(any(run in runs[:n] for n, run in enumerate(runs)), runs)
        for memory, (cpu_ns, _) in runs[-1].items():
            self.assertLess(cpu_ns, HELLO_NS_MAX, f"{memory} MiB")
        ticks = {memory: ticks for memory, (_, ticks) in runs[-1].items()}
        self.assertEqual(sorted(ticks), [1, 16, 1024])
        self.assertLess(ticks[1024], ticks[16] * GROWTH_MAX)

    def test_traffic_costs_no_more_than_it_did(self):
        found = {row["traffic"]: int(row["cpu_ns"]) for row in count("--traffic")}
        self.assertEqual(sorted(found), sorted(TRAFFIC_NS_MAX))
        for traffic, ns in found.items():
            with self.subTest(traffic):
                self.assertLess(ns, TRAFFIC_NS_MAX[traffic])


if __name__ == "__main__":
    unittest.main(verbosity=2)
