# SPDX-License-Identifier: BSD-2-Clause
"""Disks of real guests, behind Linux' blkback: what dom0 finds on them, and what comes and goes."""

import contextlib
import os
import re
import shlex
import struct
import subprocess
import unittest

from support import BUILD, console, dom0, eventually, sprat

MIB = 2**20
SIZE = 4 * MIB
XVDA = 51712
MASK = 2**64 - 1
FOR_EVER_S = 1000000


def pattern(seed, size=SIZE):
    """Return what test-disk writes with this seed."""
    words = []
    for place in range(1, size // 8 + 1):
        x = (place * 0x9E3779B97F4A7C15 + seed * 0xBF58476D1CE4E5B9) & MASK
        words.append(x ^ x >> 29)
    return struct.pack(f"<{len(words)}Q", *words)


class Disk:
    """A loop device of dom0 over a file there. Use it in a `with`."""

    def __init__(self, name, size=SIZE, sector=512):
        self.file = f"/tmp/{name}.img"
        self.name, self.size, self.sector, self.device = name, size, sector, None

    def __enter__(self):
        self.device = dom0(
            f"modprobe loop; truncate -s {self.size} {self.file} && /sbin/losetup --find --show"
            f" --sector-size {self.sector} {self.file}").strip()  # fmt: skip
        return self

    def __exit__(self, *_):
        dom0(f"/sbin/losetup --detach {self.device}; rm {self.file}")

    def fill(self, data):
        """Put data on it."""
        path = self._shared(data)
        dom0(f"dd if={path} of={self.device} bs=1M 2>/dev/null && sync")
        path.unlink()

    def holds(self, data):
        """Is that what is on it?"""
        path = self._shared(data)
        same = dom0(f"cmp -s {path} {self.file} && echo same || true").strip() == "same"
        path.unlink()
        return same

    def _shared(self, data):
        path = BUILD / f"test-{self.name}.bin"  # dom0 sees the build folder
        path.write_bytes(data)
        return path


def tool(*words):
    """Run a program of e2fsprogs; return what it says. It is content."""
    environment = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
    done = subprocess.run(words, capture_output=True, check=False, env=environment)
    if done.returncode != 0:
        raise AssertionError((done.stdout + done.stderr).decode())
    return done.stdout


class FailingDisk:
    """A file of this machine with ext4 on it, as a device of dom0 that can fail."""

    def __init__(self, name):
        self.image = BUILD / f"test/guest/{name}.img"  # here, where e2fsck is
        self.name, self.loop = f"sprat-{name}", None
        self.spec = f"phy:/dev/mapper/{self.name},xvda,w"

    def __enter__(self):
        self.image.write_bytes(bytes(16 * MIB))
        tool("mke2fs", "-q", "-F", "-t", "ext4", self.image)
        self.loop = dom0(f"modprobe -a dm-mod dm-flakey loop;"
                         f" /sbin/losetup --find --show {self.image}").strip()  # fmt: skip
        dom0(f"echo {self._table('linear', '0')} | DM_DISABLE_UDEV=1 dmsetup create {self.name}")
        return self

    def __exit__(self, *_):
        dom0(f"DM_DISABLE_UDEV=1 dmsetup remove --retry {self.name};"
             f" /sbin/losetup --detach {self.loop}")  # fmt: skip

    def be(self, target, rest):
        """Be this from now on. Not "error": what has no cache takes flushes for done."""
        dom0(f"export DM_DISABLE_UDEV=1; echo {self._table(target, rest)} |"
             f" dmsetup reload {self.name} && dmsetup suspend --noflush {self.name} &&"
             f" dmsetup resume {self.name}")  # fmt: skip

    def _table(self, target, rest):
        return f"0 {16 * MIB // 512} {target} {self.loop} {rest}"


@contextlib.contextmanager
def guest(name, arguments, *disks, image="test-disk"):
    """A guest that runs, destroyed in the end. Yields what waits for a text on its console."""
    specs = ", ".join(f"'{spec}'" for spec in disks)
    words = ["xl", "create", "-q", "-e", f"{BUILD}/test/guest/{image}.cfg", f'name="{name}"',
             f"disk=[{specs}]", "max_grant_frames=8", f'extra="{arguments}"']  # fmt: skip
    dom0(f"rm -f /var/log/xen/console/guest-{name}.log; {shlex.join(words)}")
    try:
        yield lambda text: eventually(lambda: text in console(name))
    except AssertionError as error:
        raise AssertionError(f"{error}; the guest says:\n{console(name)}") from None
    finally:
        dom0(f"xl destroy {name} 2>/dev/null || true")


class Data(unittest.TestCase):
    """What a guest writes is on the disk, and the other way round."""

    def test_what_each_side_writes_the_other_reads(self):
        with Disk("data") as disk:
            disk.fill(pattern(1))
            words = "xvda size verify:1 write:2 verify:2"
            with guest("disk-data", words, f"phy:{disk.device},xvda,w") as wait:
                wait("all passed")
                said = console("disk-data")
            self.assertIn(f"{SIZE} bytes in sectors of 512", said)
            self.assertTrue(disk.holds(pattern(2)))

    def test_what_is_discarded_is_gone(self):
        with Disk("discard") as disk:
            disk.fill(pattern(3))
            with guest("disk-discard", "xvda discard:1048576", f"phy:{disk.device},xvda,w") as wait:
                wait("discard:1048576: 0")
                wait("all passed")
            left = pattern(3)
            self.assertTrue(disk.holds(left[:MIB] + bytes(65536) + left[MIB + 65536 :]))

    def test_places_beyond_32_bits_of_sectors_are_places(self):
        far, near = 5 << 39, 1 << 39  # the same but for what 32 bits leave of the first one
        with Disk("huge", 3 << 40) as disk:
            dom0("; ".join(f"echo here | dd of={disk.device} bs=512 seek={place // 512} conv=sync"
                           for place in (far, near)))  # fmt: skip
            with guest("disk-huge", f"xvda size at:{far}", f"phy:{disk.device},xvda,w") as wait:
                wait("all passed")
                said = console("disk-huge")
            found = [dom0(f"dd if={disk.device} bs=512 skip={place // 512} count=1 | tr -d '\\0'")
                     for place in (far, near)]  # fmt: skip
        self.assertIn(f"{3 << 40} bytes in sectors of 512", said)
        self.assertEqual(found, ["", "here\n"])

    def test_a_file_system_call_is_a_request(self):
        with Disk("posix", 8 * MIB) as disk, Disk("second") as second:
            disks = f"phy:{disk.device},xvda,w", f"phy:{second.device},xvdb,r"
            with guest("disk-posix", "", *disks, image="test-blkdev") as wait:
                wait("all passed")


BLKBACK = "/sys/module/xen_blkback/parameters"


@contextlib.contextmanager
def blkback(**parameters):
    """Have Linux' blkback offer something else to whoever connects meanwhile."""
    before = {name: dom0(f"cat {BLKBACK}/{name}").strip() for name in parameters}
    try:
        dom0("; ".join(f"echo {value} >{BLKBACK}/{name}" for name, value in parameters.items()))
        yield
    finally:
        dom0("; ".join(f"echo {value} >{BLKBACK}/{name}" for name, value in before.items()))


class Transport(unittest.TestCase):
    """Each way that requests and their data can take."""

    def all_of_it(self, name, options, sector=512, size=SIZE):
        """Write, read and flush all of a disk; return what the guest says."""
        with Disk(name, size, sector) as disk:
            disk.fill(pattern(6, size))
            words = f"xvda{options} size transport verify:6 write:7 fua:0 write:8 verify:8"
            with guest(f"disk-{name}", words, f"phy:{disk.device},xvda,w") as wait:
                wait("all passed")
                said = console(f"disk-{name}")
            self.assertTrue(disk.holds(pattern(8, size)))
        self.assertIn(", flush", said)
        return said

    def test_what_blkback_offers_is_used(self):
        said = self.all_of_it("defaults", "")
        self.assertIn("1 queues of 32, 256 pages, indirect, persistent", said)

    def test_pages_are_granted_for_each_request(self):
        said = self.all_of_it("nogrants", ",no-persistent,no-indirect")
        self.assertIn("1 queues of 32, 11 pages, flush", said)

    def test_a_backend_without_persistent_grants(self):
        with blkback(feature_persistent="N"):
            said = self.all_of_it("nopersist", "")
        self.assertIn("1 queues of 32, 256 pages, indirect, flush", said)

    def test_several_queues_with_rings_of_several_pages(self):
        with blkback(max_queues=4):
            said = self.all_of_it("queues", ",queues=2,ring=4,pages=600")
        self.assertIn("2 queues of 128, 256 pages, indirect, persistent", said)

    def test_sectors_of_4096_bytes(self):
        said = self.all_of_it("sectors", "", sector=4096)
        self.assertIn(f"{SIZE} bytes in sectors of 4096", said)

    def test_what_the_disk_cant_do_is_told(self):
        """A loop device knows nothing of secure discards; a disk of memory has no cache."""
        with Disk("cant") as disk:
            with guest("disk-cant", "xvda secure:0", f"phy:{disk.device},xvda,w") as wait:
                wait("secure discard 95")  # EOPNOTSUPP
                wait("all passed")
        dom0("modprobe brd rd_nr=1 rd_size=4096")
        words = "xvda transport write:1 fua:0 write:2 verify:2"
        with guest("disk-ram", words, "phy:/dev/ram0,xvda,w") as wait:
            wait("all passed")
            self.assertNotIn("flush", console("disk-ram"))


class Many(unittest.TestCase):
    """Disks of several kinds, driven at once; see disks.c."""

    def test_disks_are_driven_at_once_while_others_come_go_and_change(self):
        kinds = (("", 4 * MIB, 512), (",queues=2,ring=2", 8 * MIB, 512), ("", 4 * MIB, 4096),
                 (",no-persistent,no-indirect", 4 * MIB, 512), (",pages=64", 3 * MIB, 512),
                 (",queues=4", 4 * MIB, 512))  # fmt: skip
        with contextlib.ExitStack() as stack:
            stack.enter_context(blkback(max_queues=4))
            names = [f"xvd{letter}" for letter in "abcdefgh"]
            plain = [stack.enter_context(Disk(f"many-{name}", size, sector))
                     for name, (_, size, sector) in zip(names, kinds)]  # fmt: skip
            sized = stack.enter_context(Disk("many-sized", 8 * MIB))
            plugged = stack.enter_context(Disk("many-plugged"))
            words = [name + options for name, (options, _, _) in zip(names, kinds)]
            words += [f"{names[6]}:{2 * MIB}", names[7]]
            specs = [f"phy:{disk.device},{name},w" for name, disk in zip(names, [*plain, sized])]
            wait = stack.enter_context(guest("disks-many", " ".join(words), *specs,
                                             image="test-disks"))  # fmt: skip
            dom0("xl sched-credit2 -d disks-many --cap 30")  # for dom0 has to do the rest
            for word in words[:6]:
                wait(f"{word}: driven")
            dom0(f"xl block-attach disks-many phy:{plugged.device},{names[7]},w")
            wait(f"{names[7]}: driven")
            dom0(f"truncate -s {3 * MIB} {sized.file} && /sbin/losetup -c {sized.device} &&"
                 f" xl block-detach disks-many {names[7]}")  # fmt: skip
            wait(f"{names[7]}: gone")
            dom0(f"truncate -s {12 * MIB} {sized.file} && /sbin/losetup -c {sized.device} &&"
                 f" xl block-attach disks-many phy:{plugged.device},{names[7]},w")  # fmt: skip
            eventually(lambda: console("disks-many").count(f"{names[7]}: driven") == 2)
            dom0("xenstore-write /local/domain/$(xl domid disks-many)/data/enough 1")
            wait("all passed")
            said = console("disks-many")
        for word in words:
            self.assertIn(f"{word.partition(':')[0]}: done after", said)


class Script(unittest.TestCase):
    """The lab's hotplug script, as libxl calls it."""

    def test_disks_of_files_that_come_at_once_each_get_a_loop_device(self):
        # Any of them may look for a free device while another is about to take it.
        count = 24
        script = f"""
            modprobe loop
            files=/tmp/loops backend=/local/domain/0/sprat-test/loops
            mkdir $files
            for i in $(seq {count}); do
                truncate -s 4096 $files/$i
                xenstore-write $backend/$i/params $files/$i $backend/$i/mode w
            done
            for i in $(seq {count}); do XENBUS_PATH=$backend/$i /etc/xen/scripts/block add & done
            wait
            for i in $(seq {count}); do
                xenstore-read $backend/$i/hotplug-status $backend/$i/node | xargs
                XENBUS_PATH=$backend/$i /etc/xen/scripts/block remove
            done
            xenstore-rm $backend
            rm -r $files
        """
        answers = [line.split() for line in dom0(script).splitlines()]
        self.assertEqual([answer[0] for answer in answers], ["connected"] * count)
        self.assertEqual(len({device for _, device in answers}), count)


class Errors(unittest.TestCase):
    """Disks that can't do what is asked for."""

    def test_a_disk_for_reading_takes_no_writes(self):
        with Disk("readonly") as disk:
            words = "xvda size at:0"
            with guest("disk-ro", words, f"phy:{disk.device},xvda,r") as wait:
                wait("all passed")
                said = console("disk-ro")
            self.assertIn("read-only", said)
            self.assertIn("write 30\n", said.replace("\r", ""))  # EROFS
            self.assertIn("read 0\n", said.replace("\r", ""))

    def test_sectors_that_fail_are_errors_and_others_are_not(self):
        with Disk("eio") as disk:
            table = (f"0 2048 linear {disk.device} 0\\n2048 8 error\\n"
                     f"2056 6136 linear {disk.device} 2056")
            dom0(f"modprobe dm-mod; printf '{table}\\n' |"
                 " DM_DISABLE_UDEV=1 dmsetup create sprat-eio")  # fmt: skip
            try:
                words = "xvda at:0 at:1048576 at:1052672"
                with guest("disk-eio", words, "phy:/dev/mapper/sprat-eio,xvda,w") as wait:
                    wait("all passed")
                    said = console("disk-eio").replace("\r", "")
            finally:
                dom0("DM_DISABLE_UDEV=1 dmsetup remove --retry sprat-eio")
            numbers = [line.split()[1] for line in said.splitlines()
                       if line.startswith(("write ", "read "))]  # fmt: skip
            self.assertEqual(numbers, ["0", "0", "5", "5", "0", "0"])  # EIO

    def test_a_disk_that_fails_keeps_what_was_synced(self):
        """It has a file system, and takes nothing any more from some moment on."""
        with FailingDisk("failing") as disk:
            with guest("disk-failing", "sprat.disk.xvda=/data failing", disk.spec,
                       image="test-ext4") as wait:  # fmt: skip
                wait("writing")
                disk.be("flakey", f"0 0 {FOR_EVER_S}")
                wait("all passed")
                said = console("disk-failing")
        self.assertIn("nothing can be read or written any more", said)
        tool("e2fsck", "-y", "-E", "journal_only", disk.image)
        tool("e2fsck", "-fn", disk.image)
        found = struct.unpack("<I", tool("debugfs", "-R", "cat /counted", disk.image))[0]
        # The last one on its way may be there, and was not acknowledged.
        self.assertIn(found - int(re.search(r"synced (\d+)", said)[1]), (-1, 0))
        disk.image.unlink()

    def test_a_disk_that_fails_for_a_while_is_read_again(self):
        with FailingDisk("recovering") as disk:
            with guest("disk-recovering", "sprat.disk.xvda=/data recovering", disk.spec,
                       image="test-ext4") as wait:  # fmt: skip
                wait("reading")
                disk.be("flakey", f"0 0 {FOR_EVER_S}")
                wait("it fails")
                disk.be("linear", "0")
                wait("all passed")
                self.assertNotIn("nothing can be read", console("disk-recovering"))
        tool("e2fsck", "-fn", disk.image)
        self.assertEqual(tool("debugfs", "-R", "cat /read", disk.image)[:5], b"again")
        disk.image.unlink()


class Changes(unittest.TestCase):
    """What happens to disks while a guest has them."""

    def test_a_disk_grows_while_it_is_in_use(self):
        with Disk("grow") as disk:
            words = f"xvda size write:1 grown:{2 * SIZE} write:2 verify:2"
            with guest("disk-grow", words, f"phy:{disk.device},xvda,w") as wait:
                wait(f"waiting for {2 * SIZE} bytes")
                dom0(f"truncate -s {2 * SIZE} {disk.file} && /sbin/losetup -c {disk.device}")
                wait("all passed")
            self.assertTrue(disk.holds(pattern(2, 2 * SIZE)))

    def test_a_disk_comes_and_goes(self):
        with Disk("first", MIB) as first, Disk("plugged") as second:
            second.fill(pattern(4))
            words = "xvda appear:xvdb verify:4 write:5 gone"
            with guest("disk-plug", words, f"phy:{first.device},xvda,w") as wait:
                wait("waiting for xvdb")
                dom0(f"xl block-attach disk-plug phy:{second.device},xvdb,w")
                wait("waiting for its end")
                dom0("xl block-detach disk-plug xvdb")
                wait("all passed")
            self.assertTrue(second.holds(pattern(5)))

    def test_a_backend_that_starts_again_is_given_all_that_it_had(self):
        with Disk("restart", MIB) as disk:
            # Each request takes 50 ms, so that there are always some under way.
            dom0(f"modprobe dm-delay; echo '0 2048 delay {disk.device} 0 50' |"
                 " DM_DISABLE_UDEV=1 dmsetup create sprat-slow")  # fmt: skip
            driver = "/sys/bus/xen-backend/drivers/vbd"
            try:
                with guest("disk-restart", "xvda churn write:9",
                           "phy:/dev/mapper/sprat-slow,xvda,w") as wait:  # fmt: skip
                    device = f"vbd-$(xl domid disk-restart)-{XVDA}"
                    again = f"echo {device} >{driver}/unbind; echo {device} >{driver}/bind"
                    passes = 0
                    for times in 1, 3:  # the last ones while it connects
                        wait(f"pass {passes + 1} ")
                        dom0("; ".join([again] * times))
                        passes = console("disk-restart").count("pass ") + 1
                    wait(f"pass {passes + 1} ")
                    dom0("xenstore-write /local/domain/$(xl domid disk-restart)/data/enough 1")
                    wait("all passed")
                    said = console("disk-restart")
            finally:
                dom0("DM_DISABLE_UDEV=1 dmsetup remove --retry sprat-slow")
            self.assertIn("faults 0 lost 0", said)
            self.assertTrue(disk.holds(pattern(9, MIB)))


if __name__ == "__main__":
    unittest.main()
