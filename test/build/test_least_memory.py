# SPDX-License-Identifier: BSD-2-Clause
"""The least memory= of an image, against cases worked out from libxenguest's source by hand."""

import unittest

from spratlib import footprint, link

KIB = 1024
MIB = 1024 * KIB


class LeastMemory(unittest.TestCase):
    """For the base, and for an image's size at the base that suits it best."""

    def best(self, size):
        """Return (offset of the best base in MiB, the least memory= there)."""
        base = link.best_base(size)
        return base // MIB - 4, footprint.least_memory(base, base + size)

    def test_an_image_at_a_multiple_of_4_MiB_takes_4(self):
        self.assertEqual(footprint.least_memory(4 * MIB, 4 * MIB + 64 * KIB), 4)

    def test_the_same_image_1_MiB_below_takes_1(self):
        self.assertEqual(footprint.least_memory(7 * MIB, 7 * MIB + 64 * KIB), 1)

    def test_the_last_page_that_fits_in_1_MiB(self):
        # 512 KiB of padding, boot stack, 4 page tables, start info, xenstore, console, 1 page of
        # p2m.
        room = 512 * KIB - 9 * 4 * KIB
        self.assertEqual(footprint.least_memory(7 * MIB, 7 * MIB + room), 1)
        self.assertEqual(footprint.least_memory(7 * MIB, 7 * MIB + room + 1), 5)

    def test_each_size_finds_its_base(self):
        self.assertEqual(self.best(64 * KIB), (3, 1))
        self.assertEqual(self.best(512 * KIB), (2, 2))
        self.assertEqual(self.best(2 * MIB), (1, 3))
        self.assertEqual(self.best(3 * MIB), (0, 4))
        self.assertEqual(self.best(4 * MIB), (3, 5))

    def test_the_p2m_of_a_large_guest_does_not_raise_the_least(self):
        self.assertEqual(self.best(100 * MIB)[1], 101)


if __name__ == "__main__":
    unittest.main()
