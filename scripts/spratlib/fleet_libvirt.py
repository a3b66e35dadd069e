# SPDX-License-Identifier: BSD-2-Clause
"""A guest's cfg as libvirt's domain XML (driver xen). Source: libvirt's formatdomain."""

import re
from xml.sax import saxutils

from spratlib import guest_cfg

# What libvirt has no word for is said in a comment.
UNKNOWN = ("pool", "max_maptrack_frames")
ACTIONS = (("on_poweroff", "destroy"), ("on_reboot", "restart"), ("on_crash", "destroy"))


def tag(element, text="", /, **attributes):
    """An element with text in it."""
    words = "".join(f" {key}={saxutils.quoteattr(str(value))}" for key, value in attributes.items())
    return f"<{element}{words}>{saxutils.escape(str(text))}</{element}>"


def interface(vif):
    """The element for one vif, as a fleet's cfg has it: "mac=...,bridge=...,ip=..."."""
    parts = dict(part.split("=", 1) for part in vif.split(","))
    addresses = "".join(tag("ip", address=a) for a in parts.get("ip", "").split())
    mac = tag("mac", address=parts["mac"]) if "mac" in parts else ""
    return (f"<interface type='bridge'>{mac}{tag('source', bridge=parts['bridge'])}{addresses}"
            "</interface>")  # fmt: skip


def domain(text):
    """Return the XML of a cfg's text."""
    settings = guest_cfg.parse(text)
    lines = [tag("name", settings["name"]), tag("uuid", settings["uuid"]),
             tag("memory", settings["memory"], unit="MiB")]  # fmt: skip
    cpus = {"cpuset": settings["cpus"]} if "cpus" in settings else {}
    lines.append(tag("vcpu", settings.get("vcpus", 1), **cpus))
    lines.append(f"<os>{tag('type', 'linux', arch='x86_64', machine='xenpv')}"
                 f"{tag('kernel', settings['kernel'])}"
                 f"{tag('cmdline', settings.get('extra', ''))}</os>")  # fmt: skip
    if settings.get("tsc_mode") == "native":
        timer = tag("timer", name="tsc", mode="native")
        lines.append(f"<clock offset='utc'>{timer}</clock>")
    lines += [tag(key, settings.get(key, default)) for key, default in ACTIONS]
    devices = [interface(vif) for vif in re.findall(r'(?m)^vif = \[ "([^"]*)" \]$', text)]
    devices.append(tag("console", type="pty"))
    if "max_grant_frames" in settings:
        devices.append(tag("controller", type="xenbus",
                           maxGrantFrames=settings["max_grant_frames"]))  # fmt: skip
    lines += ["<devices>", *(f"  {device}" for device in devices), "</devices>"]
    lines += [f"<!-- libvirt has no {key}; the cfg says {settings[key]} -->"
              for key in UNKNOWN if key in settings]  # fmt: skip
    return "\n  ".join(["<domain type='xen'>", *lines]) + "\n</domain>\n"
