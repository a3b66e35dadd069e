# SPDX-License-Identifier: BSD-2-Clause
"""A ready middlebox between captures: what goes in, what must come out, and how they differ."""

import os
import pathlib
import subprocess
import tempfile
import unittest

import capture
import packets

ROOT = pathlib.Path(__file__).resolve().parents[2]
REPLAY = os.environ["MIDDLEBOX_REPLAY"]
DEVICES = ("eth0", "eth1", "eth2")
TIMEOUT_S = 120


class Result:
    """What came out: `frames` by device as [(time in seconds, bytes)], `handlers` by name, `log`.
    """

    def __init__(self, frames, handlers, log):
        self.frames = frames
        self.handlers = handlers
        self.log = log


def replay(config, arrivals, seconds=1, handlers=()):
    """Play packets through a configuration.

    @param config    the path of a .click file
    @param arrivals  [(time in seconds, device, packet)], by time
    """
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for device in DEVICES:
            frames = [(at, bytes(packet)) for at, where, packet in arrivals if where == device]
            capture.write(folder / f"{device}.in.pcap", frames)
        done = subprocess.run([REPLAY, config, folder, str(seconds), *handlers], check=False,
                              capture_output=True, timeout=TIMEOUT_S)  # fmt: skip
        log = done.stderr.decode(errors="replace")
        if done.returncode != 0:
            raise AssertionError(log)
        frames = {device: capture.read(path) for device in DEVICES
                  if (path := folder / f"{device}.out.pcap").exists()}  # fmt: skip
    values = done.stdout.decode(errors="replace").split("\0")
    return Result(frames, dict(zip(handlers, values)), log)


def complaints(expected, result):
    """Compare what came out packet by packet: one line for each field that is not as it should be.

    @param expected  packets by device, in order; a device that is not named must send nothing
    """
    lines = []
    for device in dict.fromkeys([*expected, *result.frames]):
        want, have = expected.get(device, []), result.frames.get(device, [])
        for number, (packet, (at, data)) in enumerate(zip(want, have), 1):
            lines += [f"{device}, packet {number} at {at:.6f} s: {line}"
                      for line in packets.differences(packet, data)]  # fmt: skip
        lines += [f"{device}, packet {number} is missing: {packets.summary(bytes(packet))}"
                  for number, packet in list(enumerate(want, 1))[len(have):]]  # fmt: skip
        lines += [f"{device}, packet {number} at {at:.6f} s is one too many: "
                  f"{packets.summary(data)}"
                  for number, (at, data) in list(enumerate(have, 1))[len(want):]]  # fmt: skip
    return lines


class MiddleboxTest(unittest.TestCase):
    """A test of one ready middlebox, CONF in conf/."""

    CONF = ""

    def play(self, arrivals, seconds=1, handlers=()):
        """Play packets through it; return the Result."""
        return replay(ROOT / "conf" / f"{self.CONF}.click", arrivals, seconds, handlers)

    def check(self, arrivals, expected, seconds=1, handlers=()):
        """Play packets through it, and fail for what comes out otherwise than expected."""
        result = self.play(arrivals, seconds, handlers)
        if lines := complaints(expected, result):
            self.fail("\n" + "\n".join(lines))
        return result


def every_ms(device, *sent):
    """Let packets arrive on one device, a millisecond apart."""
    return [(number / 1000, device, packet) for number, packet in enumerate(sent, 1)]
