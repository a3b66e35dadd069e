# SPDX-License-Identifier: BSD-2-Clause
"""A declaration that makes no sense stops CMake with a sentence that says what to write."""

import ctypes
import unittest

import support


def as_xl_reads(cfg, setting):
    """Return a string of a cfg file, by the parser of xl itself (libxlutil, of libxen-dev)."""
    library, libc = ctypes.CDLL("libxlutil.so"), ctypes.CDLL(None)
    library.xlu_cfg_init.restype = ctypes.c_void_p
    report = ctypes.c_void_p.in_dll(libc, "stderr")
    parsed = ctypes.c_void_p(library.xlu_cfg_init(report, b"tiny.cfg"))
    if library.xlu_cfg_readdata(parsed, cfg.encode(), len(cfg.encode())) != 0:
        raise AssertionError(f"xl does not read this:\n{cfg}")
    value = ctypes.c_char_p()
    if library.xlu_cfg_get_string(parsed, setting.encode(), ctypes.byref(value), 0) != 0:
        raise AssertionError(f"xl finds no {setting} in this:\n{cfg}")
    text = value.value.decode()
    library.xlu_cfg_destroy(parsed)
    return text


class Declarations(unittest.TestCase):
    """Each through find_package(Sprat), from a project outside Sprat's tree."""

    @classmethod
    def setUpClass(cls):
        cls.scratch = support.Scratch()

    @classmethod
    def tearDownClass(cls):
        cls.scratch.remove()

    def refused(self, words, *sentences):
        """Declare an application with `words`; expect each of `sentences` in CMake's complaint."""
        code, output = self.scratch.configure(f"sprat_add_unikernel({words})")
        self.assertNotEqual(code, 0, output)
        for sentence in sentences:
            self.assertIn(sentence, output)

    def accepted(self, words):
        """Declare an application with `words`; return its cfg."""
        declaration = f"sprat_add_unikernel(NAME tiny SOURCES tiny.c {words})"
        code, output = self.scratch.configure(declaration)
        self.assertEqual(code, 0, output)
        return (self.scratch.build / "tiny.cfg").read_text()

    def test_no_name(self):
        self.refused("SOURCES tiny.c", "has no NAME: write NAME and the image's name")

    def test_name_that_xl_would_refuse(self):
        self.refused("NAME a/b SOURCES tiny.c", "a name is made of letters, digits and")

    def test_name_taken(self):
        code, output = self.scratch.configure(
            "sprat_add_unikernel(NAME tiny SOURCES tiny.c)\n" * 2
        )
        self.assertNotEqual(code, 0)
        self.assertIn("choose another NAME", output)

    def test_no_sources(self):
        self.refused("NAME tiny", "has no SOURCES: write SOURCES and the application's C files")

    def test_source_that_is_not_there(self):
        self.refused("NAME tiny SOURCES teeny.c", "the source file teeny.c is not in")

    def test_source_in_another_language(self):
        for name in "tiny.cc", "tiny.asm", "notes":
            self.scratch.write(name, "")
            self.refused(f"NAME tiny SOURCES tiny.c {name}", f"{name} is neither C nor assembly")

    def test_sources_beside_c(self):
        for name in "tiny.h", "tiny.s", "tiny.S", "tiny.o":
            self.scratch.write(name, "")
        self.accepted("SOURCES tiny.h tiny.s tiny.S tiny.o")

    def test_unknown_word(self):
        self.refused("NAME tiny MEMROY 2 SOURCES tiny.c", 'does not know the word "MEMROY"')

    def test_second_word_after_memory(self):
        self.refused("NAME tiny SOURCES tiny.c MEMORY 2 MiB", 'does not know the word "MiB"')

    def test_word_without_value(self):
        self.refused("NAME tiny SOURCES tiny.c MEMORY", "MEMORY has no value")

    def test_memory_that_is_no_number(self):
        for memory in "2M", "two", "-1", "0", "1.5", "99999999999999999999":
            self.refused(f"NAME tiny SOURCES tiny.c MEMORY {memory}",
                         "MEMORY is a whole number of MiB from 1", f'not "{memory}"')  # fmt: skip

    def test_stack_too_small(self):
        self.refused("NAME tiny SOURCES tiny.c STACK 4", "STACK is a whole number of KiB from 16")

    def test_unknown_layer(self):
        self.refused("NAME tiny SOURCES tiny.c USES frontnet",
                     "USES frontnet: there is no such layer. There are arch, ")  # fmt: skip

    def test_vif_without_driver(self):
        self.refused("NAME tiny SOURCES tiny.c VIF bridge=xenbr0",
                     "has a VIF and no driver for it: write USES netfront")  # fmt: skip

    def test_disk_without_driver(self):
        self.refused("NAME tiny SOURCES tiny.c DISK phy:/dev/ram0,xvda,w",
                     "has a DISK and no driver for it: write USES blkfront")  # fmt: skip

    def test_vif_of_two_words(self):
        self.refused("NAME tiny SOURCES tiny.c VIF bridge=xenbr0 mac=00:16:3e:00:00:01",
                     "each VIF takes one word, its parts joined by commas")  # fmt: skip

    def test_cmdline_longer_than_xen_passes_on(self):
        self.refused(f'NAME tiny SOURCES tiny.c CMDLINE "{"x" * 1024}"',
                     "CMDLINE is 1024 bytes long and Xen passes on 1023")  # fmt: skip
        self.accepted(f'CMDLINE "{"x" * 1023}"')

    def test_cmdline_with_an_open_quote(self):
        for cmdline in "a 'b", 'a "b', r"a \'b'", "a 'b'\"", '"a\\"', "a\\":
            with self.subTest(cmdline):
                self.refused(f"NAME tiny SOURCES tiny.c CMDLINE [=[{cmdline}]=]", "unclosed quote")

    def test_cmdline_of_two_lines(self):
        self.refused('NAME tiny SOURCES tiny.c CMDLINE "a\nb"', "write it on one line")

    def test_cmdline_reaches_the_guest_as_written(self):
        cmdline = r'''A=1 'b "c' "d;e" \' "it's" \\ "\""'''
        cfg = self.accepted(f"CMDLINE [=[{cmdline}]=]")
        self.assertEqual(as_xl_reads(cfg, "extra"), cmdline)

    def test_devices_reach_the_cfg(self):
        # As if there were all drivers; nothing is built here.
        code, output = self.scratch.configure("""
            foreach(driver netfront blkfront)
                if(TARGET sprat_${driver}_guest)
                    continue()
                endif()
                add_library(sprat_${driver}_guest STATIC IMPORTED)
                set_target_properties(sprat_${driver}_guest PROPERTIES
                    IMPORTED_LOCATION /dev/null SPRAT_USES xen)
                set_property(GLOBAL APPEND PROPERTY SPRAT_LAYERS ${driver})
            endforeach()
            sprat_add_unikernel(NAME tiny SOURCES tiny.c USES netfront blkfront
                VIF bridge=xenbr0 VIF bridge=xenbr1,mac=00:16:3e:00:00:01
                DISK phy:/dev/ram0,xvda,w DISK vdev=xvdb,access=r,target=/a/b)
            """)  # fmt: skip
        self.assertEqual(code, 0, output)
        cfg = (self.scratch.build / "tiny.cfg").read_text()
        self.assertIn('vif = [ "bridge=xenbr0", "bridge=xenbr1,mac=00:16:3e:00:00:01" ]\n', cfg)
        self.assertIn('disk = [ "phy:/dev/ram0,xvda,w", "vdev=xvdb,access=r,target=/a/b" ]\n', cfg)
        self.assertIn("max_grant_frames = 11\n", cfg)
        self.assertEqual(as_xl_reads(cfg, "name"), "tiny")

    def test_defaults(self):
        cfg = self.accepted("")
        self.assertIn('name = "tiny"\n', cfg)
        self.assertIn(f'kernel = "{self.scratch.build}/tiny.xen"\n', cfg)
        self.assertIn("memory = 4\n", cfg)
        self.assertNotIn("vif", cfg)
        self.assertNotIn("disk", cfg)


if __name__ == "__main__":
    unittest.main()
