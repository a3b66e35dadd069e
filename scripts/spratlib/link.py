# SPDX-License-Identifier: BSD-2-Clause
"""Link an image at the address where it boots with the least memory. Run by the build, not by you.

The toolstack maps a guest's memory from the image's base up to a multiple of 4 MiB, and wants the
guest to have that much (spratlib.footprint). So the image is linked once to learn its size, then
where it ends closest below such a multiple. Writes OUTPUT, stripped, and OUTPUT.sym.
"""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

from spratlib import elf, footprint
from spratlib.errors import EXIT_FAILURE, SpratError

# Source: <sprat/layout.h>. The first is where any image fits.
BASES = tuple((4 + offset) * footprint.MIB for offset in (0, 1, 2, 3))

LD_FLAGS = ("-static", "-nostdlib", "--gc-sections", "--build-id=none", "--fatal-warnings",
            "-z", "noexecstack", "-z", "max-page-size=4096", "--nmagic")  # fmt: skip


def main():
    """Link what the command line says; return the exit code."""
    args = parse_arguments()
    try:
        link_image(args)
    except SpratError as error:
        print(f"{args.output.name}: {error}", file=sys.stderr)
        return EXIT_FAILURE
    return 0


def parse_arguments():
    """Return the command line's words."""
    parser = argparse.ArgumentParser(prog="spratlib.link", description=__doc__, allow_abbrev=False)
    parser.add_argument("--cc", required=True, help="the compiler, to preprocess the linker script")
    for tool in "ld", "nm", "objcopy", "objdump":
        parser.add_argument(f"--{tool}", required=True)
    parser.add_argument("--script", required=True)
    parser.add_argument("--include", action="append", default=[], metavar="DIR")
    parser.add_argument("--memory", type=int, required=True, metavar="MIB", help="as declared")
    parser.add_argument("--stack", type=int, required=True, metavar="KIB", help="the main thread's")
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("application", help="all of the application's own code, as one object")
    parser.add_argument("runtime", help="the same of the runtime")
    parser.add_argument("archives", nargs="+")
    return parser.parse_args()


def link_image(args):
    """Make args.output and its .sym, or neither."""
    symbols = args.output.with_name(args.output.name + ".sym")
    args.output.unlink(missing_ok=True)
    symbols.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(dir=args.output.parent, prefix=".link-") as folder:
        linked = pathlib.Path(folder, symbols.name)
        stripped = pathlib.Path(folder, args.output.name)
        traced = link(args, BASES[0], linked)
        trial = footprint.read(linked)
        base = best_base(trial.end - trial.virt_base)
        if base != BASES[0]:
            link(args, base, linked)
        check_red_zone(args, traced)
        least = footprint.read(linked).least_memory
        if args.memory < least:
            raise SpratError(
                f"MEMORY {args.memory} is too little: xl builds no guest from this image with less"
                f" than {least} MiB. Write MEMORY {least} in its declaration, or make it smaller."
            )
        run([args.objcopy, "--strip-all", "--remove-section=.comment", linked, stripped])
        stripped.write_bytes(elf.without_sections(stripped.read_bytes()))
        linked.rename(symbols)
        stripped.rename(args.output)


def best_base(size):
    """Return the base at which an image of `size` bytes boots with the least memory."""
    return min(BASES, key=lambda base: footprint.least_memory(base, base + size))


def link(args, base, output):
    """Link at `base`; return what went in, a line for each file or "(ARCHIVE)MEMBER"."""
    script = output.with_suffix(".lds")
    run([args.cc, "-E", "-P", "-std=c11", "-x", "assembler-with-cpp",
         f"-DSPRAT_VIRT_BASE={base:#x}", f"-DMAIN_STACK_SIZE={args.stack * 1024:#x}",
         *(f"-I{folder}" for folder in args.include), args.script, "-o", script])  # fmt: skip
    check_script_names(args, script.read_text())
    return run([args.ld, *LD_FLAGS, "-t", "-t", "-T", script, "-o", output,
                args.application, args.runtime, "--start-group", *args.archives, "--end-group"])


def check_script_names(args, script):
    """Refuse an application that defines a symbol of the linker script: ld would silently take the
    script's address for the application's own variable."""
    taken = set(re.findall(r"^\s*([A-Za-z_]\w*)\s*=", script, re.MULTILINE))
    for line in run([args.nm, "-g", "-P", "--defined-only", args.application]).splitlines():
        name = line.split()[0]
        if name in taken:
            raise SpratError(f"the application's {name} is also a name of the linker script:"
                             " make it static, or give it another name.")  # fmt: skip


def check_red_zone(args, traced):
    """Refuse an image with a function of libgcc that keeps data below the stack pointer.

    All else is compiled with -mno-red-zone; libgcc comes with the compiler as it is. An event
    upcall writes right there, so such a function would now and then compute nonsense.
    """
    for archive, member in re.findall(r"^\((.*/libgcc\.a)\)(\S+)$", traced, re.MULTILINE):
        function = red_zone_users(args.objdump, archive).get(member)
        if function:
            raise SpratError(
                f"{function}() of libgcc would be in the image, and it keeps data where an event"
                " upcall writes. The compiler calls it for 128-bit integers, complex numbers or"
                " __float128: write that part without them."
            )


def red_zone_users(objdump, archive):
    """Return {member: function} of an archive's members that use memory below the stack pointer."""
    users, member, function = {}, None, None
    for line in run([objdump, "-d", archive]).splitlines():
        if ":     file format" in line:
            member = line.partition(":")[0]
        elif line.endswith(">:"):
            function = line.partition("<")[2].removesuffix(">:")
        elif re.search(r"-0x[0-9a-f]+\(%rsp", line):
            users.setdefault(member, function)
    return users


def run(command):
    """Run a tool; return what it prints. What it complains about becomes a SpratError."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0 or done.stderr:
        raise SpratError(f"{pathlib.Path(command[0]).name} failed:\n{done.stderr.strip()}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
