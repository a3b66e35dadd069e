# SPDX-License-Identifier: BSD-2-Clause
"""Source packages from Debian: fetched by the host's apt, checked, unpacked. Run by the build.

The host's apt configuration is not changed: where it has no source packages, a copy of its Debian
entries that names them is used, with lists of its own. What is fetched must have the sum given
here.
"""

import argparse
import dataclasses
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

from spratlib.errors import EXIT_FAILURE, SpratError

FETCH_TIMEOUT_S = 300
APT_FOLDER = pathlib.Path("/etc/apt")


@dataclasses.dataclass(frozen=True)
class Source:
    """One version of a source package; the archive is its upstream part."""

    version: str
    archive: str
    sha256: str


SOURCES = {
    "lwip": Source(
        "2.1.3+dfsg1-2",
        "lwip_2.1.3+dfsg1.orig.tar.xz",
        "0a8276d09fc4e97bbba2f953d74af2388fc2195ea156be9d7589e297a68fde24",
    ),
    "e2fsprogs": Source(
        "1.47.0-2",
        "e2fsprogs_1.47.0.orig.tar.gz",
        "6667afde56eef0c6af26684974400e4d2288ea49e9441bf5e6229195d51a3578",
    ),
    "sqlite3": Source(
        "3.40.1-2+deb12u2",
        "sqlite3_3.40.1.orig.tar.xz",
        "aaa776260ab4dc976db34aa7891819484c8676b5b2783123ebc6301e2ca5d655",
    ),
    "http-parser": Source(
        "2.9.4-5",
        "http-parser_2.9.4.orig.tar.gz",
        "467b9e30fd0979ee301065e70f637d525c28193449e1b13fbcb1b1fab3ad224f",
    ),
}


def main():
    """Bring one package's files into a folder; return the exit code."""
    parser = argparse.ArgumentParser(prog="spratlib.sources", description=__doc__,
                                     allow_abbrev=False)  # fmt: skip
    parser.add_argument("--archives", type=pathlib.Path, required=True, metavar="DIR",
                        help="where the archives are kept")  # fmt: skip
    parser.add_argument("name", choices=sorted(SOURCES))
    parser.add_argument("folder", type=pathlib.Path, help="replaced by the package's files")
    args = parser.parse_args()
    source = SOURCES[args.name]
    try:
        archive = args.archives / source.archive
        if sum_of(archive) != source.sha256:
            fetch(args.name, source, args.archives)
        unpack(archive, args.folder)
    except SpratError as error:
        print(f"{args.name} {source.version}: {error}", file=sys.stderr)
        return EXIT_FAILURE
    return 0


def fetch(name, source, archives):
    """Fetch a package into the folder `archives` by apt, and check it."""
    if shutil.which("apt-get") is None:
        raise SpratError(f"no apt-get here: put {source.archive} into {archives} yourself")
    archives.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=archives, prefix=".apt-") as work:
        work = pathlib.Path(work)
        parts, lists = work / "sources", work / "lists"
        parts.mkdir()
        (lists / "partial").mkdir(parents=True)
        write_entries(parts)
        options = ["-q", "-o", "Dir::Etc::sourcelist=/dev/null",
                   "-o", f"Dir::Etc::sourceparts={parts}", "-o", f"Dir::State::lists={lists}",
                   "-o", f"Dir::Cache={work}", "-o", "Acquire::Retries=3"]  # fmt: skip
        if os.geteuid() == 0:
            options += ["-o", "APT::Sandbox::User=root"]
        apt([*options, "update"], work)
        download(name, source, options, work)
        (work / source.archive).rename(archives / source.archive)


def download(name, source, options, work):
    """Have apt bring a package's archive into the folder `work`, and check it.

    Debian keeps a version only until one with corrections takes its place. The upstream archive
    stays the same then, and is all that is used of either.
    """
    command = [*options, "source", "--download-only"]
    try:
        apt([*command, f"{name}={source.version}"], work)
    except SpratError:
        apt([*command, name], work)
    found = sum_of(work / source.archive)
    if found is None:
        raise SpratError(f"apt's newest {name} does not come with {source.archive}: its upstream"
                         " version is another one, for which Sprat must be adapted")  # fmt: skip
    if found != source.sha256:
        raise SpratError(f"what apt fetched as {source.archive} does not have the sum expected")


def write_entries(folder):
    """Write the host's entries for Debian, naming source packages, into a folder of apt's."""
    found = False
    paths = [APT_FOLDER / "sources.list", *sorted((APT_FOLDER / "sources.list.d").glob("*"))]
    for path in paths:
        try:
            text = path.read_text()
        except OSError:
            continue
        if path.suffix == ".sources":
            stanzas = [s for s in re.split(r"\n\s*\n", text) if "/debian" in s]
            text = "\n\n".join(re.sub(r"(?m)^Types:.*$", "Types: deb-src", s) for s in stanzas)
        elif path.suffix == ".list":
            lines = [line for line in text.splitlines() if "/debian" in line]
            text = "\n".join(re.sub(r"^deb ", "deb-src ", line) for line in lines) + "\n"
        else:
            continue
        if text.strip():
            found = True
            (folder / path.name).write_text(text)
    if not found:
        raise SpratError("apt's configuration names no Debian archive to fetch it from")


def apt(arguments, folder):
    """Run apt-get; what it complains about becomes a SpratError."""
    try:
        done = subprocess.run(
            ["apt-get", *arguments], cwd=folder, capture_output=True, text=True, check=False,
            timeout=FETCH_TIMEOUT_S, env={**os.environ, "LC_ALL": "C"},
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise SpratError(f"apt-get took more than {FETCH_TIMEOUT_S} s") from error
    if done.returncode != 0:
        raise SpratError(f"apt-get could not fetch it:\n{done.stderr.strip()}")


def unpack(archive, folder):
    """Unpack an archive, without its topmost folder, all at once at the end."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".unpack-") as work:
        with tarfile.open(archive) as tar:
            tar.extractall(work, filter="data") if hasattr(tarfile, "data_filter") else \
                tar.extractall(work)  # fmt: skip
        top = [path for path in pathlib.Path(work).iterdir() if path.is_dir()]
        if len(top) != 1:
            raise SpratError(f"{archive.name} has not one folder at its top")
        for path in [top[0], *top[0].rglob("*")]:
            os.utime(path, follow_symlinks=False)  # newer than the rule that made it
        shutil.rmtree(folder, ignore_errors=True)
        top[0].rename(folder)


def sum_of(path):
    """Return the SHA-256 of a file, None when there is none."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return None


if __name__ == "__main__":
    sys.exit(main())
