# SPDX-License-Identifier: BSD-2-Clause
"""What an image takes: its parts in bytes, and the least memory= that boots it.

The least memory= is the toolstack's demand. Source: libxenguest, alloc_pgtables_pv() and
count_pgtables() in xg_dom_x86.c.
"""

import dataclasses

from spratlib import elf
from spratlib.errors import SpratError

PAGE = 4096
MIB = 1 << 20
PADDING = 512 * 1024  # free memory that the builder maps beyond what it uses itself
MAP_STEP = 4 * MIB  # the builder maps up to a multiple of this
LEVEL_BITS = (21, 30, 39)  # what one page table of level 1, 2, 3 maps
P2M_ENTRY = 8
OWN_PAGES = 3  # start info, xenstore ring, console ring
BOOT_STACK = PAGE


@dataclasses.dataclass(frozen=True)
class Image:
    """An image's parts, in bytes, and where it is in the guest's address space."""

    text: int  # loaded and never written: code and read-only data
    data: int
    bss: int
    virt_base: int
    end: int  # the first address after all that is loaded

    @property
    def least_memory(self):
        """The least memory= (MiB) with which the toolstack builds a guest from this image."""
        return least_memory(self.virt_base, self.end)


def read(path):
    """Return the Image in the file at `path`; SpratError when it is none."""
    try:
        file = elf.read(path)
        notes = file.xen_notes()
    except elf.ElfError as error:
        raise SpratError(f"{path} is not an image: {error}") from error
    if file.bits != 64 or file.machine != elf.EM_X86_64:
        raise SpratError(f"{path} is for {file.machine_name}, {file.bits} bits; Sprat's are x86-64")
    if len(notes.get("VIRT_BASE", b"")) != 8:
        raise SpratError(f"{path} has no Xen note VIRT_BASE: it is not an image of Sprat")
    loads = [s for s in file.segments if s.type == elf.PT_LOAD]
    constant = [s for s in loads if not s.flags & elf.PF_W]
    written = [s for s in loads if s.flags & elf.PF_W]
    return Image(
        text=sum(s.file_bytes for s in constant),
        data=sum(s.file_bytes for s in written),
        bss=sum(s.memory_bytes - s.file_bytes for s in loads),
        virt_base=int.from_bytes(notes["VIRT_BASE"], "little"),
        end=max((s.paddr + s.memory_bytes for s in loads), default=0),
    )


def least_memory(virt_base, end):
    """Return the least memory= (MiB) for an image from `virt_base` to `end`."""
    mib = 1
    while _pages_needed(virt_base, end, mib * MIB // PAGE) > mib * MIB // PAGE:
        mib += 1
    return mib


def _pages_needed(virt_base, end, guest_pages):
    """Return how many pages the builder maps for a guest that has `guest_pages`."""
    p2m = _round_up(guest_pages * P2M_ENTRY, PAGE)
    used = _round_up(end, PAGE) + p2m + OWN_PAGES * PAGE
    tables = 0
    while True:
        map_end = _round_up(used + tables * PAGE + BOOT_STACK + PADDING, MAP_STEP)
        tables = _tables(virt_base, map_end)
        if used + tables * PAGE + BOOT_STACK + PADDING <= map_end:
            return (map_end - virt_base) // PAGE


def _tables(start, end):
    """Return how many page tables map `start` to `end`, the top level included."""
    return 1 + sum(((end - 1) >> bits) - (start >> bits) + 1 for bits in LEVEL_BITS)


def _round_up(value, step):
    return (value + step - 1) // step * step
