# SPDX-License-Identifier: BSD-2-Clause
"""Bridge, switch and mirror: what leaves on which wire."""

import unittest

from hosts import TrafficTest, pings, swap_words

BRIDGED = "host left 10.0.0.1/24\nhost right 10.0.0.2/24"


class Bridge(TrafficTest):
    CONFIG = "bridge"
    PREPARE = BRIDGED

    def test_pings_and_a_file_pass_unchanged(self):
        said = self.play("""
            on left ping -q -A -c 5 10.0.0.2
            web right 10.0.0.2 80
            get left 10.0.0.2 80 bulk | cmp - /tmp/web/10.0.0.2/bulk && echo equal""")
        self.assertEqual(pings(said), [5])
        self.assertIn("equal", said)

    def test_a_swap_while_pings_pass_loses_none_and_a_wrong_one_changes_nothing(self):
        wrong = swap_words(self.config().replace("Queue(512)", "Queue(many)"))
        right = swap_words(self.config().replace("Queue(512)", "Queue(100)"))
        said = self.play(f"""
            on left ping -q -i 0.1 -c 30 10.0.0.2 & wait=$!
            {wrong}
            {right}
            value config
            wait $wait""")
        self.assertRegex(said, r"5\d\d.*CAPACITY must be a number")
        self.assertRegex(said, r"200 ")
        self.assertIn("Queue(100)", said)
        self.assertEqual(pings(said), [30])


class Switch(TrafficTest):
    CONFIG = "switch"
    PREPARE = "host left 10.0.0.1/24\nhost right 10.0.0.2/24\nhost third 10.0.0.3/24"

    def test_it_learns_who_is_where(self):
        said = self.play("""
            on left ping -q -A -c 2 10.0.0.2; on left ping -q -A -c 2 10.0.0.3
            value sw.table > /tmp/table
            before=$(received third); on left ping -q -A -c 10 10.0.0.2
            after=$(received third)
            echo "overheard $((after - before))"
            cat /tmp/table""")
        self.assertEqual(pings(said), [2, 2, 10])
        self.assertIn("overheard 0", said)
        for number, port in enumerate(("00", "01", "02")):
            self.assertRegex(said, rf"(?i)02-00-00-00-{port}-99 {number}\n")

    def test_what_it_learned_survives_a_swap(self):
        before, after = self.play(f"""
            on left ping -q -A -c 1 10.0.0.2 >/dev/null; value sw.table | sort; echo =
            {swap_words(self.config().replace("Queue(256)", "Queue(99)"))} >/dev/null
            value sw.table | sort""").split("=\n")
        self.assertEqual(before, after)
        self.assertIn("02-00-00-00-01-99", before)


class Mirror(TrafficTest):
    CONFIG = "mirror"
    PREPARE = BRIDGED

    def test_the_third_wire_sees_both_directions(self):
        said = self.play("""
            on left ping -q -A -c 1 10.0.0.2
            before=$(received third); on left ping -q -A -c 10 10.0.0.2
            until [ $(($(received third) - before)) -ge 20 ]; do usleep 10000; done
            on third ping -q -c 1 -W 1 10.0.0.2 || true""")
        self.assertEqual(pings(said), [1, 10])


if __name__ == "__main__":
    unittest.main(verbosity=2)
