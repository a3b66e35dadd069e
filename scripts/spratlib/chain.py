# SPDX-License-Identifier: BSD-2-Clause
"""Middleboxes in a row: `sprat chain up FILE.chain`, `show`, `down`, `check`.

%s
`up` makes the bridges and starts the guests; it returns when all run. When it fails or is
interrupted, it takes back what it did. A chain's traces are its own: domains called CHAIN.NAME,
bridges whose alias (/sys/class/net/BRIDGE/ifalias) is "sprat chain CHAIN". So `down` needs no
record of what was started, and finishes what an `up` or `down` that was killed left.
"""

import os
import pathlib
import sys

from spratlib import agent, chain_file, guest_cfg, middlebox, paths, toolstack

__doc__ %= chain_file.__doc__.partition("\n")[2].lstrip("\n")

UP_TIMEOUT_S = 120
CONSOLE_LINES = 20

# $chain is set in front of these. A domain's name begins with "$chain.".
DOMAINS = """
domains() { xl list | awk -v p="$chain." 'NR > 1 && index($1, p) == 1 { print $1, $2 }'; }
"""
DOWN = """
down() {
    domains | while read -r name _; do xl destroy "$name"; done
    for alias in /sys/class/net/*/ifalias; do
        [ "$(cat "$alias")" = "sprat chain $chain" ] || continue
        bridge=${alias%/ifalias} bridge=${bridge##*/}
        ip link set "$bridge" down
        ip link del "$bridge" 2>/dev/null || brctl delbr "$bridge"
    done
}
"""
# A guest that ended stays, as xl would say, in the state "s" or "c", for its console to be read.
ENDED = """
has_ended() {
    case $(xl list "$1" 2>/dev/null | awk 'NR == 2 { print $5 }') in
    '' | *[sc]*) return 0 ;;
    esac
    return 1
}
"""
# The bridges to make, those that exist and the cfg files are in $made, $existing and $cfgs.
UP = """
fail() { echo "$*" >&2; exit 1; }
[ -z "$(domains)" ] || fail "the chain $chain is up already: 'sprat chain down' ends it"
for bridge in $existing; do
    [ -d "/sys/class/net/$bridge/bridge" ] || fail "there is no bridge $bridge on this host"
done
for bridge in $made; do
    [ ! -e "/sys/class/net/$bridge" ] || [ "$(cat "/sys/class/net/$bridge/ifalias")" = \\
        "sprat chain $chain" ] ||
        fail "there is a $bridge already, not of this chain; to join it: 'bridge $bridge existing'"
done
events=/tmp/sprat-chain-$chain.$$
watcher=
leave() {
    status=$?
    trap '' INT TERM HUP
    [ -z "$watcher" ] || kill "$watcher" 2>/dev/null
    rm -f "$events"
    [ $status = 0 ] || down
    exit $status
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
down
for bridge in $made; do
    ip link add name "$bridge" type bridge 2>/dev/null || brctl addbr "$bridge" ||
        fail "the bridge $bridge can't be made"
    echo "sprat chain $chain" >"/sys/class/net/$bridge/ifalias"
    ip link set "$bridge" up || fail "the bridge $bridge does not come up"
done
echo "$cfgs" | while read -r cfg; do xl create -q -e "$cfg" || exit 1; done ||
    fail "xl does not start a guest; what it says is above"

last_words() { # xenconsoled tells nobody when it has written them: two seconds are enough
    looks=0
    until [ -s "$1" ] || [ $looks = 20 ]; do looks=$((looks + 1)) && sleep 0.1; done
    [ ! -s "$1" ] || tail -n %(lines)s "$1" >&2
}

# Each says in xenstore when it runs; Xen tells when one has ended.
mkfifo "$events" || fail "no pipe in /tmp"
domains >"$events.domains"
nodes=$(while read -r _ id; do echo "/local/domain/$id/data/state"; done <"$events.domains")
timeout %(timeout_s)s xenstore-watch $nodes @releaseDomain >"$events" &
watcher=$!
all_run() {
    while read -r name id; do
        [ "$(xenstore-read "/local/domain/$id/data/state" 2>/dev/null)" = running ] && continue
        has_ended "$name" || return 1
        last_words "/var/log/xen/console/guest-$name.log"
        rm -f "$events.domains"
        fail "$name has ended"
    done <"$events.domains"
}
while read -r _; do
    all_run && rm -f "$events.domains" && exit 0
done <"$events"
rm -f "$events.domains"
fail "not all guests run after %(timeout_s)s seconds"
""" % {"timeout_s": UP_TIMEOUT_S, "lines": CONSOLE_LINES}

SHOW = """
domains | while read -r name id; do
    state=$(xenstore-read "/local/domain/$id/data/state" 2>/dev/null || echo starting)
    has_ended "$name" && state=ended
    cpu=$(xl list "$name" | awk 'NR == 2 { print $6 }')
    echo "$name: domain $id, $state, $cpu s of CPU time"
    for vif in /sys/class/net/vif"$id".*; do
        [ -e "$vif/brport/bridge" ] && bridge=$(readlink "$vif/brport/bridge") || bridge=none
        # What the host sends is what the guest receives.
        read -r in <"$vif/statistics/tx_packets"
        read -r out <"$vif/statistics/rx_packets"
        echo "    eth${vif##*.} at ${bridge##*/}: $in packets in, $out out"
    done
done
"""


def add_arguments(parser):
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, act, what in (
        ("check", check, "read the description, say what is wrong with it, and do nothing"),
        ("up", up, "make the bridges, start the guests"),
        ("show", show, "tell how the guests are, and what went through them"),
        ("down", down, "destroy the guests, remove the bridges"),
    ):
        action = actions.add_parser(name, help=what)
        action.add_argument("file", metavar="FILE.chain", type=pathlib.Path,
                            help="the chain's description")  # fmt: skip
        if name != "check":
            default = os.environ.get("SPRAT_LAB") or None
            action.add_argument("--lab", metavar="NAME", default=default,
                                help="the lab (default: $SPRAT_LAB; this machine, if it is a dom0;"
                                " 'default')")  # fmt: skip
        action.set_defaults(act=act)


def main(args):
    return args.act(args)


def check(args):
    """Read the description; tell what is in it."""
    chain = chain_file.read(args.file)
    print(f"{args.file}: {len(chain.guests)} guests, {len(chain.bridges)} bridges")
    return 0


def up(args):
    """Start a chain. Returns when all its guests run."""
    chain = chain_file.read(args.file)
    tools = toolstack.existing(args.lab)
    folder = paths.build_folder() / "chain" / chain.name
    folder.mkdir(parents=True, exist_ok=True)
    cfgs = [middlebox.write(folder / f"{chain.name}.{guest.name}", guest.data, guest.bridges,
                            guest.memory_mib) for guest in chain.guests]  # fmt: skip
    values = {
        "chain": chain.name, "cfgs": "\n".join(map(str, cfgs)),
        "made": " ".join(bridge.name for bridge in chain.bridges if not bridge.existing),
        "existing": " ".join(bridge.name for bridge in chain.bridges if bridge.existing),
    }  # fmt: skip
    code = shell(tools, UP, values)
    if code != 0:
        return code
    return shell(tools, SHOW, {"chain": chain.name})


def show(args):
    """Tell how the guests of a chain are."""
    return shell(toolstack.existing(args.lab), SHOW, {"chain": chain_file.name_of(args.file)})


def down(args):
    """End a chain, whatever there is of it."""
    return shell(toolstack.existing(args.lab), "down", {"chain": chain_file.name_of(args.file)})


def shell(tools, script, values):
    """Run a script in dom0 with variables set; what it says is shown. Return its exit code."""

    def output(stream, data):
        target = sys.stdout if stream == agent.STDOUT else sys.stderr
        target.buffer.write(data)
        target.buffer.flush()

    lines = [f"{name}={guest_cfg.quote_word(value)}" for name, value in values.items()]
    return tools.run(["sh", "-c", "\n".join([*lines, DOMAINS, ENDED, DOWN, script])], output=output)
