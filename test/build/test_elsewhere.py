# SPDX-License-Identifier: BSD-2-Clause
"""Sprat built again from a copy of its sources: the same bytes, and by either compiler in silence.

The copies use the newlib that is built already: all compilers follow one ABI, and which of them
made it makes no difference to what is tested here.
"""

import json
import pathlib
import shutil
import tempfile
import unittest

import support


IMAGES = ("hello", "crash", "pong", "echo", "daytime", "httpd", "iperf", "middlebox")


def not_the_sources(folder, names):
    """Say which names of a folder a copy leaves out: build folders are at the top."""
    left_out = {".git", "__pycache__"}
    if pathlib.Path(folder) == support.SOURCE:
        left_out |= {name for name in names if name.startswith("build")}
    return left_out & set(names)


class Elsewhere(unittest.TestCase):
    """Each in a folder of its own."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sprat-test-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def built(self, compiler, *targets):
        """Copy the sources, build them with `compiler`; return the build folder and the output."""
        source, build = self.folder / "a" / "sprat", self.folder / "b" / "objects"
        shutil.copytree(support.SOURCE, source, symlinks=True, ignore=not_the_sources)
        output = support.must("cmake", "-S", source, "-B", build,
                              "-G", support.cached("CMAKE_GENERATOR"),
                              f"-DCMAKE_C_COMPILER={compiler}",
                              f"-DSPRAT_NEWLIB={support.BUILD}/newlib")  # fmt: skip
        targets = [word for target in targets for word in ("--target", target)]
        output += support.must("cmake", "--build", build, "--parallel", "2", *targets)
        return build, output

    def test_the_same_bytes(self):
        build, _ = self.built(support.cached("CMAKE_C_COMPILER"), "hello")
        for suffix in ".xen", ".xen.sym":
            name = pathlib.Path("examples", f"hello{suffix}")
            same = (build / name).read_bytes() == (support.BUILD / name).read_bytes()
            self.assertTrue(same, f"{name} differs (if {support.BUILD} is up to date)")

    def test_the_other_compiler(self):
        used = support.cached("CMAKE_C_COMPILER")
        other = "gcc" if "clang" in pathlib.Path(used).name else "clang"
        if shutil.which(other) is None:
            self.skipTest(f"{other} is not installed")
        # Host tests and fuzzers have their own compilers; what is asked here is about images.
        build, output = self.built(other, *IMAGES)
        self.assertNotIn("warning", output)
        self.assertTrue((build / "examples" / "hello.xen").exists())
        commands = json.loads((build / "compile_commands.json").read_text())
        self.assertIn("hello.c", {pathlib.Path(entry["file"]).name for entry in commands})


if __name__ == "__main__":
    unittest.main()
