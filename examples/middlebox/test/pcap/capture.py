# SPDX-License-Identifier: BSD-2-Clause
"""Capture files: pcap, version 2.4, of Ethernet frames, with times in microseconds."""

import struct

MAGIC = 0xA1B2C3D4
ETHERNET = 1
SNAPLEN = 65535


def write(path, frames):
    """Write frames, [(time in seconds, bytes)]."""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", MAGIC, 2, 4, 0, 0, SNAPLEN, ETHERNET))
        for time_s, data in frames:
            time_us = round(time_s * 1_000_000)
            file.write(struct.pack("<IIII", time_us // 1_000_000, time_us % 1_000_000, len(data),
                                   len(data)) + data)  # fmt: skip


def read(path):
    """Return a file's frames, [(time in seconds, bytes)]. Raises ValueError for a damaged file."""
    data = path.read_bytes()
    if len(data) < 24 or struct.unpack_from("<IHH", data) != (MAGIC, 2, 4):
        raise ValueError(f"{path} is no capture")
    if struct.unpack_from("<I", data, 20)[0] != ETHERNET:
        raise ValueError(f"{path} is not of Ethernet frames")
    frames, at = [], 24
    while at < len(data):
        seconds, micros, kept, original = struct.unpack_from("<IIII", data, at)
        at += 16
        if kept != original or at + kept > len(data):
            raise ValueError(f"{path}: a frame is cut short at byte {at}")
        frames.append((seconds + micros / 1_000_000, data[at : at + kept]))
        at += kept
    return frames
