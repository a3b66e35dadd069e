/* SPDX-License-Identifier: BSD-2-Clause */
/* The input is a command line. What was parsed, quoted again, must give the same. */
#define _GNU_SOURCE /* stpcpy */
#include "../../kernel/cmdline.c"

#include "fuzz.h"

static char program[] = "program";

/* With exactly the room that the header promises to be enough. */
static bool parse(char *text, char ***words, struct cmdline *cmdline)
{
    size_t max_words = strlen(text) / 2 + 4;
    char error[32];

    *words = malloc(max_words * sizeof(**words));
    fuzz_check(*words);
    error[0] = '\0';
    bool ok = cmdline_parse(text, program, *words, max_words, cmdline, error, sizeof(error));
    fuzz_check(ok || error[0]);
    return ok;
}

static char *quote(char *to, const char *word)
{
    *to++ = '\'';
    for (; *word; word++) {
        if (*word == '\'')
            to = stpcpy(to, "'\\'");
        *to++ = *word;
    }
    *to++ = '\'';
    *to++ = ' ';
    *to = '\0';
    return to;
}

static void check_inside(char *const *words, size_t n, const char *text, size_t len)
{
    for (size_t i = 0; i < n; i++)
        fuzz_check(words[i] >= text && words[i] + strlen(words[i]) <= text + len);
}

static void check_same(char *const *a, char *const *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        fuzz_check(strcmp(a[i], b[i]) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), *quoted = malloc(size * 6 + 16), **words, **words_again;
    struct cmdline cmdline, again;

    fuzz_check(text && quoted);
    memcpy(text, data, size);
    text[size] = '\0';
    size_t len = strlen(text);
    bool ok = parse(text, &words, &cmdline);
    if (ok) {
        check_inside(cmdline.options, cmdline.n_options, text, len);
        check_inside(cmdline.env, cmdline.n_env, text, len);
        check_inside(cmdline.argv + 1, (size_t)cmdline.argc - 1, text, len);
        fuzz_check(cmdline.argv[0] == program && !cmdline.argv[cmdline.argc]);
        fuzz_check(!cmdline.env[cmdline.n_env]);

        char *to = quoted;
        *to = '\0';
        for (size_t i = 0; i < cmdline.n_options; i++)
            to = quote(to, cmdline.options[i]);
        for (size_t i = 0; i < cmdline.n_env; i++)
            to = quote(to, cmdline.env[i]);
        for (int i = 1; i < cmdline.argc; i++)
            to = quote(to, cmdline.argv[i]);
        fuzz_check(parse(quoted, &words_again, &again));
        fuzz_check(again.argc == cmdline.argc && again.n_env == cmdline.n_env);
        fuzz_check(again.n_options == cmdline.n_options);
        check_same(again.options, cmdline.options, cmdline.n_options);
        check_same(again.env, cmdline.env, cmdline.n_env);
        check_same(again.argv, cmdline.argv, (size_t)cmdline.argc);
        free(words_again);
    }
    free(words);
    free(text);
    free(quoted);
    return 0;
}
