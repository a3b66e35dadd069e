# SPDX-License-Identifier: BSD-2-Clause
"""Start a Click configuration as a guest: `sprat middlebox CONFIG.click`.

The configuration is checked first, as the guest would: what is wrong is told with line and column.
Its devices (FromDevice, PollDevice, ToDevice) are the guest's interfaces; a name ends in the
interface's number, from 0 to 15: eth0 is the first, eth1 the second. Bridges are xenbr0, xenbr1 and
so on, or what --bridge says. The configuration goes into a ramdisk beside the cfg, both under
middlebox/ in the build folder, and can be given to `xl create` by hand. What else there is to say
is as in `sprat run`.

--control gives the guest one more interface, for ControlSocket: on it, and on no other, it has a
network stack, with that address.
"""

import argparse
import dataclasses
import hashlib
import io
import ipaddress
import os
import pathlib
import re
import subprocess
import sys
import types

from spratlib import cpio, footprint, guest_cfg, lab_cli, paths, run
from spratlib.errors import SpratError, UsageError

GUEST_PATH = "config.click"  # in the archive, at its top
BRIDGE = r"[A-Za-z0-9_.-]{1,15}"
MEMORY_MIB = 2
INTERFACES_A_MIB = 6
CONFIG_MAX = 1 << 20  # that the engine reads
CONFIG_FREE = 4096  # bytes of a configuration that fit as well
CONFIG_A_MIB = 8192  # an element takes a KiB or so, with what it takes to read it
CONFIG_MOST_MIB = 16  # more elements are not allowed
INTERFACE_KIB = 152  # its buffers and rings
GUEST_KIB = 200  # beside its image: page tables, the engine, some packets
CHECK = "examples/middlebox/middlebox_check"  # in the build folder
CHECK_TIMEOUT_S = 60
UNKNOWN_ELEMENT = re.compile("unknown element class|neither a declared element nor")
CONTROL_MEMORY_MIB = 6  # a network stack, and a ramdisk behind the larger image
GRANTS_A_FRAME = 512
GRANTS_A_VIF = 2 * 256 + 2  # both rings full, and the rings


def add_arguments(parser):
    parser.add_argument("config", metavar="CONFIG.click", help="a file in the Click language")
    parser.add_argument("--bridge", action="append", default=[], metavar="eth0=BRIDGE",
                        help="a device's bridge (default: xenbr0 for 0, and so on)")  # fmt: skip
    parser.add_argument("--lab", metavar="NAME", default=os.environ.get("SPRAT_LAB"),
                        help="the lab to run it in (default: $SPRAT_LAB)")  # fmt: skip
    parser.add_argument("--control", metavar="ADDRESS/LENGTH[@BRIDGE]", type=control_of,
                        help="serve ControlSocket at this address (bridge: xenbr0)")  # fmt: skip
    parser.add_argument("--memory", type=lab_cli.guest_mib, metavar="MIB",
                        help="the guest's memory (default: 2, or 6 with --control, and 1 more"
                        " for each 6 interfaces beyond 6, and for each 8 KiB of"
                        " configuration beyond 4)")  # fmt: skip
    parser.add_argument("--timeout", type=lab_cli.positive, metavar="S",
                        help="end the guest after S seconds")  # fmt: skip
    parser.add_argument("--only-cfg", action="store_true",
                        help="make the cfg, say where it is, and start nothing")  # fmt: skip


def main(args):
    """Make the cfg and start it; return the guest's exit code."""
    if args.words:
        raise UsageError("a configuration takes no arguments after --")
    cfg = make(pathlib.Path(args.config), args.bridge, args.memory, args.control)
    if args.only_cfg:
        print(cfg)
        return 0
    return run.main(types.SimpleNamespace(guest=str(cfg), lab=args.lab, memory=None,
                                          timeout=args.timeout, stats=False, words=[]))  # fmt: skip


def interfaces_of(config, data):
    """Check the configuration `data` of the file `config`; return how many interfaces it needs: one
    more than its highest device's number. Warnings are passed on. SpratError with all that is
    wrong, a line each: FILE:LINE:COLUMN: what."""
    program = paths.build_folder() / CHECK
    try:
        done = subprocess.run([program], input=data, capture_output=True, check=False,
                              timeout=CHECK_TIMEOUT_S)  # fmt: skip
    except FileNotFoundError:
        raise SpratError(f"{program} is not built: ninja -C {paths.build_folder()}") from None
    except subprocess.TimeoutExpired:
        raise SpratError(f"{config}: reading it takes longer than {CHECK_TIMEOUT_S} s") from None
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").splitlines() or [f"{program} has failed"]
        lines = [f"{config}:{line}" for line in said]
        if any(UNKNOWN_ELEMENT.search(line) for line in said):
            lines.append("examples/middlebox/ELEMENTS.md lists the elements, and those of Click"
                         " that are not here, with the reason")  # fmt: skip
        raise SpratError("\n".join(lines))
    for line in done.stderr.decode(errors="replace").splitlines():
        print(f"{config}:{line}", file=sys.stderr)
    numbers = [int(line.split()[0]) for line in done.stdout.decode().splitlines()]
    return max(numbers) + 1 if numbers else 0


def bridges_of(count, words):
    """Return the bridge of each interface. Raises UsageError for a word that is no eth0=BRIDGE."""
    bridges = [f"xenbr{number}" for number in range(count)]
    for word in words:
        match = re.fullmatch(rf"[A-Za-z]*(\d+)=({BRIDGE})", word)
        if not match:
            raise UsageError(f"--bridge {word}: write eth0=xenbr0")
        if int(match[1]) >= count:
            raise UsageError(f"--bridge {word}: the configuration has {count} devices, from 0")
        bridges[int(match[1])] = match[2]
    return bridges


def warn_of_loops(bridges):
    """Say which interfaces are at one bridge: it may be meant, of a router, say."""
    for bridge in sorted(set(bridges)):
        at = [f"eth{number}" for number, other in enumerate(bridges) if other == bridge]
        if len(at) > 1:
            print(f"sprat: {' and '.join(at)} are at one bridge, {bridge}: a configuration that"
                  " passes on what comes in there makes a loop", file=sys.stderr)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Control:
    """Where ControlSocket is reached."""

    address: str  # with the prefix's length
    bridge: str


def control_of(text):
    """An argument ADDRESS/LENGTH[@BRIDGE]."""
    address, _, bridge = text.partition("@")
    try:
        if "/" not in address or (bridge and not re.fullmatch(BRIDGE, bridge)):
            raise ValueError(text)
        return Control(str(ipaddress.IPv4Interface(address)), bridge or "xenbr0")
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text}: write an address with its network's length, and a bridge that is not xenbr0:"
            " 10.0.0.50/24, or 10.0.0.50/24@xenbr1"
        ) from None


def make(config, bridge_words, memory_mib=None, control=None):
    """Write the ramdisk and the cfg for a configuration; return the cfg's path."""
    data = read(config)
    bridges = bridges_of(interfaces_of(config, data), bridge_words)
    warn_of_loops(bridges)
    # A folder for each that configurations come from: two that are called alike don't meet.
    source = hashlib.sha256(os.fsencode(config.resolve().parent)).hexdigest()[:8]
    folder = paths.build_folder() / "middlebox" / source
    folder.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^A-Za-z0-9_-]", "-", config.stem)
    return write(folder / name, data, bridges, memory_mib, control)


def read(config):
    """Return the bytes of a configuration's file. SpratError when that cannot be read, or is longer
    than any that the engine takes."""
    try:
        with open(config, "rb") as file:
            data = file.read(CONFIG_MAX + 1)
    except OSError as error:
        raise SpratError(f"cannot read {config}: {error.strerror}") from error
    if len(data) > CONFIG_MAX:
        raise SpratError(f"{config}: it is longer than 1 MiB")
    return data


def write(stem, data, bridges, memory_mib=None, control=None):
    """Write the ramdisk and the cfg for the configuration `data`; return the cfg's path.

    @param stem     their path without suffix; its last part is the guest's name
    @param bridges  one for each interface
    """
    ramdisk, cfg = stem.with_name(f"{stem.name}.cpio"), stem.with_name(f"{stem.name}.cfg")
    archive = archive_of(data)
    ramdisk.write_bytes(archive)
    image = guest_cfg.find("middlebox-control" if control else "middlebox").with_suffix(".xen")
    least = least_memory(footprint.read(image), len(bridges), len(archive))
    if memory_mib and memory_mib < least:
        raise SpratError(f"a guest with {len(bridges)} interfaces and {len(data)} bytes of"
                         f" configuration needs {least} MiB of memory at least, and is to have"
                         f" {memory_mib}")  # fmt: skip
    memory_mib = memory_mib or max(least, default_memory(len(bridges), len(data), control))
    cfg.write_text(cfg_text(stem.name, image, ramdisk, bridges, memory_mib, control))
    return cfg


def least_memory(image, interfaces, ramdisk_bytes=0):
    """Return the least MiB that a guest with `image` (footprint.Image) starts with. The toolstack
    puts the ramdisk behind the image."""
    kib = (image.text + image.data + image.bss) // 1024 + GUEST_KIB + interfaces * INTERFACE_KIB
    built = footprint.least_memory(image.virt_base, image.end + ramdisk_bytes)
    return max(built, -(-kib // 1024))


def default_memory(interfaces, config_bytes, control=None):
    """Return the MiB of a guest that nothing was said of."""
    more = -(-max(0, interfaces - INTERFACES_A_MIB) // INTERFACES_A_MIB)
    more += min(CONFIG_MOST_MIB, -(-max(0, config_bytes - CONFIG_FREE) // CONFIG_A_MIB))
    return (CONTROL_MEMORY_MIB if control else MEMORY_MIB) + more


def archive_of(data):
    """Return a ramdisk with the configuration `data`."""
    file = io.BytesIO()
    archive = cpio.Writer(file)
    archive.file(GUEST_PATH, data)
    archive.close()
    return file.getvalue()


def cfg_text(name, image, ramdisk, bridges, memory_mib, control=None):
    """Return the cfg of a guest that runs the configuration in `ramdisk`."""
    words = f"/{GUEST_PATH}"
    if control:
        words = f"{stack_words(len(bridges), control)} {words}"
        bridges = [*bridges, control.bridge]
    frames = -(-max(1, len(bridges) * GRANTS_A_VIF) // GRANTS_A_FRAME)
    vifs = ", ".join(guest_cfg.quote(f"bridge={bridge}") for bridge in bridges)
    return f"""# Made by sprat; changes here are lost.
name = {guest_cfg.quote(name)}
type = "pv"
kernel = {guest_cfg.quote(str(image))}
ramdisk = {guest_cfg.quote(str(ramdisk))}
extra = {guest_cfg.quote(words)}
memory = {memory_mib}
vcpus = 1
vif = [ {vifs} ]
tsc_mode = "native"
max_grant_frames = {frames + 1}
max_maptrack_frames = 0
on_poweroff = "destroy"
on_reboot = "restart"
on_crash = "destroy"
"""


def stack_words(last, control):
    """Return the words that give the network stack the interface `last`, and none before it."""
    words = []
    for number in range(last + 1):
        suffix = number or ""
        address = control.address if number == last else "off"
        words += [f"sprat.ip{suffix}={address}", f"sprat.ip6{suffix}=off"]
    return " ".join(words)
