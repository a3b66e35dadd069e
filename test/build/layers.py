# SPDX-License-Identifier: BSD-2-Clause
"""Check that no layer takes a symbol from a layer above it or beside it.

Reads the symbols of the layers' libraries. A layer may take what it defines itself, what the layers
below it define, what no layer defines (newlib does, or the linker script), and what it or a layer
below it says to come from above: CALLS_UP in the root CMakeLists.txt.
"""

import argparse
import dataclasses
import fnmatch
import subprocess
import sys


@dataclasses.dataclass
class Layer:
    """A layer as declared, and the symbols of its library."""

    name: str
    below: set  # names of all layers it stands on
    calls_up: list  # patterns of the symbols it and the layers above it take from above
    defined: set
    wanted: dict  # symbol: the object file that takes it


def main():
    """Print each symbol that is taken upwards; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--nm", default="nm")
    parser.add_argument("layers", nargs="+", metavar="NAME=LIBRARY=USES=CALLS_UP",
                        help="in the order of their declaration; lists with commas")  # fmt: skip
    args = parser.parse_args()
    layers = {}
    for name, library, uses, calls_up in (word.split("=") for word in args.layers):
        layers[name] = read_layer(args.nm, layers, name, library, words(uses), words(calls_up))
    complaints = check(list(layers.values()))
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


def words(text):
    """Split at commas; nothing is no word."""
    return text.split(",") if text else []


def read_layer(nm, layers, name, library, uses, calls_up):
    """Return a Layer; those it uses are in `layers` already."""
    below = set(uses).union(*(layers[used].below for used in uses))
    defined, wanted = set(), {}
    command = [nm, "-A", "-g", "-P", library]
    listing = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    for line in listing.splitlines():
        where, symbol, kind = line.split()[:3]  # LIBRARY[OBJECT]: SYMBOL TYPE ...
        if kind in "Uvw":
            wanted[symbol] = where.partition("[")[2].rstrip("]:")
        else:
            defined.add(symbol)
    return Layer(name, below, calls_up, defined, wanted)


def check(layers):
    """Return what is wrong, one sentence each."""
    complaints = []
    used_patterns = set()
    for layer in layers:
        allowed = [other for other in layers if other.name in layer.below] + [layer]
        patterns = {pattern for other in allowed for pattern in other.calls_up}
        for symbol, object_name in sorted(layer.wanted.items()):
            matching = {p for p in patterns if fnmatch.fnmatchcase(symbol, p)}
            used_patterns |= matching
            owners = [other for other in layers if symbol in other.defined]
            if owners and not matching and not any(owner in allowed for owner in owners):
                complaints.append(
                    f"{layer.name}/{object_name} takes {symbol} from {owners[0].name}, "
                    f"which is not below {layer.name}"
                )
    for layer in layers:
        for pattern in sorted(set(layer.calls_up) - used_patterns):
            complaints.append(f"{layer.name} says CALLS_UP {pattern}, and nothing does: remove it")
    return complaints


if __name__ == "__main__":
    sys.exit(main())
