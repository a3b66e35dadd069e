# SPDX-License-Identifier: BSD-2-Clause
"""What is fetched of source packages, by an apt-get of the tests' own."""

import hashlib
import io
import pathlib
import tarfile
import tempfile
import unittest
import unittest.mock

from spratlib import sources
from spratlib.errors import SpratError


def an_archive(folders=("pkg-1.0",)):
    """Return the bytes of an archive with a file in each folder."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for folder in folders:
            member = tarfile.TarInfo(f"{folder}/file.c")
            member.size = 4
            tar.addfile(member, io.BytesIO(b"int\n"))
    return out.getvalue()


class FetchTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.archives = self.folder / "archives"
        self.kept = {}  # what Debian has: a version's files
        self.asked = []
        apt_folder = self.folder / "apt"
        apt_folder.mkdir()
        (apt_folder / "sources.list").write_text("deb http://example.org/debian stable main\n")
        for name, value in (("APT_FOLDER", apt_folder), ("apt", self.apt)):
            patch = unittest.mock.patch.object(sources, name, value)
            patch.start()
            self.addCleanup(patch.stop)

    def apt(self, arguments, folder):
        if arguments[-1] == "update":
            return
        self.asked.append(arguments[-1])
        wanted = arguments[-1].partition("=")[2] or max(self.kept, default="")
        if wanted not in self.kept:
            raise SpratError(f"Version '{wanted}' of 'pkg' was not found")
        for name, content in self.kept[wanted].items():
            (folder / name).write_bytes(content)

    def fetch(self, content):
        wanted = sources.Source("1.0-1", "pkg_1.0.orig.tar.gz", hashlib.sha256(content).hexdigest())
        sources.fetch("pkg", wanted, self.archives)
        return self.archives / wanted.archive

    def test_the_version_that_is_named_is_taken(self):
        content = an_archive()
        self.kept = {"1.0-1": {"pkg_1.0.orig.tar.gz": content}, "2.0-1": {}}
        self.assertEqual(self.fetch(content).read_bytes(), content)
        self.assertEqual(self.asked, ["pkg=1.0-1"])

    def test_one_with_corrections_has_the_same_archive(self):
        content = an_archive()
        self.kept = {"1.0-1+deb12u1": {"pkg_1.0.orig.tar.gz": content}}
        self.assertEqual(self.fetch(content).read_bytes(), content)

    def test_an_archive_with_another_sum_is_refused(self):
        self.kept = {"1.0-1": {"pkg_1.0.orig.tar.gz": b"something else"}}
        with self.assertRaisesRegex(SpratError, "does not have the sum"):
            self.fetch(an_archive())
        self.assertEqual(list(self.archives.iterdir()), [])

    def test_another_upstream_version_is_told_of(self):
        self.kept = {"2.0-1": {"pkg_2.0.orig.tar.gz": an_archive()}}
        with self.assertRaisesRegex(SpratError, "newest pkg does not come with pkg_1.0"):
            self.fetch(an_archive())

    def test_what_apt_says_is_passed_on(self):
        with self.assertRaisesRegex(SpratError, "was not found"):
            self.fetch(an_archive())

    def test_an_archive_is_unpacked_without_its_folder(self):
        archive = self.folder / "pkg.tar.gz"
        archive.write_bytes(an_archive())
        sources.unpack(archive, self.folder / "out")
        self.assertEqual((self.folder / "out/file.c").read_text(), "int\n")

    def test_an_archive_of_two_folders_is_refused(self):
        archive = self.folder / "pkg.tar.gz"
        archive.write_bytes(an_archive(("a", "b")))
        with self.assertRaisesRegex(SpratError, "not one folder"):
            sources.unpack(archive, self.folder / "out")


if __name__ == "__main__":
    unittest.main()
