# SPDX-License-Identifier: BSD-2-Clause
"""A fleet's plan: names, addresses and bridges of many guests from one cfg, and the files for them.

A fleet is a folder: plan.json says how it was made, and one NAME.cfg for each guest is what counts;
a person may read it, change it, and give it to `xl create`. images/ has the fleet's own copies of
what its guests are made of: a new build changes no fleet, and the old image is there to go back to.
"""

import dataclasses
import hashlib
import ipaddress
import json
import os
import re
import string
import uuid
import zlib

from spratlib import fleet_libvirt, guest_cfg
from spratlib.errors import SpratError, UsageError

GUESTS_MAX = 32000  # Xen has 32752 domains
BRIDGE_GUESTS_MAX = 1023  # a Linux bridge has 1024 ports; one is for the way out
NAME_MAX = 63
UUIDS = uuid.UUID("6f1d8a5e-2f0b-5b7e-9d55-0f5c7ad1a0b1")  # any, once and for all
PLAN_FILE = "plan.json"
COMMAND_LINE = ("cmdline", "root", "extra")  # xl takes "cmdline", or the other two
IMAGES = "images"
READ_ONLY = re.compile(r"(^|,)\s*(access=)?ro?\s*(,|$)")  # in a disk's specification
HEADER = "# Made by `sprat fleet plan`. Start it by hand:  xl create {name}.cfg\n"


@dataclasses.dataclass
class Plan:
    """What `fleet plan` was told. Memory in MiB; networks and bridges may be empty. `ready` is
    what a guest says when it is. `base` is the cfg's text, with the fleet's own image in it."""

    cfg: str
    count: int
    name: str = "{fleet}-{n}"
    memory: int = 0
    vcpus: int = 0
    net4: str = ""
    net6: str = ""
    bridges: tuple = ()
    pool: str = ""
    cpus: str = ""
    disks: tuple = ()
    cmdline: str | None = None
    restart: bool = False
    ready: str = ""
    base: str = ""


@dataclasses.dataclass(frozen=True)
class Guest:
    """One guest of a fleet. `number` is from 1."""

    number: int
    name: str
    uuid: str
    mac: str
    bridge: str
    ip4: str
    ip6: str

    def values(self, fleet):
        """What placeholders stand for."""
        return {"fleet": fleet, "n": self.number, "name": self.name, "uuid": self.uuid,
                "mac": self.mac, "bridge": self.bridge, "ip4": self.ip4, "ip6": self.ip6}


def uuid_of(fleet, name):
    """The UUID of a fleet's guest: it tells which guests are this fleet's."""
    return str(uuid.uuid5(UUIDS, f"{fleet}/{name}"))


def mac_of(fleet, number):
    """A locally administered address: 02, three bytes of the fleet's name, two of the number."""
    digest = hashlib.sha256(fleet.encode()).digest()
    return ":".join(f"{byte:02x}" for byte in (2, *digest[:3], number >> 8, number & 255))


def address_of(network, number):
    """The address of guest `number` with its prefix length; the first host address is the router's.

    Raises UsageError when the network has no such address.
    """
    if not network:
        return ""
    try:
        net = ipaddress.ip_network(network)
    except ValueError as error:
        raise UsageError(f"{network} is no network: {error}") from None
    last = 1 if net.version == 4 else 0  # the broadcast address
    room = net.num_addresses - 2 - last
    if number > room:
        raise UsageError(f"{network} has room for {max(room, 0)} guests beside its router")
    return f"{net.network_address + 1 + number}/{net.prefixlen}"


def fill(template, values, what):
    """Put values into "{placeholders}". Raises UsageError that names an unknown one."""
    try:
        for _, field, spec, conversion in string.Formatter().parse(template):
            if field is not None and (field not in values or conversion):
                raise UsageError(f"{what}: there is no placeholder {{{field}}}; there are "
                                 + " ".join(f"{{{key}}}" for key in values))
            del spec
        return template.format(**values)
    except (ValueError, IndexError) as error:
        raise UsageError(f"{what} '{template}': {error}; write {{{{ for a brace") from None


def guests_of(fleet, plan):
    """Return the Guests of a plan. Raises UsageError where it cannot work."""
    if not 1 <= plan.count <= GUESTS_MAX:
        raise UsageError(f"a fleet has 1 to {GUESTS_MAX} guests, not {plan.count}")
    if plan.bridges and plan.count > len(plan.bridges) * BRIDGE_GUESTS_MAX:
        need = -(-plan.count // BRIDGE_GUESTS_MAX)
        raise UsageError(f"{plan.count} guests need {need} bridges: one takes {BRIDGE_GUESTS_MAX}")
    guests, names = [], set()
    for number in range(1, plan.count + 1):
        name = fill(plan.name, {"fleet": fleet, "n": number}, "--name")
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.+-]*", name) or name.isdigit():
            raise UsageError(f"--name gives '{name}': letters, digits and _.+-, and no mere number")
        if len(name) > NAME_MAX:
            raise UsageError(f"--name gives '{name[:20]}...', which is longer than {NAME_MAX}")
        if name in names:
            raise UsageError(f"--name gives '{name}' twice; put {{n}} into it")
        names.add(name)
        guests.append(Guest(
            number, name, uuid_of(fleet, name), mac_of(fleet, number),
            plan.bridges[(number - 1) % len(plan.bridges)] if plan.bridges else "",
            address_of(plan.net4, number), address_of(plan.net6, number),
        ))  # fmt: skip
    check_disks(fleet, plan, guests)
    return guests


def disks_of(fleet, plan, guest):
    """Return a guest's disks, as its cfg names them."""
    disks = plan.disks or guest_cfg.lists(plan.base).get("disk", ())
    return [fill(disk, guest.values(fleet), "--disk") if plan.disks else disk for disk in disks]


def check_disks(fleet, plan, guests):
    """Raise UsageError when two guests would write the same disk."""
    writers = {}
    for guest in guests:
        for disk in disks_of(fleet, plan, guest):
            if READ_ONLY.search(disk.partition("target=")[0]):
                continue
            other = writers.setdefault(disk, guest)
            if other is not guest:
                raise UsageError(f"{other.name} and {guest.name} would both write the disk {disk};"
                                 " --disk gives each its own, with {n} or {name} in its path")


def cfg_text(fleet, plan, guest):
    """Return the text of a guest's cfg: the image's own, and what is this guest's."""
    settings = {"name": guest.name, "uuid": guest.uuid}
    for key in ("memory", "vcpus", "pool", "cpus"):
        if getattr(plan, key):
            settings[key] = getattr(plan, key)
    if plan.cmdline is not None:
        settings["extra"] = fill(plan.cmdline, guest.values(fleet), "--cmdline")
        guest_cfg.check_command_line(settings["extra"])
    if plan.restart:
        settings |= {"on_poweroff": "restart", "on_crash": "restart"}
    if plan.disks:
        settings["disk"] = disks_of(fleet, plan, guest)
    if plan.bridges:
        parts = [f"mac={guest.mac}", f"bridge={guest.bridge}"]
        addresses = " ".join(a.split("/")[0] for a in (guest.ip4, guest.ip6) if a)
        if addresses:
            parts.append(f"ip={addresses}")
        settings["vif"] = [",".join(parts)]
    replaced = {*settings, *(COMMAND_LINE if plan.cmdline is not None else ())}
    lines = [line for line in guest_cfg.without(plan.base, replaced).splitlines()
             if not line.startswith(("# SPDX", "# Made by", "# Start it"))]  # fmt: skip
    own = []
    for key, value in settings.items():
        if isinstance(value, list):
            value = "[ " + ", ".join(guest_cfg.quote(item) for item in value) + " ]"
        elif isinstance(value, str):
            value = guest_cfg.quote(value)
        own.append(f"{key} = {value}")
    return HEADER.format(name=guest.name) + "\n".join([*own, *lines]).rstrip() + "\n"


def keep_copy(folder, path):
    """Copy a file that guests are made of into the fleet's folder; return the copy's path."""
    content = path.read_bytes()
    copy = folder / IMAGES / f"{path.stem}-{zlib.crc32(content):08x}{path.suffix}"
    copy.parent.mkdir(parents=True, exist_ok=True)
    if not copy.exists():
        put(copy, content)
    return copy


def with_image(folder, plan):
    """Return the plan with its cfg's text in `base`, and copies of its image, and of its ramdisk
    if it has one, in the folder."""
    cfg = guest_cfg.find(plan.cfg)
    try:
        text = cfg.read_text()
        settings = guest_cfg.parse(text)
        if not isinstance(settings.get("kernel"), str) or not settings["kernel"]:
            raise SpratError(f"{cfg} has no kernel")
        named = {key: settings[key] for key in ("kernel", "ramdisk") if settings.get(key)}
        # An absolute path stays as it is.
        copies = {key: keep_copy(folder, cfg.parent / str(name)) for key, name in named.items()}
    except (OSError, UnicodeDecodeError) as error:
        raise SpratError(f"{plan.cfg} cannot be made a fleet of: {error}") from error
    own = "".join(f"{key} = {guest_cfg.quote(str(copy))}\n" for key, copy in copies.items())
    base = own + guest_cfg.without(text, copies).rstrip() + "\n"
    return dataclasses.replace(plan, cfg=str(cfg), base=base)


def put(path, content):
    """Write a file so that it is there as a whole, or as it was."""
    new = path.with_name(path.name + ".new")
    new.write_bytes(content.encode() if isinstance(content, str) else content)
    os.replace(new, path)


def write(folder, plan, libvirt=False, keep=False):
    """Write a fleet's files into `folder`; files of guests that are no longer planned go.

    @param keep  leave the cfg files that are there as they are: a person may have changed them
    Raises SpratError when another fleet beside it has the same addresses or names.
    """
    guests = check(folder, plan)
    try:
        wanted = {PLAN_FILE}
        for guest in guests:
            cfg, xml = (folder / f"{guest.name}{suffix}" for suffix in (".cfg", ".xml"))
            wanted |= {cfg.name, xml.name} if libvirt else {cfg.name}
            if not (keep and cfg.exists()):
                put(cfg, cfg_text(folder.name, plan, guest))
            if libvirt:
                put(xml, fleet_libvirt.domain(cfg.read_text()))
        write_plan(folder, plan)
        for path in folder.iterdir():
            if path.name not in wanted and path.suffix in (".cfg", ".xml", ".new"):
                path.unlink()
    except OSError as error:
        raise SpratError(f"cannot write the fleet: {error}") from error
    return guests


def write_plan(folder, plan):
    """Write the plan itself."""
    put(folder / PLAN_FILE, json.dumps(dataclasses.asdict(plan), indent=1) + "\n")


def forget_images(folder):
    """Remove the images that no cfg of the fleet has any more."""
    texts = [path.read_text() for path in folder.glob("*.cfg")]
    texts.append(read(folder).base)
    for path in (folder / IMAGES).iterdir():
        if not any(str(path) in text for text in texts):
            path.unlink()


def read(folder):
    """Return the Plan of a fleet's folder."""
    try:
        fields = json.loads((folder / PLAN_FILE).read_text())
        fields["bridges"] = tuple(fields["bridges"])
        fields["disks"] = tuple(fields["disks"])
        if not fields["base"]:
            raise ValueError("it has no cfg in it")
        return Plan(**fields)
    except FileNotFoundError:
        raise SpratError(f"there is no fleet {folder.name}; 'sprat fleet plan' makes one") from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise SpratError(f"{folder / PLAN_FILE} cannot be read: {error}") from error


def check(folder, plan):
    """Return the plan's guests. Raises SpratError when they cannot be in `folder`."""
    guests = guests_of(folder.name, plan)
    refuse_clashes(folder, plan, guests)
    return guests


def address_ranges(plan):
    """Return the first and last address of each network that the plan's guests have."""
    return [tuple(ipaddress.ip_interface(address_of(net, number)).ip for number in (1, plan.count))
            for net in (plan.net4, plan.net6) if net]  # fmt: skip


def share_addresses(one, other):
    """Whether two plans have an address in common, on a bridge that both are at."""
    return not set(one.bridges).isdisjoint(other.bridges) and any(
        a[0].version == b[0].version and a[0] <= b[1] and b[0] <= a[1]
        for a in address_ranges(one) for b in address_ranges(other)
    )  # fmt: skip


def refuse_clashes(folder, plan, guests):
    """Raise SpratError if a fleet beside `folder` has a name, or an address, of these guests."""
    names = {guest.name for guest in guests}
    for other in sorted(folder.parent.glob(f"*/{PLAN_FILE}")):
        if other.parent == folder:
            continue
        fleet = f"the fleet {other.parent.name}"
        for path in other.parent.glob("*.cfg"):
            if path.stem in names:
                raise SpratError(f"{fleet} has a guest {path.stem} too")
        theirs, ours = (mac_of(name, 0)[:11] for name in (other.parent.name, folder.name))
        if theirs == ours:
            raise SpratError(f"{fleet} has the same MAC addresses: rename it")
        if share_addresses(plan, read(other.parent)):
            raise SpratError(f"{fleet} has some of these IP addresses, on the same bridge")
