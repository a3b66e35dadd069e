/* SPDX-License-Identifier: BSD-2-Clause */
#include "control.h"

enum {
    OK = 200,
    WARNING = 220,
    SYNTAX = 500,
    UNIMPLEMENTED = 501,
    NO_ELEMENT = 510,
    NO_HANDLER = 511,
    HANDLER_ERROR = 520,
    TOO_BIG = 521,
    PERMISSION = 530,
    NO_ROUTER = 540
};

void control_open(struct control *c, struct engine *eng, bool readonly)
{
    memset(c, 0, sizeof(*c));
    c->eng = eng;
    c->readonly = readonly;
    c->data_max = CONTROL_DATA_MAX;
    text_addf(&c->out, "Click::ControlSocket/1.3\r\n");
}

void control_close(struct control *c)
{
    text_free(&c->in);
    text_free(&c->out);
    text_free(&c->handler);
    text_free(&c->end);
    c->state = CONTROL_CLOSED;
}

static void message(struct control *c, int code, const char *text, struct str name)
{
    text_addf(&c->out, "%d %s", code, text);
    if (name.len)
        text_addf(&c->out, " '%.*s'", (int)name.len, name.s);
    text_addf(&c->out, "\r\n");
}

/* Several lines: all but the last with a hyphen. */
static void messages(struct control *c, int code, const char *first, struct str name,
                     const struct text *more)
{
    struct str left = {more->s, more->len};

    left = str_trim(left);
    text_addf(&c->out, "%d%c%s '%.*s'%s\r\n", code, left.len ? '-' : ' ', first, (int)name.len,
              name.s, left.len ? ":" : "");
    while (left.len) {
        const char *nl = memchr(left.s, '\n', left.len);
        uint32_t n = nl ? (uint32_t)(nl - left.s) : left.len;

        text_addf(&c->out, "%d%c%.*s\r\n", code, nl ? '-' : ' ', (int)n, left.s);
        left = (struct str){left.s + n + (nl != NULL), left.len - n - (nl != NULL)};
    }
}

/* What a read handler says; all of it, or that it is too long. */
static void answer(struct control *c, struct str name, const struct text *data)
{
    uint32_t before = c->out.len;

    message(c, OK, "Read handler OK:", name);
    text_addf(&c->out, "DATA %lu\r\n", (unsigned long)data->len);
    text_add(&c->out, data->s ? data->s : "", data->len);
    if (!data->cut && !c->out.cut)
        return;
    c->out.len = before;
    c->out.cut = false;
    message(c, HANDLER_ERROR, "Answer longer than 1 MiB, or than memory, from", name);
}

static int code_of(enum handler_status status)
{
    static const int codes[] = {
        [HANDLER_OK] = OK,
        [HANDLER_NO_ROUTER] = NO_ROUTER,
        [HANDLER_NO_ELEMENT] = NO_ELEMENT,
        [HANDLER_NO_HANDLER] = NO_HANDLER,
        [HANDLER_NOT_READABLE] = PERMISSION,
        [HANDLER_NOT_WRITABLE] = PERMISSION,
        [HANDLER_FAILED] = HANDLER_ERROR,
    };

    return codes[status];
}

static const char *failure_of(enum handler_status status)
{
    static const char *const texts[] = {
        [HANDLER_OK] = "",
        [HANDLER_NO_ROUTER] = "No router installed for",
        [HANDLER_NO_ELEMENT] = "No element named",
        [HANDLER_NO_HANDLER] = "No handler named",
        [HANDLER_NOT_READABLE] = "Handler write-only:",
        [HANDLER_NOT_WRITABLE] = "Handler read-only:",
        [HANDLER_FAILED] = "Handler error from",
    };

    return texts[status];
}

static void call(struct control *c, struct str name, struct str data, bool write)
{
    struct text out = {0};
    enum handler_status status;

    if (write && c->readonly) {
        message(c, PERMISSION, "Permission denied for", name);
        return;
    }
    status = (write ? engine_write : engine_read)(c->eng, name, data, &out);
    if (status != HANDLER_OK) {
        messages(c, code_of(status), failure_of(status), name, &out);
    } else if (write) {
        messages(c, out.len ? WARNING : OK,
                 out.len ? "OK, with warnings, from" : "Write handler OK:", name, &out);
    } else {
        answer(c, name, &out);
    }
    text_free(&out);
}

static void check(struct control *c, struct str name, bool write)
{
    enum handler_status status = engine_check_handler(c->eng, name, write);

    if (write && c->readonly)
        message(c, PERMISSION, "Permission denied for", name);
    else if (status == HANDLER_OK)
        message(c, OK, write ? "Write handler OK:" : "Read handler OK:", name);
    else
        message(c, code_of(status), failure_of(status), name);
}

static void help(struct control *c)
{
    static const char *const lines[] = {
        "Commands supported:",
        "READ handler [arg...]   call read handler, return DATA",
        "READDATA handler len    call read handler with len data bytes, return DATA",
        "READUNTIL handler term  call read handler, take data until term, return DATA",
        "WRITE handler [arg...]  call write handler",
        "WRITEDATA handler len   call write handler, pass len data bytes",
        "WRITEUNTIL handler term call write handler, take data until term",
        "CHECKREAD handler       check if read handler is valid",
        "CHECKWRITE handler      check if write handler is valid",
        "QUIT                    close connection",
    };
    unsigned n = sizeof(lines) / sizeof(*lines);

    for (unsigned i = 0; i < n; i++)
        text_addf(&c->out, "%d%c%s\r\n", OK, i + 1 < n ? '-' : ' ', lines[i]);
}

static bool is_command(struct str word, const char *name)
{
    if (word.len != strlen(name))
        return false;
    for (uint32_t i = 0; i < word.len; i++) {
        char c = word.s[i];

        if ((c >= 'a' && c <= 'z' ? c - 32 : c) != name[i])
            return false;
    }
    return true;
}

/* A command whose data follows: remember what it is for. */
static void expect(struct control *c, struct str handler, struct str rest, bool write, bool until)
{
    uint64_t n = 0;

    if (!handler.len || (!until && !value_uint(rest, &n))) {
        message(c, SYNTAX, "Wrong arguments", (struct str){"", 0});
        return;
    }
    if (n > c->data_max) {
        /* the data that follows would be taken for commands */
        message(c, TOO_BIG, "Data too large for", handler);
        c->state = CONTROL_CLOSED;
        return;
    }
    text_free(&c->handler);
    text_free(&c->end);
    text_str(&c->handler, handler);
    text_str(&c->end, rest);
    c->write = write;
    c->data_left = (uint32_t)n;
    c->line_start = 0;
    c->state = until ? CONTROL_UNTIL : CONTROL_DATA;
}

static void finish(struct control *c, uint32_t len)
{
    struct str handler = {c->handler.s ? c->handler.s : "", c->handler.len};
    struct text data = c->in;

    memset(&c->in, 0, sizeof(c->in));
    c->state = CONTROL_LINE;
    if (data.cut || c->handler.cut || c->end.cut)
        message(c, TOO_BIG, "No memory for", handler);
    else
        call(c, handler, (struct str){data.s ? data.s : "", len}, c->write);
    text_free(&data);
}

static void command(struct control *c, struct str line)
{
    struct str rest = line, word = str_word(&rest), args = rest, handler = str_word(&args);

    if (!word.len)
        return;
    if (is_command(word, "READ") || is_command(word, "GET")) {
        if (handler.len)
            call(c, handler, args, false);
        else
            message(c, SYNTAX, "Wrong number of arguments", handler);
    } else if (is_command(word, "WRITE") || is_command(word, "SET")) {
        if (handler.len)
            call(c, handler, args, true);
        else
            message(c, SYNTAX, "Wrong number of arguments", handler);
    } else if (is_command(word, "READDATA")) {
        expect(c, handler, args, false, false);
    } else if (is_command(word, "WRITEDATA") || is_command(word, "SETDATA")) {
        expect(c, handler, args, true, false);
    } else if (is_command(word, "READUNTIL")) {
        expect(c, handler, args, false, true);
    } else if (is_command(word, "WRITEUNTIL") || is_command(word, "SETUNTIL")) {
        expect(c, handler, args, true, true);
    } else if (is_command(word, "CHECKREAD")) {
        check(c, handler, false);
    } else if (is_command(word, "CHECKWRITE")) {
        check(c, handler, true);
    } else if (is_command(word, "HELP")) {
        help(c);
    } else if (is_command(word, "QUIT") || is_command(word, "CLOSE")) {
        message(c, OK, "Goodbye!", (struct str){"", 0});
        c->state = CONTROL_CLOSED;
    } else {
        message(c, UNIMPLEMENTED, "Command unimplemented:", word);
    }
    if (c->state == CONTROL_DATA && !c->data_left)
        finish(c, 0);
}

/* A line is complete. */
static void line(struct control *c)
{
    struct text l = c->in;

    memset(&c->in, 0, sizeof(c->in));
    command(c, (struct str){l.s ? l.s : "", l.len});
    text_free(&l);
}

/* A line of data is complete: is it the terminator? */
static void until_line(struct control *c)
{
    struct str l = {c->in.s ? c->in.s + c->line_start : "", c->in.len - c->line_start};
    struct str end = {c->end.s ? c->end.s : "", c->end.len};

    while (l.len && is_space(l.s[l.len - 1])) /* spaces at the end do not count */
        l.len--;
    if (str_eq(l, end)) {
        finish(c, c->line_start);
        return;
    }
    text_char(&c->in, '\n');
    c->line_start = c->in.len;
}

static void too_long(struct control *c)
{
    message(c, SYNTAX, "Line or data too long", (struct str){"", 0});
    c->state = CONTROL_CLOSED;
}

static void byte(struct control *c, char b)
{
    bool skip = c->skip_lf && b == '\n';

    c->skip_lf = false;
    if (skip)
        return;
    if (c->state == CONTROL_DATA) {
        text_char(&c->in, b);
        if (--c->data_left == 0)
            finish(c, c->in.len);
        return;
    }
    if (b == '\r' || b == '\n') {
        c->skip_lf = b == '\r';
        if (c->state == CONTROL_UNTIL)
            until_line(c);
        else
            line(c);
        return;
    }
    text_char(&c->in, b);
    if (c->in.len > (c->state == CONTROL_UNTIL ? c->data_max : CONTROL_LINE_MAX) || c->in.cut)
        too_long(c);
}

void control_receive(struct control *c, const void *data, size_t len)
{
    const char *s = data;

    for (size_t i = 0; i < len && c->state != CONTROL_CLOSED && !c->out.cut; i++)
        byte(c, s[i]);
    if (c->out.cut) /* nobody takes what is said */
        c->state = CONTROL_CLOSED;
}
