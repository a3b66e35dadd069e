# SPDX-License-Identifier: BSD-2-Clause
"""A fleet's plan: names, addresses and bridges of many guests from one cfg, and the files for them.

A fleet is a folder: plan.json says how it was made, and one NAME.cfg for each guest is what counts;
a person may read it, change it, and give it to `xl create`.
"""

import dataclasses
import hashlib
import ipaddress
import json
import re
import string
import uuid
from xml.sax import saxutils

from spratlib import guest_cfg
from spratlib.errors import SpratError, UsageError

GUESTS_MAX = 32000  # Xen has 32752 domains
BRIDGE_GUESTS_MAX = 1023  # a Linux bridge has 1024 ports; one is for the way out
NAME_MAX = 63
UUIDS = uuid.UUID("6f1d8a5e-2f0b-5b7e-9d55-0f5c7ad1a0b1")  # any, once and for all
PLAN_FILE = "plan.json"
HEADER = "# Made by `sprat fleet plan`. Start it by hand:  xl create {name}.cfg\n"


@dataclasses.dataclass
class Plan:
    """What `fleet plan` was told. Memory in MiB; networks and bridges may be empty."""

    cfg: str
    count: int
    name: str = "{fleet}-{n}"
    memory: int = 0
    net4: str = ""
    net6: str = ""
    bridges: tuple = ()
    pool: str = ""
    cpus: str = ""
    cmdline: str | None = None


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
            number, name, str(uuid.uuid5(UUIDS, f"{fleet}/{name}")), mac_of(fleet, number),
            plan.bridges[(number - 1) % len(plan.bridges)] if plan.bridges else "",
            address_of(plan.net4, number), address_of(plan.net6, number),
        ))  # fmt: skip
    return guests


def cfg_text(fleet, plan, guest, base):
    """Return the text of a guest's cfg: the image's own, and what is this guest's."""
    settings = {"name": guest.name, "uuid": guest.uuid}
    if plan.memory:
        settings["memory"] = plan.memory
    for key in ("pool", "cpus"):
        if getattr(plan, key):
            settings[key] = getattr(plan, key)
    if plan.cmdline is not None:
        settings["extra"] = fill(plan.cmdline, guest.values(fleet), "--cmdline")
    if plan.bridges:
        parts = [f"mac={guest.mac}", f"bridge={guest.bridge}"]
        addresses = " ".join(a.split("/")[0] for a in (guest.ip4, guest.ip6) if a)
        if addresses:
            parts.append(f"ip={addresses}")
        settings["vif"] = [",".join(parts)]
    lines = [line for line in base.splitlines()
             if not line.startswith(("# SPDX", "# Made by", "# Start it"))
             and not re.match(rf"\s*({'|'.join(settings)})\s*=", line)]  # fmt: skip
    own = []
    for key, value in settings.items():
        if isinstance(value, list):
            value = "[ " + ", ".join(guest_cfg.quote(item) for item in value) + " ]"
        elif isinstance(value, str):
            value = guest_cfg.quote(value)
        own.append(f"{key} = {value}")
    return HEADER.format(name=guest.name) + "\n".join([*own, *lines]).rstrip() + "\n"


def libvirt_text(text):
    """Return a guest's cfg as libvirt's domain XML (driver xen)."""
    settings = guest_cfg.parse(text)

    def tag(name, value, attributes=""):
        return f"<{name}{attributes}>{saxutils.escape(str(value))}</{name}>"

    actions = "".join(f"  {tag(key, settings.get(key, default))}\n" for key, default in (
        ("on_poweroff", "destroy"), ("on_reboot", "restart"), ("on_crash", "destroy")))  # fmt: skip
    devices = ""
    for vif in re.findall(r'^vif = \[ "([^"]*)" \]$', text, re.MULTILINE):
        parts = dict(part.split("=", 1) for part in vif.split(","))
        addresses = "".join(f"<ip address={saxutils.quoteattr(a)}/>"
                            for a in parts.get("ip", "").split())  # fmt: skip
        devices += (f"    <interface type='bridge'><mac address='{parts['mac']}'/>"
                    f"<source bridge={saxutils.quoteattr(parts['bridge'])}/>{addresses}"
                    "</interface>\n")  # fmt: skip
    cpus = f" cpuset={saxutils.quoteattr(str(settings['cpus']))}" if "cpus" in settings else ""
    return (
        "<domain type='xen'>\n"
        f"  {tag('name', settings['name'])}\n  {tag('uuid', settings['uuid'])}\n"
        f"  {tag('memory', settings['memory'], attributes=' unit=' + chr(39) + 'MiB' + chr(39))}\n"
        f"  {tag('vcpu', settings.get('vcpus', 1), cpus)}\n"
        f"  <os><type arch='x86_64' machine='xenpv'>linux</type>"
        f"{tag('kernel', settings['kernel'])}{tag('cmdline', settings.get('extra', ''))}</os>\n"
        f"{actions}  <devices>\n{devices}    <console type='pty'/>\n  </devices>\n</domain>\n"
    )


def write(folder, plan, libvirt=False):
    """Write a fleet's files into `folder`; files of guests that are no longer planned go.

    Raises SpratError when another fleet beside it has the same addresses or names.
    """
    fleet = folder.name
    guests = guests_of(fleet, plan)
    refuse_clashes(folder, guests)
    try:
        base = guest_cfg.find(plan.cfg).read_text()
        folder.mkdir(parents=True, exist_ok=True)
        wanted = {PLAN_FILE}
        for guest in guests:
            text = cfg_text(fleet, plan, guest, base)
            files = {f"{guest.name}.cfg": text}
            if libvirt:
                files[f"{guest.name}.xml"] = libvirt_text(text)
            for name, content in files.items():
                (folder / name).write_text(content)
                wanted.add(name)
        for path in folder.iterdir():
            if path.name not in wanted and path.suffix in (".cfg", ".xml"):
                path.unlink()
        (folder / PLAN_FILE).write_text(json.dumps(dataclasses.asdict(plan), indent=1) + "\n")
    except OSError as error:
        raise SpratError(f"cannot write the fleet: {error}") from error
    return guests


def read(folder):
    """Return the Plan of a fleet's folder."""
    try:
        fields = json.loads((folder / PLAN_FILE).read_text())
        fields["bridges"] = tuple(fields["bridges"])
        return Plan(**fields)
    except FileNotFoundError:
        raise SpratError(f"there is no fleet {folder.name}; 'sprat fleet plan' makes one") from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise SpratError(f"{folder / PLAN_FILE} cannot be read: {error}") from error


def refuse_clashes(folder, guests):
    """Raise SpratError if a fleet beside `folder` has a name, or an address, of these guests."""
    names = {guest.name for guest in guests}
    for other in sorted(folder.parent.glob(f"*/{PLAN_FILE}")):
        if other.parent == folder:
            continue
        for path in other.parent.glob("*.cfg"):
            if path.stem in names:
                raise SpratError(f"the fleet {other.parent.name} has a guest {path.stem} too")
        theirs, ours = (mac_of(name, 0)[:11] for name in (other.parent.name, folder.name))
        if theirs == ours:
            raise SpratError(f"the fleet {other.parent.name} has the same MAC addresses: rename it")
