# SPDX-License-Identifier: BSD-2-Clause
"""A rolling replace: a fleet's guests get a new image, some at a time.

While it is under way the folder `before` in the fleet's has the plan and the cfg files as they
were. Which guests are replaced already is not written down: it is what runs. So a replace that was
interrupted, even by SIGKILL, goes on when it is given again; and when a new guest does not become
ready, all that were replaced get back what they had.
"""

import dataclasses
import os
import shutil

from spratlib import fleet_guests, fleet_plan, lab_cli
from spratlib.errors import SpratError

BEFORE = "before"


def is_unfinished(folder):
    """Whether a replace was interrupted."""
    return (folder / BEFORE).exists()


def refuse_unfinished(folder):
    """Raise SpratError when a replace was interrupted."""
    if is_unfinished(folder):
        raise SpratError(
            "a replace of this fleet was interrupted; first go on with it, by 'sprat fleet"
            " replace --cfg CFG', or back, by 'sprat fleet replace --back'"
        )


def forward(fleet, cfg):
    """Replace all guests that are not of the new cfg yet."""
    if not fleet.ready:
        lab_cli.report("no --ready text: a new guest that does not work at once is not noticed")
    new = dataclasses.replace(fleet.plan, cfg=cfg, ready=fleet.ready)
    new = fleet_plan.with_image(fleet.folder, new)
    guests = fleet_plan.guests_of(fleet.folder.name, new)
    texts = {guest.name: fleet_plan.cfg_text(fleet.folder.name, new, guest) for guest in guests}
    state = fleet.look()
    fleet.refuse_strangers(texts, state)
    keep_before(fleet.folder)
    names = [name for name in texts if not is_done(fleet, state, name, texts[name])]
    n_done = len(texts) - len(names)
    if n_done:
        lab_cli.report(f"{n_done} of {len(texts)} guests are of the new image already")
    for at in range(0, len(names), fleet.args.parallel):
        batch = names[at : at + fleet.args.parallel]
        failed = swap(fleet, batch, texts, now=False)
        if failed:
            lab_cli.report(f"the new image fails: {failed[0]['error']}")
            said = ["the new image does not work:", *fleet_guests.reasons(failed)]
            raise SpratError("\n".join([*said, undo(fleet, batch)]))
        lab_cli.report(f"{n_done + at + len(batch)} of {len(texts)} guests replaced")
    fleet_plan.write(fleet.folder, new, any(fleet.folder.glob("*.xml")))
    forget_before(fleet.folder)
    print(f"{len(names)} guests replaced")
    return 0


def back(fleet):
    """Give all guests back what they had before the replace that was interrupted."""
    if not is_unfinished(fleet.folder):
        raise SpratError("no replace of this fleet was interrupted; to go back to an earlier image,"
                         " 'sprat fleet replace --cfg' its cfg")  # fmt: skip
    print(undo(fleet, []))
    return 0


def is_done(fleet, state, name, text):
    """Whether a guest runs and was made of this text, and has been seen ready if that is asked."""
    path = fleet.folder / f"{name}.cfg"
    return (state.ours.get(name, {}).get("state") == "running"
            and path.exists() and path.read_text() == text and not state.is_stale(name)
            and (state.ours[name]["ready"] or not fleet.ready))  # fmt: skip


def swap(fleet, names, texts, now):
    """End these guests, write their files, start them; return the answers of those that failed."""
    state = fleet.look()
    fleet.end([name for name in names if name in state.ours], state, now)
    for name in names:
        fleet_plan.put(fleet.folder / f"{name}.cfg", texts[name])
    return fleet.start(names)


def undo(fleet, broken):
    """Roll back: give each guest that is of another cfg than before what it had. Those in `broken`
    are not asked to end. Return a sentence about it."""
    before = fleet.folder / BEFORE
    fleet.ready = fleet_plan.read(before).ready
    texts = {path.stem: path.read_text() for path in before.glob("*.cfg")}
    state = fleet.look()
    names = [name for name in fleet.names() if name in texts and
             (name in broken or not is_done(fleet, state, name, texts[name]))]  # fmt: skip
    failed = []
    for at in range(0, len(names), fleet.args.parallel):
        batch = names[at : at + fleet.args.parallel]
        failed += swap(fleet, batch, texts, now=not set(batch).isdisjoint(broken))
        lab_cli.report(f"{at + len(batch)} of {len(names)} guests rolled back")
    fleet_plan.write_plan(fleet.folder, fleet_plan.read(before))
    forget_before(fleet.folder)
    if failed:
        return "\n".join([f"{len(failed)} guests do not start as they were before, either:",
                          *fleet_guests.reasons(failed)])  # fmt: skip
    return f"{len(names)} guests were given back what they had before: all run the old image."


def keep_before(folder):
    """Keep the plan and the cfg files as they are, unless those of an earlier try are kept."""
    if is_unfinished(folder):
        return
    new = folder / f"{BEFORE}.new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    for path in [*folder.glob("*.cfg"), folder / fleet_plan.PLAN_FILE]:
        shutil.copy2(path, new)
    os.replace(new, folder / BEFORE)


def forget_before(folder):
    """The replace is through, in either direction."""
    gone = folder / f"{BEFORE}.gone"
    shutil.rmtree(gone, ignore_errors=True)
    os.replace(folder / BEFORE, gone)
    shutil.rmtree(gone)
    fleet_plan.forget_images(folder)
