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

from spratlib import lab, packages, paths
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
    with lab.locked(trees / ".lock", lab.PREPARE_TIMEOUT_S, report):
        if not (folder / "manifest.json").exists():
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


def library_folders(root):
    """Return the folders of a tree that have shared libraries, for a loader's --library-path."""
    found = {path.parent for path in root.rglob("*.so*") if path.is_file() or path.is_symlink()}
    standard = [root / folder for folder in ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu")]
    return [folder for folder in standard if folder in found]


def command(root, program):
    """Return the start of a command line that runs `program` of a tree, wherever that lies.

    @param program  its path in the tree ("usr/bin/wrk")
    """
    loaders = [path for path in (root / "lib64/ld-linux-x86-64.so.2",
                                 root / "usr/lib64/ld-linux-x86-64.so.2",
                                 root / "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2")
               if path.exists()]  # fmt: skip
    if not loaders or not (root / program).exists():
        raise SpratError(f"the tree {root} lacks {program} or its loader")
    folders = ":".join(str(folder) for folder in library_folders(root))
    return [str(loaders[-1].resolve()), "--library-path", folders, str(root / program)]


def program_path(root, name):
    """Return the path in the tree of the program called `name`. Raises SpratError."""
    for folder in ("usr/bin", "usr/sbin", "bin", "sbin"):
        if (root / folder / name).exists():
            return pathlib.PurePosixPath(folder, name)
    raise SpratError(f"no package of the tree has a program {name}")
