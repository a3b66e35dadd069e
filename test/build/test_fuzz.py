# SPDX-License-Identifier: BSD-2-Clause
"""scripts/fuzz knows every fuzzer that is run as a test."""

import re
import unittest

import support


class Names(unittest.TestCase):
    """What it says there is, when it is asked for none, or for one that is not there."""

    def named(self, *words):
        """The names in its usage."""
        code, output = support.run(support.SOURCE / "scripts/fuzz", *words)
        self.assertEqual(code, 2, output)
        return set(re.findall(r"^    (\S+)$", output, re.MULTILINE))

    def test_all_tests_are_there(self):
        tests = support.must("ctest", "--test-dir", support.BUILD, "-N")
        want = set(re.findall(r"\bfuzz\.(\S+)$", tests, re.MULTILINE))
        want |= {f"middlebox-{name}" for name in re.findall(r"\bmiddlebox_fuzz_(\S+)$", tests,
                                                            re.MULTILINE)}  # fmt: skip
        self.assertLessEqual({"lwip"}, want)
        self.assertLessEqual(want, self.named())

    def test_no_pattern_is_a_name(self):
        self.assertIn("middlebox-pcap", self.named("lwi."))


if __name__ == "__main__":
    unittest.main()
