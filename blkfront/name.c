/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disks' names and numbers: a number is what Linux' major and minor were for SCSI and IDE disks and
 * Xen's own, and one bit and the disk for those of Xen's own that are beyond. Source:
 * xen-vbd-interface(7).
 */
#include <sprat/blkfront.h>

#include <errno.h>
#include <string.h>

#include <sprat/compiler.h>
#include <sprat/decimal.h>

#define EXTENDED       (1u << 28)
#define EXTENDED_DISKS (1u << 20)
#define EXTENDED_PARTS 256

/* Disks of one kind, under one major number. */
static const struct kind {
    char prefix[4];
    uint16_t major;
    uint8_t first, n_disks; /* of the letters after the prefix */
    uint8_t part_bits;      /* of the minor number */
} kinds[] = {
    {"xvd", 202, 0, 16, 4}, /* and beyond, extended */
    {"sd", 8, 0, 16, 4},    {"hd", 3, 0, 2, 6},   {"hd", 22, 2, 2, 6},  {"hd", 33, 4, 2, 6},
    {"hd", 34, 6, 2, 6},    {"hd", 56, 8, 2, 6},  {"hd", 57, 10, 2, 6}, {"hd", 88, 12, 2, 6},
    {"hd", 89, 14, 2, 6},   {"hd", 90, 16, 2, 6}, {"hd", 91, 18, 2, 6},
};

/* "a" is 0, "z" 25, "aa" 26. @return letters read, 0 when there are none or too many. */
static size_t parse_letters(const char *text, unsigned *disk)
{
    size_t n = 0;
    unsigned value = 0;

    for (; text[n] >= 'a' && text[n] <= 'z'; n++) {
        value = value * 26 + (unsigned)(text[n] - 'a') + 1;
        if (value > EXTENDED_DISKS)
            return 0;
    }
    *disk = value - 1;
    return n;
}

static int number_of(const struct kind *kind, unsigned disk, unsigned part, unsigned *number)
{
    /* One before the first is far behind the last. */
    if (disk - kind->first < kind->n_disks && part < 1u << kind->part_bits) {
        *number = (unsigned)kind->major << 8 | (disk - kind->first) << kind->part_bits | part;
        return 0;
    }
    if (kind == &kinds[0] && part < EXTENDED_PARTS) {
        *number = EXTENDED | disk << 8 | part;
        return 0;
    }
    return -EINVAL;
}

int blkfront_number(const char *name, unsigned *number)
{
    uint64_t value;

    if (decimal_parse(name, &value)) {
        *number = (unsigned)value;
        return value <= UINT32_MAX ? 0 : -EINVAL;
    }
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        size_t len = strlen(kinds[i].prefix);
        unsigned disk;
        uint64_t part = 0;
        if (strncmp(name, kinds[i].prefix, len) != 0)
            continue;
        size_t n = parse_letters(name + len, &disk);
        const char *rest = name + len + n;
        if (!n || (*rest && (*rest == '0' || !decimal_parse(rest, &part) || part > UINT32_MAX)))
            return -EINVAL;
        if (number_of(&kinds[i], disk, (unsigned)part, number) == 0)
            return 0;
    }
    return -EINVAL;
}

static char *write_name(char *name, const char *prefix, unsigned disk, unsigned part)
{
    char letters[8], *at = letters + sizeof(letters) - 1;

    *at = '\0';
    for (unsigned value = disk + 1; value; value = (value - 1) / 26)
        *--at = (char)('a' + (value - 1) % 26);
    strcat(strcpy(name, prefix), at);
    if (part) {
        char text[DECIMAL_MAX + 1];
        strcat(name, decimal_text(part, text));
    }
    return name;
}

char *blkfront_name(unsigned number, char name[BLKFRONT_NAME_MAX])
{
    if (number & EXTENDED && number >> 29 == 0)
        return write_name(name, kinds[0].prefix, (number & (EXTENDED - 1)) >> 8, number & 0xff);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        unsigned disk = (number & 0xff) >> kinds[i].part_bits;
        unsigned part = number & ((1u << kinds[i].part_bits) - 1);
        if (number >> 8 == kinds[i].major && disk < kinds[i].n_disks)
            return write_name(name, kinds[i].prefix, kinds[i].first + disk, part);
    }
    return decimal_text(number, name);
}
