# SPDX-License-Identifier: BSD-2-Clause
"""A fleet's guests, as Xen and xenstore tell of them, and its files, which say what is wanted."""

import dataclasses
import zlib

from spratlib import fleet_plan, guest_cfg, lab_cli
from spratlib.errors import SpratError

REPORT_EVERY = 25  # guests
REASONS_MAX = 5


@dataclasses.dataclass
class State:
    """What there is. `ours`: {name: what the launcher says}; `extra`: those of them that are no
    longer planned; `strangers`: names that are planned, and that somebody else has a domain of."""

    ours: dict
    extra: list
    strangers: set
    wanted: dict  # {name: the CRC of its cfg file}

    def is_there(self, name):
        """Whether a domain has this name, or will have it again."""
        return name in self.ours or name in self.strangers

    def runs(self, name):
        """Whether it runs, whoever made it."""
        return name in self.strangers or self.ours.get(name, {}).get("state") == "running"

    def is_stale(self, name):
        """Whether it was made of another cfg than its file has now."""
        return name in self.ours and self.ours[name].get("config_crc") != self.wanted.get(name)

    def describe(self, name):
        """What is the matter with a guest, in a few words."""
        guest = self.ours.get(name)
        if guest is None:
            return "has ended again"
        if guest["state"] == "ended":
            return "has ended and is kept, as its cfg says; 'xl destroy' removes it"
        if guest["state"] == "suspended":
            return "is suspended, and goes on if who saves it lets it; 'xl destroy' removes it"
        waits = f"; waits{': ' + guest['trouble'] if 'trouble' in guest else ''}"
        return (f"ends soon after its start, {guest['restarts']} times now"
                f"{waits if guest['state'] == 'waiting' else ''}")  # fmt: skip


class Fleet:
    """A fleet's files, and the launcher that makes guests of them."""

    def __init__(self, folder, launcher, args):
        self.folder = folder
        self.plan = fleet_plan.read(folder)
        self.launcher = launcher
        self.args = args
        self._names, self._named = [], None
        self.ready = getattr(args, "ready", None) or self.plan.ready

    def names(self):
        """Return the planned names, in order."""
        if self._named is not self.plan:
            guests = fleet_plan.guests_of(self.folder.name, self.plan)
            self._names, self._named = [guest.name for guest in guests], self.plan
        return self._names

    def look(self):
        """Ask what there is. A guest is ours when it has the UUID that the plan gave it."""
        listing = self.launcher.listing()
        planned = set(self.names())
        ours, strangers = {}, planned & set(listing["others"])
        for guest in listing["guests"]:
            if guest["uuid"] == fleet_plan.uuid_of(self.folder.name, guest["name"]):
                ours[guest["name"]] = guest
            elif guest["name"] in planned:
                strangers.add(guest["name"])
        wanted = {}
        for name in ours:
            path = self.folder / f"{name}.cfg"
            if path.exists():
                wanted[name] = zlib.crc32(path.read_bytes())
        return State(ours, [name for name in ours if name not in planned], strangers, wanted)

    def refuse_strangers(self, names, state):
        """Raise SpratError when somebody else has a domain of one of these names."""
        taken = [name for name in names if name in state.strangers]
        if taken:
            raise SpratError(f"{len(taken)} names are taken by domains that are not this fleet's:"
                             f" {' '.join(taken[:REASONS_MAX])}")  # fmt: skip

    def check_room(self, names):
        """Raise SpratError when the free memory, Xen's or dom0's, does not take these guests."""
        kinds = {}
        for name in names:
            path = self.folder / f"{name}.cfg"
            memory = guest_cfg.parse(path.read_text()).get("memory")
            kinds.setdefault(memory, []).append(path)
        share, fit = 0, 0
        for paths in kinds.values():
            answer = self.launcher.ask("fits", paths[:1])[0]
            if not answer["ok"]:
                raise SpratError(answer["error"])
            share += len(paths) / max(answer["count"], 1e-9)
            fit = answer["count"]
        if share > 1:
            fit = fit if len(kinds) == 1 else int(len(names) / share)
            raise SpratError(f"{len(names)} more guests do not fit: the free memory, Xen's or"
                             f" dom0's, takes {fit}")  # fmt: skip

    def _words(self):
        words = f"--parallel {self.args.parallel} --timeout {self.args.timeout}"
        if self.ready:
            words += f" --ready {guest_cfg.quote_word(self.ready)}"
        return words

    def start(self, names, n_before=0):
        """Start these guests; return the answers of those that failed. The progress shown begins
        at n_before."""
        done = n_before

        def count():
            nonlocal done
            done += 1
            if done % REPORT_EVERY == 0:
                lab_cli.report(f"{done} guests are up")

        if not names:
            return []
        answers = self.launcher.ask(
            f"create {self._words()}", [self.folder / f"{name}.cfg" for name in names], count
        )
        return [answer for answer in answers if not answer["ok"]]

    def await_ready(self, state):
        """Wait for those that were there before and have not said yet that they are ready; return
        the answers of those that do not."""
        names = [name for name in self.names()
                 if state.ours.get(name, {}).get("state") == "running"
                 and not state.ours[name]["ready"]]  # fmt: skip
        if not names or not self.ready:
            return []
        answers = self.launcher.ask(f"wait {self._words()}", names)
        return [answer for answer in answers if not answer["ok"]]

    def end(self, names, state, now):
        """End these guests: ask, wait, and destroy those that do not."""
        asked = [name for name in names if state.ours[name]["state"] == "running"]
        if asked and not now:
            self.launcher.ask("shutdown", asked)
            at_once = f"--parallel {len(asked)} --timeout {self.args.timeout}"
            answers = self.launcher.ask(f"wait --end {at_once}", asked)
            if len(asked) == len(names) and all(answer["ok"] for answer in answers):
                return
        there = self.launcher.guests() if names else {}
        left = [name for name in names if name in there]
        if left:
            answers = self.launcher.ask("destroy", left)
            self.report_failures([one for one in answers if not one["ok"]], "cannot be destroyed")

    def report_failures(self, failed, what):
        """Raise SpratError if there are any."""
        if failed:
            raise SpratError("\n  ".join([f"{len(failed)} guests {what}:", *reasons(failed)]))


def reasons(failed):
    """Return why, of the first few."""
    lines = [answer["error"] for answer in failed[:REASONS_MAX]]
    if len(failed) > REASONS_MAX:
        lines.append(f"and {len(failed) - REASONS_MAX} more")
    return lines
