# SPDX-License-Identifier: BSD-2-Clause
"""The consoles of guests that run in a lab: wait until one says something."""

from spratlib.errors import SpratError

# In dom0: wait until xenconsoled has given guest $1 (a domid) a terminal, then print what it says
# up to the line with $2 in it.
FOLLOW = """
node=/local/domain/$1/console/tty
fifo=$(mktemp -u)
mkfifo "$fifo" || exit 1
xenstore-watch "$node" >"$fifo" &
watcher=$!
trap 'kill $watcher; rm -f "$fifo"' EXIT
while read -r _; do
    tty=$(xenstore-read "$node" 2>/dev/null) && [ -n "$tty" ] && break
done <"$fifo"
exec 4<>"$tty"
while IFS= read -r line <&4; do
    printf '%s\\n' "$line"
    case $line in *"$2"*) exit 0 ;; esac
done
exit 1
"""


def wait_for(one_lab, name, text, timeout_s):
    """Wait until the guest called `name` says a line with `text`; return all it said till then.

    What it says later is left on its terminal. Raises SpratError when the line does not come, with
    what came instead.
    """
    domid = one_lab.output_of(["xl", "domid", name]).strip()
    said = bytearray()
    why = "its console ended"
    try:
        code = one_lab.run(["sh", "-c", FOLLOW, "guestconsole", domid, text], timeout_s=timeout_s,
                           output=lambda _, data: said.extend(data))
    except TimeoutError:
        code, why = 1, f"{timeout_s} s are over"
    console = said.decode(errors="replace").replace("\r", "")
    if code != 0:
        raise SpratError(f"the guest {name} has not said '{text}', and {why}; it said:\n{console}")
    return console
