# SPDX-License-Identifier: BSD-2-Clause
"""Trees of Debian packages with all that they depend on: for a Linux guest beside Sprat's, and for
clients that run in dom0 from the build folder.

In the build folder's lab/trees/:
    archives/       as fetched, for all trees
    KEY/root/       one tree's files; KEY is a hash of what was asked for
"""

import hashlib
import json
import pathlib
import shutil

from spratlib import dom0, filelock, lab, packages, paths
from spratlib.errors import SpratError

# What maintainer scripts and services want, and a program's run does not.
NOT_WANTED = frozenset((
    "adduser", "debconf", "dpkg", "fontconfig", "init-system-helpers", "install-info",
    "iproute2", "lsb-base", "openssl", "perl", "perl-base", "procps", "python3", "sensible-utils",
    "sysvinit-utils", "systemd", "tzdata", "ucf", "xdg-utils",
))  # fmt: skip
UNPACKED = ("bin/*", "sbin/*", "lib/*", "lib64/*", "etc/*",
            "usr/bin/*", "usr/sbin/*", "usr/lib/*", "usr/lib64/*", "usr/share/nginx/*")  # fmt: skip
TREES_KEPT = 6
LOADER = "ld-linux-x86-64.so.2"


def make(names, report, extra=()):
    """Unpack `names` with all they depend on; return the tree's root folder. Nothing is fetched or
    asked when it is there.

    @param names   binary packages, as apt names them
    @param report  called with a line of progress
    @param extra   (name, patterns) more, as for packages.install()
    """
    trees = paths.lab_folder() / "trees"
    request = json.dumps([sorted(names), [list(pair) for pair in extra], UNPACKED])
    folder = trees / hashlib.sha256(request.encode()).hexdigest()[:16]
    trees.mkdir(parents=True, exist_ok=True)
    with filelock.locked(trees / ".lock", lab.PREPARE_TIMEOUT_S, report):
        if not (folder / "manifest.json").exists():
            if names:
                report(f"asking apt what {' '.join(names)} depend on")
            wanted = [(name, UNPACKED) for name in closure(names)]
            packages.install([*wanted, *extra], folder, report, archives=trees / "archives")
        folder.touch()
        keep = [path for path in trees.iterdir() if (path / "manifest.json").exists()]
        for old in sorted(keep, key=lambda path: path.stat().st_mtime, reverse=True)[TREES_KEPT:]:
            shutil.rmtree(old, ignore_errors=True)
    return folder / "root"


def closure(names):
    """Return `names` and all packages they depend on, in the order they were met.

    Of alternatives the first counts; virtual packages and NOT_WANTED are left out.
    """
    found, queue, asked = {}, list(names), set(names)
    while queue:
        known = packages.candidates(queue, missing_ok=bool(found))
        found.update(known)
        needed = [name for package in known.values() for name in dependencies(package.depends)]
        queue = [name for name in dict.fromkeys(needed) if name not in asked | NOT_WANTED]
        asked.update(queue)
    return list(found)


def dependencies(field):
    """Return the names in a Depends field, the first of each group of alternatives."""
    clauses = [clause.split("|")[0].split("(")[0].strip() for clause in field.split(",")]
    return [clause.partition(":")[0] for clause in clauses if clause]


def place(path):
    """Return where a package's path ("sbin/tc") lies on a system with a merged /usr."""
    top = path.partition("/")[0]
    return f"usr/{path}" if top in ("bin", "sbin", "lib", "lib64") else path


def loader_of(root):
    """Return the path of a tree's loader."""
    places = ("lib/x86_64-linux-gnu", "lib64", "usr/lib64", "usr/lib/x86_64-linux-gnu")
    for place_of in places:
        if (root / place_of / LOADER).exists():
            return (root / place_of / LOADER).resolve()
    raise SpratError(f"the tree {root} has no {LOADER}")


def alone(root, programs):
    """Return {name: path} of programs of a tree with their libraries and their loader, to be put
    into one folder, where `LOADER --library-path FOLDER FOLDER/PROGRAM` runs one."""
    paths_of = {name: root / program_path(root, name) for name in programs}
    libraries = dom0.libraries_of(list(paths_of.values()), root)
    return {**libraries, **paths_of, LOADER: loader_of(root)}


def program_path(root, name):
    """Return the path in the tree of the program called `name`. Raises SpratError."""
    for folder in ("usr/bin", "usr/sbin", "bin", "sbin"):
        if (root / folder / name).exists():
            return pathlib.PurePosixPath(folder, name)
    raise SpratError(f"no package of the tree has a program {name}")
