# SPDX-License-Identifier: BSD-2-Clause
"""The parts of scripts/sprat that need no lab."""

import io
import pathlib
import random
import shlex
import struct
import subprocess
import tempfile
import unittest
import unittest.mock

import support
from spratlib import agent, cpio, elf, guest_cfg, image, packages, symbolize, toolstack, writelog
from spratlib.errors import SpratError


class InFolder(unittest.TestCase):
    """A test with a folder of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)


class CfgTest(unittest.TestCase):
    def test_strings_and_numbers_are_read(self):
        settings = guest_cfg.parse("name = \"a\"\nmemory=16 # MiB\nkernel='/x y'\nvcpus = 0x2")
        self.assertEqual(settings, {"name": "a", "memory": 16, "kernel": "/x y", "vcpus": 2})

    def test_the_last_setting_of_a_name_counts(self):
        self.assertEqual(guest_cfg.parse('extra="a"\nextra="b"'), {"extra": "b"})

    def test_a_list_may_run_over_lines_and_is_left_out(self):
        text = 'vif = [ "bridge=a",\n  "bridge=b" ]\nmemory = 4'
        self.assertEqual(guest_cfg.parse(text), {"memory": 4})

    def test_a_comment_in_a_string_is_no_comment(self):
        self.assertEqual(guest_cfg.parse('extra = "a # b" # c'), {"extra": "a # b"})

    def test_what_is_quoted_is_read_back(self):
        for value in ("", "plain", 'say "hi"', "it's", "back\\slash", "a\tb", "käse", "\\\"'"):
            self.assertEqual(guest_cfg.parse(f"extra = {guest_cfg.quote(value)}"), {"extra": value})

    def test_words_come_out_of_a_shell_s_splitting_as_they_went_in(self):
        words = ["a", "", "two words", "it's", '"', "\\", "$HOME", "`x`", "a=b", "*", "'\\''"]
        setting, line = guest_cfg.command_line({"extra": "first"}, words)
        self.assertEqual(setting, "extra")
        self.assertEqual(shlex.split(line), ["first", *words])

    def test_words_go_to_cmdline_where_the_cfg_has_one(self):
        settings = {"extra": "a", "cmdline": "b"}
        self.assertEqual(guest_cfg.command_line(settings, ["c"]), ("cmdline", "b c"))

    def test_a_command_line_that_xen_would_cut_is_refused(self):
        longest = "x" * guest_cfg.CMDLINE_MAX
        self.assertEqual(guest_cfg.command_line({}, [longest]), ("extra", longest))
        with self.assertRaisesRegex(SpratError, "1024 bytes, but Xen hands over 1023"):
            guest_cfg.command_line({}, [longest + "x"])

    def test_an_end_of_line_in_an_argument_is_refused(self):
        with self.assertRaisesRegex(SpratError, "end of line"):
            guest_cfg.command_line({}, ["a\nb"])


class FindTest(InFolder):
    def test_guests_of_another_build_inside_are_left_out(self):
        for name in ("a.cfg", "examples/b.cfg", "fuzz/examples/b.cfg", "fuzz/CMakeCache.txt",
                     "CMakeCache.txt", "CMakeFiles/c.cfg"):  # fmt: skip
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        found = guest_cfg.list_all(str(self.folder))
        self.assertEqual([path.name for path in found], ["a.cfg", "b.cfg"])


class ImageTest(InFolder):
    def refuses(self, data, pattern):
        path = self.folder / "image"
        path.write_bytes(data)
        with self.assertRaisesRegex(SpratError, pattern):
            image.check(path)

    def header(self, bits=2, machine=62, kind=2, endian=1):
        order = "<" if endian == 1 else ">"
        start = b"\x7fELF" + bytes([bits, endian, 1]) + bytes(9)
        return start + struct.pack(order + "HH", kind, machine) + bytes(44)

    def test_other_architectures_are_named(self):
        self.refuses(self.header(machine=183), r"for ARM \(64-bit\)")
        self.refuses(self.header(machine=3, bits=1), "for i386")
        self.refuses(self.header(machine=20, bits=1, endian=2), "for PowerPC")
        self.refuses(self.header(machine=999), "machine number 999")

    def test_files_of_other_kinds_are_named(self):
        self.refuses(b"", "is empty")
        self.refuses(b"#!/bin/sh\n", "a script")
        self.refuses(b"!<arch>\n", "a library archive")
        self.refuses(b"hello", "no ELF file")
        self.refuses(b"\x1f\x8bhello", "broken gzip")
        self.refuses(self.header(kind=1), "not linked")
        self.refuses(self.header(bits=1), "32-bit")
        with self.assertRaisesRegex(SpratError, "is a folder"):
            image.check(self.folder)
        with self.assertRaisesRegex(SpratError, "there is no image"):
            image.check(self.folder / "none")

    def test_a_program_without_xen_s_notes_is_refused(self):
        source = self.folder / "plain.c"
        source.write_text("void _start(void) { for (;;) ; }\n")
        support.compile_elf(self.folder / "plain", source)
        with self.assertRaisesRegex(SpratError, "without Xen's notes"):
            image.check(self.folder / "plain")

    def test_a_guest_is_taken_and_no_cut_piece_of_it_does_harm(self):
        support.make_guest(self.folder, "guest", "ud2")
        whole = (self.folder / "guest.xen").read_bytes()
        image.check(self.folder / "guest.xen")
        for size in range(0, len(whole), 97):
            try:
                elf.Elf(whole[:size]).xen_notes()
            except elf.ElfError:
                continue

    def test_broken_elf_files_are_refused_and_nothing_worse(self):
        support.make_guest(self.folder, "guest", "ud2")
        whole = bytearray((self.folder / "guest.xen").read_bytes())
        dice = random.Random(1)
        for _ in range(500):
            broken = bytearray(whole)
            for _ in range(4):
                broken[dice.randrange(16, 1024)] = dice.randrange(256)
            try:
                image.problem_of(elf.Elf(bytes(broken)))
            except elf.ElfError:
                continue

    def test_symbols_are_found_beside_the_image(self):
        support.make_guest(self.folder, "guest", "ud2")
        self.assertEqual(image.symbols_of(self.folder / "guest.xen"), self.folder / "guest.xen")
        (self.folder / "guest.xen.sym").write_bytes(b"")
        self.assertEqual(image.symbols_of(self.folder / "guest.xen"), self.folder / "guest.xen.sym")


PROGRAM = """\
volatile int sink;
static inline __attribute__((always_inline)) void inner(void)
{
    sink = 1;
}
__attribute__((noinline)) void outer(void)
{
    inner();
    sink = 2;
}
void _start(void)
{
    outer();
    sink = 3;
}
"""


class SymbolizeTest(InFolder):
    def setUp(self):
        super().setUp()
        source = self.folder / "program.c"
        source.write_text(PROGRAM)
        self.file = self.folder / "program"
        support.compile_elf(self.file, source, "-fno-omit-frame-pointer")
        listing = subprocess.run(["nm", self.file], capture_output=True, text=True, check=True)
        self.address = {name: int(value, 16) for value, _, name in
                        (line.split() for line in listing.stdout.splitlines())}  # fmt: skip
        self.symbols = symbolize.Symbols(self.file)
        self.addCleanup(self.symbols.close)

    def filter(self, *pieces):
        stream = symbolize.Filter(self.symbols)
        return b"".join([*map(stream.feed, pieces), stream.finish()]).decode()

    def test_a_backtrace_gets_functions_files_and_lines(self):
        shown = self.filter(f"sprat:   #0 0x{self.address['_start']:016x}\n".encode())
        self.assertRegex(shown, r"^sprat:   #0 0x[0-9a-f]{16} _start at \S*program\.c:\d+\n$")

    def test_a_return_address_means_the_call_before_it(self):
        # The address of what follows outer() is outer's caller's only in frame 1 and later.
        end = self.address["_start"]
        first = self.filter(f"sprat:   #0 0x{end:x}\n".encode())
        later = self.filter(f"sprat:   #1 0x{end:x}\n".encode())
        self.assertIn("_start", first)
        self.assertNotIn("_start", later)

    def test_inlined_functions_are_expanded(self):
        code = range(self.address["outer"], self.address["outer"] + 16)
        places = [self.symbols.locate(address) for address in code]
        inlined = next(a for a, found in zip(code, places) if len(found) == 2)
        shown = self.filter(f"sprat:   #0 0x{inlined:x}\n".encode()).splitlines()
        self.assertRegex(shown[0], r"inner at \S*program\.c:4 \(inlined into\)$")
        self.assertRegex(shown[1], r"^ +outer at \S*program\.c:8$")

    def test_everything_else_stays_as_it_is(self):
        text = b"hello\r\nsprat: panic: x\nsprat:   rip 0x401000 rsp 0x0\n#x 0x1\n\n  #1 0xffff\n$"
        self.assertEqual(self.filter(text), text.decode())
        broken = bytes(range(256)) + b"#0 0xfffffffffffffffffffffff\n"
        stream = symbolize.Filter(self.symbols)
        self.assertEqual(stream.feed(broken) + stream.finish(), broken)

    def test_the_pieces_in_which_a_report_comes_do_not_matter(self):
        line = f"a\nsprat:   #0 0x{self.address['outer']:x}\nb\n".encode()
        whole = self.filter(line)
        self.assertIn("outer", whole)
        for at in range(len(line)):
            self.assertEqual(self.filter(line[:at], line[at:]), whole)

    def test_a_prompt_without_an_end_of_line_is_shown_at_once(self):
        self.assertEqual(symbolize.Filter(self.symbols).feed(b"name? "), b"name? ")

    def test_the_command_is_a_filter(self):
        report = f"sprat:   #0 0x{self.address['outer']:x}\nbye".encode()
        done = support.sprat("symbolize", "--image", self.file, stdin=report)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"outer at .*\nbye$")

    def test_without_an_image_it_says_what_to_give(self):
        done = support.sprat("symbolize")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--image", done.stderr)


RECORD = """\
Package: thing
Version: 1:2.0-1
Architecture: amd64
Depends: libc6 (>= 2.36), other | another,
 more (= 1)
Description: a thing
 with: colons
Filename: pool/t/thing_2.0-1_amd64.deb
Size: {size}
SHA256: {sha256}
"""
CONTENTS_SHA256 = "d1b2a59fbea7e20077af9f91b27e95e865061b270be03ff539ab3b73587882e8"


class PackagesTest(InFolder):
    def package(self, sha256=CONTENTS_SHA256):
        return packages.parse_metadata(RECORD.format(size=8, sha256=sha256))[0]

    def test_a_record_of_apt_is_understood(self):
        package = self.package()
        self.assertEqual((package.name, package.version), ("thing", "1:2.0-1"))
        self.assertEqual(package.archive, "thing_1%3a2.0-1_amd64.deb")
        self.assertEqual(packages.dependency(package, "oth"), "other")
        self.assertEqual(packages.dependency(package, "lib"), "libc6")

    def test_a_record_without_a_sum_is_refused(self):
        text = RECORD.format(size=8, sha256="x").replace("SHA256:", "MD5sum:")
        with self.assertRaisesRegex(SpratError, "apt-get update"):
            packages.parse_metadata(text)

    def test_what_no_archive_offers_is_passed_over(self):
        text = RECORD.format(size=8, sha256="x").replace("Filename:", "Status:")
        self.assertEqual(packages.parse_metadata(text), [])

    def fetch(self, package, contents):
        def download(_command, cwd=None, timeout_s=None):
            (cwd / package.archive).write_bytes(contents)

        with unittest.mock.patch.object(packages, "_apt", download):
            packages.fetch([package], self.folder)

    def test_a_download_with_the_right_sum_is_kept_and_not_fetched_again(self):
        self.fetch(self.package(), b"contents")
        with unittest.mock.patch.object(packages, "_apt", side_effect=AssertionError):
            packages.fetch([self.package()], self.folder)

    def test_a_download_with_another_sum_is_removed(self):
        package = self.package()
        with self.assertRaisesRegex(SpratError, "does not match apt's own checksum"):
            self.fetch(package, b"other contents")
        self.assertFalse((self.folder / package.archive).exists())

    def test_unknown_packages_are_named_with_what_to_run(self):
        with self.assertRaisesRegex(SpratError, "no-such-package-at-all.*apt-get update"):
            packages.candidates(["no-such-package-at-all"])


class FrameTest(unittest.TestCase):
    def test_frames_come_through_whatever_they_hold_and_however_they_are_cut(self):
        dice = random.Random(1)
        frames = [(dice.getrandbits(32), "I", dice.randbytes(dice.randrange(200)))
                  for _ in range(50)]  # fmt: skip
        frames.append((0x7D7E5D5E, "I", b"\x7d\x5d\x5e\x7e\x7d\x5d\x7d"))
        stream = b"".join(agent.encode(*frame) for frame in frames)
        decoder, got = agent.Decoder(), []
        while stream:
            size = dice.randrange(1, 40)
            got += decoder.feed(stream[:size])
            stream = stream[size:]
        self.assertEqual(got, frames)

    def test_the_end_of_a_frame_never_occurs_in_one(self):
        self.assertEqual(agent.encode(0x7E7E7E7E, "I", bytes(range(256))).count(b"\x7e"), 1)

    def test_half_a_frame_of_a_client_that_died_does_no_harm(self):
        half = agent.encode(1, "I", b"abc")[:-3]
        decoder = agent.Decoder()
        self.assertEqual(decoder.feed(half), [])
        got = decoder.feed(b"\x7e" + agent.encode(2, "I", b"def"))
        self.assertIn((2, "I", b"def"), got)


class CpioTest(unittest.TestCase):
    def archive(self):
        file = io.BytesIO()
        writer = cpio.Writer(file)
        writer.file("a/b/c", b"contents", 0o755)
        writer.symlink("link", "a/b/c")
        writer.device("console", 5, 1)
        writer.close()
        return file.getvalue()

    def test_equal_contents_give_equal_archives(self):
        self.assertEqual(self.archive(), self.archive())

    def test_cpio_lists_what_went_in_with_the_folders_above_it(self):
        if not pathlib.Path("/usr/bin/cpio").exists():
            self.skipTest("cpio is not installed")
        listed = subprocess.run(["cpio", "-t", "--quiet"], input=self.archive(), check=True,
                                capture_output=True)  # fmt: skip
        self.assertEqual(listed.stdout.split(), [b"a", b"a/b", b"a/b/c", b"link", b"console"])


class LocalToolstackTest(unittest.TestCase):
    """On a machine that is a dom0 itself; the commands are any here."""

    def run_here(self, script, **options):
        """Run a shell command as that toolstack would; return its exit code and three outputs."""
        streams = {agent.STDOUT: b"", agent.STDERR: b"", agent.REPORT: b""}

        def output(stream, data):
            streams[stream] += data

        tools = object.__new__(toolstack.LocalToolstack)
        code = tools.run(["sh", "-c", script], output=output, **options)
        return code, *streams.values()

    def test_three_outputs_and_the_exit_code_come_through(self):
        script = "echo out; echo err >&2; echo report >&3; exit 7"
        self.assertEqual(self.run_here(script), (7, b"out\n", b"err\n", b"report\n"))

    def test_a_signal_for_us_goes_to_the_command(self):
        script = "trap 'echo asked; exit 3' INT; kill -INT $PPID; while :; do :; done"
        self.assertEqual(self.run_here(script)[:2], (3, b"asked\n"))

    def test_a_command_that_is_not_there_is_named(self):
        tools = object.__new__(toolstack.LocalToolstack)
        with self.assertRaisesRegex(SpratError, "no-such-command"):
            tools.run(["no-such-command"], output=None)


class CommandLineTest(unittest.TestCase):
    def test_every_command_explains_itself(self):
        for words in ([], ["lab"], ["lab", "up"], ["run"], ["symbolize"], ["bench", "cost"]):
            done = support.sprat(*words, "--help")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("usage:", done.stdout)

    def test_a_lab_s_name_cannot_leave_its_folder(self):
        done = support.sprat("lab", "up", "--lab", "../x")
        self.assertEqual(done.returncode, 2)
        self.assertIn("cannot name a lab", done.stderr)


class WriteLogTest(InFolder):
    """A log as dm-log-writes makes it, and the disks that a power cut can leave."""

    def setUp(self):
        super().setUp()
        self.image = self.folder / "disk"
        self.image.write_bytes(b"-" * 4 * writelog.SECTOR)

    def log(self, *entries, end=writelog.END_MARK):
        """Make a log of (sector, letters, flags), a letter for each sector; return its path."""
        parts = [writelog.SUPER.pack(writelog.MAGIC, 1, len(entries) + 1, writelog.SECTOR)]
        for sector, letters, flags in entries:
            parts.append(writelog.ENTRY.pack(sector, len(letters), flags, 0))
            if not flags & writelog.DISCARD:
                parts += [letter.encode() * writelog.SECTOR for letter in letters]
        parts.append(writelog.ENTRY.pack(0, 0, writelog.MARK, len(end)) + end)
        path = self.folder / "log"
        path.write_bytes(b"".join(part.ljust(writelog.SECTOR, b"\0") for part in parts))
        return path

    def left(self, log, n_entries, keep, unit=writelog.SECTOR, seed=1):
        """Return what is on the disk, a letter for each sector."""
        image = self.folder / "copy"
        image.write_bytes(self.image.read_bytes())
        log.apply(image, n_entries, random.Random(seed), keep, unit)
        return image.read_bytes()[:: writelog.SECTOR].decode().replace("\0", "0")

    def test_what_was_flushed_is_there_whatever_the_cache_loses(self):
        flush = (0, "", writelog.FLUSH)
        with writelog.WriteLog(self.log((0, "ab", 0), flush, (1, "cd", 0))) as log:
            self.assertEqual(len(log.entries), 3)
            self.assertEqual((log.n_writes(), log.n_volatile()), (2, 1))
            self.assertEqual(self.left(log, 3, 0), "ab--")
            self.assertEqual(self.left(log, 3, 1), "acd-")
            self.assertEqual(self.left(log, 1, 0), "----")
            self.assertEqual(self.left(log, 0, 1), "----")

    def test_fua_and_discards_are_what_they_are(self):
        entries = ((0, "ab", 0), (1, "c", writelog.FUA), (0, "xx", writelog.DISCARD),
                   (2, "d", writelog.FLUSH))  # fmt: skip
        with writelog.WriteLog(self.log(*entries)) as log:
            self.assertEqual(self.left(log, 2, 0), "-c--")
            self.assertEqual(self.left(log, 3, 1), "00--")
            self.assertEqual(self.left(log, 4, 0), "00--")  # its own data is behind the flush
            self.assertEqual(self.left(log, 4, 1), "00d-")

    def test_a_write_that_was_not_flushed_may_be_there_in_part(self):
        with writelog.WriteLog(self.log((0, "abcd", 0))) as log:
            found = {self.left(log, 1, 0.5, seed=seed) for seed in range(100)}
            self.assertEqual(len(found), 16)
            found = {self.left(log, 1, 0.5, 2 * writelog.SECTOR, seed) for seed in range(100)}
            self.assertEqual(found, {"----", "ab--", "--cd", "abcd"})

    def test_a_log_that_is_not_complete_is_refused(self):
        with self.assertRaisesRegex(SpratError, "too small"):
            writelog.WriteLog(self.log((0, "ab", 0), end=b"another mark"))
        path = self.log((0, "abcd", 0))
        path.write_bytes(path.read_bytes()[: 3 * writelog.SECTOR])
        with self.assertRaisesRegex(SpratError, "ends in the middle"):
            writelog.WriteLog(path)
        path.write_bytes(bytes(writelog.SECTOR))
        with self.assertRaisesRegex(SpratError, "no log"):
            writelog.WriteLog(path)


if __name__ == "__main__":
    unittest.main()
