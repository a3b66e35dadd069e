# SPDX-License-Identifier: BSD-2-Clause
"""Guests that mean harm to whoever serves their xenstore: spratd stays small, all others go on."""

import unittest

from launcher_case import LauncherCase
from spratlib import paths

HOWS = ("garbage", "indices", "deaf", "many")
OTHERS = "10"
PATIENT = ("--timeout", "120")
GROWTH_KIB_MAX = 4096  # of the daemon, for a few: a guest's answers and requests that wait
NODES_MAX = 200  # that one of them may have made
GUEST_KIB = 1024  # of Xen's memory: one that is not gone keeps so much


class NuisanceTest(LauncherCase):
    def resident_kib(self):
        return int(self.dom0(f"grep VmRSS /proc/{self.spratd}/status").split()[1])

    def test_others_go_on_beside_guests_that_mean_harm(self):
        self.create(self.cfg, "--count", OTHERS, "--name", "warm")
        self.ctl("destroy", "--all")
        before, resident = self.counts(), self.resident_kib()
        image = str(paths.build_folder() / "test/guest/nuisance.xen")
        for how in HOWS:
            self.create(self.write(how, kernel=image, extra=how, name=how), *PATIENT)

        self.create(self.cfg, "--count", OTHERS, "--name", "other", *PATIENT)
        peaceful = str(paths.build_folder() / "test/guest/test-xenstore.cfg")
        answer = self.ctl("create", "--ready", "all passed", *PATIENT, peaceful)[0]
        self.assertTrue(answer["ok"], answer)
        self.assertTrue(set(HOWS) <= set(self.guests()))
        self.assertLess(self.resident_kib() - resident, GROWTH_KIB_MAX)
        domids = {guest["name"]: guest["domid"] for guest in self.ctl("list")[0]["guests"]}
        for how in HOWS:
            nodes = self.dom0(f"xenstore-ls -f /local/domain/{domids[how]} | wc -l")
            self.assertLess(int(nodes), NODES_MAX)

        self.ctl("destroy", "--all")
        after = self.counts()
        self.assertEqual(after[1:], before[1:])
        self.assertLess(before[0] - after[0], GUEST_KIB)


if __name__ == "__main__":
    unittest.main()
