# SPDX-License-Identifier: BSD-2-Clause
"""Where `xl` is: in a lab's dom0, or on this machine, if it is a dom0 itself."""

import contextlib
import os
import pathlib
import selectors
import shutil
import signal
import subprocess

from spratlib import agent, dom0, lab, paths, qemu
from spratlib.errors import SpratError

CAPABILITIES = pathlib.Path("/proc/xen/capabilities")
EXIT_TIMEOUT_S = 90  # `lab-domain` removes its guest first


class LabToolstack:
    """xl in a lab's dom0. `name` says which lab to the user."""

    console_logs = "/var/log/xen/console"

    def __init__(self, running_lab):
        self.lab = running_lab
        self.name = f"lab '{running_lab.name}'"

    def machine(self):
        """Say what it runs on, for whoever reads figures of it."""
        return f"{self.name}: QEMU's emulation (TCG), on {os.cpu_count()} CPUs"

    def program(self, name):
        """Return what to call one of dom0.PROGRAMS by."""
        return f"/{dom0.PROGRAMS[name][2]}"

    def run(self, argv, **options):
        """Run a command: see agent.run()."""
        return self.lab.run(argv, **options)

    @contextlib.contextmanager
    def visible(self, files, label):
        """Give {path: path in dom0} for `files`; what is outside the build folder is copied there.

        @param label  unique; names the copies' folder, which goes away with the `with`
        """
        build = paths.build_folder()
        stage = self.lab.folder / f"stage-{label}"
        seen = {}
        try:
            for number, path in enumerate(files):
                real = path.resolve()
                if real.is_relative_to(build):
                    seen[path] = real
                    continue
                stage.mkdir(exist_ok=True)
                seen[path] = stage / f"{number}-{real.name}"
                shutil.copyfile(real, seen[path])
            yield seen
        finally:
            shutil.rmtree(stage, ignore_errors=True)


class LocalToolstack:
    """xl on this machine."""

    console_logs = None  # where xenconsoled writes them, if it does, is the administrator's choice
    name = "this machine, which is a Xen dom0"

    def __init__(self):
        if os.geteuid() != 0:
            raise SpratError("this machine is a Xen dom0, where xl needs root: use sudo")

    def machine(self):
        """Say what it runs on, for whoever reads figures of it."""
        return self.name

    def program(self, name):
        """Compile one of dom0.PROGRAMS, unless that is done; return what to call it by."""
        folder = paths.lab_folder() / "local"
        folder.mkdir(parents=True, exist_ok=True)
        program = folder / pathlib.Path(name).stem
        newest = max(path.stat().st_mtime for path in dom0.program_files(name))
        if not program.exists() or program.stat().st_mtime < newest:
            dom0.compile_program(name, folder)
        return str(program)

    @contextlib.contextmanager
    def visible(self, files, label):
        """Give {path: path} for `files`: here they are where they are."""
        del label
        yield {path: path for path in files}

    def run(self, argv, *, output, stdin=None):
        """Run a command, as agent.run() does."""
        ends = [os.pipe2(os.O_CLOEXEC) for _ in range(3)]
        readers = dict(zip((agent.STDOUT, agent.STDERR, agent.REPORT), (r for r, _ in ends)))
        passed = (signal.SIGINT, signal.SIGTERM)
        parent, child = os.getpid(), None

        def prepare():
            signal.pthread_sigmask(signal.SIG_UNBLOCK, passed)
            os.dup2(ends[2][1], 3)
            os.set_inheritable(3, True)  # dup2() does not, should it be 3 already
            qemu.die_with(parent, signal.SIGTERM)()

        # Blocked until there is a child to pass them on to.
        signal.pthread_sigmask(signal.SIG_BLOCK, passed)
        previous = {
            number: signal.signal(number, lambda n, _frame: child.send_signal(n))
            for number in passed
        }
        try:
            try:
                child = subprocess.Popen(
                    argv,
                    stdin=subprocess.DEVNULL if stdin is None else stdin,
                    stdout=ends[0][1],
                    stderr=ends[1][1],
                    close_fds=False,  # all of ours close by themselves; 3 shall not
                    start_new_session=True,
                    preexec_fn=prepare,
                )
            except OSError as error:
                raise SpratError(f"cannot run {argv[0]}: {error.strerror}", 127) from error
            finally:
                for _, writer in ends:
                    os.close(writer)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, passed)
            with selectors.DefaultSelector() as selector:
                for stream, reader in readers.items():
                    selector.register(reader, selectors.EVENT_READ, stream)
                while selector.get_map():
                    for key, _ in selector.select():
                        data = os.read(key.fd, 65536)
                        if data:
                            output(key.data, data)
                        else:
                            selector.unregister(key.fd)
            code = child.wait(EXIT_TIMEOUT_S)
        finally:
            if child is not None and child.poll() is None:
                child.terminate()
                child.wait(EXIT_TIMEOUT_S)
            for number, handler in previous.items():
                signal.signal(number, handler)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, passed)
            for reader in readers.values():
                os.close(reader)
        return code if code >= 0 else 128 - code


def is_dom0():
    """Return whether this machine is a Xen dom0."""
    try:
        return "control_d" in CAPABILITIES.read_text()
    except OSError:
        return False


def existing(lab_name):
    """Return the toolstack for guests that outlive a command, so no lab is started: the lab
    `lab_name`; or this machine, if it is a dom0; or the default lab."""
    if lab_name is None and is_dom0():
        return LocalToolstack()
    one = lab.Lab(lab_name or lab.DEFAULT_NAME)
    one.require_running()
    return LabToolstack(one)


@contextlib.contextmanager
def choose(lab_name, options, report):
    """Give the toolstack to use: the lab `lab_name` if one is named; this machine, if it is a dom0;
    the default lab, if it runs; else a lab started with `options` for the time of the `with`."""
    if lab_name is not None:
        chosen = lab.Lab(lab_name)
        chosen.require_running()
        yield LabToolstack(chosen)
    elif is_dom0():
        yield LocalToolstack()
    elif lab.Lab(lab.DEFAULT_NAME).is_running():
        yield LabToolstack(lab.Lab(lab.DEFAULT_NAME))
    else:
        with lab.own_lab(options, report) as own:
            yield LabToolstack(own)
