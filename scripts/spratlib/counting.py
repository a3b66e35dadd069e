# SPDX-License-Identifier: BSD-2-Clause
"""The counting machine: it counts instructions instead of time, and tells what it found.

One instruction takes 2 ns of the machine's own time (-icount shift=1); nothing depends on this
computer, and two runs agree to the last digit. What is to be done there is a script that is added
to dom0's initramfs, with the files that it needs; what it says with `say` comes back line by line.
"""

import dataclasses
import fcntl
import os
import select
import shlex
import time

from spratlib import cpio, lab, lab_cli, qemu
from spratlib.errors import SpratError

NS_PER_INSTRUCTION = 2
SILENCE_TIMEOUT_S = 300  # dom0 boots in less than a minute
PIPE_BYTES = 2**20  # QEMU never waits for us to read its serial line
MARK = "sprat-bench: "
PROLOGUE = f"""#!/bin/sh
say() {{ echo "{MARK}$*" >/dev/console; }}
cd /bench
"""


def run(options, add_files, script, take_line):
    """Boot a counting machine, run a script in it, wait for its end.

    @param options    lab.Options of the machine
    @param add_files  called with a cpio.Writer: adds what the script needs, under /bench
    @param script     lines for dom0's sh, in /bench; `say WORD...` there tells a line
    @param take_line  called with each line that was told, and the seconds since the start
    Raises SpratError when the machine ends before its script does.
    """
    machine = dataclasses.replace(lab.prepare(options, lab_cli.report), deterministic=True)
    place = lab.Lab(lab.own_name())
    lock = place.claim()
    process = None
    try:
        initramfs = place.folder / "initramfs.bench"
        with open(initramfs, "wb") as file:
            file.write(machine.boot.initramfs.read_bytes())
            archive = cpio.Writer(file)
            add_files(archive)
            archive.file("/bench/run", f"{PROLOGUE}{script}\nsay done\n".encode(), 0o755)
            archive.close()
        boot = dataclasses.replace(machine.boot, initramfs=initramfs)
        machine = dataclasses.replace(machine, boot=boot)
        reader, writer = os.pipe2(os.O_CLOEXEC)
        try:
            fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
            arguments = ["-m", str(machine.memory_mib), "-serial", "stdio",
                         *shlex.split(os.environ.get("SPRAT_QEMU_OPTIONS", ""))]  # fmt: skip
            process = qemu.start(place.folder, machine, arguments, lock, tied=True, output=writer)
        finally:
            os.close(writer)
        log_path = place.folder / "serial.log"
        with open(reader, "rb", buffering=0) as serial, open(log_path, "wb") as log:
            _follow(serial, log, take_line)
        process.wait(qemu.EXIT_TIMEOUT_S)
    except BaseException as error:
        if process is not None:
            lab.end_process(process)
        raise lab.keep_logs(place.folder, "bench", error) from None
    finally:
        os.close(lock)
    place.stop()


def _follow(serial, log, take_line):
    """Read the machine's serial line to its end."""
    lab_cli.report("booting a machine that counts instructions (half a minute or so)")
    started = time.monotonic()
    pending, done = b"", False
    while True:
        if not select.select([serial], [], [], SILENCE_TIMEOUT_S)[0]:
            raise SpratError(f"the counting machine has been silent for {SILENCE_TIMEOUT_S} s")
        data = serial.read(65536)
        if not data:
            break
        log.write(data)
        log.flush()
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            _, mark, text = line.decode(errors="replace").rstrip().partition(MARK)
            if not mark:
                continue
            done = done or text == "done"
            take_line(text, time.monotonic() - started)
    if not done:
        raise SpratError("the counting machine ended before its work was done")
