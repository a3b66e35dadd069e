/* SPDX-License-Identifier: BSD-2-Clause */
#include <sprat/cmdline.h>

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include <sprat/format.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

/*
 * Take one word from *text, in place, unquoted.
 * @return NULL at the end; *open receives the quote or backslash that has no partner, or NULL.
 */
static char *take_word(char **text, const char **open)
{
    char *from = *text;
    char quote = '\0';

    *open = NULL;
    while (is_blank(*from))
        from++;
    if (!*from)
        return NULL;

    char *word = from, *to = from;
    const char *quote_at = NULL;
    for (; *from && (quote || !is_blank(*from)); from++) {
        if (quote == '\0' && (*from == '\'' || *from == '"')) {
            quote = *from;
            quote_at = from;
        } else if (*from == quote) {
            quote = '\0';
        } else if (*from == '\\' &&
                   (quote == '\0' || (quote == '"' && (from[1] == '"' || from[1] == '\\')))) {
            if (!from[1]) {
                *open = from;
                return NULL;
            }
            *to++ = *++from;
        } else {
            *to++ = *from;
        }
    }
    if (quote) {
        *open = quote_at;
        return NULL;
    }
    *text = *from ? from + 1 : from;
    *to = '\0';
    return word;
}

static bool is_name(const char *from, const char *to)
{
    if (from == to || (*from >= '0' && *from <= '9'))
        return false;
    for (; from < to; from++)
        if (!(*from == '_' || (*from >= 'A' && *from <= 'Z') || (*from >= 'a' && *from <= 'z') ||
              (*from >= '0' && *from <= '9')))
            return false;
    return true;
}

static bool is_assignment(const char *word)
{
    const char *equals = strchr(word, '=');
    return equals && is_name(word, equals);
}

static bool is_option(const char *word)
{
    return strncmp(word, CMDLINE_OPTION, strlen(CMDLINE_OPTION)) == 0;
}

/* The words before the first plain one are options and assignments in any order: sort them
 * apart. */
static void sort_options_first(char **words, size_t n, size_t *n_options)
{
    *n_options = 0;
    for (size_t i = 0; i < n; i++) {
        if (!is_option(words[i]))
            continue;
        char *option = words[i];
        memmove(words + *n_options + 1, words + *n_options, (i - *n_options) * sizeof(*words));
        words[(*n_options)++] = option;
    }
}

bool cmdline_parse(char *text, const char *program, char **words, size_t max_words,
                   struct cmdline *cmdline, char *error, size_t error_size)
{
    const char *start = text, *open;
    size_t n = 0, n_head;
    char *word;
    bool in_head = true;

    *cmdline = (struct cmdline){0};
    while ((word = take_word(&text, &open))) {
        assert(n + (in_head ? 4 : 2) <= max_words); /* this word; program and NULL; the last NULL */
        if (in_head && !is_option(word) && !is_assignment(word)) {
            n_head = n;
            in_head = false;
            words[n++] = NULL;
            words[n++] = (char *)(uintptr_t)program;
        }
        words[n++] = word;
    }
    if (open) {
        format(error, error_size,
               *open == '\\' ? "the backslash at byte %zu has nothing after it"
                             : "the quote that opens at byte %zu is not closed",
               (size_t)(open - start) + 1);
        return false;
    }
    if (in_head) {
        n_head = n;
        words[n++] = NULL;
        words[n++] = (char *)(uintptr_t)program;
    }
    words[n] = NULL;

    sort_options_first(words, n_head, &cmdline->n_options);
    cmdline->options = words;
    cmdline->env = words + cmdline->n_options;
    cmdline->n_env = n_head - cmdline->n_options;
    cmdline->argv = words + n_head + 1;
    cmdline->argc = (int)(n - n_head - 1);
    return true;
}
