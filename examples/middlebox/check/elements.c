/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * middlebox_elements: all element classes as lines of a Markdown table, from what the engine itself
 * reads: ports, arguments with their defaults, handlers. ELEMENTS.md has them.
 */
#include <stdbool.h>
#include <stdio.h>

#include "../engine/router.h"

static void print_default(const struct field *f)
{
    if (!f->def)
        return;
    if (f->type == T_TIME)
        printf(" %gs", f->def / 1000.0);
    else if (f->type == T_BOOL)
        printf(" true");
    else if (f->type == T_WORD)
        printf(" %s", f->words[f->def]);
    else if (f->type == T_REAL)
        printf(" %g", f->def / 65536.0);
    else
        printf(" %d", f->def);
}

/* Those by position first, then those by keyword; what is not mandatory is in brackets. */
static void print_arguments(const struct element_class *cls)
{
    const char *sep = "";

    for (int position = 1; position >= 0; position--) {
        for (const struct field *f = cls->fields; f && f->name; f++) {
            bool optional = !(f->flags & F_REQ);

            if (!(f->flags & F_KEY) || ((f->flags & F_POS) == F_POS) != position)
                continue;
            printf("%s%s%s", sep, optional ? "[" : "", f->name);
            print_default(f);
            printf("%s", optional ? "]" : "");
            sep = ", ";
        }
        if (position && cls->flags & CLASS_ARGS) {
            printf("%s...", sep);
            sep = ", ";
        }
    }
}

static void print_handlers(const struct element_class *cls)
{
    const char *sep = "";
    bool counts = false;

    for (const struct handler *h = cls->handlers; h && h->name; h++, sep = ", ")
        printf("%s%s %s%s", sep, h->name, h->read ? "r" : "", h->write ? "w" : "");
    for (const struct field *f = cls->fields; f && f->name; f++) {
        counts |= f->flags & F_ZERO;
        if (!(f->flags & F_RW))
            continue;
        printf("%s", sep);
        for (const char *s = f->name; *s; s++)
            putchar(*s >= 'A' && *s <= 'Z' ? *s + 32 : *s);
        printf(" %s%s", f->flags & F_RD ? "r" : "", f->flags & F_WR ? "w" : "");
        sep = ", ";
    }
    if (counts)
        printf("%sreset_counts w", sep);
    if (cls->flags & CLASS_LIVE)
        printf("%sconfig w", counts ? ", " : sep);
}

int main(void)
{
    for (unsigned i = 0; i < class_count; i++) {
        const struct element_class *cls = class_table[i];

        printf("| `%s` | %s | %s | ", cls->name, cls->ports, cls->processing);
        print_arguments(cls);
        printf(" | ");
        print_handlers(cls);
        printf(" |\n");
    }
    return 0;
}
