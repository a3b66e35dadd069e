# SPDX-License-Identifier: BSD-2-Clause
"""Call the handlers of a middlebox that runs: `sprat handler list`, `read`, `write`, `swap`.

    sprat handler list GUEST [ELEMENT]          its elements and their classes, or one's handlers
    sprat handler read GUEST HANDLER [VALUE]    print what a handler says
    sprat handler write GUEST HANDLER [VALUE]   give a value to a handler
    sprat handler swap GUEST CONFIG.click       replace the whole configuration

HANDLER is ELEMENT.NAME, as in counter.count; or one of the whole engine, which `sprat handler read
GUEST handlers` lists. GUEST is a domain's name or number, or for a guest of `sprat run` or `sprat
middlebox` its cfg's name, when it is the only one; CHAIN.NAME for one of a chain. It is looked for
in the lab that --lab or $SPRAT_LAB names; on this machine, if it is a Xen dom0; else in the lab
'default'. A value of several words, or one that begins with "-", follows "--".

Host and guest speak through xenstore, so the guest needs no network. A configuration with
an error is refused, with its place, and the old one goes on.

Exit code: 0; 1 when the guest refuses it; 124 when no answer comes in time; 125 when there is no
such guest, or it ends.
"""

import dataclasses
import os
import pathlib
import re
import sys

from spratlib import agent, lab_cli, middlebox, toolstack
from spratlib.errors import EXIT_FAILURE, EXIT_TIMEOUT, SpratError, UsageError

EXIT_REFUSED = 1
TIMEOUT_S = 60
CODE_LINE = re.compile(rb"(\d{3})([ -])(.*)", re.DOTALL)
DATA_LINE = re.compile(rb"DATA (\d{1,9})")
NO_ELEMENT, NO_HANDLER = 510, 511


def add_arguments(parser):
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, act, what, second in (
        ("list", list_names, "its elements and their classes, or one's handlers",
         ("element", "ELEMENT", "?", "an element's name")),
        ("read", read, "print what a handler says", ("handler", "HANDLER", None, "ELEMENT.NAME")),
        ("write", write, "give a value to a handler", ("handler", "HANDLER", None, "ELEMENT.NAME")),
        ("swap", swap, "replace the whole configuration",
         ("config", "CONFIG.click", None, "a file in the Click language")),
    ):  # fmt: skip
        action = actions.add_parser(name, help=what, allow_abbrev=False)
        action.add_argument("guest", metavar="GUEST", help="a domain's name or number")
        action.add_argument(second[0], metavar=second[1], nargs=second[2], help=second[3])
        if name in ("read", "write"):
            action.add_argument("value", metavar="VALUE", nargs="?", help="its argument")
            action.add_argument("--file", metavar="FILE", help="the argument's text; - is stdin")
        action.add_argument("--lab", metavar="NAME", default=os.environ.get("SPRAT_LAB") or None,
                            help="the lab (default: $SPRAT_LAB; this machine, if it is a dom0;"
                            " 'default')")  # fmt: skip
        action.add_argument("--timeout", type=lab_cli.positive, default=TIMEOUT_S, metavar="S",
                            help="how long to wait (default: %(default)s)")  # fmt: skip
        action.set_defaults(act=act)


def main(args):
    if args.words and args.action not in ("read", "write"):
        raise UsageError(f"sprat handler {args.action} takes nothing after --")
    return args.act(args)


def list_names(args):
    """Print the elements, "NAME :: CLASS" each; or the handlers of one, as "count rw"."""
    if args.element is not None:
        request = Request.read(f"{args.element}.handlers")
        said = Place(args).call(request)[0].checked()
        print(said.decode(errors="replace").replace("\t", " "), end="")
        return 0
    place = Place(args)
    names = place.call(Request.read("list"))[0].checked().decode(errors="replace").split("\n")[1:]
    names = [name for name in names if name]
    classes = place.call(*(Request.read(f"{name}.class") for name in names)) if names else []
    for name, answer in zip(names, classes):
        print(f"{name} :: {answer.checked().decode(errors='replace')}")
    return 0


def read(args):
    """Print what a read handler says."""
    request = Request.read(args.handler, value_of(args))
    said = Place(args).call(request)[0].checked()
    sys.stdout.buffer.write(said if said.endswith(b"\n") or not said else said + b"\n")
    sys.stdout.buffer.flush()
    return 0


def write(args):
    """Call a write handler; its warnings are shown."""
    request = Request.write(args.handler, value_of(args))
    answer = Place(args).call(request)[0]
    answer.checked()
    show_warnings(answer, "")
    return 0


def swap(args):
    """Replace the configuration. Raises SpratError with what is wrong, FILE:LINE:COLUMN: what."""
    config = pathlib.Path(args.config)
    request = Request.write("hotconfig", middlebox.read(config))
    answer = Place(args).call(request)[0]
    if answer.code >= 500 and len(answer.lines) > 1:
        raise SpratError("\n".join(f"{config}:{line}" for line in answer.lines[1:]), EXIT_REFUSED)
    answer.checked()
    show_warnings(answer, f"{config}:")
    return 0


def value_of(args):
    """Return the bytes of a handler's argument, from wherever it comes."""
    if (args.value is not None) + (args.file is not None) + bool(args.words) > 1:
        raise UsageError("a value comes as VALUE, after --, or from --file, and from one of these")
    if args.file == "-":
        return sys.stdin.buffer.read(middlebox.CONFIG_MAX + 1)
    if args.file is not None:
        return middlebox.read(pathlib.Path(args.file))
    return os.fsencode(args.value if args.value is not None else " ".join(args.words))


def show_warnings(answer, prefix):
    """Tell what a write handler that has done its work complains about."""
    for line in answer.lines[1:]:
        print(f"{prefix}{line}", file=sys.stderr)


@dataclasses.dataclass(frozen=True)
class Request:
    """A command of ControlSocket's protocol."""

    text: bytes

    @classmethod
    def read(cls, handler, value=b""):
        """Read a handler."""
        return cls._of("READDATA", handler, value)

    @classmethod
    def write(cls, handler, value):
        """Write to a handler."""
        return cls._of("WRITEDATA", handler, value)

    @classmethod
    def _of(cls, command, handler, value):
        if not re.fullmatch(r"[^\s\0]{1,2000}", handler):
            raise UsageError(f"'{handler}' is no handler: write ELEMENT.NAME, as in counter.count")
        return cls(f"{command} {handler} {len(value)}\r\n".encode() + value)


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a guest says to one request."""

    code: int
    lines: list  # of text, without codes
    data: bytes

    def checked(self):
        """Return the data. Raises SpratError when the guest refused the request."""
        if self.code < 300:
            return self.data
        hint = {
            NO_ELEMENT: "; 'sprat handler list GUEST' has its elements",
            NO_HANDLER: "; 'sprat handler list GUEST ELEMENT' has an element's handlers",
        }.get(self.code, "")
        raise SpratError("\n".join(self.lines) + hint, EXIT_REFUSED)


class Place:
    """The guest that is asked, and where it is."""

    def __init__(self, args):
        self._tools = toolstack.existing(args.lab)
        self._guest, self._timeout_s = args.guest, args.timeout

    def call(self, *requests):
        """Return the Answer to each Request. Raises SpratError when none come."""
        said, report, errors = bytearray(), bytearray(), bytearray()
        streams = {agent.STDOUT: said, agent.REPORT: report, agent.STDERR: errors}
        command = [self._tools.program("domain"), "ask", "--timeout", str(self._timeout_s)]
        question = os.memfd_create("sprat-question")
        try:
            with open(question, "wb", closefd=False) as file:
                file.write(b"".join(request.text for request in requests))
            os.lseek(question, 0, os.SEEK_SET)
            code = self._tools.run([*command, self._guest], stdin=question,
                                   output=lambda stream, data: streams[stream].extend(data))
        finally:
            os.close(question)
        if code != 0:
            raise SpratError(errors.decode(errors="replace").strip() or f"exit code {code}", code)
        self._check_end(report.decode(errors="replace").splitlines())
        answers = parse(bytes(said))
        if len(answers) != len(requests):
            raise SpratError(f"{self._guest} answers {len(answers)} of {len(requests)} requests")
        return answers

    def _check_end(self, report):
        """Raise SpratError unless the report says that an answer came."""
        end = next((line[4:] for line in report if line.startswith("end ")), "lost")
        guests = [line[6:] for line in report if line.startswith("guest ")]
        there = f"there are: {' '.join(sorted(guests))}" if guests else "there are none"
        taken = ("the request was taken back" if "taken-back" in report
                 else "the guest has taken the request, and may still do it")  # fmt: skip
        late = f"within {self._timeout_s} s"
        message, code = {
            "answered": (None, 0),
            "nobody": (f"no guest in {self._tools.name} is called {self._guest}; {there}",
                       EXIT_FAILURE),
            "silent": (f"{self._guest} does not say {late} that it runs as a middlebox"
                       " (data/state in xenstore)", EXIT_TIMEOUT),
            "busy": (f"others have asked {self._guest}, and have no answer {late}", EXIT_TIMEOUT),
            "timeout": (f"{self._guest} does not answer {late}; {taken}", EXIT_TIMEOUT),
            "gone": (f"{self._guest} has ended", EXIT_FAILURE),
            "interrupted": (f"interrupted; {taken}", 130),
        }.get(end, (f"{self._guest} was not asked", EXIT_FAILURE))  # fmt: skip
        if message:
            raise SpratError(message, code)


def parse(said):
    """Return the Answers in what a guest says. Raises SpratError when that makes no sense."""
    answers, at = [], 0
    while at < len(said):
        code, lines, more = None, [], True
        while more:
            line, at = next_line(said, at)
            match = CODE_LINE.fullmatch(line)
            if not match or code not in (None, int(match[1])):
                raise SpratError("the guest's answer makes no sense")
            code, more = int(match[1]), match[2] == b"-"
            lines.append(match[3].decode(errors="replace"))
        data = b""
        if said.startswith(b"DATA ", at):
            line, at = next_line(said, at)
            match = DATA_LINE.fullmatch(line)
            if not match or at + int(match[1]) > len(said):
                raise SpratError("the guest's answer is not complete")
            data, at = said[at : at + int(match[1])], at + int(match[1])
        answers.append(Answer(code, lines, data))
    return answers


def next_line(said, at):
    """Return the line that begins at `at`, and where the next one does."""
    end = said.find(b"\r\n", at)
    if end < 0:
        raise SpratError("the guest's answer is not complete")
    return said[at:end], end + 2
