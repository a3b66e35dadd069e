/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spratctl: asks spratd. The usage is below; the exit code is 0 when all that was asked was done,
 * 1 when something failed, 2 for a wrong command line.
 */
#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"

#define SOCKET_DEFAULT "/run/sprat/spratd.socket"
#define NUMBER_MAX     1000000
#define PARALLEL       64 /* enough that the daemon never waits for us */

static const char usage_text[] =
    "usage: spratctl [--socket PATH] [--json] COMMAND\n\n"
    "  create [OPTION...] FILE...   create guests from xl configuration files\n"
    "      --count N                from each file so many: named NAME-1, NAME-2, ...\n"
    "      --first N                let these numbers begin at N\n"
    "      --name NAME              instead of the file's name\n"
    "      --cmdline TEXT           instead of the file's extra\n"
    "      --ready TEXT             wait until the guest's console has this text\n"
    "      --timeout S              for so long at most (default: 30)\n"
    "      --paused                 do not start them\n"
    "      --parallel N             so many under way at once (default: 64)\n"
    "  destroy NAME... | --all      remove guests at once\n"
    "  shutdown [--reboot] NAME... | --all   ask guests to end\n"
    "  wait --ready TEXT | --end [--timeout S] NAME...\n"
    "  log NAME...                  the last of what guests said\n"
    "  list                         the daemon's guests\n"
    "  pool --size N [--low M] FILE keep N shells ready for this configuration, filled up when\n"
    "                               fewer than M (default: N) are left; 0 ends it\n"
    "  fits FILE                    how many such guests the free memory takes\n"
    "  stats                        counts, pools, free memory\n"
    "  stop [--destroy]             end the daemon, and its guests\n\n"
    "  --json                       print the daemon's answers as they come\n";

/* An option and where it goes; those that take a number say from which on. */
static const struct word {
    const char *name;
    enum { FLAG, TEXT, NUMBER } kind;
    size_t offset;
    long least;
} words[] = {
#define WORD(name, kind, member, least)                                                            \
    {                                                                                              \
        name, kind, offsetof(struct ctl_options, member), least                                    \
    }
    WORD("socket", TEXT, socket, 0), WORD("json", FLAG, json, 0),
    WORD("count", NUMBER, count, 1), WORD("first", NUMBER, first, 0),
    WORD("name", TEXT, name, 0),     WORD("cmdline", TEXT, cmdline, 0),
    WORD("ready", TEXT, ready, 0),   WORD("timeout", NUMBER, timeout_s, 1),
    WORD("paused", FLAG, paused, 0), WORD("parallel", NUMBER, parallel, 1),
    WORD("all", FLAG, all, 0),       WORD("reboot", FLAG, reboot, 0),
    WORD("size", NUMBER, size, 0),   WORD("low", NUMBER, low, 1),
    WORD("end", FLAG, end, 0),       WORD("destroy", FLAG, destroy, 0),
#undef WORD
};

enum { N_WORDS = sizeof(words) / sizeof(*words), HELP = N_WORDS };

static int misuse(const char *what)
{
    fprintf(stderr, "spratctl: %s\n\n%s", what, usage_text);
    return 2;
}

/* @return 0, or -EINVAL with what is wrong. */
static int take_word(struct ctl_options *options, const struct word *word, const char *text,
                     struct fail *fail)
{
    void *member = (char *)options + word->offset;
    char *rest;

    switch (word->kind) {
    case FLAG:
        *(bool *)member = true;
        return 0;
    case TEXT:
        *(const char **)member = text;
        return 0;
    case NUMBER:
        *(long *)member = strtol(text, &rest, 10);
        if (!*rest && rest != text && *(long *)member >= word->least &&
            *(long *)member <= NUMBER_MAX)
            return 0;
        break;
    }
    return fail_set(fail, EINVAL, "--%s: a number from %ld to %d", word->name, word->least,
                    NUMBER_MAX);
}

int main(int argc, char **argv)
{
    struct ctl_options options = {.socket = SOCKET_DEFAULT,
                                  .timeout_s = 30,
                                  .first = 1,
                                  .size = -1,
                                  .low = -1,
                                  .parallel = PARALLEL};
    struct option longs[N_WORDS + 2] = {[HELP] = {"help", no_argument, NULL, HELP}};
    struct fail fail = {0};
    int option;

    for (int i = 0; i < N_WORDS; i++)
        longs[i] = (struct option){
            words[i].name, words[i].kind == FLAG ? no_argument : required_argument, NULL, i};
    while ((option = getopt_long(argc, argv, "h", longs, NULL)) >= 0) {
        if (option == 'h' || option == HELP) {
            fputs(usage_text, stdout);
            return 0;
        }
        if (option >= N_WORDS)
            return misuse("no such option");
        if (take_word(&options, &words[option], optarg, &fail) < 0)
            return misuse(fail.text);
    }
    if (optind == argc)
        return misuse("which command?");
    int code = ctl_run(&options, argv[optind], argc - optind - 1, argv + optind + 1, &fail);
    return code == 2 ? misuse(fail.text) : code;
}
