# SPDX-License-Identifier: BSD-2-Clause
"""A reader of ELF files: what kind it is, its notes, its needed libraries, its sections.

Written for files from anywhere: every offset is checked, and a bad file raises ElfError.
Source: the ELF-64 object file format; xen/elfnote.h.
"""

import dataclasses
import struct

MACHINES = {3: "i386", 8: "MIPS", 20: "PowerPC", 21: "PowerPC64", 22: "S/390", 40: "ARM (32-bit)",
            62: "x86-64", 183: "ARM (64-bit)", 243: "RISC-V", 258: "LoongArch"}
EM_X86_64 = 62
ET_REL, ET_EXEC, ET_DYN, ET_CORE = 1, 2, 3, 4
PT_LOAD, PT_DYNAMIC, PT_NOTE = 1, 2, 4
PF_W = 2
SHT_NOTE, SHT_NOBITS = 7, 8
DT_NEEDED, DT_STRTAB = 1, 5
XEN_ELFNOTES = {0: "INFO", 1: "ENTRY", 2: "HYPERCALL_PAGE", 3: "VIRT_BASE", 4: "PADDR_OFFSET",
                5: "XEN_VERSION", 6: "GUEST_OS", 7: "GUEST_VERSION", 8: "LOADER", 9: "PAE_MODE",
                10: "FEATURES", 11: "BSD_SYMTAB", 12: "HV_START_LOW", 13: "L1_MFN_VALID",
                14: "SUSPEND_CANCEL", 15: "INIT_P2M", 16: "MOD_START_PFN",
                17: "SUPPORTED_FEATURES", 18: "PHYS32_ENTRY"}


class ElfError(Exception):
    """The file is not an ELF file, or a broken one; the text says why."""


@dataclasses.dataclass(frozen=True)
class Segment:
    """A program header."""

    type: int
    flags: int
    offset: int
    vaddr: int
    paddr: int
    file_bytes: int
    memory_bytes: int


@dataclasses.dataclass(frozen=True)
class Section:
    """A section header."""

    name: str
    type: int
    offset: int
    size: int


class Elf:
    """One ELF file, held in memory (bytes). Only 64-bit little-endian files are read further than
    their header: `bits`, `machine` and `type` are known for all."""

    def __init__(self, data):
        self._data = data
        if data[:4] != b"\x7fELF" or len(data) < 20:
            raise ElfError("not an ELF file")
        self.bits = {1: 32, 2: 64}.get(data[4], 0)
        self.little_endian = data[5] == 1
        order = "<" if self.little_endian else ">"
        self.type, self.machine = struct.unpack_from(order + "HH", data, 16)
        self.segments = []
        self.sections = []
        if self.bits == 64 and self.little_endian:
            self._read_headers()

    @property
    def machine_name(self):
        """The machine in words."""
        return MACHINES.get(self.machine, f"machine number {self.machine}")

    def bytes_at(self, offset, size):
        """Return `size` bytes of the file from `offset`; ElfError if they are not all there."""
        if offset < 0 or size < 0 or offset + size > len(self._data):
            raise ElfError("the file ends before its headers say (truncated?)")
        return self._data[offset : offset + size]

    def section(self, name):
        """Return the bytes of the section called `name`, or None."""
        for section in self.sections:
            if section.name == name and section.type != SHT_NOBITS:
                return self.bytes_at(section.offset, section.size)
        return None

    def notes(self):
        """Return all notes as a list of (owner, type, description bytes)."""
        areas = [(s.offset, s.file_bytes) for s in self.segments if s.type == PT_NOTE]
        if not areas:
            areas = [(s.offset, s.size) for s in self.sections if s.type == SHT_NOTE]
        notes = []
        for offset, size in areas:
            data, at = self.bytes_at(offset, size), 0
            while at + 12 <= len(data):
                owner_bytes, desc_bytes, kind = struct.unpack_from("<III", data, at)
                desc_at = at + 12 + (owner_bytes + 3) // 4 * 4
                end = desc_at + desc_bytes
                if end > len(data):
                    raise ElfError("a note is longer than its section")
                owner = data[at + 12 : at + 12 + owner_bytes].rstrip(b"\0").decode("latin-1")
                notes.append((owner, kind, data[desc_at:end]))
                at = (end + 3) // 4 * 4
        return notes

    def xen_notes(self):
        """Return Xen's notes as {name: description bytes}."""
        return {XEN_ELFNOTES.get(kind, str(kind)): desc
                for owner, kind, desc in self.notes() if owner == "Xen"}

    def needed(self):
        """Return the names of the shared libraries this file needs."""
        dynamic = next((s for s in self.segments if s.type == PT_DYNAMIC), None)
        if dynamic is None:
            return []
        data = self.bytes_at(dynamic.offset, dynamic.file_bytes)
        entries = [struct.unpack_from("<QQ", data, at) for at in range(0, len(data) - 15, 16)]
        strings = next((value for tag, value in entries if tag == DT_STRTAB), None)
        if strings is None:
            return []
        base = self._offset_of(strings)
        return [self._string(base + value) for tag, value in entries if tag == DT_NEEDED]

    def _read_headers(self):
        header = struct.unpack("<QQQIHHHHHH", self.bytes_at(24, 40))
        phoff, shoff, phentsize, phnum = header[1], header[2], header[5], header[6]
        shentsize, shnum, shstrndx = header[7], header[8], header[9]
        for i in range(phnum):
            f = struct.unpack("<IIQQQQQQ", self.bytes_at(phoff + i * phentsize, 56))
            self.segments.append(Segment(*f[:7]))
        raw = [struct.unpack("<IIQQQQIIQQ", self.bytes_at(shoff + i * shentsize, 64))
               for i in range(shnum)]
        names = raw[shstrndx][4] if shstrndx < len(raw) else None
        for f in raw:
            name = self._string(names + f[0]) if names is not None else ""
            self.sections.append(Section(name, f[1], f[4], f[5]))

    def _offset_of(self, vaddr):
        for s in self.segments:
            if s.type == PT_LOAD and s.vaddr <= vaddr < s.vaddr + s.file_bytes:
                return vaddr - s.vaddr + s.offset
        raise ElfError(f"address {vaddr:#x} is not in the file")

    def _string(self, offset):
        end = self._data.find(b"\0", offset)
        if offset < 0 or end < 0:
            raise ElfError("a string runs past the end of the file")
        return self._data[offset:end].decode("latin-1")


def read(path):
    """Read the file at `path`. Raises OSError, or ElfError."""
    with open(path, "rb") as file:
        return Elf(file.read())


def without_sections(data):
    """Return a program without its section headers: whoever loads it goes by its segments.

    @param data  a 64-bit little-endian file's bytes; what is behind the last segment goes as well
    """
    program = Elf(data)
    headers = struct.unpack_from("<Q", data, 32)[0] + 56 * len(program.segments)
    end = max([headers, *(s.offset + s.file_bytes for s in program.segments)])
    kept = bytearray(data[:end])
    struct.pack_into("<Q", kept, 40, 0)  # where they are
    struct.pack_into("<HHH", kept, 58, 0, 0, 0)  # their size, how many, the one with the names
    return bytes(kept)
