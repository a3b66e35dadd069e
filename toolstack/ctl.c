/* SPDX-License-Identifier: BSD-2-Clause */
#include "ctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "json.h"

#define CONFIG_BYTES 32768
#define NAME_BYTES   64

/* A configuration file, as it is sent. */
struct file {
    const char *path;
    char text[CONFIG_BYTES + 1];
};

struct command {
    const struct ctl_options *options;
    int argc;
    char **argv;
    struct ask_pipeline pipeline;
};

static void read_file(struct file *file, const char *path)
{
    FILE *stream = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");

    if (!stream)
        ask_die("%s: %s", path, strerror(errno));
    size_t len = fread(file->text, 1, CONFIG_BYTES, stream);
    if (ferror(stream) || len == CONFIG_BYTES)
        ask_die("%s: %s", path, ferror(stream) ? strerror(errno) : "too long for a configuration");
    if (memchr(file->text, '\0', len))
        ask_die("%s: no text", path);
    file->text[len] = '\0';
    file->path = path;
    if (stream != stdin)
        fclose(stream);
}

static void put_file(struct json_out *out, const struct file *file)
{
    json_put_string(out, "config", file->text);
    json_put_string(out, "file", file->path);
}

static void put_ready(struct json_out *out, const struct ctl_options *options)
{
    if (options->ready)
        json_put_string(out, "ready", options->ready);
    json_put_number(out, "timeout_s", options->timeout_s);
}

/* create */

static void show_created(const struct json *answer)
{
    const struct json *ns = json_get(answer, "ns");
    double wait_ns = json_get_number(answer, "wait_ns", -1);

    printf("%-24s domain %5.0f  %8.3f ms%s", json_get_string(answer, "name", "?"),
           json_get_number(answer, "domid", 0), ns ? json_get_number(ns, "total", 0) / 1e6 : 0,
           json_get_bool(answer, "pooled", false) ? " (pool)" : "");
    if (wait_ns >= 0)
        printf("  ready after %8.3f ms", wait_ns / 1e6);
    printf("\n");
}

static double fits(struct json_out *out, const struct file *file)
{
    ask_begin(out, "fits");
    put_file(out, file);
    struct json *answer = ask(out);
    double count = json_get_number(answer, "count", 0);
    json_free(answer);
    return count;
}

/* The name in a configuration, for numbering. Only a plain `name = "..."` line counts. */
static void base_name(const struct file *file, char *name, size_t size)
{
    for (const char *line = file->text; line; line = strchr(line, '\n'), line += line != NULL) {
        const char *at = line + strspn(line, " \t");
        if (strncmp(at, "name", 4) != 0)
            continue;
        at += 4;
        at += strspn(at, " \t");
        if (*at++ != '=')
            continue;
        at += strspn(at, " \t");
        size_t len = *at == '"' || *at == '\'' ? strcspn(at + 1, "\"'\n") : 0;
        if (len && len < size && at[len + 1] == *at) {
            memcpy(name, at + 1, len);
            name[len] = '\0';
            return;
        }
    }
    ask_die("%s: name is not set; say --name", file->path);
}

static void check_room(struct json_out *out, const struct file *file, long count)
{
    double room = fits(out, file);

    if (room < (double)count)
        ask_die("%ld guests of %s do not fit: the free memory, Xen's or dom0's, takes %.0f", count,
                file->path, room);
}

static void create_from(struct command *command, const char *path)
{
    const struct ctl_options *options = command->options;
    static struct file file;
    struct json_out out = {0};
    char base[NAME_BYTES], name[NAME_BYTES];

    read_file(&file, path);
    if (options->count) {
        check_room(&out, &file, options->count);
        if (!options->name)
            base_name(&file, base, sizeof(base));
        else if (snprintf(base, sizeof(base), "%s", options->name) >= NAME_BYTES)
            ask_die("the name %s is too long", options->name);
    }
    for (long i = 0; i < (options->count ? options->count : 1); i++) {
        ask_begin(&out, "create");
        put_file(&out, &file);
        if (options->count) {
            if (snprintf(name, sizeof(name), "%s-%ld", base, options->first + i) >= NAME_BYTES)
                ask_die("the name %s-%ld is too long", base, options->first + i);
            json_put_string(&out, "name", name);
        } else if (options->name) {
            json_put_string(&out, "name", options->name);
        }
        if (options->cmdline)
            json_put_string(&out, "cmdline", options->cmdline);
        if (options->paused)
            json_put_bool(&out, "paused", true);
        if (options->ready)
            put_ready(&out, options);
        ask_send(&command->pipeline, &out);
    }
    free(out.text);
}

static int create(struct command *command)
{
    command->pipeline.show = show_created;
    for (int i = 0; i < command->argc; i++)
        create_from(command, command->argv[i]);
    return ask_finish(&command->pipeline);
}

static const char *check_create(const struct ctl_options *options, int argc)
{
    if (!argc)
        return "create: which configuration file?";
    return options->name && argc > 1 ? "create: --name is for one file" : NULL;
}

/* What is done to guests that are named, or to all */

static void put_nothing(struct json_out *out, const struct ctl_options *options)
{
    (void)out;
    (void)options;
}

static void put_reboot(struct json_out *out, const struct ctl_options *options)
{
    json_put_bool(out, "reboot", options->reboot);
}

static void put_wait(struct json_out *out, const struct ctl_options *options)
{
    json_put_bool(out, "end", options->end);
    put_ready(out, options);
}

static const char *check_guests(const struct ctl_options *options, int argc)
{
    return options->all == (argc > 0) ? "name guests, or say --all" : NULL;
}

static const char *check_wait(const struct ctl_options *options, int argc)
{
    return !options->ready == !options->end ? "wait: --ready TEXT, or --end"
                                            : check_guests(options, argc);
}

static int for_guests(struct command *command, const char *op,
                      void (*put)(struct json_out *out, const struct ctl_options *options))
{
    struct json_out out = {0};
    struct json *list = NULL;
    const struct json *guest = NULL;

    if (command->options->all) {
        ask_begin(&out, "list");
        list = ask_quietly(&out);
        const struct json *guests = json_get(list, "guests");
        guest = guests ? guests->first : NULL;
    }
    for (int i = 0; guest || i < command->argc; i++) {
        ask_begin(&out, op);
        put(&out, command->options);
        json_put_string(&out, "name",
                        guest ? json_get_string(guest, "name", "") : command->argv[i]);
        ask_send(&command->pipeline, &out);
        guest = guest ? guest->next : NULL;
    }
    json_free(list);
    free(out.text);
    return ask_finish(&command->pipeline);
}

static int destroy(struct command *command)
{
    return for_guests(command, "destroy", put_nothing);
}

static int shut_down(struct command *command)
{
    return for_guests(command, "shutdown", put_reboot);
}

static int wait_for(struct command *command)
{
    return for_guests(command, "wait", put_wait);
}

static void show_log(const struct json *answer)
{
    fputs(json_get_string(answer, "console", ""), stdout);
}

static int show_logs(struct command *command)
{
    command->pipeline.show = show_log;
    return for_guests(command, "log", put_nothing);
}

/* The daemon's state */

static const char *check_nothing(const struct ctl_options *options, int argc)
{
    (void)options;
    return argc ? "this command takes no names" : NULL;
}

static int list(struct command *command)
{
    struct json_out out = {0};

    (void)command;
    ask_begin(&out, "list");
    struct json *answer = ask(&out);
    const struct json *guests = ask_shows_json() ? NULL : json_get(answer, "guests");
    if (guests)
        printf("%-32s %6s %8s %-8s %8s\n", "Name", "Domain", "MiB", "State", "Restarts");
    for (const struct json *guest = guests ? guests->first : NULL; guest; guest = guest->next)
        printf("%-32s %6.0f %8.0f %-8s %8.0f\n", json_get_string(guest, "name", "?"),
               json_get_number(guest, "domid", -1), json_get_number(guest, "memory_mib", 0),
               json_get_string(guest, "state", "?"), json_get_number(guest, "restarts", 0));
    json_free(answer);
    free(out.text);
    return 0;
}

static const char *check_pool(const struct ctl_options *options, int argc)
{
    return argc != 1 || options->size < 0 ? "pool: say --size N and one configuration file" : NULL;
}

static int set_pool(struct command *command)
{
    static struct file file;
    struct json_out out = {0};

    read_file(&file, command->argv[0]);
    ask_begin(&out, "pool");
    put_file(&out, &file);
    json_put_number(&out, "size", command->options->size);
    if (command->options->low >= 0)
        json_put_number(&out, "low", command->options->low);
    json_free(ask(&out));
    free(out.text);
    return 0;
}

static const char *check_fits(const struct ctl_options *options, int argc)
{
    (void)options;
    return argc != 1 ? "fits: which configuration file?" : NULL;
}

static int show_fits(struct command *command)
{
    static struct file file;
    struct json_out out = {0};

    read_file(&file, command->argv[0]);
    double count = fits(&out, &file);
    if (!ask_shows_json())
        printf("%.0f\n", count);
    free(out.text);
    return 0;
}

/* The answer's members, and those of its members: pools are two levels down. */
static void show_members(const struct json *object, int depth)
{
    for (const struct json *member = object->first; member; member = member->next) {
        const char *key = member->key ? member->key : "-";
        if (member->type == JSON_NUMBER)
            printf("%*s%-16s %.0f\n", 4 * depth, "", key, member->number);
        else if (member->type == JSON_STRING)
            printf("%*s%-16s %s\n", 4 * depth, "", key, member->string);
        else if (member->type == JSON_OBJECT || member->type == JSON_ARRAY)
            printf("%*s%s\n", 4 * depth, "", key);
        if (depth < 2 && (member->type == JSON_OBJECT || member->type == JSON_ARRAY))
            show_members(member, depth + 1);
    }
}

static int show_stats(struct command *command)
{
    struct json_out out = {0};

    (void)command;
    ask_begin(&out, "stats");
    struct json *answer = ask(&out);
    if (!ask_shows_json())
        show_members(answer, 0);
    json_free(answer);
    free(out.text);
    return 0;
}

static int stop(struct command *command)
{
    struct json_out out = {0};

    ask_begin(&out, "stop");
    json_put_bool(&out, "destroy", command->options->destroy);
    json_free(ask(&out));
    free(out.text);
    return 0;
}

static const struct {
    const char *name;
    const char *(*check)(const struct ctl_options *options, int argc); /* what is wrong, or NULL */
    int (*run)(struct command *command);
} commands[] = {
    {"create", check_create, create},      {"destroy", check_guests, destroy},
    {"shutdown", check_guests, shut_down}, {"wait", check_wait, wait_for},
    {"log", check_guests, show_logs},      {"list", check_nothing, list},
    {"pool", check_pool, set_pool},        {"fits", check_fits, show_fits},
    {"stats", check_nothing, show_stats},  {"stop", check_nothing, stop},
};

int ctl_run(const struct ctl_options *options, const char *name, int argc, char **argv,
            struct fail *misuse)
{
    struct command command = {options, argc, argv, {.most_under_way = options->parallel}};

    for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
        if (strcmp(commands[i].name, name) != 0)
            continue;
        const char *wrong = commands[i].check(options, argc);
        if (wrong) {
            fail_set(misuse, EINVAL, "%s", wrong);
            return 2;
        }
        ask_open(options->socket, options->json, (double)options->timeout_s);
        return commands[i].run(&command);
    }
    fail_set(misuse, EINVAL, "there is no command %.40s", name);
    return 2;
}
