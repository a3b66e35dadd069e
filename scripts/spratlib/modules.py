# SPDX-License-Identifier: BSD-2-Clause
"""Linux kernel modules: where they are, and in which order to load them."""

from spratlib import elf
from spratlib.errors import SpratError


class Modules:
    """The modules under one folder, a kernel's /lib/modules/VERSION."""

    def __init__(self, folder):
        self._paths = {plain(path.stem): path for path in sorted(folder.rglob("*.ko"))}

    def path(self, name):
        """Return the path of the module called `name`; "-" and "_" are the same."""
        try:
            return self._paths[plain(name)]
        except KeyError:
            raise SpratError(f"the dom0 kernel's package has no module {name}") from None

    def load_order(self, names):
        """Return the paths of `names` and all they depend on, each after what it needs."""
        order, under_way = {}, []

        def visit(name):
            name = plain(name)
            if name in order:
                return
            if name in under_way:
                raise SpratError(f"kernel modules depend on each other: {' '.join(under_way)}")
            under_way.append(name)
            path = self.path(name)
            for needed in dependencies(path):
                visit(needed)
            under_way.pop()
            order[name] = path

        for name in names:
            visit(name)
        return list(order.values())


def dependencies(path):
    """Return the names of the modules that the module at `path` needs (its "depends" line)."""
    info = elf.read(path).section(".modinfo") or b""
    for entry in info.split(b"\0"):
        if entry.startswith(b"depends="):
            return [name for name in entry[8:].decode().split(",") if name]
    return []


def plain(name):
    """Return a module's name as the kernel knows it."""
    return name.replace("-", "_")
