# SPDX-License-Identifier: BSD-2-Clause
"""What the lab boots: Xen, the dom0 kernel and dom0's initramfs, made from Debian packages.

In the build folder's lab/boot/KEY, where KEY is a hash of everything that went into them:
    xen, vmlinux, initramfs     what QEMU is given
"""

import dataclasses
import hashlib
import lzma
import os
import pathlib
import shlex
import shutil
import subprocess
import struct
import zlib

from spratlib import cpio, elf, packages, paths
from spratlib.errors import SpratError
from spratlib.modules import Modules

XEN = "4.17"
COMPILE_TIMEOUT_S = 120
KEPT = 3  # QEMU may be about to read one while the next is made

XEN_TOOLS = (
    "xl", "libxl-save-helper", "xenstored", "oxenstored", "xenconsoled", "xenconsole",
    "xen-init-dom0", "xenctx", "xentrace", "xenperf", "lsevtchn", "xenstore-control", "xentop",
)
XENSTORE_TOOLS = (
    "chmod", "exists", "list", "ls", "read", "rm", "watch", "write",
)
LIBRARY_FOLDERS = ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu")
LIBRARY_PATTERNS = tuple(f"{folder}/*.so*" for folder in LIBRARY_FOLDERS)
# Where libraries are that only some programs see: fio's, of a Linux guest.
PRIVATE_FOLDERS = ("usr/lib/x86_64-linux-gnu/ceph",)

# Loaded at boot, in this order after what they depend on; the others wait for `modprobe`.
BOOT_MODULES = (
    "xen-privcmd", "xenfs", "xen-evtchn", "xen-gntdev", "xen-gntalloc",
    "virtio_pci", "virtio_console", "9pnet_virtio", "9p", "xen-netback", "bridge",
    "xen-blkback",
)
# Disks for tests: of memory, of files, and such as are slow, fail, or drop what is not flushed.
DISK_MODULES = ("loop", "brd", "dm-mod", "dm-delay", "dm-flakey", "dm-log-writes")
FS_MODULES = ("ext4", "jbd2", "mbcache", "crc16")
# A network that delays and loses packets, between one end and the other.
NET_MODULES = ("veth", "sch_netem")
OTHER_MODULES = ("virtio_net", "tun", "crc32c_generic", "ext4", *DISK_MODULES, *NET_MODULES)
# In place of busybox's, whose `losetup -f` leaves the device to whoever else asks before it is
# used. A script calls them by their paths: its shell prefers its own.
DISK_TOOLS = ("dmsetup", "losetup")

PACKAGES = (
    (f"xen-hypervisor-{XEN}-amd64", [f"boot/xen-{XEN}-amd64.gz"]),
    ("linux-image-amd64*linux-image-",
     ["boot/vmlinuz-*", "boot/System.map-*", "boot/config-*"]
     + [f"lib/modules/*/{name}.ko" for name in (
         "xen-privcmd", "xenfs", "xen-evtchn", "xen-gntdev", "xen-gntalloc", "xen-netback",
         "xen-blkback", "virtio*", "9p*", "netfs", "fscache", "bridge", "stp", "llc", "tun",
         "failover", "net_failover", "crc32c*", "libcrc32c", "dax", *DISK_MODULES,
         *FS_MODULES, *NET_MODULES)]),
    (f"xen-utils-{XEN}", [f"usr/lib/xen-{XEN}/bin/*"]),
    ("xen-utils-common", ["etc/xen/*"]),
    ("xenstore-utils", ["usr/bin/*"]),
    ("busybox-static", ["bin/busybox", "usr/bin/busybox"]),
    ("dmsetup", ["sbin/dmsetup", "usr/sbin/dmsetup"]),
    ("mount", ["sbin/losetup", "usr/sbin/losetup"]),
    ("libc6", [*LIBRARY_PATTERNS, "lib64/*"]),
    *((name, list(LIBRARY_PATTERNS)) for name in (
        "libgcc-s1", "liblzma5", "libuuid1", "libxencall1", "libxendevicemodel1", "libxenevtchn1",
        "libxenforeignmemory1", "libxengnttab1", "libxenhypfs1", f"libxenmisc{XEN}",
        "libxenstore4", "libxentoolcore1", "libxentoollog1", "libyajl2", "libzstd1", "zlib1g",
        "libtinfo6", "libncurses6", "libnl-3-200", "libnl-route-3-200", "libbz2-1.0",
        "liblzo2-2", "libdevmapper1.02.1", "libselinux1", "libudev1", "libpcre2-8-0",
        "libsmartcols1")),
)

# Our own programs in dom0: {file or folder of sources: (how to link it, libraries by their
# pkg-config names, place)}.
PROGRAMS = {
    "agent": (["-static"], (), "usr/sbin/lab-agent"),
    # Not static: without threads, as in the archive, libxenstore loses watch events.
    "domain": ([], ("xencontrol", "xenforeignmemory", "xenstore"), "usr/sbin/lab-domain"),
    "diskload.c": ([], ("xencontrol",), "usr/sbin/lab-diskload"),
    "dominfo.c": ([], ("xencontrol",), "usr/sbin/lab-dominfo"),
    "frames.c": ([], ("xencontrol",), "usr/sbin/lab-frames"),
    "timed.c": ([], (), "usr/sbin/lab-timed"),
    "traffic.c": ([], ("xencontrol",), "usr/sbin/lab-traffic"),
}
SCRIPTS = (
    ("init", "usr/sbin/lab-init"),
    ("inittab", "etc/inittab"),
    ("block", "etc/xen/scripts/block"),
    ("vif-bridge", "etc/xen/scripts/vif-bridge"),
)


@dataclasses.dataclass(frozen=True)
class Boot:
    """What to boot: three files, and a hash of all that went into them."""

    xen: pathlib.Path
    kernel: pathlib.Path
    initramfs: pathlib.Path
    key: str


def prepare(report):
    """Make what the lab boots, as far as it is not there or stale; return a Boot.

    The caller holds the lab folder's lock.
    @param report  called with a line of progress when something takes long
    """
    lab = paths.lab_folder()
    root = packages.install(PACKAGES, lab / "packages", report)
    key = _key(lab)
    folder = lab / "boot" / key
    boot = Boot(folder / "xen", folder / "vmlinux", folder / "initramfs", key)
    if folder.is_dir():
        os.utime(folder)
        return boot
    report("making dom0's initramfs")
    work = lab / "boot" / ".new"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    (work / "xen").write_bytes(_gunzip(root / f"boot/xen-{XEN}-amd64.gz"))
    (work / "vmlinux").write_bytes(
        unpack_kernel(_only(root.glob("boot/vmlinuz-*")).read_bytes())
    )
    programs = {target: compile_program(source, work)
                for source, (_, _, target) in PROGRAMS.items()}
    with open(work / "initramfs", "wb") as file:
        _write_initramfs(cpio.Writer(file), root, programs)
    work.rename(folder)
    paths.keep_latest(folder.parent, KEPT)
    return boot


def program_files(name):
    """Return the sources and headers of one of PROGRAMS."""
    path = paths.LAB_SOURCES / name
    return sorted(path.iterdir()) if path.is_dir() else [path]


def compile_program(name, folder):
    """Compile one of PROGRAMS into `folder`; return its path."""
    sources = [path for path in program_files(name) if path.suffix == ".c"]
    link, libraries, _ = PROGRAMS[name]
    output = folder / pathlib.Path(name).stem
    compiler = shlex.split(os.environ.get("CC", "gcc"))
    flags = ["-std=gnu11", "-O2", "-g0", "-Wall", "-Wextra", *link, "-o", output, *sources]
    try:
        for library in libraries:
            done = subprocess.run(
                ["pkg-config", "--libs", library],
                capture_output=True, text=True, timeout=COMPILE_TIMEOUT_S, check=False,
            )
            if done.returncode != 0:
                raise SpratError(f"libxen-dev is missing? {done.stderr.strip()}")
            flags += done.stdout.split()
        done = subprocess.run([*compiler, *flags], capture_output=True, text=True,
                              timeout=COMPILE_TIMEOUT_S, check=False)
    except FileNotFoundError as error:
        raise SpratError(
            f"{error.filename} is not here; scripts/quickstart installs what is needed"
        ) from error
    if done.returncode != 0:
        raise SpratError(f"cannot compile {name} for dom0:\n{done.stderr.strip()}")
    return output


def unpack_kernel(image):
    """Return the ELF file inside a bzImage, or `image` itself if its packing is one that only the
    loader knows. Xen takes either; unpacked, the lab starts sooner.

    Source: Linux, Documentation/arch/x86/boot.rst, payload_offset and payload_length.
    """
    if len(image) < 0x250 or image[0x202:0x206] != b"HdrS":
        raise SpratError("the dom0 kernel is no bzImage")
    setup_sectors = image[0x1F1] or 4
    offset, size = struct.unpack_from("<II", image, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    payload = image[start : start + size]
    if payload[:6] == b"\xfd7zXZ\0":
        return lzma.LZMADecompressor().decompress(payload)
    if payload[:2] == b"\x1f\x8b":
        return zlib.decompressobj(wbits=31).decompress(payload)
    return image


def _write_initramfs(archive, root, programs):
    for link, target in (("bin", "usr/bin"), ("sbin", "usr/sbin"), ("lib", "usr/lib"),
                         ("lib64", "usr/lib64"), ("var/run", "/run"), ("var/lock", "/run/lock"),
                         ("init", "sbin/init")):
        archive.symlink(link, target)
    for folder in ("dev", "proc", "sys", "run", "tmp", "root", "mnt", "var/lib/xen",
                   "var/lib/xenstored", "var/log/xen", "etc/xen"):
        archive.directory(folder)
    archive.device("dev/console", 5, 1)
    archive.file("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")
    archive.file("etc/group", b"root:x:0:\n")

    busybox = _existing(root, "usr/bin/busybox", "bin/busybox")
    archive.file("usr/bin/busybox", busybox.read_bytes(), 0o755)
    listed = subprocess.run([busybox, "--list"], capture_output=True, text=True, timeout=30,
                            check=True)
    for applet in sorted(set(listed.stdout.split()) - {"busybox", *DISK_TOOLS}):
        archive.symlink(f"usr/bin/{applet}", "busybox")
    archive.symlink("usr/sbin/init", "../bin/busybox")

    binaries = [(root / f"usr/lib/xen-{XEN}/bin/{tool}", f"usr/lib/xen-{XEN}/bin/{tool}")
                for tool in XEN_TOOLS]
    binaries += [(root / f"usr/bin/xenstore-{tool}", f"usr/bin/xenstore-{tool}")
                 for tool in XENSTORE_TOOLS]
    binaries += [(_existing(root, f"usr/sbin/{tool}", f"sbin/{tool}"), f"usr/sbin/{tool}")
                 for tool in DISK_TOOLS]
    for path, target in binaries:
        archive.file(target, path.read_bytes(), 0o755)
    for tool in XEN_TOOLS:
        archive.symlink(f"usr/sbin/{tool}", f"../lib/xen-{XEN}/bin/{tool}")
    dynamic = [path for path, _ in binaries] + list(programs.values())
    for name, path in sorted(libraries_of(dynamic, root).items()):
        archive.file(f"usr/lib/x86_64-linux-gnu/{name}", path.read_bytes(), 0o755)
    loader = _existing(root, "usr/lib64/ld-linux-x86-64.so.2", "lib64/ld-linux-x86-64.so.2",
                       "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2")
    archive.file("usr/lib64/ld-linux-x86-64.so.2", loader.resolve().read_bytes(), 0o755)

    own = {target for _, target in SCRIPTS}
    for path in sorted((root / "etc/xen").rglob("*")):
        if path.is_file() and str(path.relative_to(root)) not in own:
            mode = 0o755 if os.access(path, os.X_OK) else 0o644
            archive.file(str(path.relative_to(root)), path.read_bytes(), mode)

    _write_modules(archive, _only(root.glob("lib/modules/*")))
    for source, target in SCRIPTS:
        mode = 0o755 if "bin/" in target or "scripts/" in target else 0o644
        archive.file(target, (paths.LAB_SOURCES / source).read_bytes(), mode)
    for target, path in programs.items():
        archive.file(target, path.read_bytes(), 0o755)
    archive.close()


def _write_modules(archive, folder):
    modules = Modules(folder)
    version = folder.name
    loaded_at_boot = modules.load_order(BOOT_MODULES)
    dependencies = []
    for path in modules.load_order((*BOOT_MODULES, *OTHER_MODULES)):
        archive.file(f"usr/lib/modules/{version}/{path.name}", path.read_bytes())
        needed = [p.name for p in reversed(modules.load_order([path.stem])[:-1])]
        dependencies.append(" ".join([f"{path.name}:", *needed]))
    archive.file(f"usr/lib/modules/{version}/modules.dep", "\n".join([*dependencies, ""]).encode())
    lines = [f"/lib/modules/{version}/{path.name}\n" for path in loaded_at_boot]
    archive.file("etc/modules.boot", "".join(lines).encode())


def libraries_of(binaries, root):
    """Return {name: path} of all shared libraries that `binaries` need, directly or not."""
    found, queue = {}, list(binaries)
    # Loaded by glibc itself when a thread is cancelled; no file says so.
    names = ["libgcc_s.so.1"]
    while queue or names:
        if not names:
            names = elf.read(queue.pop()).needed()
            continue
        name = names.pop()
        if name in found or name.startswith("ld-linux"):
            continue
        path = next((p for folder in (*LIBRARY_FOLDERS, *PRIVATE_FOLDERS)
                     if (p := root / folder / name).exists()), None)
        if path is None:
            raise SpratError(f"no package of the lab's list has the library {name}")
        found[name] = path.resolve()
        queue.append(found[name])
    return found


def _key(lab):
    """Hash what goes into the boot files: the packages and our own sources."""
    digest = hashlib.sha256((lab / "packages/manifest.json").read_bytes())
    sources = [*sorted(paths.LAB_SOURCES.rglob("*")), pathlib.Path(__file__)]
    sources += [paths.SCRIPTS / "spratlib" / name for name in ("cpio.py", "modules.py")]
    for path in sources:
        if path.is_file():
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _existing(root, *candidates):
    for candidate in candidates:
        if (root / candidate).exists():
            return root / candidate
    raise SpratError(f"the lab's packages lack {candidates[0]}")


def _only(matches):
    found = sorted(matches)
    if len(found) != 1:
        raise SpratError(f"expected one file, found {len(found)}: {[str(p) for p in found]}")
    return found[0]


def _gunzip(path):
    return zlib.decompressobj(wbits=31).decompress(path.read_bytes())
