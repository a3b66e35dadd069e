# SPDX-License-Identifier: BSD-2-Clause
"""QEMU: the machine a lab runs on, its process, and its control channel (QMP)."""

import ctypes
import dataclasses
import fcntl
import functools
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import time

from spratlib import agent, dom0
from spratlib.errors import SpratError

PROGRAM = "qemu-system-x86_64"
CPU = "qemu64,+rdrand"  # without RDRAND `xl create` waits seconds for entropy; "max" hangs Xen
# What a lab has no use for is left out of dom0's boot: together it takes a third of the time.
LINUX_OPTIONS = (
    "console=hvc0 panic=1 quiet loglevel=4"
    " rodata=off"  # with it goes a walk over all page tables
    " cryptomgr.notests=1 apparmor=0 audit=0 rcupdate.rcu_expedited=1"
    " initcall_blacklist=load_system_certificate_list,crypto_kdf108_init,init_kprobe_trace"
)
PID_FILE = "qemu.pid"
QMP_TIMEOUT_S = 10
EXIT_TIMEOUT_S = 10
MiB = 2**20


@dataclasses.dataclass(frozen=True)
class Machine:
    """What a lab's machine is like: all that a snapshot of it depends on."""

    boot: dom0.Boot
    memory_mib: int = 2048
    dom0_memory_mib: int = 512
    smp: int = 2
    xenstored: str = "c"
    deterministic: bool = False
    xen_options: str = ""

    def arguments(self):
        """Return QEMU's arguments for the machine; its files are relative to the run folder."""
        xen = (
            "console=com1 com1=115200,8n1 dom0_max_vcpus=1"
            f" dom0_mem={self.dom0_memory_mib}M,max:{self.dom0_memory_mib}M"
            " bootscrub=0 guest_loglvl=all conring_size=256k"
        )
        linux = f"{LINUX_OPTIONS} sprat.xenstored={self.xenstored}"
        if self.deterministic:
            linux += " sprat.bench"
        arguments = [
            "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-M", "pc", "-cpu", CPU,
            "-kernel", "xen", "-append", f"{xen} {self.xen_options}".strip(),
            "-initrd", f"vmlinux {_escape(linux)},initramfs",
        ]
        if self.deterministic:
            arguments += [
                "-accel", "tcg,thread=single", "-smp", "1", "-icount", "shift=1,sleep=off",
                "-rtc", "base=2026-01-01T00:00:00,clock=vm", "-seed", "1",
            ]
        else:
            arguments += ["-accel", "tcg,thread=multi", "-smp", str(self.smp)]
            # Interrupt vectors for each channel would take dom0 long to set up.
            ports = f"max_ports={agent.CHANNELS + 1},vectors=2"
            arguments += ["-device", f"virtio-serial-pci,id=agent,{ports}"]
            for number in range(1, agent.CHANNELS + 1):
                arguments += [
                    "-chardev", f"socket,id=agent{number},path=agent-{number},server=on,wait=off",
                    "-device", f"virtserialport,bus=agent.0,chardev=agent{number},nr={number}",
                ]
        return arguments

    def link_files(self, folder):
        """Give the boot files the names that arguments() has, in the run folder: QEMU would take
        what is behind a blank in a path for the file's command line."""
        files = {"xen": self.boot.xen, "vmlinux": self.boot.kernel,
                 "initramfs": self.boot.initramfs}  # fmt: skip
        for name, path in files.items():
            (folder / name).unlink(missing_ok=True)
            (folder / name).symlink_to(path)


def _escape(value):
    """Double the commas, which QEMU would take for its own."""
    return str(value).replace(",", ",,")


@functools.cache
def version():
    """Return the version QEMU tells of itself. Raises SpratError when there is no QEMU."""
    try:
        done = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, timeout=30,
                              check=True)
    except FileNotFoundError as error:
        raise SpratError(f"{PROGRAM} is not here; install the package qemu-system-x86") from error
    except subprocess.SubprocessError as error:
        raise SpratError(f"{PROGRAM} --version fails: {error}") from error
    return done.stdout.splitlines()[0]


def start(folder, machine, arguments, lock, *, tied, output=None):
    """Start QEMU in the run folder `folder`; return its Popen. Its control channel is the socket
    "qmp" there, its own words are in "qemu.log". Both exist before QEMU does, so nobody has to wait
    for them to appear. QEMU writes PID_FILE itself, so it can be ended whatever becomes of us.

    @param arguments  what it gets beside the machine's own
    @param lock  descriptor of the run folder's lock, which QEMU inherits: the lock is held exactly
                 as long as QEMU lives, however it ends
    @param tied  True: QEMU dies with this process, however that ends (even by SIGKILL)
    @param output  descriptor for QEMU's standard output; by default it goes to "qemu.log" as well
    """
    if shutil.which(PROGRAM) is None:
        raise SpratError(f"{PROGRAM} is not here; install the package qemu-system-x86")
    machine.link_files(folder)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as qmp:
        with agent.short_path(folder / "qmp") as path:
            qmp.bind(path)
        qmp.listen()
        control = [
            "-chardev", f"socket,id=qmp,fd={qmp.fileno()},server=on,wait=off",
            "-mon", "chardev=qmp,mode=control", "-pidfile", PID_FILE,
        ]
        with open(folder / "qemu.log", "wb") as log:
            return subprocess.Popen(
                [PROGRAM, *machine.arguments(), *arguments, *control],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log if output is None else output,
                stderr=log,
                pass_fds=(lock, qmp.fileno()),
                start_new_session=True,
                preexec_fn=die_with(os.getpid()) if tied else None,
            )


_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def die_with(parent, with_signal=signal.SIGKILL):
    """Return what a child calls before its exec: "signal me when my parent dies"."""

    def prepare():
        if _libc.prctl(_PR_SET_PDEATHSIG, with_signal, 0, 0, 0) != 0 or os.getppid() != parent:
            os._exit(1)  # the parent died before it could be asked

    return prepare


class Qmp:
    """QEMU's control channel, the socket "qmp" in the run folder."""

    def __init__(self, folder, timeout_s=QMP_TIMEOUT_S):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self._socket.settimeout(timeout_s)
        self._buffer = b""
        self._events = []
        try:
            agent.connect(self._socket, folder / "qmp")
            self._read()  # the greeting
            self.command("qmp_capabilities")
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def command(self, name, fd=None, **arguments):
        """Run a QMP command, with a descriptor to hand over if given; return what it returns."""
        request = {"execute": name}
        if arguments:
            request["arguments"] = arguments
        message = json.dumps(request).encode() + b"\n"
        if fd is None:
            self._socket.sendall(message)
        else:
            socket.send_fds(self._socket, [message], [fd])
        while True:
            reply = self._read()
            if "error" in reply:
                raise SpratError(f"QEMU refuses '{name}': {reply['error']['desc']}")
            if "return" in reply:
                return reply["return"]
            self._events.append(reply)

    def wait_event(self, name, timeout_s, accept=lambda data: True):
        """Wait for the event `name` whose data `accept` likes; return its data."""
        deadline = time.monotonic() + timeout_s
        while True:
            while self._events:
                event = self._events.pop(0)
                if event.get("event") == name and accept(event.get("data", {})):
                    return event.get("data", {})
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise TimeoutError(f"QEMU's event {name} did not come within {timeout_s} s")
            self._socket.settimeout(left_s)
            self._events.append(self._read())

    def _read(self):
        while b"\n" not in self._buffer:
            try:
                data = self._socket.recv(65536)
            except TimeoutError as error:
                raise SpratError("QEMU does not answer; end it with 'sprat lab down'") from error
            except ConnectionError:
                data = b""
            if not data:
                raise agent.LabGone("QEMU ended")
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return json.loads(line)


def is_locked(path):
    """Return whether some process holds the lock file at `path`."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def wait_exit(pid_fd, timeout_s):
    """Wait until the process of a pidfd has ended; return whether it has."""
    poller = select.poll()
    poller.register(pid_fd, select.POLLIN)
    return bool(poller.poll(timeout_s * 1000))
