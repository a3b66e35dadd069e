# SPDX-License-Identifier: BSD-2-Clause
"""Start a guest, show its console, pass its exit code on.

GUEST is a cfg file for xl, or the name of one under the build folder. The guest runs in the lab
that --lab or $SPRAT_LAB names; on this machine, if it is a Xen dom0; in the lab 'default', if it
runs; else in a lab of its own, which ends with it. What follows "--" is appended to its command
line.

Exit code: the guest's own; 139 when it crashed; 124 after --timeout; 130 after Ctrl-C; 125 when it
could not be started.
"""

import contextlib
import os
import re
import signal
import sys

from spratlib import agent, guest_cfg, image, lab, lab_cli, symbolize, toolstack
from spratlib.errors import EXIT_CRASH, EXIT_FAILURE, EXIT_TIMEOUT, SpratError

PANIC_MARK = "sprat: panic:"
CODE_ADDRESS = re.compile(r"\brip: ?([0-9a-f]{8,16})|\[<([0-9a-f]{8,16})>\]")
STACK_WORDS = re.compile(r"(?:\(XEN\))?((?: +[0-9a-f]{16})+) *")
LAB_OVERHEAD_MIB = 1024  # a lab of our own has this, and the guest's memory


def add_arguments(parser):
    parser.add_argument("guest", metavar="GUEST", help="a cfg file, or the name of one")
    parser.add_argument("--lab", metavar="NAME", default=os.environ.get("SPRAT_LAB") or None,
                        help="the lab to run it in (default: $SPRAT_LAB)")
    parser.add_argument("--memory", type=lab_cli.guest_mib, metavar="MIB",
                        help="the guest's memory, instead of what the cfg says")
    parser.add_argument("--timeout", type=lab_cli.positive, metavar="S",
                        help="end the guest after S seconds")
    parser.add_argument("--stats", action="store_true",
                        help="tell at its end what CPU time and memory it took")
    parser.usage = "sprat run [OPTION...] GUEST [-- ARG...]"


def main(args):
    guest = Guest(args.guest, args.memory, args.words)
    options = lab.Options(memory=max(2048, LAB_OVERHEAD_MIB + guest.memory_mib))
    with toolstack.choose(args.lab, options, lab_cli.report) as tools:
        result = guest.run(tools, args.timeout)
    if args.stats and "cpu-ns" in result.facts:
        print(
            f"sprat: {int(result.facts['cpu-ns']) / 1e6:.3f} ms of CPU time,"
            f" {int(result.facts['memory-kib'])} KiB of memory",
            file=sys.stderr,
        )
    return result.exit_code()


class Guest:
    """What is to be started: a cfg file, and what was asked for on top. Raises SpratError if it
    cannot work."""

    def __init__(self, name, memory_mib=None, words=()):
        self.cfg = guest_cfg.find(name)
        try:
            self.settings = guest_cfg.parse(self.cfg.read_text(errors="surrogateescape"))
        except OSError as error:
            raise SpratError(f"cannot read {self.cfg}: {error.strerror}") from error
        self.memory_mib = memory_mib or int(self.settings.get("memory", 0) or 0)
        self._memory_asked = memory_mib
        self._words = words
        self.kernel = self._file("kernel")
        self.symbols = None
        if self.kernel is not None:
            self.symbols = image.symbols_of(self.kernel)
            if self.settings.get("type", "pv") == "pv" and "builder" not in self.settings:
                image.check(self.kernel)
        # Unique, so that guests of the same cfg run side by side; xl wants at most 63 characters.
        stem = re.sub(r"[^A-Za-z0-9_.-]", "-", str(self.settings.get("name", self.cfg.stem)))[:40]
        self.name = f"{stem}-{os.urandom(4).hex()}"

    def _file(self, setting):
        value = self.settings.get(setting)
        if not isinstance(value, str) or not value:
            return None
        return self.cfg.parent / value  # an absolute path stays as it is

    def xl_arguments(self, visible):
        """Return what `xl create` is given; `visible` maps files to where xl sees them."""
        arguments = [str(visible[self.cfg]), f"name={guest_cfg.quote(self.name)}"]
        for setting in ("kernel", "ramdisk"):
            path = self._file(setting)
            if path is not None:
                arguments.append(f"{setting}={guest_cfg.quote(str(visible[path]))}")
        if self._memory_asked:
            arguments.append(f"memory={self._memory_asked}")
            if "maxmem" in self.settings:
                arguments.append(f"maxmem={self._memory_asked}")
        if self._words:
            setting, value = guest_cfg.command_line(self.settings, self._words)
            arguments.append(f"{setting}={guest_cfg.quote(value)}")
        return arguments

    def files(self):
        """Return the files that xl needs."""
        return [self.cfg] + [p for p in map(self._file, ("kernel", "ramdisk")) if p is not None]

    def run(self, tools, timeout_s):
        """Run it with `tools` (a toolstack) until it ends; return a Result."""
        command = [tools.program("domain"), "run", "--panic-mark", PANIC_MARK]
        if timeout_s:
            command += ["--timeout", str(timeout_s)]
        if tools.console_logs:
            command += ["--log", f"{tools.console_logs}/guest-{self.name}.log"]
        with contextlib.ExitStack() as stack:
            symbols = None
            if self.symbols is not None:
                symbols = stack.enter_context(symbolize.Symbols(self.symbols))
            visible = stack.enter_context(tools.visible(self.files(), self.name))
            console = symbolize.Filter(symbols)
            result = Result(symbols)

            def output(stream, data):
                if stream == agent.REPORT:
                    result.feed(data)
                elif stream == agent.STDOUT:
                    write_out(console.feed(data))
                else:
                    sys.stderr.buffer.write(data)
                    sys.stderr.buffer.flush()

            command += [self.name, "--", *self.xl_arguments(visible)]
            tools.run(command, output=output, stdin=usable_stdin())
            write_out(console.finish())
            result.finish()
        return result


class Result:
    """What `lab-domain` reports of a guest's life: see lab/domain."""

    def __init__(self, symbols):
        self._symbols = symbols
        self._text = b""
        self.facts = {}
        self.context = []
        self.xen = []

    def feed(self, data):
        """Take a piece of the report."""
        self._text += data

    def finish(self):
        """The report is whole: say on stderr what the user has to know."""
        for line in self._text.decode(errors="replace").splitlines():
            key, _, value = line.partition(" ")
            if key == "context":
                self.context.append(value)
            elif key == "xen":
                self.xen.append(value)
            else:
                self.facts[key] = value
        end = self.facts.get("end", "lost")
        message = {
            "reboot": "the guest asked for a reboot; it was ended instead",
            "crash": "the guest crashed",
            "watchdog": "the guest's watchdog fired",
            "soft-reset": "the guest asked for a soft reset; it was ended instead",
            "gone": "the guest was destroyed, or saved, by someone else",
            "timeout": "the guest did not end in time; it was destroyed",
            "interrupted": "the guest was ended",
            "no-create": "xl did not start the guest; what it says is above",
            "lost": "the guest's end was not seen",
        }.get(end)
        if end == "poweroff" and "status" not in self.facts:
            message = "the guest shut down and left no exit status; taken as 0"
        if message:
            print(f"sprat: {message}", file=sys.stderr)
        if "lost" in self.facts:
            print(f"sprat: {self.facts['lost']} bytes of its console are missing", file=sys.stderr)
        if self.context:
            self._print_post_mortem()

    def exit_code(self):
        """Return the exit code for `sprat run`."""
        end = self.facts.get("end", "lost")
        if end in ("poweroff", "reboot"):
            return int(self.facts.get("status", 0))
        return {
            "crash": EXIT_CRASH,
            "watchdog": EXIT_CRASH,
            "timeout": EXIT_TIMEOUT,
            "interrupted": 128 + signal.SIGINT,
        }.get(end, EXIT_FAILURE)

    def _print_post_mortem(self):
        print("sprat: where its CPU was (xenctx):", file=sys.stderr)
        for line in self.context:
            print(f"  {self._explained(line)}", file=sys.stderr)
        if self.xen:
            print("sprat: what Xen says (xl dmesg):", file=sys.stderr)
            for line in self.xen:
                print(f"  {self._explained(line)}", file=sys.stderr)

    def _explained(self, line):
        """Return a line with what its code addresses mean: "rip: HEX", "[<HEX>]", and words of the
        stack that may be return addresses."""
        if self._symbols is None:
            return line
        words = [first or bracketed for first, bracketed in CODE_ADDRESS.findall(line)]
        if match := STACK_WORDS.fullmatch(line):
            words = match[1].split()
        meanings = []
        for word in words:
            places = self._symbols.locate(int(word, 16))
            meanings += [f"{function} at {place}" for function, place in places]
        return f"{line}  {', '.join(meanings)}" if meanings else line


def write_out(data):
    """Write console output to stdout at once."""
    if data:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def usable_stdin():
    """Return the descriptor of our input for the guest, or None where reading it would stop us (in
    the background of a terminal)."""
    try:
        descriptor = sys.stdin.fileno()
        if os.isatty(descriptor) and os.tcgetpgrp(descriptor) != os.getpgrp():
            return None
        return descriptor
    except (AttributeError, OSError, ValueError):
        return None
