# SPDX-License-Identifier: BSD-2-Clause
"""A Linux PV guest in the lab, for benchmarks beside Sprat's: Debian's kernel (the one dom0 runs)
and an initramfs made of Debian packages.

    image = linuxguest.prepare(report, packages=("nginx", "iproute2"), modules=linuxguest.NET,
                               files={"etc/nginx/nginx.conf": b"..."})
    with linuxguest.LinuxGuest(one_lab, image, memory_mib=256,
                               vifs=("bridge=xenbr0",), disks=("phy:/dev/ram0,xvda,w",)) as guest:
        guest.check("ip addr add 10.0.0.9/24 dev eth0; ip link set eth0 up; nginx")
        code, text = guest.run("wget -qO- http://10.0.0.1/", timeout_s=20)

prepare() needs no lab; what it makes is kept in the build folder. A guest has no init system and no
udev: it is at once where commands run, as root, in dash, with devtmpfs, proc, sysfs, a tmpfs on
/run and /tmp, and lo up. All programs of the packages (and of all they depend on) and busybox's
for the rest are there; no package's service is started and no post-install script has run, so give
`files` for configurations and start servers by a command ("nginx", "nsd -c /etc/nsd.conf",
"iperf3 -s -D"). Interfaces are eth0, eth1, ... in the order of `vifs`, down and without addresses.

Commands go over the guest's console: text only, one at a time; a server in the background must not
write there ("server >/tmp/log 2>&1 &"). Modules are loaded when the guest boots, in the order given
after what they need; there is no loading on demand, so name what `nft` and `tc` will want: FIREWALL
and SHAPER, with BRIDGE, have the common ones.
"""

import base64
import dataclasses
import hashlib
import os
import pathlib
import secrets
import shutil
import subprocess

from spratlib import cpio, debtree, dom0, elf, filelock, guest_cfg, guestconsole, lab, paths
from spratlib.errors import SpratError
from spratlib.modules import Modules

KERNEL = "linux-image-amd64*linux-image-"
KERNEL_FILES = ("boot/vmlinuz-*", *(f"lib/modules/*/kernel/{folder}/*.ko" for folder in (
    "net", "lib", "crypto", "arch/x86/crypto", "drivers/net", "drivers/block", "drivers/xen",
    "fs/ext4", "fs/jbd2", "fs/mbcache", "fs")))  # fmt: skip
BASE_PACKAGES = ("busybox-static", "dash", "libc6", "libgcc-s1")

NET = ("xen-netfront",)
BLOCK = ("xen-blkfront",)
BRIDGE = ("bridge", "llc", "stp")
FIREWALL = ("nf_tables", "nf_conntrack", "nft_ct", "nft_chain_nat", "nft_nat", "nft_masq",
            "nft_redir", "nft_limit", "nft_log", "nft_reject_inet", "nft_hash", "nft_numgen",
            "nft_quota", "nft_meta_bridge", "nft_reject_bridge", "nf_conntrack_bridge",
            "nf_log_syslog", "nft_dup_ipv4", "nft_connlimit", "nft_objref",
            "nft_synproxy", "nft_dup_netdev", "nft_fwd_netdev")  # fmt: skip
SHAPER = ("sch_htb", "sch_tbf", "sch_netem", "sch_red", "sch_prio", "sch_sfq", "sch_ingress",
          "cls_u32", "cls_flower", "cls_matchall", "act_police", "act_mirred",
          "act_gact")  # fmt: skip

# Linux asks a program for it, which is not there (a "softdep" of libcrc32c).
FIRST_MODULES = ("crc32c_generic",)
# Nothing that costs or spares work once it runs; only its start is shortened.
KERNEL_OPTIONS = (
    "console=hvc0 quiet loglevel=1 panic=-1 rdinit=/init cryptomgr.notests=1 apparmor=0 audit=0"
    " initcall_blacklist=load_system_certificate_list,crypto_kdf108_init,init_kprobe_trace"
)

IMAGES_KEPT = 6
CREATE_TIMEOUT_S = 60
BOOT_TIMEOUT_S = 120  # 3 s on an idle machine
COMMAND_TIMEOUT_S = 60
READY = "@ready"
USERS = ("www-data", "nsd", "knot", "nobody")

# In the guest, as the first process: "NONCE BASE64" on the console is a command to run.
INIT = f"""#!/bin/sh
export PATH=/usr/sbin:/usr/bin HOME=/root TERM=dumb LC_ALL=C.UTF-8
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /tmp
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/nsd /run/knot /run/lock
exec </dev/hvc0 >/dev/hvc0 2>&1
stty raw -echo
while read -r module; do insmod "$module" || echo "insmod $module fails"; done </etc/modules.boot
hostname linux
ulimit -n 65536
ip link set lo up
echo; echo "{READY}"
while read -r nonce command; do
    echo "$command" | base64 -d >/tmp/.command
    printf '\\n@%s begin\\n' "$nonce"
    sh /tmp/.command </dev/null
    printf '\\n@%s end %s\\n' "$nonce" "$?"
done
exec poweroff -f
"""

# In dom0: wait for the first sign of life of guest $1.
FOLLOW = f'set -- "$1" {READY}\n{guestconsole.FOLLOW}'

# In dom0: pass on a command ($2: nonce, $3: the command), print what it prints, end as it does.
ASK = """
tty=$(xenstore-read "/local/domain/$1/console/tty") || { echo "the guest is gone" >&2; exit 125; }
exec 4<>"$tty"
printf '%s %s\\n' "$2" "$3" >&4
begun=
while IFS= read -r line <&4; do
    case $line in
    "@$2 begin") begun=1 ;;
    "@$2 end "*) exit "${line##* }" ;;
    *) [ -z "$begun" ] || printf '%s\\n' "$line" ;;
    esac
done
exit 125
"""


@dataclasses.dataclass(frozen=True)
class Image:
    """What a Linux guest boots: two files under the build folder."""

    kernel: pathlib.Path
    initramfs: pathlib.Path


def prepare(report, *, packages=(), modules=NET + BLOCK, files=None):
    """Make a guest's kernel and initramfs, as far as they are not there; return an Image.

    @param report    called with a line of progress when something takes long
    @param packages  Debian packages whose programs the guest shall have
    @param modules   kernel modules to load when it boots
    @param files     {path: bytes} more; mode 755 where the bytes begin with "#!"
    """
    root = debtree.make((*BASE_PACKAGES, *packages), report, extra=[(KERNEL, KERNEL_FILES)])
    files = files or {}
    digest = hashlib.sha256(str(root).encode())
    for source in (pathlib.Path(__file__), *(paths.SCRIPTS / "spratlib" / name for name in (
            "cpio.py", "modules.py", "debtree.py"))):  # fmt: skip
        digest.update(source.read_bytes())
    digest.update(repr((modules, sorted(files.items()))).encode())
    digest.update((root.parent / "manifest.json").read_bytes())
    images = paths.lab_folder() / "linuxguests"
    folder = images / digest.hexdigest()[:16]
    images.mkdir(parents=True, exist_ok=True)
    with filelock.locked(images / ".lock", lab.PREPARE_TIMEOUT_S, report):
        if folder.is_dir():
            os.utime(folder)
            return Image(folder / "vmlinux", folder / "initramfs")
        report("making the Linux guest's initramfs")
        work = images / ".new"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        kernel = next(iter(sorted(root.glob("boot/vmlinuz-*"))))
        (work / "vmlinux").write_bytes(dom0.unpack_kernel(kernel.read_bytes()))
        with open(work / "initramfs", "wb") as file:
            write_initramfs(cpio.Writer(file), root, modules, files)
        work.rename(folder)
        paths.keep_latest(images, IMAGES_KEPT)
    return Image(folder / "vmlinux", folder / "initramfs")


def write_initramfs(archive, root, modules, files):
    """Write a guest's initramfs from the tree at `root`."""
    for link in ("bin", "sbin", "lib", "lib64"):
        archive.symlink(link, f"usr/{link}")
    archive.symlink("var/run", "/run")
    for folder in ("dev", "proc", "sys", "run", "tmp", "root", "mnt", "var/log/nginx",
                   "var/lib/nginx", "var/lib/nsd", "var/lib/knot", "var/cache"):
        archive.directory(folder)
    archive.device("dev/console", 5, 1)
    accounts = ["root:x:0:0:root:/root:/bin/sh"]
    accounts += [f"{name}:x:{100 + i}:{100 + i}::/:/bin/false" for i, name in enumerate(USERS)]
    groups = ["root:x:0:"] + [f"{name}:x:{100 + i}:" for i, name in enumerate(USERS)]
    whole = {
        "etc/passwd": "\n".join([*accounts, ""]).encode(),
        "etc/group": "\n".join([*groups, ""]).encode(),
        **files, "init": INIT.encode(),
    }  # fmt: skip
    for target, data in whole.items():
        archive.file(target, data, 0o755 if data.startswith(b"#!") else 0o644)
    taken = {*whole, *write_programs(archive, root, set(whole))}
    busybox = next(p for p in (root / "usr/bin/busybox", root / "bin/busybox") if p.exists())
    listed = subprocess.run([busybox, "--list"], capture_output=True, text=True, timeout=30,
                            check=True).stdout.split()
    names = {pathlib.PurePosixPath(path).name for path in taken if "bin/" in path}
    for applet in sorted(set(listed) - names):
        archive.symlink(f"usr/bin/{applet}", "busybox")
    found = Modules(next(iter(root.glob("lib/modules/*"))))
    order = found.load_order((*FIRST_MODULES, *modules))
    for path in order:
        archive.file(f"usr/lib/modules/{path.name}", path.read_bytes())
    lines = [f"/usr/lib/modules/{path.name}\n" for path in order]
    archive.file("etc/modules.boot", "".join(lines).encode())
    archive.close()


def write_programs(archive, root, taken):
    """Write a tree's programs, the libraries they need, and the rest of its small files; return
    the paths written. Of libraries only those go in that a program needs; plug-ins as they are."""
    chosen, programs = {}, []
    for path in sorted(root.rglob("*")):
        source = path.relative_to(root).as_posix()
        target = debtree.place(source)
        if path.is_dir() or source.startswith(("boot/", "lib/modules/")) or target in taken:
            continue
        library = ".so" in path.name and path.parent.name == "x86_64-linux-gnu"
        if library and not path.name.startswith(("libnss_", "libresolv")):
            continue
        chosen[target] = path
        if path.is_file() and "bin/" in source:
            with open(path, "rb") as file:
                if file.read(4) == b"\x7fELF" and elf.read(path).needed():
                    programs.append(path)
    for name, path in dom0.libraries_of(programs, root).items():
        chosen.setdefault(f"usr/lib/x86_64-linux-gnu/{name}", path)
    loader = next(p for p in root.rglob("ld-linux-x86-64.so.2") if p.is_file())
    chosen["usr/lib64/ld-linux-x86-64.so.2"] = loader.resolve()
    for target, path in chosen.items():
        if path.is_symlink() and target.partition("/")[0] in ("usr", "etc"):
            archive.symlink(target, os.readlink(path))
        else:
            mode = 0o755 if os.access(path, os.X_OK) else 0o644
            archive.file(target, path.read_bytes(), mode)
    return list(chosen)


def add_files(archive, image):
    """Add an Image, FOLLOW and ASK to a machine's files in /bench; return the Image there."""
    here = Image(pathlib.Path("/bench/vmlinux"), pathlib.Path("/bench/initramfs"))
    archive.file(str(here.kernel), image.kernel.read_bytes())
    archive.file(str(here.initramfs), image.initramfs.read_bytes())
    archive.file("/bench/follow", FOLLOW.encode())
    archive.file("/bench/ask", ASK.encode())
    return here


def cfg_text(name, image, *, memory_mib, vcpus=1, vifs=(), disks=()):
    """Return the cfg of a guest: see LinuxGuest."""
    settings = {
        "name": name, "kernel": str(image.kernel), "ramdisk": str(image.initramfs),
        "extra": KERNEL_OPTIONS,
    }  # fmt: skip
    lines = [f"{key} = {guest_cfg.quote(value)}" for key, value in settings.items()]
    lines += [f"memory = {memory_mib}", f"vcpus = {vcpus}", 'on_crash = "preserve"']
    for key, values in (("vif", vifs), ("disk", disks)):
        lines.append(f"{key} = [{', '.join(guest_cfg.quote(value) for value in values)}]")
    return "\n".join([*lines, ""])


def encoded(command):
    """Return a shell command as ASK passes it on."""
    return base64.b64encode(command.encode() + b"\n")


class LinuxGuest:
    """A Linux guest that runs; use it in a `with`, at whose end the domain is destroyed.

    @param one_lab  a lab.Lab that runs
    @param vifs     one for each interface, as in xl-network-configuration(5)
    @param disks    one for each disk, as in xl-disk-configuration(5)
    Raises SpratError when it does not come up; `console` has what it said until it was ready.
    """

    def __init__(self, one_lab, image, *, memory_mib=256, vcpus=1, vifs=(), disks=()):
        self.lab = one_lab
        self.name = f"linux-{secrets.token_hex(4)}"
        self.domid = None
        self.console = ""
        self._cfg = one_lab.folder / f"{self.name}.cfg"
        self._text = cfg_text(self.name, image, memory_mib=memory_mib, vcpus=vcpus, vifs=vifs,
                              disks=disks)  # fmt: skip

    def __enter__(self):
        self._cfg.write_text(self._text)
        try:
            self.lab.output_of(["xl", "create", "-q", "-e", str(self._cfg)], CREATE_TIMEOUT_S)
            self.domid = int(self.lab.output_of(["xl", "domid", self.name]))
            code, self.console = self._dom0(FOLLOW, [str(self.domid)], BOOT_TIMEOUT_S)
            if code != 0:
                raise SpratError(f"the Linux guest does not boot; it says:\n{self.console}")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Destroy the domain; nothing happens if it is gone."""
        self.lab.run(["xl", "destroy", self.name], output=lambda *_: None,
                     timeout_s=CREATE_TIMEOUT_S)
        self._cfg.unlink(missing_ok=True)

    def run(self, command, timeout_s=COMMAND_TIMEOUT_S):
        """Run a shell command (lines of them) in the guest; return (exit code, output).

        Both its outputs are in one text. Raises SpratError when it does not end in time, after
        which the guest takes no more commands.
        """
        text = encoded(command).decode()
        code, output = self._dom0(ASK, [str(self.domid), secrets.token_hex(8), text], timeout_s)
        return code, output.removesuffix("\n")

    def check(self, command, timeout_s=COMMAND_TIMEOUT_S):
        """Run a shell command in the guest; return its output. SpratError when it fails."""
        code, output = self.run(f"set -e\n{command}", timeout_s)
        if code != 0:
            raise SpratError(f"'{command}' in the Linux guest ended with {code}:\n{output}")
        return output

    def _dom0(self, script, words, timeout_s):
        said = bytearray()
        try:
            code = self.lab.run(["sh", "-c", script, "linuxguest", *words], timeout_s=timeout_s,
                                output=lambda _, data: said.extend(data))
        except TimeoutError:
            text = said.decode(errors="replace")
            raise SpratError(f"the Linux guest is silent for {timeout_s} s; it said:\n{text}"
                             ) from None
        return code, said.decode(errors="replace").replace("\r", "")
