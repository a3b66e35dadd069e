# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of the build share: Sprat installed in a scratch folder, and a project that uses
it."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ["SPRAT_BUILD"])


def run(*command, cwd=None, env=None):
    """Run a command; return its exit code and all it printed."""
    done = subprocess.run(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # fmt: skip
    return done.returncode, done.stdout


def must(*command, **options):
    """Run a command that has to succeed; return what it printed."""
    code, output = run(*command, **options)
    if code != 0:
        raise AssertionError(f"{' '.join(map(str, command))} ended with {code}:\n{output}")
    return output


def cached(variable):
    """Return a variable of the build folder's CMake cache."""
    text = (BUILD / "CMakeCache.txt").read_text()
    return re.search(rf"^{variable}:\w+=(.*)$", text, re.MULTILINE).group(1)


class Scratch:
    """A folder that holds Sprat, installed, and a project that finds it by find_package."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sprat-test-"))
        self.project = self.folder / "project"
        self.build = self.folder / "build"
        self.prefix = self.folder / "prefix"
        must("cmake", "--install", BUILD, "--prefix", self.prefix)
        self.write("CMakeLists.txt", """
            cmake_minimum_required(VERSION 3.25)
            project(elsewhere LANGUAGES C)
            find_package(Sprat REQUIRED)
            include(declaration.cmake)
            """)  # fmt: skip
        self.write("tiny.c", "int main(void) { return 0; }\n")

    def remove(self):
        """Remove all of it."""
        shutil.rmtree(self.folder)

    def write(self, name, text):
        """Write a file of the project."""
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def configure(self, declaration):
        """Run CMake on the project with `declaration`; return exit code and output, unwrapped."""
        self.write("declaration.cmake", declaration)
        code, output = run("cmake", "-S", self.project, "-B", self.build,
                           f"-DCMAKE_PREFIX_PATH={self.prefix}",
                           f"-DCMAKE_C_COMPILER={cached('CMAKE_C_COMPILER')}")  # fmt: skip
        return code, " ".join(output.split())

    def make(self, declaration):
        """Configure and build; return exit code and output."""
        code, output = self.configure(declaration)
        if code != 0:
            return code, output
        return run("cmake", "--build", self.build)
