# SPDX-License-Identifier: BSD-2-Clause
"""spratd, wherever guests are: in a lab's dom0, or on this machine."""

import json
import signal

from spratlib import agent, guest_cfg, paths
from spratlib.errors import SpratError

CHUNK = 200  # words in one command: its line has a limit
LOG = "/var/log/spratd.log"
LAUNCH_S = 20  # to start the daemon
INTERRUPTED = (128 + signal.SIGINT, 128 + signal.SIGTERM)


class Launcher:
    """spratd, where the guests are."""

    def __init__(self, tools):
        self._tools = tools
        self._folder = paths.build_folder() / "toolstack"
        self.said = ""

    def shell(self, command, on_line=None):
        """Run a shell command there; return (exit code, output). Its complaints are in `said`.

        @param on_line  called for each line of output, as it comes
        """
        out, errors = bytearray(), bytearray()

        def keep(stream, data):
            (out if stream == agent.STDOUT else errors).extend(data)
            if on_line and stream == agent.STDOUT:
                for _ in range(data.count(b"\n")):
                    on_line()

        code = self._tools.run(["sh", "-c", command], output=keep)
        if code in INTERRUPTED:  # it was passed on to the command, which ended of it
            raise KeyboardInterrupt(code - 128)
        self.said = errors.decode(errors="replace").strip()
        return code, out.decode(errors="replace")

    def start(self):
        """Start the daemon, unless it runs; return whether it did not."""
        if self.shell(f"{self._folder}/spratctl stats >/dev/null 2>&1")[0] == 0:
            return False
        code, _ = self.shell(
            "f=$(mktemp -u); mkfifo $f && { setsid "
            f"{self._folder}/spratd --ready-fd 7 7>$f </dev/null >/dev/null 2>>{LOG} & "
            f"timeout {LAUNCH_S} head -n 1 $f | grep -q ready; r=$?; rm -f $f; exit $r; }}"
        )
        if code != 0:
            raise SpratError(f"spratd does not start; {LOG} in {self._tools.name} says why")
        return True

    def ask(self, command, words=(), on_answer=None):
        """Run spratctl; return its answers. Many words are given in several turns.

        @param on_answer  called for each answer, as it comes
        """
        answers = []
        for at in range(0, max(1, len(words)), CHUNK):
            part = words[at : at + CHUNK]
            quoted = " ".join(guest_cfg.quote_word(str(word)) for word in part)
            done = self.shell(f"{self._folder}/spratctl --json {command} {quoted}", on_answer)
            got = self._answers(done)
            if len(got) < len(part):
                raise SpratError(f"the launcher ended amid its answers: {self.said}")
            answers += got
        return answers

    def guests(self):
        """Return {name: what the daemon says about it}, of all its guests."""
        return {guest["name"]: guest for guest in self.listing()["guests"]}

    def listing(self):
        """Return what the daemon knows: "guests", its own, and "others", names of domains."""
        return self._answers(self.shell(f"{self._folder}/spratctl --json list"))[0]

    def _answers(self, result):
        code, output = result
        try:
            answers = [json.loads(line) for line in output.splitlines()]
        except ValueError:
            answers = []
        if not answers and code != 0:
            raise SpratError(f"the launcher does not answer: {self.said}")
        return answers
