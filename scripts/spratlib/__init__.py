# SPDX-License-Identifier: BSD-2-Clause
"""The parts of `scripts/sprat`, one noun per file."""
