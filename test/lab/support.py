# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of the lab share: running sprat, waiting, and small guests without a runtime."""

import atexit
import contextlib
import os
import pathlib
import select
import shutil
import subprocess
import tempfile

from spratlib import lab, paths

SPRAT = paths.SCRIPTS / "sprat"
TIMEOUT_S = 120  # of any command; they take a few seconds at most


def sprat(*words, stdin=b"", env=None):
    """Run sprat to its end; return the finished process, with its output as text."""
    done = subprocess.run([SPRAT, *words], input=stdin, capture_output=True, timeout=TIMEOUT_S,
                          env={**os.environ, **(env or {})}, check=False)  # fmt: skip
    done.stdout = done.stdout.decode(errors="replace")
    done.stderr = done.stderr.decode(errors="replace")
    return done


def start(*words, env=None):
    """Start sprat; its output is to be read from stdout."""
    env = {**os.environ, **(env or {})}
    return subprocess.Popen([SPRAT, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, env=env)  # fmt: skip


def read_until(process, text, timeout_s=TIMEOUT_S):
    """Read the output of a started process until `text` is in it; return what was read."""
    data = b""
    while text.encode() not in data:
        if not select.select([process.stdout], [], [], timeout_s)[0]:
            raise AssertionError(f"{text!r} did not come within {timeout_s} s, but: {data!r}")
        more = os.read(process.stdout.fileno(), 65536)
        if not more:
            raise AssertionError(f"{text!r} did not come, but: {data!r}")
        data += more
    return data.decode(errors="replace")


def use_any_lab():
    """Return the lab that $SPRAT_LAB names, or else one started for the time of this process."""
    if "SPRAT_LAB" not in os.environ:
        stack = contextlib.ExitStack()
        own = stack.enter_context(lab.own_lab(lab.Options(), print))
        atexit.register(stack.close)
        os.environ["SPRAT_LAB"] = own.name
    return lab.Lab(os.environ["SPRAT_LAB"])


def scratch_folder():
    """Return a new folder in the build folder, where dom0 sees it; removed with this process."""
    parent = paths.build_folder() / "test" / "lab"
    parent.mkdir(parents=True, exist_ok=True)
    folder = pathlib.Path(tempfile.mkdtemp(dir=parent))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


GUEST = r"""
    .macro note type, value:vararg
    .section .note.Xen, "a", @note
    .long 4, 2f - 1f, \type
    .asciz "Xen"
1:  \value
2:  .p2align 2
    .endm
    note 6, .asciz "test"
    note 5, .asciz "xen-3.0"
    note 8, .asciz "generic"
    note 3, .quad 0
    note 4, .quad 0
    note 1, .quad _start
    note 2, .quad hypercall_page
    note 9, .asciz "yes"
    .text
    .globl _start
    .type _start, @function
_start:
    {code}
    .size _start, .-_start
    .p2align 12
hypercall_page:
    .skip 4096
"""


def make_guest(folder, name, code):
    """Make a PV guest of a few instructions, NAME.xen with NAME.cfg, in `folder`."""
    source = folder / f"{name}.S"
    source.write_text(GUEST.replace("{code}", code))
    compile_elf(folder / f"{name}.xen", source, "-Wl,-Ttext=0x401000")
    return make_cfg(folder, name)


def make_cfg(folder, name, more=""):
    """Write NAME.cfg for NAME.xen in `folder`; return its path."""
    cfg = folder / f"{name}.cfg"
    cfg.write_text(f'name = "{name}"\ntype = "pv"\nkernel = "{folder}/{name}.xen"\n'
                   f"memory = 16\n{more}\n")  # fmt: skip
    return cfg


def compile_elf(output, source, *flags):
    """Compile and link one file without any library."""
    subprocess.run(
        ["gcc", "-g", "-O1", "-nostdlib", "-static", "-no-pie", "-fno-pic", "-Wl,--build-id=none",
         *flags, "-o", output, source],
        check=True, timeout=TIMEOUT_S,
    )  # fmt: skip
