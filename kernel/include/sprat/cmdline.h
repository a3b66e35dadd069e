/* SPDX-License-Identifier: BSD-2-Clause */
/** The command line that xl's `extra` or `cmdline` gives the guest. */
#ifndef SPRAT_CMDLINE_H
#define SPRAT_CMDLINE_H

#include <stdbool.h>
#include <stddef.h>

#define CMDLINE_OPTION "sprat." /**< what options begin with */

/** Its parts. The words are inside the text that was parsed. */
struct cmdline {
    char **options; /**< sprat.NAME or sprat.NAME=VALUE: for the runtime */
    char **env;     /**< NAME=value, before the first plain word; NULL behind the last */
    char **argv;    /**< argv[0] is the program's name; NULL behind the last */
    size_t n_options, n_env;
    int argc;
};

/**
 * Split a command line as a shell does: words between blanks; '...' keeps all, "..." keeps all but
 * \" and \\, a backslash elsewhere keeps the next character. There are no variables and no globs.
 *
 * @param text  changed in place; must stay.
 * @param program  becomes argv[0].
 * @param words, max_words  room for the words, the program and two NULLs; half the text's length +
 *                          4 is always enough.
 * @param error, error_size  receives what is wrong, in a sentence.
 * @return false when a quote is not closed or a backslash ends the text.
 */
bool cmdline_parse(char *text, const char *program, char **words, size_t max_words,
                   struct cmdline *cmdline, char *error, size_t error_size);

#endif
