# SPDX-License-Identifier: BSD-2-Clause
"""A chain's description: bridges, and middleboxes between them.

    # What comes from outside passes the firewall, then the translator.
    bridge outside
    bridge middle
    bridge lan existing
    guest  filter  firewall.click  outside middle
    guest  nat     nat.click       middle lan       memory=4

A line is a statement; what follows "#" is a comment; a word with blanks stands in double quotes.

    bridge NAME [existing]
        A bridge of this host. The chain makes it, and removes it at its end; `existing` says that
        it is there already: it is joined, and stays. 1 to 15 letters, digits, "_", "." or "-".
    guest NAME CONFIG.click BRIDGE... [memory=MIB]
        A middlebox; its file's path is relative to the description. Of the bridges the first is
        eth0's, the second eth1's, as many as the configuration has devices, and each another one.
        The domain is called CHAIN.NAME, where CHAIN is the description's file name without its
        suffix.
"""

import dataclasses
import pathlib
import re

from spratlib import lab_cli, middlebox
from spratlib.errors import SpratError

SUFFIX = ".chain"
CHAIN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,19}")
GUEST_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,30}")
BRIDGE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,14}")  # Linux, IFNAMSIZ
WORD = re.compile(r'"([^"]*)"|([^\s#"]+)')
DESCRIPTION_MAX = 1 << 20


@dataclasses.dataclass(frozen=True)
class Bridge:
    """A bridge that guests meet at."""

    name: str
    existing: bool


@dataclasses.dataclass(frozen=True)
class Guest:
    """A middlebox of a chain."""

    name: str
    config: pathlib.Path
    data: bytes  # of the configuration
    bridges: tuple  # names, eth0's first
    memory_mib: int | None  # None: what suits its interfaces


@dataclasses.dataclass(frozen=True)
class Chain:
    """What a description says."""

    name: str
    bridges: tuple
    guests: tuple


@dataclasses.dataclass(frozen=True)
class Word:
    """A word of the description, and its column, from 1."""

    text: str
    column: int


class Wrong(Exception):
    """A statement can't be taken."""

    def __init__(self, word, message):
        super().__init__(message)
        self.column = word.column


def name_of(path):
    """Return the name of the chain that the file at `path` describes. Raises SpratError."""
    name = path.name.removesuffix(SUFFIX)
    if not CHAIN_NAME.fullmatch(name):
        raise SpratError(f"{path}: '{name}' can't be a chain's name: a letter, then at most 19"
                         " letters, digits, '_' or '-'")  # fmt: skip
    return name


def read(path):
    """Read a description; return a Chain. Raises SpratError with all that is wrong in it, line by
    line: FILE:LINE:COLUMN: what."""
    name = name_of(path)
    try:
        with open(path, "rb") as file:
            data = file.read(DESCRIPTION_MAX + 1)
    except OSError as error:
        raise SpratError(f"cannot read {path}: {error.strerror}") from error
    if len(data) > DESCRIPTION_MAX:
        raise SpratError(f"{path}: a description is 1 MiB long at most")
    reader = Reader(path.parent)
    errors = []
    for number, line in enumerate(data.decode(errors="replace").split("\n"), 1):
        try:
            reader.take(split(line), number)
        except Wrong as wrong:
            errors.append(f"{path}:{number}:{wrong.column}: {wrong}")
    errors += [f"{path}:{number}:{word.column}: no guest is at the bridge '{word.text}'"
               for number, word in reader.unused()]  # fmt: skip
    if not errors and not reader.guests:
        errors.append(f"{path}:1:1: a chain has one guest at least")
    if errors:
        raise SpratError("\n".join(errors))
    bridges = tuple(bridge for bridge, _, _ in reader.bridges.values())
    return Chain(name, bridges, tuple(reader.guests.values()))


def split(line):
    """Return the words of a line. Raises Wrong."""
    words, at = [], 0
    while at < len(line):
        if line[at].isspace():
            at += 1
            continue
        if line[at] == "#":
            break
        match = WORD.match(line, at)
        if not match:
            raise Wrong(Word("", at + 1), "this quote is not closed")
        words.append(Word(match[1] if match[2] is None else match[2], at + 1))
        at = match.end()
    return words


class Reader:
    """Takes statements one by one."""

    def __init__(self, folder):
        self.folder = folder
        self.bridges = {}  # name: (Bridge, line, Word)
        self.guests = {}
        self._used = set()

    def take(self, words, line):
        """Take the words of one line. Raises Wrong."""
        if not words:
            return
        statements = {"bridge": self._bridge, "guest": self._guest}
        if words[0].text not in statements:
            raise Wrong(words[0], f"'{words[0].text}' is no statement: write bridge or guest")
        statements[words[0].text](words, line)

    def unused(self):
        """Return (line, Word) of the bridges that no guest is at."""
        return [(line, word) for name, (_, line, word) in self.bridges.items()
                if name not in self._used]  # fmt: skip

    def _bridge(self, words, line):
        if len(words) < 2:
            raise Wrong(words[0], "a bridge needs a name: bridge NAME [existing]")
        name = words[1].text
        if not BRIDGE_NAME.fullmatch(name):
            raise Wrong(words[1], f"'{name}' can't be a bridge's name: a letter, then at most 14"
                        " letters, digits, '_', '.' or '-'")  # fmt: skip
        if name in self.bridges:
            raise Wrong(words[1], f"the bridge '{name}' is in line {self.bridges[name][1]} already")
        if len(words) > 2 and (words[2].text != "existing" or len(words) > 3):
            unknown = words[2] if words[2].text != "existing" else words[3]
            raise Wrong(unknown, f"'{unknown.text}' can't stand here: bridge NAME [existing]")
        self.bridges[name] = (Bridge(name, len(words) == 3), line, words[1])

    def _guest(self, words, _line):
        if len(words) < 3:
            raise Wrong(words[-1], "something is missing: guest NAME CONFIG.click BRIDGE...")
        name = words[1].text
        if not GUEST_NAME.fullmatch(name):
            raise Wrong(words[1], f"'{name}' can't be a guest's name: a letter, then at most 30"
                        " letters, digits, '_' or '-'")  # fmt: skip
        if name in self.guests:
            raise Wrong(words[1], f"there is a guest '{name}' already")
        memory_mib, bridges = None, []
        for word in words[3:]:
            if "=" in word.text:
                memory_mib = memory_of(word)
            else:
                bridges.append(self._known(word))
                if bridges.count(word.text) > 1:
                    raise Wrong(word, f"'{name}' is at the bridge '{word.text}' already: what it"
                                " passes on would come back to it, round and round")  # fmt: skip
        config = self.folder / words[2].text
        try:
            data = middlebox.read(config)
            devices = middlebox.interfaces_of(config, data)
        except SpratError as error:
            raise Wrong(words[2], str(error)) from None
        if devices != len(bridges):
            raise Wrong(words[2], f"{config.name} has {devices} devices, and the guest is at"
                        f" {len(bridges)} bridges")  # fmt: skip
        self._used.update(bridges)
        self.guests[name] = Guest(name, config, data, tuple(bridges), memory_mib)

    def _known(self, word):
        if word.text not in self.bridges:
            raise Wrong(word, f"there is no bridge '{word.text}': a line 'bridge {word.text}' must"
                        " come before")  # fmt: skip
        return word.text


def memory_of(word):
    """Return the MiB that a word memory=MIB asks for. Raises Wrong."""
    key, _, value = word.text.partition("=")
    if key != "memory":
        raise Wrong(word, f"'{key}' can't be set: only memory=MIB")
    most = lab_cli.GUEST_MOST_MIB
    if not re.fullmatch(r"[0-9]{1,5}", value) or not 2 <= int(value) <= most:
        raise Wrong(word, f"'{value}' is no memory: a number of MiB, from 2 to {most}")
    return int(value)
