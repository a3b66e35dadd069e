# SPDX-License-Identifier: BSD-2-Clause
"""Debian packages for the lab: fetched by the host's apt, checked, unpacked; nothing is installed.

In `FOLDER` (lab/packages in the build folder):
    archives/NAME_VERSION_ARCH.deb   as fetched
    root/                            the files asked for, from all packages
    manifest.json                    what is in root/: names, versions, sums, the files asked for
"""

import dataclasses
import fnmatch
import hashlib
import json
import os
import shutil
import subprocess
import tarfile

from spratlib.errors import SpratError

FETCH_TIMEOUT_S = 900
APT_TIMEOUT_S = 60
UNPACK_TIMEOUT_S = 300
UPDATE_HINT = "run 'apt-get update' (as root), then try again"


@dataclasses.dataclass(frozen=True)
class Package:
    """One version of a package, as apt knows it."""

    name: str
    version: str
    architecture: str
    size_bytes: int
    sha256: str
    depends: str

    @property
    def archive(self):
        """The name apt-get gives the fetched file."""
        return f"{self.name}_{self.version.replace(':', '%3a')}_{self.architecture}.deb"


def parse_metadata(text):
    """Parse what `apt-cache show` prints into a list of Package, in its order.

    Raises SpratError when a record lacks what is needed to check a download.
    """
    packages = []
    for record in text.split("\n\n"):
        fields = {}
        for line in record.splitlines():
            key, colon, value = line.partition(":")
            if colon and not line[0].isspace():
                fields[key.lower()] = value.strip()
        if "package" not in fields:
            continue
        if "filename" not in fields:
            continue  # installed by hand and unknown to any archive: cannot be fetched
        try:
            packages.append(
                Package(
                    name=fields["package"],
                    version=fields["version"],
                    architecture=fields["architecture"],
                    size_bytes=int(fields["size"]),
                    sha256=fields["sha256"].lower(),
                    depends=fields.get("depends", ""),
                )
            )
        except (KeyError, ValueError) as error:
            raise SpratError(
                f"apt's record of {fields['package']} is incomplete ({error}); {UPDATE_HINT}"
            ) from error
    return packages


def candidates(names, missing_ok=False):
    """Return {name: Package} with the version apt would install, for each of `names`.

    @param missing_ok  leave out what apt does not know (virtual packages) instead of raising
    """
    policy = _apt(["apt-cache", "policy", *names])
    versions, name = {}, None
    for line in policy.splitlines():
        if line and not line[0].isspace():
            name = line.rstrip(":").partition(":")[0]
        elif line.strip().startswith("Candidate:"):
            versions[name] = line.split(":", 1)[1].strip()
    missing = [n for n in names if versions.get(n, "(none)") == "(none)"]
    if missing_ok:
        names = [name for name in names if name not in missing]
        if not names:
            return {}
    elif missing:
        raise SpratError(
            f"apt knows no package {', '.join(missing)}: {UPDATE_HINT}"
            " (the lab needs Debian 12's packages, or those of a release that still has them)"
        )
    shown = parse_metadata(_apt(["apt-cache", "show", *(f"{n}={versions[n]}" for n in names)]))
    found = {p.name: p for p in shown if versions.get(p.name) == p.version}
    for name in names:
        if name not in found:
            raise SpratError(f"apt cannot fetch {name} {versions[name]}; {UPDATE_HINT}")
    return found


def dependency(package, prefix):
    """Return the first dependency of `package` whose name starts with `prefix`."""
    for clause in package.depends.split(","):
        name = clause.split("|")[0].split("(")[0].strip().partition(":")[0]
        if name.startswith(prefix):
            return name
    raise SpratError(f"the package {package.name} {package.version} depends on no {prefix}*")


def fetch(packages, archives):
    """Fetch what `archives` (a folder) lacks of `packages`; check every file against apt's sums."""
    archives.mkdir(parents=True, exist_ok=True)
    absent = [p for p in packages if not _is_intact(archives / p.archive, p)]
    if not absent:
        return
    command = ["apt-get", "-q", "-o", "Acquire::Retries=3"]
    if os.geteuid() == 0:
        command += ["-o", "APT::Sandbox::User=root"]  # _apt may not write into the build folder
    command += ["download", *(f"{p.name}:{p.architecture}={p.version}" if p.architecture != "all"
                              else f"{p.name}={p.version}" for p in absent)]
    _apt(command, cwd=archives, timeout_s=FETCH_TIMEOUT_S)
    for package in absent:
        path = archives / package.archive
        if not _is_intact(path, package):
            path.unlink(missing_ok=True)
            raise SpratError(
                f"what apt fetched as {package.archive} does not match apt's own checksum;"
                f" it was removed. {UPDATE_HINT}"
            )


def unpack(archive, patterns, root):
    """Unpack the files of a .deb whose path ("usr/bin/x") matches one of `patterns` into `root`."""
    process = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", archive], stdout=subprocess.PIPE)
    try:
        with tarfile.open(fileobj=process.stdout, mode="r|") as tar:
            for member in tar:
                path = member.name.removeprefix("./").removeprefix("/")
                if ".." in path.split("/") or not (
                    member.isfile() or member.issym() or member.islnk()
                ):
                    continue
                if not any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns):
                    continue
                target = root / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.unlink(missing_ok=True)
                if member.issym():
                    target.symlink_to(member.linkname)
                elif member.islnk():  # a name more for a file that came before
                    original = root / member.linkname.removeprefix("./").removeprefix("/")
                    shutil.copyfile(original, target)
                    shutil.copymode(original, target)
                else:
                    with open(target, "wb") as file:
                        shutil.copyfileobj(tar.extractfile(member), file)
                    target.chmod(0o755 if member.mode & 0o111 else 0o644)
        process.stdout.read()  # the archive's padding, so that dpkg-deb ends well
    except tarfile.TarError as error:
        raise SpratError(f"cannot read {archive}: {error}") from error
    finally:
        process.stdout.close()
        status = process.wait(UNPACK_TIMEOUT_S)
    if status != 0:
        raise SpratError(f"dpkg-deb could not read {archive} (exit code {status})")


def install(wanted, folder, report, archives=None):
    """Bring the files of `wanted`, a list of (package name, patterns), into `folder`/root.

    A name that ends in "*" stands for the dependency of the package before the "*" on its newest
    version: "linux-image-amd64*linux-image-" is the kernel that linux-image-amd64 depends on.
    Nothing is fetched or asked when `folder` has it all. Returns the root folder.
    @param report    called with a line of progress
    @param archives  where fetched files are kept (default: `folder`/archives)
    """
    root, manifest_path = folder / "root", folder / "manifest.json"
    archives = archives or folder / "archives"
    request = [[name, list(patterns)] for name, patterns in wanted]
    try:
        manifest = json.loads(manifest_path.read_text())
    except (OSError, ValueError):
        manifest = {}
    if manifest.get("request") == request:
        return root
    report("asking apt which packages to fetch")
    for tool in ("apt-cache", "apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise SpratError(f"{tool} is not here; the lab is made from Debian packages by apt")
    plain = [name for name, _ in wanted if "*" not in name]
    known = candidates(plain)
    chosen = []
    metas = {name: name.split("*", 1) for name, _ in wanted if "*" in name}
    meta_packages = candidates([meta for meta, _ in metas.values()]) if metas else {}
    for name, patterns in wanted:
        if name in metas:
            meta, prefix = metas[name]
            real = dependency(meta_packages[meta], prefix)
            chosen.append((candidates([real])[real], patterns))
        else:
            chosen.append((known[name], patterns))
    total_mib = sum(package.size_bytes for package, _ in chosen) / 2**20
    report(f"fetching {len(chosen)} packages ({total_mib:.0f} MiB) by apt")
    fetch([package for package, _ in chosen], archives)
    report("unpacking them")
    manifest_path.unlink(missing_ok=True)
    shutil.rmtree(root, ignore_errors=True)
    for package, patterns in chosen:
        unpack(archives / package.archive, patterns, root)
    manifest = {"request": request, "packages": [dataclasses.asdict(p) for p, _ in chosen]}
    temporary = manifest_path.with_suffix(".new")
    temporary.write_text(json.dumps(manifest, indent=1))
    temporary.rename(manifest_path)
    return root


def _is_intact(path, package):
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == package.sha256
    except FileNotFoundError:
        return False


def _apt(command, cwd=None, timeout_s=APT_TIMEOUT_S):
    """Run an apt tool; return its standard output. Its complaint becomes a SpratError."""
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            env={**os.environ, "LC_ALL": "C"},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise SpratError(f"'{' '.join(command[:2])} ...' took more than {timeout_s} s") from error
    except FileNotFoundError as error:
        raise SpratError(f"there is no {command[0]}; the lab is made of Debian packages") from error
    if done.returncode != 0:
        raise SpratError(f"'{' '.join(command)}' failed:\n{done.stderr.strip()}\n{UPDATE_HINT}")
    return done.stdout
