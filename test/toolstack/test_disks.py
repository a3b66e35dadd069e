# SPDX-License-Identifier: BSD-2-Clause
"""Disks and ramdisks of guests that the launcher makes, in a lab: what is on them, who may have
them at the same time, and that nothing of them stays."""

import io
import re
import subprocess
import unittest

from launcher_case import LauncherCase
from spratlib import cpio, middlebox, paths

MIB = 2**20
KV = "10.0.0.77"
WEB = "10.0.0.78"


class DisksTest(LauncherCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.build = paths.build_folder()
        cls.image = str(cls.folder / "disk.img")

    def setUp(self):
        super().setUp()
        self.addCleanup(self.assert_soon, lambda: self.loops() == "")  # the last thing of all
        with open(self.image, "wb") as file:
            file.truncate(MIB)

    def tearDown(self):
        super().tearDown()
        self.assertEqual(self.dom0("xenstore-ls -f /libxl 2>/dev/null || true"), "")

    def loops(self):
        """What loop devices there are for files of this test."""
        return self.dom0(f"/sbin/losetup -a | grep {self.folder} || true")

    def loop_device(self):
        """Return a loop device of dom0's own for the file, there until the test ends."""
        device = self.dom0(f"modprobe loop; /sbin/losetup --find --show {self.image}").strip()
        self.addCleanup(self.dom0, f"/sbin/losetup --detach {device}")
        return device

    def written(self, stem, settings, image="test/guest/test-disk"):
        """Write a configuration like another image's, with other settings; return its path."""
        text = (self.build / f"{image}.cfg").read_text()
        for key in settings:
            text = re.sub(rf"(?m)^{key} = .*$", "", text)
        lines = [f"{key} = {value!r}\n" for key, value in settings.items()]
        path = self.folder / f"{stem}.cfg"
        path.write_text(text + "".join(lines))
        return str(path)

    def make_ext4(self, *options):
        subprocess.run(["/sbin/mke2fs", "-q", "-F", "-t", "ext4", *options, self.image], check=True)

    def disk(self, *specs):
        """The configuration of a guest that tests disks."""
        return self.written("disk", {"disk": list(specs), "max_grant_frames": 8})

    def run_disk(self, cfg, words, name="disk", ready="all passed"):
        """Create a guest that does this with its disk, and see it through."""
        answer = self.ctl("create", "--name", name, "--cmdline", words, "--ready", ready, cfg)[-1]
        self.assertTrue(answer["ok"], answer)
        return answer

    def refusal(self, *words):
        """Why a guest cannot be created."""
        answer = self.ctl("create", *words)[-1]
        self.assertFalse(answer["ok"], answer)
        return answer["error"]

    def test_a_file_keeps_what_guests_write(self):
        for options in ("", "--introduce"):
            self.dom0(f"{self.programs}/spratctl stop")
            self.start(options)
            cfg = self.disk(f"format=raw,vdev=xvda,access=rw,script=block,target={self.image}")
            # Each guest begins while the disk of the one before is still being let go.
            for seed in (1, 2):
                self.run_disk(cfg, f"xvda {f'verify:{seed - 1}' if seed > 1 else 'size'}"
                                   f" write:{seed} verify:{seed}")  # fmt: skip
                self.ctl("destroy", "disk")
            self.run_disk(self.disk(f"{self.image},raw,xvda,r"), "xvda verify:2")

    def test_a_block_device_is_a_disk(self):
        self.dom0("modprobe brd rd_nr=1 rd_size=4096")  # as guest.disks has it in this lab
        other = f"no-discard,phy:{self.loop_device()},xvda,r"
        self.run_disk(self.disk("phy:ram0,xvdb,w", other), "xvdb size write:4 verify:4")
        self.ctl("destroy", "disk")
        self.run_disk(self.disk("phy:/dev/ram0,xvda,r"), "xvda verify:4")

    def kv(self, *commands):
        """Ask a kv server; return what it says."""
        text = "".join(f"{command}\\r\\n" for command in (*commands, "QUIT"))
        return self.dom0(f"printf '{text}' | nc {KV} 6379").splitlines()

    def test_kv_keeps_its_keys_and_nothing_stays_of_it(self):
        with open(self.image, "wb") as file:
            file.truncate(32 * MIB)
        self.make_ext4()
        words = f"sprat.ip={KV}/24 sprat.disk.xvda=/data"
        cfg = self.written("kv", {"extra": words, "disk": [f"file:{self.image},xvda,w"]},
                       "examples/kv/kv")  # fmt: skip
        # A first one warms dom0 up: its memory is given back, its domains' list keeps its place.
        for turn in range(2):
            before = self.counts() if turn else None
            answer = self.ctl("create", "--ready", "port 6379", cfg)[-1]
            self.assertTrue(answer["ok"], answer)
            self.assertEqual(self.kv("GET key")[0], f"${len(str(turn - 1))}" if turn else "$-1")
            self.assertEqual(self.kv(f"SET key {turn}")[0], "+OK")
            self.ctl("shutdown", "kv")
            self.assertTrue(self.ctl("wait", "--end", "kv")[0]["ok"])
            self.assert_soon(lambda: self.loops() == "")
            if turn:
                self.assert_soon(lambda before=before: self.counts() == before)

    def test_a_disk_that_is_in_use_is_refused_unless_all_only_read_it(self):
        both, read = self.disk(f"file:{self.image},xvda,w"), f"file:{self.image},xvda,r"
        self.run_disk(both, "xvda size gone", "one", ready="bytes in sectors")
        domid = self.dom0("xl domid one").strip()
        self.assertIn(f"is a disk of domain {domid}:", self.refusal("--name", "two", both))
        reader = self.disk(read)
        self.assertIn(f"is a disk of domain {domid}:", self.refusal("--name", "two", reader))
        self.ctl("destroy", "one")
        self.run_disk(self.disk(read), "xvda size gone", "one", ready="bytes in sectors")
        self.run_disk(self.disk(read), "xvda size", "two")
        both = self.disk(f"file:{self.image},xvda,w")
        self.assertIn("is a disk of domain", self.refusal("--name", "three", both))
        self.ctl("destroy", "--all")
        twice = self.disk(f"file:{self.image},xvda,w", f"file:{self.image},xvdb,r")
        self.assertIn("is a disk of domain", self.refusal(twice))

    def test_a_disk_of_another_toolstack_or_of_dom0_is_refused(self):
        cfg = self.disk(f"file:{self.image},xvda,w")
        self.dom0(f"xl create -q -e {cfg} name='\"others\"' extra='\"xvda size gone\"'")
        self.assertIn("is a disk of domain", self.refusal("--name", "ours", cfg))
        self.dom0("xl destroy others")
        self.make_ext4("-O", "^has_journal")
        device = self.loop_device()
        self.dom0("modprobe -a crc32c_generic ext4; mkdir -p /tmp/mounted;"
                  f" mount -t ext4 {device} /tmp/mounted")  # fmt: skip
        self.assertIn("is mounted in dom0, at /tmp/mounted", self.refusal(cfg))
        read = self.disk(f"file:{self.image},xvda,r")
        self.assertIn("is mounted in dom0", self.refusal(read))
        self.dom0("mount -o remount,ro /tmp/mounted")
        self.run_disk(read, "xvda size")
        self.dom0("umount /tmp/mounted")
        held = f"dmsetup create held --table '0 2048 linear {device} 0'"
        self.dom0(f"modprobe dm-mod; export DM_DISABLE_UDEV=1; {held}")
        self.assertIn("in use in dom0", self.refusal(self.disk(f"phy:{device},xvda,w")))
        self.dom0("DM_DISABLE_UDEV=1 dmsetup remove held")

    def test_what_is_no_disk_is_refused_with_the_reason(self):
        empty = self.folder / "empty"
        empty.touch()
        for spec, reason in (
            (f"file:{self.folder}/none,xvda,w", "No such file"),
            (f"file:{self.folder},xvda,r", "neither a block device nor a file"),
            (f"file:{empty},xvda,w", "no sector of 512 bytes"),
            ("phy:/dev/none,xvda,w", "disk xvda: /dev/none: No such file"),
            ("qcow2:/a,xvda,w", "qcow2 is no kind of disk"),
        ):
            self.assertIn(reason, self.refusal(self.disk(spec)))
        # The first disk is there already when the second one fails.
        specs = f"file:{self.image},xvda,w", f"file:{empty},xvdb,w"
        self.assertIn("no sector", self.refusal(self.disk(*specs)))
        self.dom0("rmmod xen-blkback")
        self.assertIn("modprobe xen-blkback", self.refusal(self.disk(specs[0])))
        self.dom0("modprobe xen-blkback")

    def test_xl_takes_a_disk_away_and_destroys_its_guest(self):
        cfg = self.disk(f"file:{self.image},xvda,w")
        self.run_disk(cfg, "xvda size gone", ready="bytes in sectors")
        self.assertIn("51712", self.dom0("xl block-list disk"))
        self.dom0("xl block-detach disk xvda")
        self.assert_soon(lambda: self.loops() == "")
        self.run_disk(cfg, "xvda size gone", "other", ready="bytes in sectors")  # it is free again
        self.dom0("xl destroy other")
        self.assert_soon(lambda: self.ctl("list")[0]["guests"] == [])

    def test_after_a_sudden_end_disks_are_known_and_what_is_left_is_removed(self):
        cfg = self.disk(f"file:{self.image},xvda,w")
        self.run_disk(cfg, "xvda size gone", "stays", ready="bytes in sectors")
        self.dom0("kill -9 $(pidof spratd)")
        self.start()
        self.assertIn("is a disk of domain", self.refusal("--name", "second", cfg))
        self.dom0("kill -9 $(pidof spratd); xl destroy stays")
        self.assert_soon(lambda: self.loops() == "")  # the kernel has let it go
        self.start()
        self.run_disk(cfg, "xvda size")
        self.assertEqual(self.dom0("cat /tmp/launcher.log"), "")

    def test_a_disk_that_is_still_being_written_is_given_to_nobody(self):
        device = self.loop_device()
        dm = "modprobe dm-mod; export DM_DISABLE_UDEV=1; dmsetup"
        size = MIB // 512
        self.dom0(f"{dm} create slow --addnodeoncreate --table '0 {size} linear {device} 0'")
        cfg = self.disk("phy:/dev/mapper/slow,xvda,w")
        self.run_disk(cfg, "xvda size churn", ready="bytes in sectors")
        self.dom0(f"{dm} suspend slow")  # a backend that never answers
        self.ctl("wait", "--ready", "never", "--timeout", "1", "disk")
        self.ctl("destroy", "disk")
        # The launcher looks for 5 s whether it has been let go, and serves others meanwhile.
        answer, n_others = "/tmp/launcher.answer", 0
        create = f"{self.programs}/spratctl --json create {cfg} >{answer}.new 2>&1"
        self.dom0(f"rm -f {answer}; ({create}; mv {answer}.new {answer}) >/dev/null 2>&1 &")
        while self.dom0(f"test -e {answer} || echo no"):
            self.ctl("create", "--name", f"other-{n_others}", self.cfg)
            n_others += 1
        self.assertIn("is still being written", self.dom0(f"cat {answer}"))
        self.assertGreater(n_others, 1)
        self.dom0(f"({create}) & {dm} resume slow; wait")
        self.assertIn('"domid"', self.dom0(f"cat {answer}.new"))
        self.ctl("destroy", "disk")
        self.run_disk(cfg, "xvda size")
        self.ctl("destroy", "--all")
        self.assert_soon(lambda: "yes" in self.dom0(f"{dm} remove slow && echo yes || true"))

    def archive(self, **contents):
        """Write a ramdisk with these files; return its path."""
        file = io.BytesIO()
        writer = cpio.Writer(file)
        for name, content in contents.items():
            writer.file(name, content.encode())
        writer.close()
        path = self.folder / "files.cpio"
        path.write_bytes(file.getvalue())
        return path

    def fetch(self):
        return self.dom0(f"wget -q -O - http://{WEB}/index")

    def test_a_ramdisk_is_what_the_guest_reads(self):
        ramdisk = self.archive(index="from a ramdisk")
        settings = {"ramdisk": str(ramdisk), "extra": f"sprat.ip={WEB}/24", "memory": 4}
        cfg = self.written("web", settings, "examples/httpd")
        self.ctl("pool", "--size", "1", cfg)
        self.assert_soon(lambda: self.ctl("stats")[0]["pools"][0]["shells"] == 1)
        for content in ("from a ramdisk", "from another one"):
            if content != "from a ramdisk":
                self.archive(index=content)
            answer = self.ctl("create", "--ready", "port 80", cfg)[-1]
            self.assertTrue(answer["ok"], answer)
            # A shell that was built of the file as it was before is none for this guest.
            self.assertEqual(answer["pooled"], content == "from a ramdisk")
            self.assertEqual(self.fetch(), content)
            self.ctl("destroy", "httpd")
        ramdisk.write_bytes(b"\x1f\x8b\x08")
        self.assertIn("gunzip it", self.refusal(cfg))
        ramdisk.unlink()
        self.assertIn(f"ramdisk {ramdisk}: cannot be opened", self.refusal(cfg))

    def test_a_middlebox_gets_its_configuration(self):
        config = b"FromDevice(0) -> Counter -> Discard;\n"
        cfg = middlebox.write(self.folder / "count", config, ["xenbr0"])
        answer = self.ctl("create", "--ready", "running", str(cfg))[-1]
        self.assertTrue(answer["ok"], answer)


if __name__ == "__main__":
    unittest.main()
