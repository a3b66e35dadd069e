/* SPDX-License-Identifier: BSD-2-Clause */
/** Commands on such a store, for tests: what is asked, and what is answered. */
#ifndef KV_TEST_COMMANDED_H
#define KV_TEST_COMMANDED_H

#include "stored.h"

#include "command.h"

#define NOW_MS 1000000

#define NO_INTEGER "-ERR value is not an integer or out of range"
#define NO_SYNTAX  "-ERR syntax error"
#define DAMAGED    "-ERR the value is damaged on the disk"
#define NO_MEMORY  "-OOM command not allowed: the guest's memory is full"
#define DISK_FULL  "-ERR the disk is full: delete some keys"

static int64_t now_ms;
static bool has_quit;
static struct command_stats stats;
static struct command_client client;
static struct resp_out out;

static inline int start(void **state)
{
    if (up(state))
        return -1;
    now_ms = NOW_MS;
    stats = (struct command_stats){.started_ms = NOW_MS};
    client = (struct command_client){.id = 7};
    open_store();
    return 0;
}

static inline int stop(void **state)
{
    store_close(store);
    resp_free(&out);
    return down(state);
}

/* Do a request. @return its answer, without its end; "" when there is none. */
static inline const char *ask_bytes(const char *bytes, size_t len)
{
    static struct resp_request request;
    static char answer[8192];
    char *copy = malloc(len); /* the sanitizer sees who reads on */
    const char *wrong;
    size_t used;

    memcpy(copy, bytes, len);
    out.len = out.sent = 0;
    if (resp_parse(copy, len, &request, &used, &wrong) != 1 || used != len)
        fail_msg("no request: %s", wrong);
    struct command_context context = {
        .store = store, .stats = &stats, .client = &client, .now_ms = now_ms};
    int error = command_run(&context, &request, &out);
    free(copy);
    has_quit = context.quit;
    if (error)
        fail_msg("error %d", error);
    assert_true(out.len < sizeof(answer));
    if (!out.len)
        return "";
    assert_memory_equal(out.bytes + out.len - 2, "\r\n", 2);
    memcpy(answer, out.bytes, out.len - 2);
    answer[out.len - 2] = '\0';
    return answer;
}

/* Words on a line. */
static inline const char *ask(const char *line)
{
    char text[1024];

    return ask_bytes(text, (size_t)snprintf(text, sizeof(text), "%s\r\n", line));
}

/* A command with a key of so many bytes, and one word more if there is one. */
static inline const char *ask_with_key(const char *command, size_t len, const char *word)
{
    size_t size = len + 128;
    char *text = malloc(size);
    int n = snprintf(text, size, "*%d\r\n$%zu\r\n%s\r\n$%zu\r\n", word ? 3 : 2, strlen(command),
                     command, len);

    memset(text + n, 'k', len);
    n += (int)len;
    n += word ? snprintf(text + n, size - (size_t)n, "\r\n$%zu\r\n%s\r\n", strlen(word), word)
              : snprintf(text + n, size - (size_t)n, "\r\n");
    const char *answer = ask_bytes(text, (size_t)n);
    free(text);
    return answer;
}

struct exchange {
    const char *request, *answer;
};

static inline void assert_exchanged(const struct exchange *exchanges, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *answer = ask(exchanges[i].request);
        if (strcmp(answer, exchanges[i].answer) != 0)
            fail_msg("'%s' was answered '%s', not '%s'", exchanges[i].request, answer,
                     exchanges[i].answer);
    }
}

#define ASSERT_EXCHANGES(...)                                                                      \
    do {                                                                                           \
        static const struct exchange list[] = {__VA_ARGS__};                                       \
        assert_exchanged(list, sizeof(list) / sizeof(list[0]));                                    \
    } while (0)

/* The last byte of the log's first segment is another one. */
static inline void damage_last(void)
{
    int fd = open(path_of(1), O_RDWR);
    char byte = 0;

    off_t at = lseek(fd, -1, SEEK_END);
    assert_true(at >= 0 && pread(fd, &byte, 1, at) == 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

#define COMMAND_TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

#endif
