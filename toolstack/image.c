/* SPDX-License-Identifier: BSD-2-Clause */
#include "image.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xen/elfnote.h>

#include <sprat/elfnote.h>

#define GUEST_MAX (1ull << 40)

#define NOT_SET UINT64_MAX
#define SPRAT   "Sprat" /* owner of Sprat's own notes */

struct notes {
    uint64_t virt_base, paddr_offset, entry, hypercall_page;
    bool xen, separate_p2m, one_channel;
};

static struct image *cache;

static int refuse(struct fail *fail, const char *what)
{
    return fail_set(fail, ENOEXEC, "%s", what);
}

static uint64_t note_number(const uint8_t *value, uint32_t size)
{
    uint64_t number = 0;

    if (size == 4 || size == 8)
        memcpy(&number, value, size);
    return number;
}

static void read_note(struct notes *notes, uint32_t type, const uint8_t *value, uint32_t size)
{
    switch (type) {
    case XEN_ELFNOTE_VIRT_BASE:
        notes->virt_base = note_number(value, size);
        break;
    case XEN_ELFNOTE_PADDR_OFFSET:
        notes->paddr_offset = note_number(value, size);
        break;
    case XEN_ELFNOTE_ENTRY:
        notes->entry = note_number(value, size);
        break;
    case XEN_ELFNOTE_HYPERCALL_PAGE:
        notes->hypercall_page = note_number(value, size);
        break;
    case XEN_ELFNOTE_INIT_P2M:
        notes->separate_p2m = true;
        break;
    }
}

static uint64_t padded(uint32_t size)
{
    return (size + 3ull) & ~3ull;
}

static int read_notes(const struct image *image, const Elf64_Phdr *header, struct notes *notes,
                      struct fail *fail)
{
    const uint8_t *at = image->file + header->p_offset;
    uint64_t left = header->p_filesz;

    while (left >= sizeof(Elf64_Nhdr)) {
        Elf64_Nhdr note;
        memcpy(&note, at, sizeof(note));
        uint64_t size = sizeof(note) + padded(note.n_namesz) + padded(note.n_descsz);
        if (size > left)
            return refuse(fail, "an ELF note reaches beyond its segment: the file is damaged");
        const uint8_t *name = at + sizeof(note);
        if (note.n_namesz == 4 && memcmp(name, "Xen", 4) == 0) {
            notes->xen = true;
            read_note(notes, note.n_type, name + 4, note.n_descsz);
        }
        if (note.n_namesz == sizeof(SPRAT) && memcmp(name, SPRAT, sizeof(SPRAT)) == 0 &&
            note.n_type == SPRAT_ELFNOTE_ONE_CHANNEL)
            notes->one_channel = true;
        at += size;
        left -= size;
    }
    return 0;
}

static int add_segment(struct image *image, const Elf64_Phdr *header, const struct notes *notes,
                       struct fail *fail)
{
    if (header->p_memsz == 0)
        return 0;
    if (image->n_segments == IMAGE_SEGMENTS_MAX)
        return refuse(fail, "more than 16 segments to load");
    if (header->p_filesz > header->p_memsz || header->p_paddr < notes->paddr_offset ||
        header->p_paddr - notes->paddr_offset > GUEST_MAX || header->p_memsz > GUEST_MAX)
        return refuse(fail, "a segment lies below the image's base or is of impossible size");

    struct image_segment *segment = &image->segments[image->n_segments++];
    *segment = (struct image_segment){
        .offset = header->p_paddr - notes->paddr_offset,
        .bytes = image->file + header->p_offset,
        .n_file = header->p_filesz,
        .n_memory = header->p_memsz,
    };
    uint64_t end = segment->offset + segment->n_memory;
    end = (end + IMAGE_PAGE_BYTES - 1) & ~(IMAGE_PAGE_BYTES - 1);
    if (end > image->end)
        image->end = end;
    if (image->n_segments == 1 || segment->offset < image->start)
        image->start = segment->offset;
    return 0;
}

/*
 * The hypercall page's address is virtual. A segment that is linked to run elsewhere than it is
 * loaded
 * (p_vaddr and p_paddr differ) may hold it, so it is looked up both ways.
 */
static int find_hypercall_page(struct image *image, const struct notes *notes, struct fail *fail)
{
    if (notes->hypercall_page == NOT_SET)
        return 0;
    uint64_t offset = notes->hypercall_page - notes->virt_base;
    if (offset % IMAGE_PAGE_BYTES || offset < image->start || offset >= image->end)
        return refuse(fail, "its hypercall page is not a page of the image");
    image->has_hypercall_page = true;
    image->hypercall_page = offset;
    return 0;
}

int image_parse(struct image *image, struct fail *fail)
{
    struct notes notes = {
        .virt_base = 0, .paddr_offset = NOT_SET, .entry = NOT_SET, .hypercall_page = NOT_SET};
    Elf64_Ehdr elf;

    if (image->n_file < sizeof(elf) || memcmp(image->file, ELFMAG, SELFMAG) != 0)
        return refuse(fail, "no ELF file; a compressed kernel is xl create's business");
    memcpy(&elf, image->file, sizeof(elf));
    if (elf.e_ident[EI_CLASS] != ELFCLASS64 || elf.e_machine != EM_X86_64)
        return refuse(fail, "no ELF file for x86-64");
    if (elf.e_phentsize != sizeof(Elf64_Phdr) || elf.e_phoff > image->n_file ||
        elf.e_phnum > (image->n_file - elf.e_phoff) / sizeof(Elf64_Phdr))
        return refuse(fail, "its program headers are damaged");

    for (int pass = 0; pass < 2; pass++) {
        for (unsigned i = 0; i < elf.e_phnum; i++) {
            Elf64_Phdr header;
            memcpy(&header, image->file + elf.e_phoff + i * sizeof(header), sizeof(header));
            if (header.p_type != PT_LOAD && header.p_type != PT_NOTE)
                continue;
            if (header.p_offset > image->n_file ||
                header.p_filesz > image->n_file - header.p_offset)
                return refuse(fail, "a segment reaches beyond the file's end: it was cut off");
            int error = 0;
            if (pass == 0 && header.p_type == PT_NOTE)
                error = read_notes(image, &header, &notes, fail);
            if (pass == 1 && header.p_type == PT_LOAD)
                error = add_segment(image, &header, &notes, fail);
            if (error)
                return error;
        }
        if (notes.paddr_offset == NOT_SET)
            notes.paddr_offset = 0;
    }
    if (!notes.xen)
        return refuse(fail, "no Xen note in it: it is no Xen guest's image");
    if (notes.separate_p2m)
        return refuse(fail, "it wants its p2m list apart (INIT_P2M): use xl create");
    if (!image->n_segments)
        return refuse(fail, "nothing in it to load");
    if (notes.virt_base % IMAGE_PAGE_BYTES)
        return refuse(fail, "its VIRT_BASE is not a page's address");
    image->one_channel = notes.one_channel;
    image->virt_base = notes.virt_base;
    image->entry = notes.entry == NOT_SET ? elf.e_entry : notes.entry;
    return find_hypercall_page(image, &notes, fail);
}

static void image_free(struct image *image)
{
    blob_put(image->blob);
    free(image);
}

/* An image that nobody uses and whose file has changed will not be asked for again. */
static void forget_stale(const struct image *current)
{
    for (struct image **at = &cache; *at;) {
        struct image *image = *at;
        if (image != current && strcmp(image->path, current->path) == 0 && image->references == 0) {
            *at = image->next;
            image_free(image);
        } else {
            at = &image->next;
        }
    }
}

static int image_open(const char *path, struct image **result, struct fail *fail)
{
    struct blob *blob;
    int error = blob_get(path, &blob, fail);

    if (error)
        return error;
    for (struct image *image = cache; image; image = image->next) {
        if (image->blob == blob) {
            blob_put(blob);
            *result = image_share(image);
            return 0;
        }
    }
    struct image *image = calloc(1, sizeof(*image));
    if (!image) {
        blob_put(blob);
        return fail_set(fail, ENOMEM, "no memory for it");
    }
    image->blob = blob;
    image->file = blob->bytes;
    image->n_file = blob->n_bytes;
    image->path = blob->path;
    error = image_parse(image, fail);
    if (error) {
        image_free(image);
        return error;
    }
    image->references = 1;
    image->next = cache;
    cache = image;
    forget_stale(image);
    *result = image;
    return 0;
}

int image_get(const char *path, struct image **image, struct fail *fail)
{
    int error = image_open(path, image, fail);

    if (error)
        fail_prefix(fail, "image %.255s", path);
    return error;
}

struct image *image_share(struct image *image)
{
    image->references++;
    return image;
}

void image_put(struct image *image)
{
    if (image)
        image->references--;
}
