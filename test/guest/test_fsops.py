# SPDX-License-Identifier: BSD-2-Clause
"""The same calls on files in a guest and in dom0's Linux, and what both have left on their disks.

    test_fsops.py [SEED,... [CALLS]]   in the lab that $SPRAT_LAB names; without: what the test runs
"""

import os
import subprocess

from support import BUILD, Transcripts, dom0, sprat

SEEDS = (1, 2)
CALLS = 1500
MIB = 2**20
ENVIRONMENT = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
FOLDER = BUILD / "test/guest"

# $1 is an image; the rest is done with it on /data. Both its own loop device and its end.
MOUNTED = """
modprobe -a loop crc32c_generic ext4 && mkdir -p /data || exit 1
device=$(/sbin/losetup --find --show "$1") || exit 1
shift
mount -t ext4 -o noatime "$device" /data || exit 1
"$@"
status=$?
umount /data && /sbin/losetup --detach "$device" || exit 1
exit $status
"""


def tool(*words):
    """Run a program of e2fsprogs; CalledProcessError unless it is content."""
    return subprocess.run([str(word) for word in words], capture_output=True, text=True,
                          check=True, env=ENVIRONMENT).stdout  # fmt: skip


def on_linux(image, *words):
    """Run fsops in dom0, on an image; return what it says."""
    done = sprat("lab", "exec", "--", "sh", "-c", MOUNTED, "mounted", image, FOLDER / "fsops",
                 *words)  # fmt: skip
    if done.returncode != 0:
        raise AssertionError(done.stdout[-2000:] + done.stderr)
    return done.stdout


class Same(Transcripts):
    """A guest's answers are Linux' answers."""

    seeds, calls = SEEDS, CALLS

    def run_both(self, seed, options):
        """Run both with a seed, on file systems made with these options."""
        images = {side: FOLDER / f"{side}.img" for side in ("fsops", "fsops-linux")}
        for image in images.values():
            image.write_bytes(b"")
            os.truncate(image, 64 * MIB)
            tool("mke2fs", "-q", "-F", *options, image)
        linux = on_linux(images["fsops-linux"], seed, self.calls)
        done = sprat("run", FOLDER / "test-fsops.cfg", "--", seed, self.calls)
        self.compare(f"seed {seed}, {' '.join(options)}", done.stdout, linux)
        self.assertEqual(done.returncode, 0, done.stderr)
        for image in images.values():
            tool("e2fsck", "-fn", image)
        self.compare(f"what seed {seed} leaves, {' '.join(options)}",
                     on_linux(images["fsops"], "tree"),
                     on_linux(images["fsops-linux"], "tree"))  # fmt: skip
        for image in images.values():
            image.unlink()

    def test_calls_answer_and_leave_what_they_do_with_linux(self):
        kinds = (("-t", "ext4"), ("-t", "ext4", "-b", "1024"), ("-t", "ext3"))
        for number, seed in enumerate(self.seeds):
            with self.subTest(seed=seed):
                self.run_both(seed, kinds[number % len(kinds)])


if __name__ == "__main__":
    Same.main()
