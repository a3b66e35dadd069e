# SPDX-License-Identifier: BSD-2-Clause
"""xl's configuration files: finding them, reading what matters here, writing values.

Source: xl.cfg(5), and libxlu's grammar: NAME = VALUE, where VALUE is a number, a string in single
or double quotes, or a list; "#" starts a comment; the last setting of a name counts.
"""

import os
import pathlib
import re

from spratlib import paths
from spratlib.errors import SpratError

CMDLINE_MAX = 1023  # start_info.cmd_line of the Xen ABI has 1024 bytes, with the NUL
SKIPPED_FOLDERS = {"CMakeFiles"}
BUILD_MARK = "CMakeCache.txt"

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r]+|\#[^\n]*|\\\n)
    |(?P<end>[\n;])
    |(?P<string>'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")
    |(?P<word>[A-Za-z0-9_.+-]+)
    |(?P<sign>[=\[\],{}])
    |(?P<other>.)""",
    re.VERBOSE,
)


def find(name):
    """Return the path of the cfg file that `name` is, or is called under the build folder."""
    given = pathlib.Path(name)
    if "/" in name or given.suffix == ".cfg" and given.exists():
        if not given.is_file():
            raise SpratError(f"there is no file {name}")
        return given.resolve()
    wanted = name if name.endswith(".cfg") else f"{name}.cfg"
    build = paths.build_folder()
    known = list_all(build)
    found = [path for path in known if path.name == wanted]
    if len(found) == 1:
        return found[0]
    if found:
        candidates = "".join(f"\n  {path}" for path in found)
        raise SpratError(f"several guests are called {name}; say which one:{candidates}")
    if not build.is_dir():
        raise SpratError(f"there is no build folder {build}; scripts/quickstart makes it")
    names = sorted({path.stem for path in known})
    hint = f"there are: {' '.join(names)}" if names else "nothing is built there yet"
    raise SpratError(f"no {wanted} under {build}; {hint}")


def list_all(build):
    """Return the paths of all cfg files under the folder `build`, but for those of other builds
    in it, as scripts/fuzz makes one."""
    found = []
    for folder, subfolders, files in os.walk(build):
        skipped = SKIPPED_FOLDERS | ({paths.lab_folder().name} if folder == str(build) else set())
        subfolders[:] = sorted(s for s in subfolders if s not in skipped and s[0] != "."
                               and not pathlib.Path(folder, s, BUILD_MARK).exists())  # fmt: skip
        found += [pathlib.Path(folder, file) for file in sorted(files) if file.endswith(".cfg")]
    return found


def parse(text):
    """Return {name: str or int} of the settings that are strings or numbers; lists are left out.

    What xl would not understand is skipped here: to refuse it is xl's business.
    """
    settings = {}
    for words, _ in _statements(text):
        if len(words) != 3 or words[0][0] != "word" or words[1] != ("sign", "="):
            continue
        kind, value = words[2]
        if kind == "string":
            settings[words[0][1]] = unquote(value)
        elif kind == "word":
            try:
                settings[words[0][1]] = int(value, 0)
            except ValueError:
                continue
    return settings


def lists(text):
    """Return {name: [str]} of the settings that are lists of strings."""
    found = {}
    for words, _ in _statements(text):
        kinds = [kind for kind, _ in words]
        if kinds[:3] == ["word", "sign", "sign"] and [w for _, w in words[1:3]] == ["=", "["]:
            found[words[0][1]] = [unquote(word) for kind, word in words if kind == "string"]
    return found


def without(text, keys):
    """Return a cfg's text without the statements that set these, whatever lines they take."""
    return "".join(part for words, part in _statements(text)
                   if words[1:2] != [("sign", "=")] or words[0][1] not in keys)  # fmt: skip


def _statements(text):
    """Give each statement's words, and all of its text: the statements' texts are the whole."""
    words, depth, start = [], 0, 0
    for match in _TOKEN.finditer(text):
        kind, value = match.lastgroup, match.group()
        if kind == "space":
            continue
        if kind == "end":
            if depth == 0:
                yield words, text[start : match.end()]
                words, start = [], match.end()
            continue
        if kind == "sign" and value in "[{":
            depth += 1
        elif kind == "sign" and value in "]}":
            depth -= 1
        words.append((kind, value))
    yield words, text[start:]


_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def unquote(literal):
    """Return what a quoted string of a cfg file means."""
    return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m.group(1), m.group(1)), literal[1:-1])


def quote(value):
    """Return `value` as a string of a cfg file. Raises SpratError when it is not one line.

    Only what must be escaped is: of the numeric escapes, xl 4.17 refuses or mangles all.
    """
    if re.search(r"[\0\n\r]", value):
        raise SpratError(f"no cfg can have a NUL or an end of line in a string: {value!r}")
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def quote_word(word):
    """Return `word` so that a shell, and a guest, which splits words as one does, gets it whole."""
    if re.fullmatch(r"[A-Za-z0-9_@%+=:,./-]+", word):
        return word
    return "'" + word.replace("'", "'\\''") + "'"


def command_line(settings, words):
    """Return (setting, value) that appends `words` to the guest's command line.

    The setting is "cmdline" where the cfg has one, for xl then ignores "extra".
    Raises SpratError when the guest would get a shortened one.
    """
    setting = "cmdline" if "cmdline" in settings else "extra"
    parts = [str(settings.get(setting, "")).strip(), *map(quote_word, words)]
    value = " ".join(part for part in parts if part)
    for char in value:
        if char in "\0\n\r":
            raise SpratError("a guest's command line cannot contain a NUL or an end of line")
    root = f"root={settings['root']} " if setting == "extra" and "root" in settings else ""
    check_command_line(root + value)
    return setting, value


def check_command_line(line):
    """Raise SpratError when the guest would get a shortened one."""
    size = len(os.fsencode(line))
    if size > CMDLINE_MAX:
        raise SpratError(
            f"the guest's command line has {size} bytes, but Xen hands over {CMDLINE_MAX} at most"
        )
