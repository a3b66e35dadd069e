# SPDX-License-Identifier: BSD-2-Clause
"""What one creation costs dom0, in ns of its CPU time, by xl, by the launcher and from its pool.

Counted in a machine that counts instructions instead of time (see `sprat bench cost`): two runs of
the same build agree to the last digit. The figure is that of dom0 as a whole, so xenstored's, the
kernel's and the command's own part are in it; the cost of asking the launcher for nothing is given
too, and taken off what is divided by the number of guests.
"""

import dataclasses
import fcntl
import os
import re
import select

from spratlib import bench_cost, cpio, guest_cfg, lab, lab_cli, paths, qemu, run
from spratlib.errors import SpratError

BATCH = 10
READY_S = 60
LAB_OVERHEAD_MIB = 1024
RESULT = re.compile(r"(\S+) cpu-ns (\d+)")

# %(...)s are filled in. `around WHAT COMMAND` reports dom0's CPU time for a command.
SCRIPT = """#!/bin/sh
cd /bench
ulimit -n 65536
say() { echo "%(mark)s$*" >/dev/console; }
around() {
    what=$1; shift
    lab-domain around "$@" >/tmp/output 2>/tmp/errors 3>/tmp/report ||
        say "error $what: $(tail -n 1 /tmp/errors)"
    say "$what $(grep cpu-ns /tmp/report)"
}
create() { ./spratctl create --parallel 1 --ready %(ready)s --timeout %(ready_s)s "$@" guest.cfg; }
ten() { what=$1; shift; around "$what" ./spratctl create --parallel 1 --count %(batch)s \\
    --ready %(ready)s --timeout %(ready_s)s "$@" guest.cfg; }

around xl-first xl create -q -e guest.cfg 'name="xl-1"'
around xl xl create -q -e guest.cfg 'name="xl-2"'
mkfifo /tmp/ready
./spratd --ready-fd 7 7>/tmp/ready 2>/dev/console &
read -r line </tmp/ready
create --name warm >/dev/null || say "error: no guest can be created"
around nothing ./spratctl stats
ten sprat --name first
./spratctl pool --size %(pool)s --low 1 guest.cfg
until ./spratctl stats | grep -q 'shells *%(pool)s$'; do :; done
ten pool --name pooled
around destroy ./spratctl destroy %(names)s
if [ %(running)s -gt 0 ]; then
    create --count %(running)s --name more >/dev/null
    ten sprat-at-%(running)s --name last
    around xl-at-%(running)s xl create -q -e guest.cfg 'name="xl-3"'
fi
say done
"""


def add_arguments(parser):
    parser.description = __doc__
    parser.add_argument("image", nargs="?", default="hello", metavar="GUEST",
                        help="a cfg file, or the name of one (default: %(default)s)")
    parser.add_argument("--running", type=lab_cli.positive, default=0, metavar="N",
                        help="measure again when so many guests run")
    parser.add_argument("--cmdline", default="stay", metavar="TEXT",
                        help="the guests' command line (default: '%(default)s')")
    parser.add_argument("--ready", default="from Sprat", metavar="TEXT",
                        help="what a guest says in main (default: '%(default)s')")
    parser.set_defaults(act=main)


def main(args):
    guest = run.Guest(args.image)
    memory = LAB_OVERHEAD_MIB + (args.running + 5 * BATCH) * (guest.memory_mib + 1)
    machine = lab.prepare(lab.Options(memory=max(2048, memory)), lab_cli.report)
    figures = measure(guest, args, dataclasses.replace(machine, deterministic=True))
    nothing = figures.pop("nothing", 0)
    print(f"{'':16} {'ns of dom0':>14} {'one guest':>12}  xl is so many times that")
    for name, total in figures.items():
        one = total if name.startswith("xl") else (total - nothing) // BATCH
        xl = figures.get(name.replace("sprat", "xl").replace("pool", "xl"))
        ratio = f"{xl / one:8.1f}" if not name.startswith("xl") and name != "destroy" else ""
        print(f"{name:16} {total:14,} {one:12,}  {ratio}")
    print(f"{'asking nothing':16} {nothing:14,}")
    return 0


def cfg_of(guest, cmdline):
    """Return the text of the cfg in the machine."""
    lines = [line for line in guest.cfg.read_text().splitlines()
             if not line.startswith(("name", "extra", "kernel", "uuid"))]  # fmt: skip
    lines += ['name = "guest"', 'kernel = "/bench/guest.xen"']
    return "\n".join([*lines, f"extra = {guest_cfg.quote(cmdline)}", ""])


def write_archive(file, guest, args):
    """Append an archive with the programs, the guest and the script to an initramfs."""
    archive = cpio.Writer(file)
    for name in ("spratd", "spratctl"):
        program = paths.build_folder() / "toolstack" / name
        if not program.exists():
            raise SpratError(f"{program} is not built: ninja -C {paths.build_folder()}")
        archive.file(f"/bench/{name}", program.read_bytes(), 0o755)
    archive.file("/bench/guest.xen", guest.kernel.read_bytes())
    archive.file("/bench/guest.cfg", cfg_of(guest, args.cmdline).encode())
    names = " ".join(f"first-{number}" for number in range(1, BATCH + 1))
    values = {"mark": bench_cost.MARK, "batch": BATCH, "running": args.running,
              "pool": 2 * BATCH,  # it is not filled up meanwhile
              "names": names,
              "ready": guest_cfg.quote_word(args.ready), "ready_s": READY_S}  # fmt: skip
    archive.file("/bench/run", (SCRIPT % values).encode(), 0o755)
    archive.close()


def measure(guest, args, machine):
    """Boot the counting machine; return {name: ns}."""
    place = lab.Lab(lab.own_name())
    lock = place.claim()
    process = None
    try:
        initramfs = place.folder / "initramfs"
        with open(initramfs, "wb") as file:
            file.write(machine.boot.initramfs.read_bytes())
            write_archive(file, guest, args)
        boot = dataclasses.replace(machine.boot, initramfs=initramfs)
        machine = dataclasses.replace(machine, boot=boot)
        reader, writer = os.pipe2(os.O_CLOEXEC)
        try:
            fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, bench_cost.PIPE_BYTES)
            arguments = [*machine.arguments(), "-m", str(machine.memory_mib), "-serial", "stdio"]
            process = qemu.start(place.folder, arguments, lock, tied=True, output=writer)
        finally:
            os.close(writer)
        log_path = place.folder / "serial.log"
        with open(reader, "rb", buffering=0) as serial, open(log_path, "wb") as log:
            figures = follow(serial, log)
        process.wait(qemu.EXIT_TIMEOUT_S)
    except BaseException as error:
        if process is not None:
            lab.end_process(process)
        raise lab.keep_logs(place.folder, "bench", error) from None
    finally:
        os.close(lock)
    place.stop()
    return figures


def follow(serial, log):
    """Read the machine's serial line to its end; return {name: ns}."""
    lab_cli.report("booting a machine that counts instructions")
    pending, done, figures = b"", False, {}
    while True:
        if not select.select([serial], [], [], bench_cost.SILENCE_TIMEOUT_S)[0]:
            raise SpratError("the counting machine says nothing any more")
        data = serial.read(65536)
        if not data:
            break
        log.write(data)
        log.flush()
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            _, mark, text = line.decode(errors="replace").rstrip().partition(bench_cost.MARK)
            if mark and text.startswith("error"):
                raise SpratError(f"in the counting machine: {text}")
            if mark and (match := RESULT.match(text)):
                figures[match[1]] = int(match[2])
                lab_cli.report(f"{match[1]}: {int(match[2]):,} ns")
            done = done or text == "done"
    if not done:
        raise SpratError("the counting machine ended before its work was done")
    return figures
