# SPDX-License-Identifier: BSD-2-Clause
"""Turn the addresses of a crash report into functions and lines.

A filter: reads a console's text, appends "FUNCTION at FILE:LINE" to each line of a backtrace
("#2 0x0000000000201234"), and leaves all else as it is.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

from spratlib import guest_cfg, image, paths
from spratlib.errors import SpratError, UsageError

FRAME = re.compile(rb"^(?P<indent>.*?)#(?P<number>\d+)\s+0x(?P<address>[0-9a-fA-F]+)\s*$")
MARK = b"sprat:"  # a line that begins so may be one of a report
EXIT_TIMEOUT_S = 10
END = "0xffffffffffffffff"  # no function is there: the question that ends an answer


class Symbols:
    """Answers where addresses of one file are, by binutils' addr2line, one process for all."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        if shutil.which("addr2line") is None:
            raise SpratError("addr2line is not here; install the package binutils")
        self._process = subprocess.Popen(
            ["addr2line", "-e", self.path, "-f", "-i", "-C", "-a"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def close(self):
        """End the process."""
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(EXIT_TIMEOUT_S)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def locate(self, address):
        """Return [(function, "file:line")] of an address, the innermost inlined one first; [] if
        the file knows nothing of it."""
        # A second question marks the end of the first one's answer, which has any number of lines.
        try:
            self._process.stdin.write(f"{address:#x}\n{END}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return []
        lines = []
        self._process.stdout.readline()  # the address itself
        while (line := self._process.stdout.readline()) and not line.startswith(END):
            lines.append(line.rstrip("\n"))
        for _ in range(2):
            self._process.stdout.readline()
        places = []
        for function, place in zip(lines[0::2], lines[1::2]):
            place = re.sub(r" \(discriminator \d+\)$", "", place)
            if function != "??" or not place.startswith("??"):
                places.append((function, shorten(place)))
        return places


def shorten(place):
    """Return a "file:line" as seen from the repository, where the file is in it."""
    file, _, line = place.rpartition(":")
    parts = pathlib.PurePath(file).parts
    # An image may carry paths that were cut or moved: the longest end that exists here is meant.
    for start in range(len(parts)):
        relative = pathlib.PurePath(*parts[start:])
        if (paths.REPOSITORY / relative).is_file() and not relative.is_absolute():
            return f"{relative}:{line}"
    return place


class Filter:
    """Symbolises a stream as it comes: all but the lines of a report passes at once."""

    def __init__(self, symbols):
        self._symbols = symbols
        self._held = b""
        self._begun = False  # the current line began to be shown already

    def feed(self, data):
        """Return what is to be shown for `data` (bytes)."""
        shown = []
        *lines, rest = (self._held + data).split(b"\n")
        for line in lines:
            shown.append(self._line(line) + b"\n")
        # An incomplete line is held back only while it may turn out to be of a report.
        if not self._begun and (rest.startswith(MARK) or MARK.startswith(rest)):
            self._held = rest
        else:
            self._held = b""
            shown.append(rest)
            self._begun = self._begun or bool(rest)
        return b"".join(shown)

    def finish(self):
        """Return what was held back."""
        rest, self._held = self._held, b""
        return self._line(rest)

    def _line(self, line):
        if self._begun:
            self._begun = False
            return line
        text = line.rstrip(b"\r")
        return self.translate(text) + line[len(text) :]

    def translate(self, line):
        """Return one line (bytes, no end of line) with what its address means."""
        match = FRAME.match(line)
        if not match or self._symbols is None:
            return line
        address = int(match["address"], 16)
        if address >= 2**64:
            return line
        # A return address is after the call; the call itself is what the reader wants to see.
        places = self._symbols.locate(address - 1 if int(match["number"]) > 0 else address)
        if not places:
            return line
        indent = b" " * (len(line.rstrip()))
        texts = [f" {function} at {place}".encode() for function, place in places]
        inlined = b"".join(b"\n" + indent + text for text in texts[1:])
        if inlined:
            texts[0] += b" (inlined into)"
        return line.rstrip() + texts[0] + inlined


def add_arguments(parser):
    parser.add_argument(
        "--image",
        metavar="FILE",
        help="the image (its symbols are in NAME.xen.sym), a file with symbols, or a name",
    )


def main(args):
    if args.image is None:
        raise UsageError("say whose report it is: --image NAME.xen")
    path = pathlib.Path(args.image)
    if not path.exists() and "/" not in args.image:
        settings = guest_cfg.parse(guest_cfg.find(args.image).read_text())
        path = pathlib.Path(settings.get("kernel", ""))
    if not path.is_file():
        raise SpratError(f"there is no file {args.image}")
    symbols = image.symbols_of(path)
    if symbols is None:
        raise SpratError(f"{path} has no symbols, and there is no {path.name}.sym beside it")
    with Symbols(symbols) as lookup:
        stream = Filter(lookup)
        while data := os.read(sys.stdin.fileno(), 65536):
            sys.stdout.buffer.write(stream.feed(data))
            sys.stdout.buffer.flush()
        sys.stdout.buffer.write(stream.finish())
        sys.stdout.buffer.flush()
    return 0
