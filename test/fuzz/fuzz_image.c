/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An image's headers and notes by chance, built into a domain as the launcher does it: the memory
 * that it maps has an end, and what is written is inside.
 *
 * The input is the image's numbers, near to those of a good one; or it is the file itself.
 */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <xen/elfnote.h>

#include "build.h"
#include "fuzz.h"

#define FILE_BYTES   8192
#define HEADERS_MAX  20
#define NOTES_OFFSET 2048
#define NOTES_MAX    64

static uint8_t *window;
static size_t window_pages;

/* What build.c asks of Xen. */

int hyper_domain_info(struct hyper *hyper, uint32_t domid, xc_domaininfo_t *info)
{
    (void)hyper;
    (void)domid;
    *info = (xc_domaininfo_t){.shared_info_frame = 9};
    return 0;
}

int hyper_populate(struct hyper *hyper, uint32_t domid, uint64_t n_pages, xen_pfn_t *mfns,
                   struct fail *fail)
{
    (void)hyper;
    (void)domid;
    (void)fail;
    for (uint64_t i = 0; i < n_pages; i++)
        mfns[i] = 1000 + i;
    return 0;
}

int hyper_grant_frame(struct hyper *hyper, uint32_t domid, xen_pfn_t *frame, struct fail *fail)
{
    (void)hyper;
    (void)domid;
    (void)fail;
    *frame = 8;
    return 0;
}

int hyper_pin(struct hyper *hyper, uint32_t domid, uint64_t root_mfn, struct fail *fail)
{
    (void)hyper;
    (void)domid;
    (void)fail;
    fuzz_check(root_mfn >= 1000);
    return 0;
}

int hyper_write_hypercall_page(struct hyper *hyper, uint32_t domid, uint64_t mfn, struct fail *fail)
{
    (void)hyper;
    (void)domid;
    (void)fail;
    fuzz_check(mfn >= 1000);
    return 0;
}

int xc_vcpu_setcontext(xc_interface *control, uint32_t domid, uint32_t vcpu,
                       vcpu_guest_context_any_t *context)
{
    (void)control;
    (void)domid;
    (void)vcpu;
    fuzz_check(context->c.user_regs.rflags != 0);
    return 0;
}

/* Not a byte more than was asked for: what is written behind it is seen. */
void *xenforeignmemory_map(xenforeignmemory_handle *memory, uint32_t domid, int prot, size_t n,
                           const xen_pfn_t frames[], int errors[])
{
    (void)memory;
    (void)domid;
    (void)prot;
    (void)frames;
    (void)errors;
    fuzz_check(!window);
    window = malloc(n * IMAGE_PAGE_BYTES);
    window_pages = n;
    return window;
}

int xenforeignmemory_unmap(xenforeignmemory_handle *memory, void *pages, size_t n)
{
    (void)memory;
    fuzz_check(pages == window && n == window_pages);
    free(window);
    window = NULL;
    return 0;
}

void blob_put(struct blob *blob)
{
    (void)blob;
}

int blob_get(const char *path, struct blob **blob, struct fail *fail)
{
    (void)blob;
    return fail_set(fail, ENOENT, "%s", path);
}

/* Mostly as it should be. */
static uint64_t near(struct fuzz *fuzz, uint64_t number)
{
    uint8_t kind = fuzz_byte(fuzz);

    if (kind < 240)
        return number;
    if (kind < 250)
        return number + fuzz_number(fuzz) - 128;
    return kind < 254 ? fuzz_number(fuzz) : (uint64_t)fuzz_number(fuzz) << fuzz_byte(fuzz) % 64;
}

static size_t add_note(struct fuzz *fuzz, uint8_t *at, uint32_t type, uint64_t number)
{
    Elf64_Nhdr note = {.n_namesz = (uint32_t)near(fuzz, 4),
                       .n_descsz = (uint32_t)near(fuzz, 8),
                       .n_type = (uint32_t)near(fuzz, type)};

    memcpy(at, &note, sizeof(note));
    memcpy(at + sizeof(note), "Xen", 4);
    memcpy(at + sizeof(note) + 4, &number, sizeof(number));
    return sizeof(note) + 4 + sizeof(number);
}

static void make_file(struct fuzz *fuzz, uint8_t *file)
{
    static const uint32_t types[] = {XEN_ELFNOTE_VIRT_BASE, XEN_ELFNOTE_PADDR_OFFSET,
                                     XEN_ELFNOTE_ENTRY, XEN_ELFNOTE_HYPERCALL_PAGE};
    uint64_t base = fuzz_byte(fuzz) % 4 ? 0x300000 : near(fuzz, 0x400000);
    Elf64_Ehdr elf = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64},
                      .e_machine = EM_X86_64,
                      .e_phoff = near(fuzz, sizeof(elf)),
                      .e_phentsize = sizeof(Elf64_Phdr),
                      .e_phnum = (uint16_t)near(fuzz, 2 + fuzz_byte(fuzz) % (HEADERS_MAX - 2))};
    size_t n_notes = 0;

    memcpy(file, &elf, sizeof(elf));
    for (size_t i = 0; i < 4; i++)
        if (fuzz_byte(fuzz) % 8)
            n_notes += add_note(fuzz, file + NOTES_OFFSET + n_notes, types[i], near(fuzz, base));
    for (unsigned i = 0; i < HEADERS_MAX; i++) {
        Elf64_Phdr header = {.p_type = (uint32_t)near(fuzz, i ? PT_LOAD : PT_NOTE),
                             .p_offset = near(fuzz, i ? 4096 : NOTES_OFFSET),
                             .p_filesz = near(fuzz, i ? fuzz_number(fuzz) : n_notes),
                             .p_paddr = near(fuzz, base + (i > 1 ? fuzz_number(fuzz) : 0))};
        header.p_memsz = near(fuzz, header.p_filesz + fuzz_number(fuzz));
        memcpy(file + sizeof(elf) + i * sizeof(header), &header, sizeof(header));
    }
}

static void build(const uint8_t *file, size_t n_file, struct fuzz *fuzz)
{
    struct image image = {.path = "image", .file = file, .n_file = n_file};
    uint8_t initrd[5000] = {1};
    struct blob ramdisk = {.bytes = initrd, .n_bytes = fuzz_number(fuzz) % sizeof(initrd)};
    bool has_ramdisk = fuzz_byte(fuzz) % 4 == 0;
    struct hyper hyper = {0};
    struct plan plan;
    struct fail fail;

    if (image_parse(&image, &fail) < 0 ||
        plan_make(&plan, &image, has_ramdisk ? ramdisk.n_bytes : 0, 1 + fuzz_byte(fuzz) % 16,
                  &fail) < 0)
        return;
    struct build build = {.domid = 7,
                          .image = &image,
                          .plan = &plan,
                          .cmdline = "a word",
                          .ramdisk = has_ramdisk ? &ramdisk : NULL};
    fuzz_check(build_domain(&hyper, &build, &fail) == 0);
    fuzz_check(!window);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz fuzz = {data, size};
    bool is_file = fuzz_byte(&fuzz) % 8 == 0;
    size_t n_file = is_file ? fuzz.left : near(&fuzz, FILE_BYTES) % (FILE_BYTES + 1);
    uint8_t *file = calloc(1, FILE_BYTES);

    if (is_file)
        fuzz_bytes(&fuzz, file, n_file);
    else
        make_file(&fuzz, file);
    uint8_t *exact = malloc(n_file ? n_file : 1); /* what is read behind its end is seen */
    memcpy(exact, file, n_file);
    free(file);
    build(exact, n_file, &fuzz);
    free(exact);
    return 0;
}
