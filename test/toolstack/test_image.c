/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of image.c, blob.c and plan.c: ELF files, good and damaged, read once, and where a guest's
 * parts are put.
 */
#include "check.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xen/elfnote.h>

#include <sprat/elfnote.h>

#include "image.h"
#include "plan.h"

#define MIB  0x100000ull
#define BASE (7 * MIB)

/* A file with one segment of text and one of notes. */
struct file {
    Elf64_Ehdr elf;
    Elf64_Phdr segments[18];
    struct note {
        Elf64_Nhdr header;
        char name[4];
        uint64_t value;
    } notes[4];
    struct {
        Elf64_Nhdr header;
        char name[8];
        uint32_t version;
    } own_note;
    uint8_t text[64];
};

static struct fail fail;
static struct image image;

static struct file good_file(void)
{
    struct file file = {
        .elf = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64},
                .e_machine = EM_X86_64,
                .e_phoff = offsetof(struct file, segments),
                .e_phentsize = sizeof(Elf64_Phdr),
                .e_phnum = 2},
        .segments = {{.p_type = PT_LOAD,
                      .p_offset = offsetof(struct file, text),
                      .p_vaddr = 2 * MIB,
                      .p_paddr = BASE,
                      .p_filesz = 64,
                      .p_memsz = 0x5800},
                     {.p_type = PT_NOTE,
                      .p_offset = offsetof(struct file, notes),
                      .p_filesz = 4 * sizeof(struct note)}},
        .own_note = {{6, 4, SPRAT_ELFNOTE_ONE_CHANNEL}, "Sprat", 1},
    };
    static const struct {
        uint32_t type;
        uint64_t value;
    } notes[] = {{XEN_ELFNOTE_VIRT_BASE, BASE},
                 {XEN_ELFNOTE_PADDR_OFFSET, BASE},
                 {XEN_ELFNOTE_ENTRY, BASE + 16},
                 {XEN_ELFNOTE_HYPERCALL_PAGE, BASE + 0x2000}};
    for (int i = 0; i < 4; i++)
        file.notes[i] = (struct note){{4, 8, notes[i].type}, "Xen", notes[i].value};
    return file;
}

static int parse(const struct file *file, size_t len)
{
    uint8_t *bytes = malloc(len ? len : 1);

    free((void *)image.file);
    memcpy(bytes, file, len);
    image = (struct image){.file = bytes, .n_file = len, .path = "x.xen"};
    return image_parse(&image, &fail);
}

static void assert_refused(const struct file *file, const char *why)
{
    assert_int_equal(parse(file, sizeof(*file)), -ENOEXEC);
    assert_has(fail.text, why);
}

static void a_good_image_is_understood(void **state)
{
    struct file file = good_file();

    (void)state;
    assert_int_equal(parse(&file, sizeof(file)), 0);
    assert_int_equal(image.virt_base, BASE);
    assert_int_equal(image.entry, BASE + 16);
    assert_int_equal(image.start, 0);
    assert_int_equal(image.end, 0x6000);
    assert_int_equal(image.hypercall_page, 0x2000);
    assert_int_equal(image.n_segments, 1);
    assert_false(image.one_channel);
}

static void an_image_may_do_with_one_event_channel(void **state)
{
    struct file file = good_file();

    (void)state;
    file.segments[1].p_filesz += sizeof(file.own_note);
    assert_int_equal(parse(&file, sizeof(file)), 0);
    assert_true(image.one_channel);
    file.own_note.header.n_type++;
    assert_int_equal(parse(&file, sizeof(file)), 0);
    assert_false(image.one_channel);
    file.own_note.header.n_type--;
    file.own_note.name[0] = 'X';
    assert_int_equal(parse(&file, sizeof(file)), 0);
    assert_false(image.one_channel);
}

static void damaged_files_are_refused(void **state)
{
    struct file file;

    (void)state;
    file = good_file(), file.elf.e_ident[0] = 'x';
    assert_refused(&file, "no ELF");
    file = good_file(), file.elf.e_machine = EM_386;
    assert_refused(&file, "x86-64");
    file = good_file(), file.elf.e_phoff = UINT64_MAX - 8;
    assert_refused(&file, "program headers");
    file = good_file(), file.elf.e_phnum = 60000;
    assert_refused(&file, "program headers");
    file = good_file(), file.segments[0].p_filesz = UINT64_MAX;
    assert_refused(&file, "beyond the file");
    file = good_file(), file.segments[0].p_memsz = 8;
    assert_refused(&file, "impossible size");
    file = good_file(), file.segments[0].p_paddr = MIB;
    assert_refused(&file, "below the image's base");
    file = good_file(), file.segments[0].p_memsz = 1ull << 62;
    assert_refused(&file, "impossible size");
    file = good_file(), file.notes[1].header.n_descsz = 0xfffffff0;
    assert_refused(&file, "note reaches");
    file = good_file(), file.notes[3].value = BASE + 0x6000;
    assert_refused(&file, "hypercall page");
    file = good_file(), file.notes[3].value = 1;
    assert_refused(&file, "hypercall page");
    file = good_file(), file.elf.e_phnum = 1;
    assert_refused(&file, "no Xen note");
    file = good_file(), file.elf.e_ident[EI_CLASS] = ELFCLASS32;
    assert_refused(&file, "x86-64");
    file = good_file(), file.elf.e_phentsize = sizeof(Elf32_Phdr);
    assert_refused(&file, "program headers");
    file = good_file(), file.segments[0].p_paddr = BASE + (1ull << 50);
    assert_refused(&file, "impossible size");
    file = good_file(), file.segments[0].p_paddr = 0, file.notes[1].value = -MIB;
    assert_refused(&file, "below the image's base");
    file = good_file(), file.notes[3].value = BASE + 0x2001;
    assert_refused(&file, "hypercall page");
    file = good_file(), file.notes[3].header.n_descsz = 2;
    assert_refused(&file, "hypercall page");
    file = good_file(), file.segments[0].p_paddr = BASE + 0x1000, file.notes[3].value = BASE;
    assert_refused(&file, "hypercall page");
    file = good_file(), file.notes[2].header.n_type = XEN_ELFNOTE_INIT_P2M;
    assert_refused(&file, "INIT_P2M");
    file = good_file(), file.segments[0].p_type = PT_DYNAMIC;
    assert_refused(&file, "nothing in it to load");
    file = good_file(), file.notes[0].value = BASE + 8;
    assert_refused(&file, "VIRT_BASE");
    file = good_file(), file.elf.e_phnum = 18;
    for (int i = 2; i < 18; i++)
        file.segments[i] = file.segments[0];
    assert_refused(&file, "more than 16");
    file.elf.e_phnum = 17;
    assert_int_equal(parse(&file, sizeof(file)), 0);
}

static void what_is_not_to_be_loaded_does_not_matter(void **state)
{
    struct file file = good_file();

    (void)state;
    file.elf.e_phnum = 4;
    file.segments[2] = (Elf64_Phdr){.p_type = PT_LOAD}; /* empty, and below the base */
    file.segments[3] = (Elf64_Phdr){.p_type = PT_DYNAMIC, .p_filesz = UINT64_MAX};
    assert_int_equal(parse(&file, sizeof(file)), 0);
    assert_int_equal(image.n_segments, 1);
}

static void segments_may_come_in_any_order(void **state)
{
    struct file file = good_file();

    (void)state;
    file.elf.e_phnum = 3;
    file.segments[2] = file.segments[0];
    file.segments[0].p_paddr = BASE + 0x3000;
    file.segments[2].p_paddr = BASE + 0x1000;
    assert_int_equal(parse(&file, sizeof(file)), 0);
    assert_int_equal(image.start, 0x1000);
    assert_int_equal(image.end, 0x9000);
}

static void notes_may_be_short_or_missing(void **state)
{
    struct file file = good_file();

    (void)state;
    file.notes[3].header.n_descsz = 4;
    assert_int_equal(parse(&file, sizeof(file)), 0);
    assert_int_equal(image.hypercall_page, 0x2000);
    file.notes[3].header.n_type = 0x7777;
    assert_int_equal(parse(&file, sizeof(file)), 0);
    assert_false(image.has_hypercall_page);
}

static void a_file_cut_off_anywhere_is_no_harm(void **state)
{
    struct file file = good_file();

    (void)state;
    for (size_t len = 0; len < sizeof(file); len++)
        assert_int_equal(parse(&file, len), -ENOEXEC);
}

static void parts_follow_one_another_and_do_not_overlap(void **state)
{
    struct file file = good_file();
    struct plan plan;

    (void)state;
    assert_int_equal(parse(&file, sizeof(file)), 0);
    assert_int_equal(plan_make(&plan, &image, 0, 1, &fail), 0);
    assert_int_equal(plan.n_pages, 256);
    assert_int_equal(plan.p2m, 6);
    assert_int_equal(plan.n_p2m, 1);
    assert_int_equal(plan.start_info, 7);
    assert_int_equal(plan.console, 9);
    assert_int_equal(plan.tables, 10);
    assert_int_equal(plan.n_tables, 4);
    assert_int_equal(plan.level[4].pfn, 10);
    assert_int_equal(plan.level[1].pfn, 13);
    assert_int_equal(plan.level[1].first_va, 6 * MIB);
    assert_int_equal(plan.stack, 14);
    assert_int_equal(plan.n_mapped, 256); /* 7 MiB to 8 MiB */
}

static void a_guest_that_is_too_small_is_told_what_it_takes(void **state)
{
    struct file file = good_file();
    struct plan plan;

    (void)state;
    file.segments[0].p_memsz = MIB - 512 * 1024;
    assert_int_equal(parse(&file, sizeof(file)), 0);
    assert_int_equal(plan_make(&plan, &image, 0, 1, &fail), -ENOMEM);
    assert_has(fail.text, "it takes 5");
    image.virt_base = 1ull << 47;
    assert_int_equal(plan_make(&plan, &image, 0, 5, &fail), -ENOEXEC);
    assert_has(fail.text, "out of a guest's reach");
    image.virt_base = -MIB; /* what follows it begins at 0 again */
    assert_int_equal(plan_make(&plan, &image, 0, 5, &fail), -ENOEXEC);
    image.virt_base = BASE;
    assert_int_equal(plan_make(&plan, &image, 0, 5, &fail), 0);
    assert_int_equal(plan.level[1].n_tables, 3); /* 7 to 12 MiB: two and a half */
    assert_true(plan.n_mapped <= plan.n_pages);
}

static void a_ramdisk_lies_behind_the_image_and_is_mapped(void **state)
{
    struct file file = good_file();
    struct plan plan;

    (void)state;
    assert_int_equal(parse(&file, sizeof(file)), 0);
    assert_int_equal(plan_make(&plan, &image, 4097, 1, &fail), 0);
    assert_int_equal(plan.ramdisk, 6);
    assert_int_equal(plan.n_ramdisk, 2);
    assert_int_equal(plan.p2m, 8);
    assert_int_equal(plan_make(&plan, &image, MIB, 1, &fail), -ENOMEM);
    assert_has(fail.text, "it takes 5");
    assert_int_equal(plan_make(&plan, &image, MIB, 5, &fail), 0);
    assert_true(plan.ramdisk + plan.n_ramdisk <= plan.n_mapped);
}

/* Write a file; its time of change is told apart from what it was before. */
static void write_file(const char *path, const char *text, time_t changed)
{
    FILE *file = fopen(path, "w");
    struct timespec times[2] = {{changed, 0}, {changed, 0}};

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void a_file_is_read_once_until_it_changes(void **state)
{
    char folder[] = "/tmp/sprat-blob-XXXXXX", path[64];
    struct blob *first, *second;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/file", folder);
    write_file(path, "one", 1);
    assert_int_equal(blob_get(path, &first, &fail), 0);
    assert_int_equal(blob_get(path, &second, &fail), 0);
    assert_ptr_equal(first, second);
    blob_put(second);
    write_file(path, "two", 2);
    assert_int_equal(blob_get(path, &second, &fail), 0);
    assert_ptr_not_equal(first, second);
    assert_memory_equal(second->bytes, "two", 3);
    assert_memory_equal(first->bytes, "one", 3); /* whoever has it still does */
    blob_put(first);                             /* and frees it: the sanitizer looks */
    blob_put(second);
    write_file(path, "three", 3);
    assert_int_equal(blob_get(path, &first, &fail), 0); /* frees the second */
    assert_memory_equal(first->bytes, "three", 5);
    blob_put(first);
    unlink(path);
    assert_int_equal(blob_get(path, &first, &fail), -ENOENT);
    assert_int_equal(blob_get(folder, &first, &fail), -ENOEXEC);
    assert_has(fail.text, "no regular file");
    rmdir(folder);
    char longer[257] = "/dev";
    while (strlen(longer) < 256)
        strcat(longer, "/././."); /* the folder, to open() */
    assert_int_equal(blob_get(longer, &first, &fail), -ENAMETOOLONG);
}

/* Linked with --wrap. */

static int read_error; /* an errno that each read() fails with; 0: none */
static bool reads_end; /* each read() finds the file's end */

ssize_t __real_read(int fd, void *bytes, size_t len);
ssize_t __wrap_read(int fd, void *bytes, size_t len);
ssize_t __wrap_read(int fd, void *bytes, size_t len)
{
    if (reads_end)
        return 0;
    errno = read_error;
    return read_error ? -1 : __real_read(fd, bytes, len);
}

static void a_file_that_cannot_be_read_to_its_end_is_none(void **state)
{
    char path[] = "/tmp/sprat-read-XXXXXX";
    struct blob *blob;
    int fd = mkstemp(path);

    (void)state;
    assert_int_equal(write(fd, "text", 4), 4);
    reads_end = true; /* somebody has cut it off meanwhile */
    assert_int_equal(blob_get(path, &blob, &fail), -ENOEXEC);
    assert_has(fail.text, "became shorter");
    reads_end = false;
    read_error = EIO;
    assert_int_equal(blob_get(path, &blob, &fail), -EIO);
    read_error = 0;
    assert_int_equal(blob_get(path, &blob, &fail), 0);
    blob_put(blob);
    blob_put(NULL);
    close(fd);
    unlink(path);
}

static void a_file_that_is_no_image_is_named_and_one_that_is_is_parsed_once(void **state)
{
    char path[] = "/tmp/sprat-image-XXXXXX";
    struct file file = good_file();
    struct image *first, *second;
    int fd = mkstemp(path);

    (void)state;
    assert_int_equal(write(fd, "text", 4), 4);
    assert_int_equal(image_get(path, &first, &fail), -ENOEXEC);
    assert_has(fail.text, path);
    assert_int_equal(pwrite(fd, &file, sizeof(file), 0), sizeof(file));
    assert_int_equal(image_get(path, &first, &fail), 0);
    assert_int_equal(image_get(path, &second, &fail), 0);
    assert_ptr_equal(first, second);
    image_put(second);
    image_put(first);
    file.notes[2].value++;
    assert_int_equal(pwrite(fd, &file, sizeof(file), 0), sizeof(file));
    struct timespec times[2] = {{9, 0}, {9, 0}};
    assert_int_equal(futimens(fd, times), 0);
    assert_int_equal(image_get(path, &first, &fail), 0);
    assert_int_equal(first->entry, BASE + 17);
    image_put(first);
    assert_int_equal(ftruncate(fd, (256 << 20) + 1), 0);
    assert_int_equal(image_get(path, &first, &fail), -EFBIG);
    close(fd);
    unlink(path);
}

static void all_of_a_large_guest_is_listed(void **state)
{
    struct file file = good_file();
    struct plan plan;

    (void)state;
    assert_int_equal(parse(&file, sizeof(file)), 0);
    assert_int_equal(plan_make(&plan, &image, 0, 4096, &fail), 0);
    assert_int_equal(plan.n_p2m, 2048);
    assert_true(plan.end <= plan.n_mapped);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_image_is_understood),
        cmocka_unit_test(an_image_may_do_with_one_event_channel),
        cmocka_unit_test(damaged_files_are_refused),
        cmocka_unit_test(what_is_not_to_be_loaded_does_not_matter),
        cmocka_unit_test(segments_may_come_in_any_order),
        cmocka_unit_test(notes_may_be_short_or_missing),
        cmocka_unit_test(a_file_cut_off_anywhere_is_no_harm),
        cmocka_unit_test(parts_follow_one_another_and_do_not_overlap),
        cmocka_unit_test(a_guest_that_is_too_small_is_told_what_it_takes),
        cmocka_unit_test(a_ramdisk_lies_behind_the_image_and_is_mapped),
        cmocka_unit_test(a_file_is_read_once_until_it_changes),
        cmocka_unit_test(a_file_that_cannot_be_read_to_its_end_is_none),
        cmocka_unit_test(a_file_that_is_no_image_is_named_and_one_that_is_is_parsed_once),
        cmocka_unit_test(all_of_a_large_guest_is_listed),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free((void *)image.file);
    return failed;
}
