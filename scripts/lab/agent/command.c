/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    INPUT_WINDOW = 64 * 1024,
    TERM_GRACE_MS = 10 * 1000, /* to destroy its guest on SIGTERM takes about one second */
};

struct command {
    pid_t pid;         /* 0: this slot is free */
    struct port *port; /* NULL: the client has gone, the command is being ended */
    int64_t kill_at_ms;
    int input;              /* write end of its standard input, or -1 */
    int streams[N_STREAMS]; /* read ends of its output, or -1 */
    bool input_ended;       /* close `input` once `pending` is written */
    uint32_t credit;        /* bytes of input taken, of which the client was not told yet */
    size_t pending_from, pending_bytes;
    uint8_t pending[INPUT_WINDOW];
};

static struct command commands[MAX_COMMANDS];

/* What the descriptors of commands_poll() are. */
static struct {
    struct command *command;
    int stream; /* -1: its input */
} owner[COMMAND_FDS];

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void command_free(struct command *command)
{
    close_fd(&command->input);
    for (int i = 0; i < N_STREAMS; i++)
        close_fd(&command->streams[i]);
    if (command->port)
        command->port->command = NULL;
    command->pid = 0;
}

void command_abandon(struct command *command)
{
    kill(-command->pid, SIGTERM);
    command->kill_at_ms = now_ms() + TERM_GRACE_MS;
    command->port->command = NULL;
    command->port = NULL;
    close_fd(&command->input);
}

/** In the child: become the command. A failure goes to `report`, which closes on exec, as errno. */
static void child_exec(const char *folder, char **argv, char **envp, int fds[N_STREAMS + 1],
                       int report)
{
    sigset_t none;
    int error;

    setsid();
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    for (int i = 0; i <= N_STREAMS; i++)
        if (dup2(fds[i], i) < 0)
            goto err;
    if (chdir(folder) < 0)
        goto err;
    execvpe(argv[0], argv, envp);
err:
    error = errno;
    if (write(report, &error, sizeof(error)) < 0)
        _exit(126);
    _exit(127);
}

/** A descriptor for the child must not be one of those it is moved to. */
static int above_streams(int fd)
{
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, N_STREAMS + 1);

    close(fd);
    return moved;
}

static bool make_pipe(int *reader, int *writer)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return false;
    *reader = above_streams(ends[0]);
    *writer = above_streams(ends[1]);
    return *reader >= 0 && *writer >= 0;
}

int command_start(struct port *port, const char *folder, char **argv, char **envp)
{
    struct command *command = NULL;
    int child[N_STREAMS + 1] = {-1, -1, -1, -1}, report[2] = {-1, -1};
    int error = 0;
    pid_t pid;

    for (int i = 0; i < MAX_COMMANDS && !command; i++)
        if (commands[i].pid == 0)
            command = &commands[i];
    if (!command)
        return -EAGAIN;
    memset(command, 0, sizeof(*command));
    command->input = -1;
    for (int i = 0; i < N_STREAMS; i++)
        command->streams[i] = -1;

    if (!make_pipe(&child[0], &command->input) || !make_pipe(&report[0], &report[1]))
        error = errno;
    for (int i = 0; i < N_STREAMS && !error; i++)
        if (!make_pipe(&command->streams[i], &child[i + 1]))
            error = errno;
    if (error)
        goto out;

    pid = fork();
    if (pid < 0) {
        error = errno;
        goto out;
    }
    if (pid == 0)
        child_exec(folder, argv, envp, child, report[1]);
    close_fd(&report[1]);
    if (read(report[0], &error, sizeof(error)) == (ssize_t)sizeof(error)) {
        waitpid(pid, NULL, 0);
        goto out;
    }
    error = 0;
    command->pid = pid;
    command->port = port;
    port->command = command;
    fcntl(command->input, F_SETFL, O_NONBLOCK);
    for (int i = 0; i < N_STREAMS; i++)
        fcntl(command->streams[i], F_SETFL, O_NONBLOCK);
out:
    for (int i = 0; i <= N_STREAMS; i++)
        close_fd(&child[i]);
    close_fd(&report[0]);
    close_fd(&report[1]);
    if (error)
        command_free(command);
    return -error;
}

/** Move output of a command to its client. @return whether anything was moved. */
static bool command_read(struct command *command, int stream)
{
    uint8_t chunk[CHUNK + 1];
    ssize_t n;

    if (command->port && !port_has_room(command->port, sizeof(chunk), OUT_RESERVE))
        return false;
    n = read(command->streams[stream], chunk + 1, CHUNK);
    if (n == 0)
        close_fd(&command->streams[stream]);
    if (n <= 0)
        return false;
    chunk[0] = stream + 1;
    if (command->port)
        port_send(command->port, OUTPUT, chunk, n + 1);
    return true;
}

/** Tell the client how much of its input was taken, once there is room to say so. */
static void command_credit(struct command *command)
{
    uint8_t credit[4];

    if (command->credit == 0 || !command->port || !port_has_room(command->port, 4, OUT_RESERVE / 2))
        return;
    put_u32(credit, command->credit);
    command->credit = 0;
    port_send(command->port, CREDIT, credit, sizeof(credit));
}

/** Move input to a command. A command that closed its input gets no more; the rest is dropped. */
static void command_write(struct command *command)
{
    ssize_t n = 0;

    if (command->pending_bytes > 0) {
        n = write(command->input, command->pending + command->pending_from, command->pending_bytes);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0) {
            close_fd(&command->input);
            n = command->pending_bytes;
        }
        command->pending_from += n;
        command->pending_bytes -= n;
        if (command->pending_bytes == 0)
            command->pending_from = 0;
        command->credit += n;
        command_credit(command);
    }
    if (command->input_ended && command->pending_bytes == 0)
        close_fd(&command->input);
}

/** A command has ended: pass on all it wrote, then how it ended. Its children may hold pipes. */
static void command_ended(struct command *command, int status)
{
    struct port *port = command->port;
    uint8_t done[2] = {WIFSIGNALED(status),
                       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)};

    if (port) {
        /*
         * The channel may be full: wait for the client to take its output, for as long as there
         * is one. An ended command's pipes hold 64 KiB each at most.
         */
        for (int i = 0; i < N_STREAMS; i++)
            while (command->streams[i] >= 0) {
                struct pollfd wait = {.fd = port->fd, .events = POLLOUT};

                if (command_read(command, i))
                    continue;
                if (port_has_room(port, CHUNK + 1, OUT_RESERVE))
                    break; /* nothing left to read */
                if (poll(&wait, 1, TERM_GRACE_MS) <= 0 || (wait.revents & POLLHUP))
                    goto gone;
                port_flush(port);
            }
        port_send(port, DONE, done, sizeof(done));
        port->session = 0;
    }
gone:
    command_free(command);
}

void commands_reap(void)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (int i = 0; i < MAX_COMMANDS; i++)
            if (commands[i].pid == pid)
                command_ended(&commands[i], status);
}

uint32_t command_pid(const struct command *command)
{
    return (uint32_t)command->pid;
}

bool command_input(struct command *command, const uint8_t *data, size_t n)
{
    if (command->input < 0) {
        command->credit += n;
        command_credit(command);
        return true;
    }
    if (command->pending_from + command->pending_bytes + n > sizeof(command->pending)) {
        memmove(command->pending, command->pending + command->pending_from, command->pending_bytes);
        command->pending_from = 0;
    }
    if (command->pending_bytes + n > sizeof(command->pending))
        return false;
    memcpy(command->pending + command->pending_from + command->pending_bytes, data, n);
    command->pending_bytes += n;
    command_write(command);
    return true;
}

void command_input_end(struct command *command)
{
    command->input_ended = true;
    command_write(command);
}

void command_signal(struct command *command, int number)
{
    kill(-command->pid, number);
}

nfds_t commands_poll(struct pollfd *fds)
{
    nfds_t n = 0;

    for (int i = 0; i < MAX_COMMANDS; i++) {
        struct command *command = &commands[i];

        if (command->pid == 0)
            continue;
        command_credit(command);
        if (command->input >= 0 && command->pending_bytes > 0) {
            owner[n].command = command;
            owner[n].stream = -1;
            fds[n++] = (struct pollfd){.fd = command->input, .events = POLLOUT};
        }
        for (int s = 0; s < N_STREAMS; s++) {
            if (command->streams[s] < 0)
                continue;
            if (command->port && !port_has_room(command->port, CHUNK + 1, OUT_RESERVE))
                continue;
            owner[n].command = command;
            owner[n].stream = s;
            fds[n++] = (struct pollfd){.fd = command->streams[s], .events = POLLIN};
        }
    }
    return n;
}

void commands_move(const struct pollfd *fds, nfds_t n)
{
    for (nfds_t i = 0; i < n; i++) {
        if (!fds[i].revents)
            continue;
        if (owner[i].stream < 0)
            command_write(owner[i].command);
        else
            command_read(owner[i].command, owner[i].stream);
    }
}

int commands_kill_overdue(void)
{
    int64_t now = now_ms(), wait = -1;

    for (int i = 0; i < MAX_COMMANDS; i++) {
        struct command *command = &commands[i];

        if (command->pid == 0 || command->port)
            continue;
        if (command->kill_at_ms <= now) {
            kill(-command->pid, SIGKILL);
            command->kill_at_ms = now + TERM_GRACE_MS;
        }
        if (wait < 0 || command->kill_at_ms - now < wait)
            wait = command->kill_at_ms - now;
    }
    return (int)wait;
}
