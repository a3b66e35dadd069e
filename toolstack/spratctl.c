/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spratctl: asks spratd. The usage is below; the exit code is 0 when all that was asked was done,
 * 1 when
 * something failed, 2 for a wrong command line.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "fail.h"
#include "json.h"

#define SOCKET_DEFAULT "/run/sprat/spratd.socket"
#define CONFIG_BYTES   32768
#define ANSWER_GRACE_S 120 /* beyond a request's own time limit; the daemon is dead then */
#define WINDOW         64  /* requests under way: enough that the daemon never waits for us */

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

struct options {
    const char *name, *cmdline, *ready;
    double timeout_s;
    long count, first, size, low, parallel;
    bool paused, all, reboot, destroy, end, json;
};

struct link {
    int fd;
    char *in;
    size_t n_in, in_size;
};

static struct options options = {
    .timeout_s = 30, .count = 0, .first = 1, .size = -1, .low = -1, .parallel = WINDOW};
static struct link daemon_link;

static _Noreturn void die(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("spratctl: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static _Noreturn void misuse(const char *what)
{
    fprintf(stderr, "spratctl: %s\n\n%s", what, usage_text);
    exit(2);
}

static void link_open(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof(address.sun_path))
        die("the socket's path is too long: %s", path);
    strcpy(address.sun_path, path);
    daemon_link.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (daemon_link.fd < 0 ||
        connect(daemon_link.fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        die("no spratd at %s (%s); start spratd first", path, strerror(errno));
}

static void link_send(struct json_out *out)
{
    json_close(out, '}');
    json_end_line(out);
    if (out->failed)
        die("no memory");
    for (size_t sent = 0; sent < out->len;) {
        ssize_t n = send(daemon_link.fd, out->text + sent, out->len - sent, MSG_NOSIGNAL);
        if (n < 0)
            die("spratd closed the connection: %s", strerror(errno));
        sent += (size_t)n;
    }
    out->len = 0;
}

/* The next answer; the caller frees it. */
static struct json *link_receive(void)
{
    struct fail fail;
    struct json *answer;
    char *end;

    while (!(end = memchr(daemon_link.in, '\n', daemon_link.n_in))) {
        struct pollfd poll_fd = {.fd = daemon_link.fd, .events = POLLIN};
        if (daemon_link.in_size - daemon_link.n_in < 65536) {
            daemon_link.in_size = daemon_link.in_size * 2 + 65536;
            daemon_link.in = realloc(daemon_link.in, daemon_link.in_size);
            if (!daemon_link.in)
                die("no memory");
        }
        if (poll(&poll_fd, 1, (int)((options.timeout_s + ANSWER_GRACE_S) * 1000)) == 0)
            die("spratd does not answer");
        ssize_t n = recv(daemon_link.fd, daemon_link.in + daemon_link.n_in,
                         daemon_link.in_size - daemon_link.n_in, 0);
        if (n <= 0)
            die("spratd closed the connection");
        daemon_link.n_in += (size_t)n;
    }
    size_t len = (size_t)(end - daemon_link.in);
    if (options.json)
        printf("%.*s\n", (int)len, daemon_link.in);
    if (json_parse(daemon_link.in, len, &answer, &fail) < 0)
        die("spratd's answer is no JSON: %s", fail.text);
    daemon_link.n_in -= len + 1;
    memmove(daemon_link.in, end + 1, daemon_link.n_in);
    return answer;
}

static void begin(struct json_out *out, const char *op)
{
    json_open(out, NULL, '{');
    json_put_string(out, "op", op);
}

/* Show an answer that has failed. @return whether it has not. */
static bool succeeded(const struct json *answer)
{
    if (json_get_bool(answer, "ok", false))
        return true;
    if (options.json)
        return false;
    fflush(stdout);
    fprintf(stderr, "spratctl: %s\n", json_get_string(answer, "error", "no reason given"));
    const char *console = json_get_string(answer, "console", "");
    if (*console)
        fprintf(stderr, "Its console says:\n%s\n", console);
    return false;
}

/* Ask for one thing; dies if it is refused. */
static struct json *ask(struct json_out *out)
{
    link_send(out);
    struct json *answer = link_receive();
    if (!succeeded(answer))
        exit(1);
    return answer;
}

static void read_config(const char *path, char *text)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");

    if (!file)
        die("%s: %s", path, strerror(errno));
    size_t len = fread(text, 1, CONFIG_BYTES, file);
    if (ferror(file) || len == CONFIG_BYTES)
        die("%s: %s", path, ferror(file) ? strerror(errno) : "too long for a configuration");
    if (memchr(text, '\0', len))
        die("%s: no text", path);
    text[len] = '\0';
    if (file != stdin)
        fclose(file);
}

static void put_config(struct json_out *out, const char *path, const char *text)
{
    json_put_string(out, "config", text);
    json_put_string(out, "file", path);
}

static void put_timeout(struct json_out *out)
{
    if (options.ready)
        json_put_string(out, "ready", options.ready);
    char number[32];
    snprintf(number, sizeof(number), "%.3f", options.timeout_s);
    json_put_json(out, "timeout_s", number);
}

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

/* A pipeline of requests of one kind: the callers send, this reads what is due. */
struct pipeline {
    long n_under_way, n_failed;
    void (*show)(const struct json *answer);
};

static void pipeline_take(struct pipeline *pipeline)
{
    struct json *answer = link_receive();

    if (!succeeded(answer))
        pipeline->n_failed++;
    else if (!options.json && pipeline->show)
        pipeline->show(answer);
    json_free(answer);
    pipeline->n_under_way--;
}

static void pipeline_send(struct pipeline *pipeline, struct json_out *out)
{
    while (pipeline->n_under_way >= options.parallel)
        pipeline_take(pipeline);
    link_send(out);
    pipeline->n_under_way++;
}

static int pipeline_end(struct pipeline *pipeline)
{
    while (pipeline->n_under_way)
        pipeline_take(pipeline);
    return pipeline->n_failed ? 1 : 0;
}

static double fits(struct json_out *out, const char *path, const char *text)
{
    begin(out, "fits");
    put_config(out, path, text);
    struct json *answer = ask(out);
    double count = json_get_number(answer, "count", 0);
    json_free(answer);
    return count;
}

/* NAME-N, from --name or the file's own name, which the daemon has parsed for us: pool-free
 * "fits". */
static void numbered_name(char *name, size_t size, const char *base, long number)
{
    if ((size_t)snprintf(name, size, "%s-%ld", base, number) >= size)
        die("the name %s-%ld is too long", base, number);
}

/* The name in a configuration, for numbering. Only a plain `name = "..."` line counts. */
static void base_name(const char *path, const char *text, char *name, size_t size)
{
    const char *line = text;

    for (; line; line = strchr(line, '\n'), line += line != NULL) {
        int n = 0;
        char word[64];
        if (sscanf(line, " name = %*1[\"']%63[^\"']%n", word, &n) == 1 && n) {
            snprintf(name, size, "%s", word);
            return;
        }
    }
    die("%s: name is not set; say --name", path);
}

static void create_from(struct pipeline *pipeline, const char *path)
{
    static char text[CONFIG_BYTES + 1];
    struct json_out out = {0};
    char base[64], name[64];

    read_config(path, text);
    if (options.count) {
        double room = fits(&out, path, text);
        if (room < (double)options.count)
            die("%ld guests of %s do not fit: Xen's free memory takes %.0f", options.count, path,
                room);
        if (options.name)
            snprintf(base, sizeof(base), "%s", options.name);
        else
            base_name(path, text, base, sizeof(base));
    }
    for (long i = 0; i < (options.count ? options.count : 1); i++) {
        begin(&out, "create");
        put_config(&out, path, text);
        if (options.count) {
            numbered_name(name, sizeof(name), base, options.first + i);
            json_put_string(&out, "name", name);
        } else if (options.name) {
            json_put_string(&out, "name", options.name);
        }
        if (options.cmdline)
            json_put_string(&out, "cmdline", options.cmdline);
        if (options.paused)
            json_put_bool(&out, "paused", true);
        if (options.ready)
            put_timeout(&out);
        pipeline_send(pipeline, &out);
    }
    free(out.text);
}

static int create(int argc, char **argv)
{
    struct pipeline pipeline = {.show = show_created};

    if (!argc)
        misuse("create: which configuration file?");
    if (options.name && argc > 1)
        misuse("create: --name is for one file");
    for (int i = 0; i < argc; i++)
        create_from(&pipeline, argv[i]);
    return pipeline_end(&pipeline);
}

/* Call for each guest that is named, or for all that there are. */
static int for_guests(int argc, char **argv, struct pipeline *pipeline,
                      void (*request)(struct json_out *out))
{
    struct json_out out = {0};
    struct json *list = NULL;

    if (options.all == (argc > 0))
        misuse("name guests, or say --all");
    if (options.all) {
        bool quiet = options.json;
        options.json = false;
        begin(&out, "list");
        list = ask(&out);
        options.json = quiet;
        const struct json *guests = json_get(list, "guests");
        for (const struct json *guest = guests ? guests->first : NULL; guest; guest = guest->next) {
            request(&out);
            json_put_string(&out, "name", json_get_string(guest, "name", ""));
            pipeline_send(pipeline, &out);
        }
    }
    for (int i = 0; i < argc; i++) {
        request(&out);
        json_put_string(&out, "name", argv[i]);
        pipeline_send(pipeline, &out);
    }
    json_free(list);
    free(out.text);
    return pipeline_end(pipeline);
}

static void request_destroy(struct json_out *out)
{
    begin(out, "destroy");
}

static void request_shutdown(struct json_out *out)
{
    begin(out, "shutdown");
    json_put_bool(out, "reboot", options.reboot);
}

static void request_wait(struct json_out *out)
{
    begin(out, "wait");
    json_put_bool(out, "end", options.end);
    put_timeout(out);
}

static void request_log(struct json_out *out)
{
    begin(out, "log");
}

static void show_log(const struct json *answer)
{
    fputs(json_get_string(answer, "console", ""), stdout);
}

static int destroy(int argc, char **argv)
{
    struct pipeline pipeline = {0};
    return for_guests(argc, argv, &pipeline, request_destroy);
}

static int shut_down(int argc, char **argv)
{
    struct pipeline pipeline = {0};
    return for_guests(argc, argv, &pipeline, request_shutdown);
}

static int wait_ready(int argc, char **argv)
{
    struct pipeline pipeline = {0};

    if (!options.ready == !options.end)
        misuse("wait: --ready TEXT, or --end");
    return for_guests(argc, argv, &pipeline, request_wait);
}

static int show_logs(int argc, char **argv)
{
    struct pipeline pipeline = {.show = show_log};
    return for_guests(argc, argv, &pipeline, request_log);
}

static int list(int argc, char **argv)
{
    struct json_out out = {0};

    (void)argv;
    if (argc)
        misuse("list: takes no names");
    begin(&out, "list");
    struct json *answer = ask(&out);
    const struct json *guests = json_get(answer, "guests");
    if (!options.json)
        printf("%-32s %6s %8s %-8s %8s\n", "Name", "Domain", "MiB", "State", "Restarts");
    for (const struct json *guest = guests && !options.json ? guests->first : NULL; guest;
         guest = guest->next)
        printf("%-32s %6.0f %8.0f %-8s %8.0f\n", json_get_string(guest, "name", "?"),
               json_get_number(guest, "domid", -1), json_get_number(guest, "memory_mib", 0),
               json_get_string(guest, "state", "?"), json_get_number(guest, "restarts", 0));
    json_free(answer);
    free(out.text);
    return 0;
}

static int set_pool(int argc, char **argv)
{
    static char text[CONFIG_BYTES + 1];
    struct json_out out = {0};

    if (argc != 1 || options.size < 0)
        misuse("pool: say --size N and one configuration file");
    read_config(argv[0], text);
    begin(&out, "pool");
    put_config(&out, argv[0], text);
    json_put_number(&out, "size", options.size);
    if (options.low >= 0)
        json_put_number(&out, "low", options.low);
    json_free(ask(&out));
    free(out.text);
    return 0;
}

static int show_fits(int argc, char **argv)
{
    static char text[CONFIG_BYTES + 1];
    struct json_out out = {0};

    if (argc != 1)
        misuse("fits: which configuration file?");
    read_config(argv[0], text);
    double count = fits(&out, argv[0], text);
    if (!options.json)
        printf("%.0f\n", count);
    free(out.text);
    return 0;
}

static void show_members(const struct json *object, const char *indent)
{
    for (const struct json *member = object->first; member; member = member->next) {
        const char *key = member->key ? member->key : "-";
        if (member->type == JSON_NUMBER)
            printf("%s%-16s %.0f\n", indent, key, member->number);
        else if (member->type == JSON_STRING)
            printf("%s%-16s %s\n", indent, key, member->string);
        else if (member->type == JSON_OBJECT || member->type == JSON_ARRAY) {
            printf("%s%s\n", indent, key);
            show_members(member, *indent ? "        " : "    ");
        }
    }
}

static int stats(int argc, char **argv)
{
    struct json_out out = {0};

    (void)argv;
    if (argc)
        misuse("stats: takes nothing");
    begin(&out, "stats");
    struct json *answer = ask(&out);
    if (!options.json)
        show_members(answer, "");
    json_free(answer);
    free(out.text);
    return 0;
}

static int stop(int argc, char **argv)
{
    struct json_out out = {0};

    (void)argv;
    if (argc)
        misuse("stop: takes nothing");
    begin(&out, "stop");
    json_put_bool(&out, "destroy", options.destroy);
    json_free(ask(&out));
    free(out.text);
    return 0;
}

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"create", create}, {"destroy", destroy}, {"shutdown", shut_down}, {"wait", wait_ready},
    {"log", show_logs}, {"list", list},       {"pool", set_pool},      {"fits", show_fits},
    {"stats", stats},   {"stop", stop},
};

static long number_of(const char *text, long least, const char *what)
{
    char *rest;
    long number = strtol(text, &rest, 10);

    if (*rest || rest == text || number < least || number > 1000000)
        misuse(what);
    return number;
}

int main(int argc, char **argv)
{
    enum {
        SOCKET = 256,
        JSON,
        COUNT,
        FIRST,
        NAME,
        CMDLINE,
        READY,
        TIMEOUT,
        PAUSED,
        PARALLEL,
        ALL,
        REBOOT,
        SIZE,
        LOW,
        END,
        DESTROY
    };
    static const struct option longs[] = {
        {"socket", required_argument, NULL, SOCKET},
        {"json", no_argument, NULL, JSON},
        {"count", required_argument, NULL, COUNT},
        {"first", required_argument, NULL, FIRST},
        {"name", required_argument, NULL, NAME},
        {"cmdline", required_argument, NULL, CMDLINE},
        {"ready", required_argument, NULL, READY},
        {"timeout", required_argument, NULL, TIMEOUT},
        {"paused", no_argument, NULL, PAUSED},
        {"parallel", required_argument, NULL, PARALLEL},
        {"all", no_argument, NULL, ALL},
        {"reboot", no_argument, NULL, REBOOT},
        {"size", required_argument, NULL, SIZE},
        {"destroy", no_argument, NULL, DESTROY},
        {"low", required_argument, NULL, LOW},
        {"end", no_argument, NULL, END},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    const char *socket_path = SOCKET_DEFAULT;
    int option;

    while ((option = getopt_long(argc, argv, "h", longs, NULL)) >= 0) {
        switch (option) {
        case SOCKET:
            socket_path = optarg;
            break;
        case JSON:
            options.json = true;
            break;
        case COUNT:
            options.count = number_of(optarg, 1, "--count: a number from 1");
            break;
        case FIRST:
            options.first = number_of(optarg, 0, "--first: a number from 0");
            break;
        case NAME:
            options.name = optarg;
            break;
        case CMDLINE:
            options.cmdline = optarg;
            break;
        case READY:
            options.ready = optarg;
            break;
        case TIMEOUT:
            options.timeout_s = (double)number_of(optarg, 1, "--timeout: seconds, from 1");
            break;
        case PAUSED:
            options.paused = true;
            break;
        case PARALLEL:
            options.parallel = number_of(optarg, 1, "--parallel: a number from 1");
            break;
        case ALL:
            options.all = true;
            break;
        case REBOOT:
            options.reboot = true;
            break;
        case SIZE:
            options.size = number_of(optarg, 0, "--size: a number from 0");
            break;
        case LOW:
            options.low = number_of(optarg, 1, "--low: a number from 1");
            break;
        case END:
            options.end = true;
            break;
        case DESTROY:
            options.destroy = true;
            break;
        case 'h':
            fputs(usage_text, stdout);
            return 0;
        default:
            misuse("no such option");
        }
    }
    if (optind == argc)
        misuse("which command?");
    for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
        if (strcmp(commands[i].name, argv[optind]) == 0) {
            link_open(socket_path);
            return commands[i].run(argc - optind - 1, argv + optind + 1);
        }
    }
    misuse("there is no such command");
}
