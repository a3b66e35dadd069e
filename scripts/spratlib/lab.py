# SPDX-License-Identifier: BSD-2-Clause
"""A lab: one machine with Xen and a Linux dom0, from its start to its end.

Under the build folder's lab/:
    run/NAME/        a lab that runs: lock, qemu.pid, qmp, console, agent-N, logs, lab.json
    snapshots/KEY/   a machine right after its boot: ram, state
    failed/NAME/     the logs of a lab that did not start
The lock of run/NAME is held by QEMU itself, so "it runs" is never a guess.
"""

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import sys
import time

from spratlib import agent, dom0, filelock, paths, qemu
from spratlib.errors import SpratError, UsageError

DEFAULT_NAME = "default"
PREPARE_TIMEOUT_S = 1800  # another process fetches packages for both of us
BOOT_TIMEOUT_S = 120  # 4 to 8 s on an idle machine
RESTORE_TIMEOUT_S = 30
COMMAND_TIMEOUT_S = 30
SNAPSHOTS_KEPT = 3
NETWORK = "10.0.0.0/24"  # xenbr0's; lab/init knows both
HOST_ADDRESS = "10.0.0.254"  # as guests see it
SERIAL_TAIL_LINES = 25


@dataclasses.dataclass(frozen=True)
class Options:
    """How a lab shall be. Sizes in MiB."""

    memory: int = 2048
    dom0_memory: int = 512
    smp: int = 2
    xenstored: str = "c"
    snapshot: bool = True


class Lab:
    """The lab called `name` of this build folder, running or not."""

    def __init__(self, name):
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", name):
            allowed = "1 to 40 letters, digits, '.', '_' or '-'"
            raise UsageError(f"'{name}' cannot name a lab: {allowed}")
        self.name = name
        self.folder = paths.lab_folder() / "run" / name
        self._process = None  # QEMU's, if this object started it

    def is_running(self):
        """Return whether the lab's machine lives (or is being started)."""
        return qemu.is_locked(self.folder / "lock")

    def require_running(self):
        """Raise SpratError unless the lab runs."""
        if not self.is_running():
            option = "" if self.name == DEFAULT_NAME else f" --lab {self.name}"
            start = f"'sprat lab up{option}' starts it"
            raise SpratError(f"the lab '{self.name}' does not run; {start}")

    def pid(self):
        """Return the process of the lab's QEMU, as that wrote it, or None."""
        try:
            return int((self.folder / qemu.PID_FILE).read_text())
        except (OSError, ValueError):
            return None

    def state(self):
        """Return what start() wrote of the lab: options, started, restored; {} before its end."""
        try:
            return json.loads((self.folder / "lab.json").read_text())
        except (OSError, ValueError):
            return {}

    def start(self, options, *, tied, report=lambda line: None):
        """Start the lab, and wait until dom0 takes commands.

        @param tied    True: the lab ends with this process, however that ends
        @param report  called with a line of progress when something takes long
        """
        machine = prepare(options, report)
        lock = self.claim()
        process = None
        try:
            snapshot = ensure_snapshot(machine, report) if options.snapshot else None
            if snapshot:
                process = self._restore(machine, snapshot, lock, tied)
            if process is None:
                report("booting Xen and dom0")
                process = boot(self.folder, machine, lock, [], tied=tied)
            self._settle(options, restored=snapshot is not None)
            self._process = process
        except BaseException as error:
            if process is not None:
                end_process(process)
            raise keep_logs(self.folder, self.name, error) from None
        finally:
            os.close(lock)

    def run(self, argv, **options):
        """Run a command in dom0: see agent.run()."""
        return agent.run(self.folder, argv, **options)

    def output_of(self, argv, timeout_s=COMMAND_TIMEOUT_S):
        """Run a command in dom0; return its standard output. SpratError when it fails."""
        out, err = bytearray(), bytearray()

        def keep(stream, data):
            (out if stream == agent.STDOUT else err).extend(data)

        code = self.run(argv, output=keep, timeout_s=timeout_s)
        if code != 0:
            complaint = err.decode(errors="replace").strip()
            raise SpratError(f"'{' '.join(argv)}' in dom0 ended with exit code {code}: {complaint}")
        return out.decode(errors="replace")

    def forward(self, address, port):
        """Have a free TCP port of the host's loopback lead to a guest's; return its number.

        It goes away with the lab. Raises SpratError, also for what is no address of the lab.
        """
        rule = f"hostfwd_add host tcp:127.0.0.1:0-{address}:{port}"
        with qemu.Qmp(self.folder) as qmp:
            before = forwarded(qmp, address, port)
            complaint = qmp.command("human-monitor-command", **{"command-line": rule}).strip()
            if complaint:
                raise SpratError(f"QEMU forwards no port to {address}:{port}: {complaint}")
            return next(iter(forwarded(qmp, address, port) - before))

    def stop(self):
        """End the lab and remove what it left; returns when it is gone."""
        if self.is_running():
            with contextlib.suppress(SpratError, OSError), qemu.Qmp(self.folder) as qmp:
                qmp.command("quit")
            try:
                self._wait_end()
            except TimeoutError:
                self._kill()
        if self._process is not None:
            self._process.wait(qemu.EXIT_TIMEOUT_S)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _wait_end(self):
        """Wait until QEMU has let go of the lock, which is when it is gone. Raises TimeoutError."""
        with contextlib.suppress(FileNotFoundError):
            lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CLOEXEC)
            try:
                filelock.flock_within(lock, qemu.EXIT_TIMEOUT_S)
            finally:
                os.close(lock)

    def _kill(self):
        """End a QEMU that does not listen."""
        pid = self.pid()
        if pid is None:
            raise SpratError(f"the lab '{self.name}' is just starting; try again when it is up")
        pid_fd = os.pidfd_open(pid)
        try:
            if self.is_running():  # looked at after pidfd_open: the pid is not another's by now
                signal.pidfd_send_signal(pid_fd, signal.SIGKILL)
            self._wait_end()
        except TimeoutError:
            raise SpratError(f"QEMU (process {pid}) does not die") from None
        finally:
            os.close(pid_fd)

    def claim(self):
        """Make the run folder and lock it; return the lock's descriptor."""
        runs = paths.lab_folder() / "run"
        runs.mkdir(parents=True, exist_ok=True)
        with filelock.locked(runs / ".lock", 10):
            sweep(runs)
            self.folder.mkdir(exist_ok=True)
            lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                raise SpratError(f"the lab '{self.name}' runs already") from None
        return lock

    def _restore(self, machine, snapshot, lock, tied):
        """Start QEMU from a snapshot; None when that does not work, and the snapshot is removed."""
        process = None
        try:
            arguments = memory_arguments(machine, snapshot / "ram", "off")
            arguments += [*device_arguments(), "-incoming", "defer"]
            process = qemu.start(self.folder, machine, arguments, lock, tied=tied)
            with qemu.Qmp(self.folder) as qmp, open(snapshot / "state", "rb") as state:
                set_capabilities(qmp)
                qmp.command("getfd", fd=state.fileno(), fdname="state")
                qmp.command("migrate-incoming", uri="fd:state")
                wait_migration(qmp, RESTORE_TIMEOUT_S)
                qmp.command("cont")
            agent.sync(self.folder, RESTORE_TIMEOUT_S)
            return process
        except (SpratError, TimeoutError, OSError) as error:
            print(f"sprat: a snapshot cannot be used ({error}); booting instead", file=sys.stderr)
            shutil.rmtree(snapshot, ignore_errors=True)
            if process is not None:
                end_process(process)
            for socket_path in self.folder.glob("*"):
                if socket_path.name != "lock":
                    socket_path.unlink()
            return None

    def _settle(self, options, restored):
        """What is to be done in dom0 once it lives: its share of the build folder."""
        build = paths.build_folder()
        mount = f"trans=virtio,version=9p2000.L,msize=262144,cache=none"
        self.output_of(["mkdir", "-p", str(build)])
        self.output_of(["mount", "-t", "9p", "-o", mount, "build", str(build)])
        write_state(self.folder, options, restored)


def prepare(options, report):
    """Make what the lab boots; return the qemu.Machine. Others that prepare wait for each other."""
    if paths.build_folder() in (paths.build_folder().parent, paths.REPOSITORY):
        raise UsageError(f"{paths.build_folder()} cannot be a build folder; choose one of its own")
    lab = paths.lab_folder()
    lab.mkdir(parents=True, exist_ok=True)
    with filelock.locked(lab / ".lock", PREPARE_TIMEOUT_S, report):
        boot_files = dom0.prepare(report)
    return qemu.Machine(
        boot_files,
        memory_mib=options.memory,
        dom0_memory_mib=options.dom0_memory,
        smp=options.smp,
        xenstored=options.xenstored,
    )


def device_arguments():
    """QEMU's arguments for what ties a machine to this build folder and to its run folder."""
    build = str(paths.build_folder()).replace(",", ",,")
    return [
        "-chardev", "socket,id=com1,path=console,server=on,wait=off,logfile=serial.log",
        "-serial", "chardev:com1",
        "-fsdev", f"local,id=build,path={build},security_model=none,multidevs=remap",
        "-device", "virtio-9p-pci,fsdev=build,mount_tag=build",
        # Nothing leaves the machine; the host reaches guests by Lab.forward().
        "-netdev", f"user,id=host,restrict=on,ipv6=off,net={NETWORK},host={HOST_ADDRESS}",
        "-device", "virtio-net-pci,netdev=host,romfile=",
    ]


def memory_arguments(machine, file, share):
    """QEMU's arguments for a machine whose memory is a file: shared with it, or a private copy."""
    path = str(file).replace(",", ",,")
    return [
        "-m", str(machine.memory_mib), "-machine", "memory-backend=ram", "-object",
        f"memory-backend-file,id=ram,size={machine.memory_mib}M,mem-path={path},share={share}",
    ]


def forwarded(qmp, address, port):
    """Return the set of the host's ports that lead to a guest's port."""
    table = qmp.command("human-monitor-command", **{"command-line": "info usernet"})
    rows = [line.split() for line in table.splitlines() if "TCP[HOST_FORWARD]" in line]
    return {int(row[3]) for row in rows if row[4:6] == [address, str(port)]}


def boot(folder, machine, lock, arguments, *, tied):
    """Boot a machine and wait until dom0 takes commands; return QEMU's Popen.

    Raises SpratError with the part of the serial log that matters when it does not come up.
    """
    if not arguments:
        arguments = ["-m", str(machine.memory_mib)]
    process = qemu.start(
        folder, machine, [*arguments, *device_arguments()], lock, tied=tied
    )
    try:
        with qemu.Qmp(folder):
            pass  # it answers: its sockets are there
        agent.sync(folder, BOOT_TIMEOUT_S)
        return process
    except (agent.LabGone, TimeoutError) as error:
        why = f"no sign of dom0 in {BOOT_TIMEOUT_S} s"
        if isinstance(error, agent.LabGone):
            why = "QEMU ended"
        end_process(process)
        raise SpratError(f"the lab does not boot: {why}\n{what_was_said(folder)}") from None
    except BaseException:
        end_process(process)
        raise


def ensure_snapshot(machine, report):
    """Return the folder of the snapshot of `machine`, which is made if there is none."""
    snapshots = paths.lab_folder() / "snapshots"
    snapshots.mkdir(exist_ok=True)
    key = snapshot_key(machine)
    folder = snapshots / key
    with filelock.locked(snapshots / f".{key}.lock", BOOT_TIMEOUT_S + RESTORE_TIMEOUT_S, report):
        if (folder / "state").exists():
            os.utime(folder)
            return folder
        report("booting Xen and dom0 once, for a snapshot")
        work = snapshots / f".{key}.new"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        try:
            take_snapshot(machine, work)
        except BaseException as error:
            raise keep_logs(work, "snapshot", error) from None
        for name in ("ram", "state"):
            folder.mkdir(exist_ok=True)
            (work / name).rename(folder / name)
        shutil.rmtree(work)
    # A lab that runs from one that is removed has it open, and goes on.
    paths.keep_latest(snapshots, SNAPSHOTS_KEPT)
    return folder


def take_snapshot(machine, work):
    """Boot `machine` in the folder `work`; leave its memory ("ram") and state ("state") there."""
    lock = os.open(work / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        memory = memory_arguments(machine, work / "ram", "on")
        process = boot(work, machine, lock, memory, tied=True)
    finally:
        os.close(lock)
    try:
        with qemu.Qmp(work) as qmp, open(work / "state.new", "wb") as state:
            qmp.command("stop")
            set_capabilities(qmp)
            qmp.command("getfd", fd=state.fileno(), fdname="state")
            qmp.command("migrate", uri="fd:state")
            wait_migration(qmp, RESTORE_TIMEOUT_S)
            qmp.command("quit")
        process.wait(qemu.EXIT_TIMEOUT_S)
        # Half of the memory is zeros that were written once.
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            dig = ["fallocate", "--dig-holes", work / "ram"]
            subprocess.run(dig, capture_output=True, timeout=COMMAND_TIMEOUT_S, check=False)
        (work / "state.new").rename(work / "state")
    finally:
        end_process(process)


def set_capabilities(qmp):
    """The memory is in a file of its own, so it is left out of the state."""
    wanted = ("x-ignore-shared", "events")
    qmp.command(
        "migrate-set-capabilities", capabilities=[{"capability": c, "state": True} for c in wanted]
    )


def wait_migration(qmp, timeout_s):
    """Wait until QEMU has written or read a machine's state."""
    ended = qmp.wait_event("MIGRATION", timeout_s, lambda d: d["status"] in ("completed", "failed"))
    if ended["status"] != "completed":
        raise SpratError("QEMU could not save or load the machine's state")


def snapshot_key(machine):
    """Hash what a snapshot depends on."""
    parts = [qemu.version(), machine.boot.key, *machine.arguments(), str(machine.memory_mib)]
    parts += [argument for argument in device_arguments() if "path=" not in argument]
    parts.append(pathlib.Path(__file__).read_text())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def sweep(runs):
    """Remove the folders of labs that ended without cleaning up. The caller holds the lock."""
    for folder in runs.iterdir():
        if folder.is_dir() and not qemu.is_locked(folder / "lock"):
            shutil.rmtree(folder, ignore_errors=True)


def running():
    """Return the labs of this build folder that run."""
    runs = paths.lab_folder() / "run"
    if not runs.is_dir():
        return []
    labs = [Lab(path.name) for path in sorted(runs.iterdir()) if path.is_dir()]
    return [lab for lab in labs if lab.is_running()]


def own_name():
    """Return a name for a lab that a command starts for itself."""
    return f"own-{os.getpid()}-{os.urandom(3).hex()}"


@contextlib.contextmanager
def own_lab(options, report):
    """A lab for the time of a `with`, which ends with it, or with this process at the latest."""
    lab = Lab(own_name())
    try:
        lab.start(options, tied=True, report=report)
        yield lab
    finally:
        lab.stop()


def end_process(process):
    """Kill QEMU, if it lives, and wait for its end."""
    if process.poll() is None:
        process.kill()
    process.wait(qemu.EXIT_TIMEOUT_S)


def write_state(folder, options, restored):
    """Write lab.json: see Lab.state()."""
    state = {
        "started": time.time(),
        "restored": restored,
        "options": dataclasses.asdict(options),
    }
    (folder / "lab.json.new").write_text(json.dumps(state))
    (folder / "lab.json.new").rename(folder / "lab.json")


def what_was_said(folder):
    """Return the part of the logs that tells why a boot failed."""
    said = []
    with contextlib.suppress(OSError):
        words = (folder / "qemu.log").read_text(errors="replace").strip()
        if words:
            said.append(f"QEMU says:\n{words}")
    with contextlib.suppress(OSError):
        lines = (folder / "serial.log").read_text(errors="replace").splitlines()
        lines = [line.rstrip() for line in lines if line.strip()]
        telling = re.compile(r"panic|sprat-lab:|Oops|BUG|FATAL|fatal|not syncing")
        first = next((i for i, line in enumerate(lines) if telling.search(line)), len(lines))
        start = max(0, min(first - 5, len(lines) - SERIAL_TAIL_LINES))
        part = lines[start : start + 2 * SERIAL_TAIL_LINES]
        said.append("\n  ".join(["The serial console, where it matters:", *part]))
    return "\n".join(said)


def keep_logs(folder, name, error):
    """Move the logs of a lab that did not start aside; return `error` with their place in it."""
    logs = paths.lab_folder() / "failed" / name
    shutil.rmtree(logs, ignore_errors=True)
    with contextlib.suppress(OSError):
        logs.mkdir(parents=True)
        for log in ("serial.log", "qemu.log"):
            if (folder / log).exists():
                shutil.move(folder / log, logs / log)
    shutil.rmtree(folder, ignore_errors=True)
    if isinstance(error, SpratError) and (logs / "serial.log").exists():
        return SpratError(f"{error}\nThe whole log: {logs / 'serial.log'}")
    return error


def console(lab, stdin, stdout):
    """Tie two descriptors to the lab's serial console until Ctrl-] or its end."""
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        agent.connect(connection, lab.folder / "console")
        while True:
            ready = select.select([connection, stdin], [], [])[0]
            if connection in ready:
                data = connection.recv(65536)
                if not data:
                    return
                os.write(stdout, data)
            if stdin in ready:
                data = os.read(stdin, 1024)
                before, leave, _ = data.partition(b"\x1d")
                connection.sendall(before)
                if leave or not data:
                    return
