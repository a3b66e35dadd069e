# SPDX-License-Identifier: BSD-2-Clause
"""The checks of the source tree, tried on trees in which there is something to find."""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import support

HERE = pathlib.Path(__file__).resolve().parent

PROJECT = """
cmake_minimum_required(VERSION 3.25)
project(toy LANGUAGES C)
set(SPRAT_NEWLIB {newlib})
include({modules}/compiler.cmake)
include({modules}/layer.cmake)
add_custom_target(sprat_newlib)
{layers}
"""

THREE_LAYERS = """
sprat_layer(low SOURCES low.c)
sprat_layer(left USES low SOURCES left.c)
sprat_layer(right USES low SOURCES right.c)
"""


class Folder(unittest.TestCase):
    """A test with a scratch folder."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sprat-test-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def write(self, name, text):
        """Write a file in the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


class IncludePath(Folder):
    """A layer finds the headers of the layers below it, and no others."""

    def build(self, layers=THREE_LAYERS, **sources):
        """Build a toy of three layers, with some of its sources replaced."""
        modules = support.SOURCE / "scripts" / "cmake"
        self.write("CMakeLists.txt", PROJECT.format(
            newlib=support.BUILD / "newlib", modules=modules, layers=layers))  # fmt: skip
        for name in "low", "left", "right":
            self.write(f"{name}/include/sprat/{name}.h", f"int {name}(void);\n")
            plain = f"#include <sprat/{name}.h>\nint {name}(void) {{ return 0; }}\n"
            self.write(f"{name}/{name}.c", sources.get(name, plain))
        build = self.folder / "build"
        code, output = support.run("cmake", "-S", self.folder, "-B", build,
                                   "-DCMAKE_C_COMPILER=" + support.cached("CMAKE_C_COMPILER"))
        if code == 0:
            code, output = support.run("cmake", "--build", build)
        return code, " ".join(output.split())

    def test_down_is_allowed(self):
        code, output = self.build(left="#include <sprat/low.h>\nint x(void) { return low(); }\n")
        self.assertEqual(code, 0, output)

    def test_up_is_not(self):
        code, output = self.build(low="#include <sprat/left.h>\n")
        self.assertNotEqual(code, 0)
        self.assertIn("sprat/left.h", output)

    def test_sideways_is_not(self):
        code, output = self.build(left="#include <sprat/right.h>\n")
        self.assertNotEqual(code, 0)
        self.assertIn("sprat/right.h", output)

    def test_the_host_is_out_of_reach_of_the_guest(self):
        code, output = self.build("sprat_layer(low GUEST_SOURCES low.c)", low="#include <link.h>")
        self.assertNotEqual(code, 0)
        self.assertIn("link.h", output)

    def test_a_layer_declared_too_late_is_refused(self):
        code, output = self.build("sprat_layer(left USES right SOURCES left.c)")
        self.assertNotEqual(code, 0)
        self.assertIn("sprat_layer(left): USES right, not declared above it", output)

    def test_an_unknown_word_is_refused(self):
        code, output = self.build("sprat_layer(left SORUCES left.c)")
        self.assertNotEqual(code, 0)
        self.assertIn("sprat_layer(left): does not know SORUCES", output)


class Symbols(Folder):
    """layers.py finds calls that the include path lets through: those declared by hand."""

    def check(self, *layers, **sources):
        """Compile `sources` into libraries; run the check with `layers` ("NAME=USES=CALLS_UP")."""
        words = []
        for layer in layers:
            name, uses, calls_up = layer.split("=")
            self.write(f"{name}.c", sources[name])
            library = self.folder / f"{name}.a"
            support.must("cc", "-c", f"{name}.c", cwd=self.folder)
            support.must("ar", "rcs", library, f"{name}.o", cwd=self.folder)
            words += [f"{name}={library}={uses}={calls_up}"]
        return support.run(sys.executable, "-B", HERE / "layers.py", *words)

    def test_down_is_allowed(self):
        code, output = self.check("low==", "high=low=", low="void a(void) {}",
                                  high="void a(void); void b(void) { a(); }")  # fmt: skip
        self.assertEqual((code, output), (0, ""))

    def test_up_is_found(self):
        code, output = self.check("low==", "high=low=", high="void a(void) {}",
                                  low="void a(void); void b(void) { a(); }")  # fmt: skip
        self.assertEqual(code, 1)
        self.assertEqual(output, "low/low.o takes a from high, which is not below low\n")

    def test_sideways_is_found(self):
        code, output = self.check("low==", "left=low=", "right=low=", low="int l;", right="int r;",
                                  left="extern int r; int *b(void) { return &r; }")  # fmt: skip
        self.assertEqual(code, 1)
        self.assertEqual(output, "left/left.o takes r from right, which is not below left\n")

    def test_up_is_allowed_where_declared(self):
        sources = {"low": "int l;", "high": "void port_a(void) {}",
                   "mid": "void port_a(void); void b(void) { port_a(); }"}  # fmt: skip
        code, output = self.check("low==port_*", "mid=low=", "high=mid,low=", **sources)
        self.assertEqual((code, output), (0, ""))

    def test_a_declaration_that_nothing_needs_is_found(self):
        code, output = self.check("low==port_*", low="int l;")
        self.assertEqual(code, 1)
        self.assertIn("low says CALLS_UP port_*, and nothing does", output)


class Style(Folder):
    """style.py finds what it looks for."""

    GOOD = "/* SPDX-License-Identifier: BSD-2-Clause */\nint x;\n"

    def check(self, name, text):
        """Run the check on a checkout with one file; return exit code and output."""
        self.write(name, text)
        shutil.copy(support.SOURCE / ".clang-format", self.folder)
        for words in (("init", "-q"), ("add", "--all")):
            subprocess.run(["git", *words], cwd=self.folder, check=True)
        return support.run(sys.executable, "-B", HERE / "style.py", self.folder)

    def found(self, name, text, sentence):
        """Expect `sentence` of a checkout with one file."""
        code, output = self.check(name, text)
        self.assertEqual(code, 1, output)
        self.assertIn(sentence, output)

    def test_nothing(self):
        self.assertEqual(self.check("good.c", self.GOOD), (0, ""))

    def test_no_licence(self):
        self.found("bad.c", "int x;\n", "bad.c: no line \"SPDX-")

    def test_format(self):
        self.found("bad.c", self.GOOD + "int  y;\n", "bad.c:3:4: error: code should be")

    def test_long_comment(self):
        self.found("bad.h", f"{self.GOOD}/* {'x' * 95} */\n", "bad.h:3: 101 columns")

    def test_shell(self):
        script = "#!/bin/sh\n# SPDX-License-Identifier: BSD-2-Clause\necho $1\n"
        self.found("bad", script, "[SC2086]")


if __name__ == "__main__":
    unittest.main()
