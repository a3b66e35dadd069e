# SPDX-License-Identifier: BSD-2-Clause
"""Guest images: whether Xen can start a file, and where its symbols are."""

import pathlib
import zlib

from spratlib import elf
from spratlib.errors import SpratError

NEEDED = "needed is an x86-64 ELF image with Xen's notes, as sprat_add_unikernel() makes it"
KINDS = (
    (b"#!", "a script"),
    (b"!<arch>", "a library archive"),
    (b"MZ", "a PE file (for EFI or Windows)"),
    (b"PK\3\4", "a zip archive"),
    (b"\xfeboot", "a boot image"),
)


def check(path):
    """Raise SpratError, saying what the file is and what is needed, unless it is an x86-64 image
    with Xen's notes. A Linux bzImage is let pass; xl looks into it itself."""
    path = pathlib.Path(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise SpratError(f"there is no image {path}; is it built?") from None
    except IsADirectoryError:
        raise SpratError(f"{path} is a folder, not an image") from None
    except OSError as error:
        raise SpratError(f"cannot read {path}: {error.strerror}") from error
    if data[:2] == b"\x1f\x8b":
        try:
            data = zlib.decompressobj(wbits=31).decompress(data)
        except zlib.error as error:
            raise SpratError(f"{path} is a broken gzip file: {error}") from error
    if data[0x202:0x206] == b"HdrS":
        return
    if not data:
        raise SpratError(f"{path} is empty; {NEEDED}")
    if data[:4] != b"\x7fELF":
        kind = next((kind for magic, kind in KINDS if data.startswith(magic)), "no ELF file")
        raise SpratError(f"{path} is {kind}; {NEEDED}")
    try:
        problem = problem_of(elf.Elf(data))
    except elf.ElfError as error:
        problem = f"a broken ELF file: {error}"
    if problem:
        raise SpratError(f"{path} is {problem}; {NEEDED}")


def problem_of(file):
    """Return what keeps Xen from starting an elf.Elf as a PV guest, in words, or None."""
    if file.machine != elf.EM_X86_64:
        return f"for {file.machine_name}, and this Xen runs x86-64"
    if file.bits != 64:
        return "a 32-bit ELF file"
    if file.type == elf.ET_REL:
        return "an object file that was not linked"
    if file.type == elf.ET_CORE:
        return "a memory dump"
    if not any(segment.type == elf.PT_LOAD for segment in file.segments):
        return "an ELF file with nothing to load"
    if any(section.name == "__xen_guest" for section in file.sections):
        return None  # the older way to say the same
    notes = file.xen_notes()
    if not notes:
        return "an x86-64 program without Xen's notes, such as one for Linux"
    if "ENTRY" not in notes and "PHYS32_ENTRY" in notes:
        return "for PVH only (it has no PV entry)"
    return None


def symbols_of(image):
    """Return the file with the symbols of an image: NAME.xen.sym beside NAME.xen; or the file
    itself, if it has symbols; or None."""
    image = pathlib.Path(image)
    beside = image.with_name(image.name + ".sym")
    if beside.is_file():
        return beside
    try:
        file = elf.read(image)
    except (OSError, elf.ElfError):
        return None
    return image if any(section.name == ".symtab" for section in file.sections) else None
