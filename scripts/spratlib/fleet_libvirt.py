# SPDX-License-Identifier: BSD-2-Clause
"""A guest's cfg as libvirt's domain XML (driver xen). Sources: libvirt's formatdomain, xl.cfg(5),
xl-disk-configuration(5), xl-network-configuration(5).

What libvirt has no word for is said in a comment, whatever it is: nothing of a cfg is left out
silently.
"""

import re
from xml.sax import saxutils

from spratlib import guest_cfg
from spratlib.errors import SpratError

ACTIONS = (("on_poweroff", "destroy"), ("on_reboot", "restart"), ("on_crash", "destroy"))
TSC_MODES = {"default": "auto", "native": "native", "always_emulate": "emulate",
             "native_paravirt": "paravirt"}  # fmt: skip
VDEV = re.compile(r"(?:/dev/)?((?:xvd|sd|hd)[a-z]+[0-9]*|d[0-9]+p[0-9]+)")
BACKENDS = {"phy": "phy", "qdisk": "qemu"}  # what libvirt's driver for Xen calls libxl's
ACCESS = {"r": "r", "ro": "r", "w": "w", "rw": "w"}
# What XML 1.0 cannot have, however it is written.
NOT_XML = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def tag(element, text="", /, **attributes):
    """An element with text in it."""
    words = "".join(f" {key}={saxutils.quoteattr(str(value))}" for key, value in attributes.items())
    return f"<{element}{words}>{saxutils.escape(str(text))}</{element}>"


def comment(text):
    """A comment, in which XML has no two hyphens side by side."""
    return f"<!-- {re.sub('-(?=-)', '- ', text)} -->"


def interface(vif):
    """The elements for one vif: "mac=...,bridge=...,ip=..."."""
    parts = dict(part.strip().split("=", 1) for part in vif.split(",") if "=" in part)
    script = tag("script", path=parts.pop("script")) if "script" in parts else ""
    mac = tag("mac", address=parts.pop("mac")) if "mac" in parts else ""
    source = tag("source", bridge=parts.pop("bridge", "xenbr0"))  # xl's own default
    addresses = "".join(tag("ip", address=a) for a in parts.pop("ip", "").split())
    return [f"<interface type='bridge'>{mac}{source}{script}{addresses}</interface>",
            *(unknown(f"vif {key}", value) for key, value in parts.items())]  # fmt: skip


def disk(spec):
    """The elements for one disk: "phy:/dev/x,xvda,w", or "vdev=xvda,access=rw,target=/x"."""
    front, _, target = spec.partition("target=")
    words = [word.strip() for word in front.split(",") if word.strip()]
    parts = dict(word.split("=", 1) for word in words if "=" in word)
    words = [word for word in words if "=" not in word]
    if words:
        target = words.pop(0)
    backend, colon, rest = target.partition(":")
    if colon and backend in ("phy", "file", "raw"):
        target = rest
    for word in words:
        key = "access" if word in ACCESS else "vdev" if VDEV.fullmatch(word) else "format"
        parts[key] = word
    device = VDEV.fullmatch(parts.pop("vdev", ""))
    if not device or not target.startswith("/"):
        raise SpratError(f"a disk for libvirt is like phy:/dev/vg/disk,xvda,w, not '{spec}'")
    kind, attribute = ("block", "dev") if target.startswith("/dev/") else ("file", "file")
    disk_format, driver = parts.pop("format", "raw"), ""
    if disk_format != "raw" or parts.get("backendtype") in BACKENDS:  # else libxl chooses
        name = BACKENDS.get(parts.pop("backendtype", "qdisk"), "qemu")
        driver = tag("driver", name=name, type=disk_format)
    readonly = "<readonly/>" if ACCESS.get(parts.pop("access", "rw")) == "r" else ""
    return [f"<disk type='{kind}' device='disk'>{driver}{tag('source', **{attribute: target})}"
            f"{tag('target', dev=device.group(1), bus='xen')}{readonly}</disk>",
            *(unknown(f"disk {key}", value) for key, value in parts.items())]  # fmt: skip


def unknown(key, value):
    return comment(f"libvirt has no {key}; the cfg says {value}")


def domain(text):
    """Return the XML of a cfg's text. Raises SpratError for what XML cannot have."""
    settings = {**guest_cfg.parse(text), **guest_cfg.lists(text)}
    take = settings.pop
    if take("type", "pv") != "pv":
        raise SpratError("only a PV guest's cfg can be written for libvirt")
    lines = [tag("name", take("name")), tag("uuid", take("uuid"))]
    memory = take("memory")
    lines.append(tag("memory", take("maxmem", memory), unit="MiB"))
    lines.append(tag("currentMemory", memory, unit="MiB"))
    cpus = {"cpuset": take("cpus")} if "cpus" in settings else {}
    lines.append(tag("vcpu", take("vcpus", 1), **cpus))
    ramdisk = tag("initrd", take("ramdisk")) if "ramdisk" in settings else ""
    extra = take("extra", "")
    lines.append(f"<os>{tag('type', 'linux', arch='x86_64', machine='xenpv')}"
                 f"{tag('kernel', take('kernel'))}{ramdisk}"
                 f"{tag('cmdline', take('cmdline', extra))}</os>")  # fmt: skip
    if settings.get("tsc_mode") in TSC_MODES:
        timer = tag("timer", name="tsc", mode=TSC_MODES[take("tsc_mode")])
        lines.append(f"<clock offset='utc'>{timer}</clock>")
    lines += [tag(key, take(key, default)) for key, default in ACTIONS]
    devices = [line for spec in take("disk", []) for line in disk(spec)]
    devices += [line for vif in take("vif", []) for line in interface(vif)]
    devices.append(tag("console", type="pty"))
    if "max_grant_frames" in settings:
        devices.append(tag("controller", type="xenbus", maxGrantFrames=take("max_grant_frames")))
    lines += ["<devices>", *(f"  {device}" for device in devices), "</devices>"]
    lines += [unknown(key, value) for key, value in settings.items()]
    xml = "\n  ".join(["<domain type='xen'>", *lines]) + "\n</domain>\n"
    if found := NOT_XML.search(xml):
        raise SpratError(f"libvirt's XML cannot have the character {found.group()!r}")
    return xml
