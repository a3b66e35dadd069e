# SPDX-License-Identifier: BSD-2-Clause
"""Firewalls, intrusion detection and the DNS filter. "left" is outside, "right" inside."""

import unittest

from hosts import NAME, TrafficTest, guests, pings, swap_words

PREPARE = "host left 198.51.100.7/24; host right 198.51.100.5/24"
OUTSIDE, INSIDE = "198.51.100.7", "198.51.100.5"


class Firewall(TrafficTest):
    CONFIG = "firewall"
    PREPARE = PREPARE

    def test_rules_hold_and_can_be_replaced(self):
        said = self.play(f"""
            web right {INSIDE} 80; web right {INSIDE} 81
            on left ping -q -A -c 2 {INSIDE}
            get left {INSIDE} 80 name
            try left {INSIDE} 81 name
            ask "WRITE in.config allow dst tcp port 81, deny all"
            get left {INSIDE} 81 name
            try left {INSIDE} 80 name
            ask "WRITE in.config allow tcp port, deny all"
            get left {INSIDE} 81 name""")
        self.assertEqual(pings(said), [2])
        answers = [line for line in said.splitlines() if line in (INSIDE, "nothing")]
        self.assertEqual(answers, [INSIDE, "nothing", INSIDE, "nothing", INSIDE])

    def test_the_inside_may_call_out(self):
        said = self.play(f"web left {OUTSIDE} 81; get right {OUTSIDE} 81 bulk"
                         f" | cmp - /tmp/web/{OUTSIDE}/bulk && echo equal")
        self.assertIn("equal", said)


class Stateful(TrafficTest):
    CONFIG = "stateful"
    PREPARE = PREPARE

    def test_only_the_inside_begins(self):
        said = self.play(f"""
            web left {OUTSIDE} 80; web right {INSIDE} 80
            start left 53 $peer echo {OUTSIDE} 53
            get right {OUTSIDE} 80 name
            try left {INSIDE} 80 name
            on right ping -q -A -c 2 {OUTSIDE}
            on left ping -q -c 1 -W 1 {INSIDE} || true
            on right $peer ask {INSIDE} 5000 {OUTSIDE} 53 question
            value flows.table""")
        self.assertRegex(said, f"^{OUTSIDE}\nnothing\n")
        self.assertEqual(pings(said), [2, 0])
        self.assertIn(f"{INSIDE} 5000 question\n", said)
        self.assertIn(f"({INSIDE}, 5000, {OUTSIDE}, 53)", said)

    def test_connections_live_through_a_swap(self):
        said = self.play(f"""
            start left 9 nc -ll -p 9 -e cat
            mkfifo /tmp/words
            on right nc {OUTSIDE} 9 </tmp/words >/tmp/answers & client=$!
            exec 3>/tmp/words; rm /tmp/words
            echo before >&3
            until grep -q before /tmp/answers; do usleep 10000; done
            {swap_words(self.config().replace("Queue(512)", "Queue(100)"))}
            echo after >&3
            until grep -q after /tmp/answers; do usleep 10000; done
            exec 3>&-; wait $client; cat /tmp/answers""")
        self.assertIn("before\nafter\n", said)


class Intrusion(TrafficTest):
    CONFIG = "ids"
    PREPARE = PREPARE

    def test_requests_with_a_pattern_do_not_arrive(self):
        said = self.play(f"""
            web right {INSIDE} 80
            get left {INSIDE} 80 name
            try left {INSIDE} 80 scripts/CMD.EXE
            value in/m.count1; value in/hits.count""")
        answers = said.splitlines()
        self.assertEqual(answers[:2], [INSIDE, "nothing"])
        self.assertGreater(int(answers[2]), 0)
        self.assertGreaterEqual(int(answers[3]), int(answers[2]))  # TCP tries again meanwhile
        self.assertRegex(guests.console(NAME), rf"intrusion: .*{OUTSIDE}\.\d+ > {INSIDE}\.80: ")


class DNSFilter(TrafficTest):
    CONFIG = "dnsfilter"
    PREPARE = PREPARE

    def test_unwanted_names_are_answered_here_and_others_reach_the_server(self):
        said = self.play(f"""
            on left $peer hear {OUTSIDE} 53 1 >/tmp/heard & wait=$!
            until on left netstat -lun | grep -q :53; do usleep 10000; done
            on right nslookup -type=a www.ads.example {OUTSIDE} 2>&1 || true
            on right timeout 3 nslookup -type=a good.example {OUTSIDE} >/dev/null 2>&1 || true
            wait $wait; cat /tmp/heard""")
        self.assertIn("NXDOMAIN", said)
        self.assertIn(b"good".hex(), said)
        self.assertNotIn(b"ads".hex(), said)


if __name__ == "__main__":
    unittest.main(verbosity=2)
