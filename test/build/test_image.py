# SPDX-License-Identifier: BSD-2-Clause
"""What is in an image; and what an application may and may not see of the runtime in it."""

import re
import unittest

from spratlib import elf, footprint

import support

OWN_NAMES = """
/* Names of the runtime's own functions, at least one from each layer. */
int page_alloc(void) { return 1; }
int panic(void) { return 2; }
int log_flush(void) { return 3; }
int evtchn_dispatch(void) { return 4; }
int xenstore_init(void) { return 5; }
int heap_alloc(void) { return 6; }
int arch_init(void) { return 7; }
int kernel_main(void) { return 8; }
int context_switch(void) { return 9; }

int main(void)
{
    return page_alloc() + panic() + log_flush() + evtchn_dispatch() + xenstore_init() + heap_alloc()
        + arch_init() + kernel_main() + context_switch();
}
"""

# Declared, so that it is the linker that has to refuse.
INTRUDER = """
void kernel_main(void);

int main(void)
{
    kernel_main();
    return 0;
}
"""

RED_ZONE = """
int main(int argc, char **argv)
{
    return (unsigned __int128)argc * 1000 % (unsigned long)argv;
}
"""

READER = """
#include <stdio.h>

int main(void)
{
    return fopen("/page.html", "r") == NULL;
}
"""

ASSEMBLY_USER = """
extern int seven(void);

int main(void)
{
    return seven();
}
"""

ASSEMBLY = """
    .globl seven
seven:
    mov     $7, %eax
    ret
    .section .note.GNU-stack, "", @progbits
"""

THREAD_LOCAL = """
_Thread_local volatile int mine;

int main(int argc, char **argv)
{
    (void)argv;
    mine = argc;
    return mine;
}
"""

LARGE = """
static char room[3 << 20];

int main(void)
{
    for (unsigned i = 0; i < sizeof(room); i++)
        ((volatile char *)room)[i] = 1;
    return 0;
}
"""

LIBRARY_USER = """
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int main(int argc, char **argv)
{
    double x = strtod(argv[0], NULL);
    printf("%zu %lld %" PRIu64 " %f %Lf\\n", sizeof(x), 1LL, UINT64_C(2), sin(x), (long double)x);
    time_t now = time(NULL);
    puts(ctime(&now));
    int n;
    if (sscanf(argv[argc - 1], "%d", &n) != 1)
        fprintf(stderr, "%s\\n", strerror(errno));
    void *p = realloc(calloc(1, 2), 3);
    free(p);
    return rand();
}
"""


class Images(unittest.TestCase):
    """Built by a project outside Sprat's tree."""

    @classmethod
    def setUpClass(cls):
        cls.scratch = support.Scratch()

    @classmethod
    def tearDownClass(cls):
        cls.scratch.remove()

    def make(self, name, source, words):
        """Build an application; return exit code and output."""
        self.scratch.write(f"{name}.c", source)
        declaration = f"sprat_add_unikernel(NAME {name} SOURCES {name}.c {words})"
        return self.scratch.make(declaration)

    def made(self, name, source, words=""):
        """Build an application; return the path of its image."""
        code, output = self.make(name, source, words)
        self.assertEqual(code, 0, output)
        self.assertNotIn("warning", output)
        return self.scratch.build / f"{name}.xen"

    def refused(self, name, source, words, *sentences):
        """Build an application; expect the build to fail, say `sentences` and leave no image."""
        code, output = self.make(name, source, words)
        self.assertNotEqual(code, 0, output)
        for sentence in sentences:
            self.assertIn(sentence, output)
        self.assertFalse((self.scratch.build / f"{name}.xen").exists())

    def test_tiny(self):
        path = self.made("tiny", "int main(void) { return 0; }\n", "MEMORY 1")
        with self.subTest("Xen's notes"):
            notes = elf.read(path).xen_notes()
            for note in "ENTRY", "VIRT_BASE", "PADDR_OFFSET", "HYPERCALL_PAGE", "LOADER":
                self.assertIn(note, notes)
            self.assertEqual(notes["VIRT_BASE"], notes["PADDR_OFFSET"])
        with self.subTest("stripped, symbols beside it"):
            self.assertEqual(elf.read(path).sections, [])
            self.assertIn("main", support.must("nm", f"{path}.sym"))
        with self.subTest("least memory"):
            self.assertEqual(footprint.read(path).least_memory, 1)
        with self.subTest("run target"):
            targets = support.must("cmake", "--build", self.scratch.build, "--target", "help")
            self.assertIn("run-tiny", targets)

    def test_application_may_use_the_names_of_hidden_functions(self):
        self.made("own", OWN_NAMES)

    def test_application_may_not_call_a_hidden_function(self):
        self.refused("intruder", INTRUDER, "", "undefined reference to `kernel_main'")

    def test_names_of_the_linker_script_are_refused(self):
        self.refused("edge", "int _end;\nint main(void) { return _end; }\n", "",
                     "the application's _end is also a name of the linker script")  # fmt: skip

    def test_libgcc_functions_that_use_the_red_zone_are_refused(self):
        self.refused("redzone", RED_ZONE, "", "__umodti3() of libgcc", "an event upcall writes")

    def test_thread_local_variables_are_refused(self):
        self.refused("local", THREAD_LOCAL, "", "call pthread_key_create() instead")

    def test_memory_below_the_least_is_refused(self):
        self.refused("large", LARGE, "MEMORY 3", "MEMORY 3 is too little", "Write MEMORY 4")
        self.made("large", LARGE, "MEMORY 4")

    def test_files_are_in_the_image_of_a_project_in_c_alone(self):
        self.scratch.write("files/page.html", "a page of the image's own\n")
        path = self.made("server", READER, "FILES files")
        self.assertTrue(b"a page of the image's own" in path.read_bytes(), "it is not in the image")

    def test_assembly_is_compiled_in_a_project_in_c_alone(self):
        self.scratch.write("seven.S", ASSEMBLY)
        path = self.made("assembly", ASSEMBLY_USER, "SOURCES assembly.c seven.S")
        self.assertIn("seven", support.must("nm", f"{path}.sym"))

    def test_stack_is_as_large_as_declared(self):
        ends = {}
        for kib in 32, 256:
            path = self.made(f"stack{kib}", "int main(void) { return 0; }\n", f"STACK {kib}")
            ends[kib] = footprint.read(path).end
        self.assertEqual(ends[256] - ends[32], (256 - 32) * 1024)

    def test_what_is_not_used_is_not_there(self):
        small = footprint.read(self.made("small", "int main(void) { return 0; }\n"))
        large = footprint.read(self.made("user", LIBRARY_USER))
        self.assertLess(small.text + 20000, large.text)

    def test_newlib_malloc_is_not_linked(self):
        path = self.made("user", LIBRARY_USER)
        symbols = support.must("nm", f"{path}.sym")
        self.assertNotRegex(symbols, r"\b(__malloc_av_|_malloc_trim_r|sbrk)\b")

    def test_no_name_of_a_folder_in_it(self):
        path = self.made("user", LIBRARY_USER)
        for file in path, path.with_name(path.name + ".sym"):
            for folder in self.scratch.folder, support.SOURCE, support.BUILD:
                found = re.search(re.escape(bytes(folder) + b"/") + rb"[ -~]*", file.read_bytes())
                self.assertIsNone(found, f"in {file.name}: {found and found.group(0)}")


if __name__ == "__main__":
    unittest.main()
