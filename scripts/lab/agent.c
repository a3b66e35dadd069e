/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lab's agent: runs commands in dom0 for `sprat lab exec` and the like.
 *
 * It serves every virtio-serial port of the machine; each is one channel to the host and carries
 * one command at a time, so commands run in parallel on different ports. A channel carries frames:
 *
 *     escaped(session u32, type u8, data) FRAME_END
 *
 * little-endian, where FRAME_END and ESCAPE inside are escaped as ESCAPE, (byte - 0x20). A session
 * is one request of one client; its number is the client's choice. A channel has no reliable notion
 * of a connection: a client may vanish and the next one come before this side has noticed. Hence
 * the rules: a request with a new number ends the session before it; either side drops frames of
 * other sessions; and FRAME_END never occurs inside a frame, so that the half frame of a client
 * that died does no harm.
 *
 * From the host:                                  To the host:
 *     RUN      NUL-ended strings: folder, then        STARTED  pid u32
 *              arguments "a..." and environment       FAILED   errno u32, text
 *              "e..."                                 OUTPUT   stream u8 (1, 2, 3), bytes
 *     INPUT    bytes for standard input               CREDIT   u32: so many more bytes of input
 *     INPUT_END                                                may come
 *     SIGNAL   u8, to the command's process group     DONE     signalled u8, exit code or signal u8
 *     SYNC     time_ns u64, 32 bytes of entropy   ->  DONE 0, 0
 *
 * A command is given three output streams: stdout, stderr, and descriptor 3 for a report that must
 * not be mixed with either. When the client goes away, its command is ended: SIGTERM, then SIGKILL.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_PORTS = 31,
    MAX_COMMANDS = 2 * MAX_PORTS, /* running, and those that are being ended */
    FRAME_MAX = 128 * 1024,       /* execve's limit on one argument */
    CHUNK = 16 * 1024,            /* bytes of output in a frame */
    OUT_RESERVE = 4096,           /* kept for frames other than output */
    OUT_MAX = 4 * (2 * CHUNK + 64) + OUT_RESERVE,
    INPUT_WINDOW = 64 * 1024,
    TERM_GRACE_MS =
        10 * 1000, /* a command that destroys its guest on SIGTERM needs about one second */
    FRAME_END = 0x7e,
    ESCAPE = 0x7d,
    N_STREAMS = 3,
};

enum frame_type {
    RUN = 'R',
    INPUT = 'I',
    INPUT_END = 'E',
    SIGNAL = 'S',
    SYNC = 'Y',
    STARTED = 'A',
    FAILED = 'F',
    OUTPUT = 'O',
    CREDIT = 'C',
    DONE = 'D',
};

struct port;

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

struct port {
    int fd;
    uint32_t session; /* 0: none */
    struct command *command;
    bool in_escape, in_overflow;
    size_t in_bytes, out_bytes;
    uint8_t in[FRAME_MAX];
    uint8_t out[OUT_MAX];
};

static struct command commands[MAX_COMMANDS];
static struct port ports[MAX_PORTS];
static char *port_names[MAX_PORTS];
static size_t n_ports;
static int ports_epoll;

static void die(const char *what)
{
    fprintf(stderr, "sprat-agent: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static uint32_t get_u32(const uint8_t *from)
{
    return from[0] | from[1] << 8 | from[2] << 16 | (uint32_t)from[3] << 24;
}

static void put_u32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = value >> (8 * i);
}

/* --- frames to the host --- */

/** Write what is waiting for the host, as far as the channel takes it. */
static void port_flush(struct port *port)
{
    size_t done = 0;

    while (done < port->out_bytes) {
        ssize_t n = write(port->fd, port->out + done, port->out_bytes - done);

        if (n <= 0)
            break; /* full, or the host has gone: either way an edge on the epoll follows */
        done += n;
    }
    memmove(port->out, port->out + done, port->out_bytes - done);
    port->out_bytes -= done;
}

/** @return whether a frame with `data_bytes` of data surely fits, with `reserve` bytes left. */
static bool port_has_room(const struct port *port, size_t data_bytes, size_t reserve)
{
    return OUT_MAX - port->out_bytes >= 2 * (data_bytes + 16) + reserve;
}

static void out_escaped(struct port *port, const uint8_t *data, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (data[i] == FRAME_END || data[i] == ESCAPE) {
            port->out[port->out_bytes++] = ESCAPE;
            port->out[port->out_bytes++] = data[i] - 0x20;
        } else {
            port->out[port->out_bytes++] = data[i];
        }
    }
}

/** Queue a frame. Who sends more than one in a session asks first whether there is room. */
static void port_send(struct port *port, enum frame_type type, const void *data, size_t n)
{
    uint8_t header[5];

    if (!port_has_room(port, n, 0))
        abort(); /* our own mistake; init starts us anew */
    put_u32(header, port->session);
    header[4] = type;
    out_escaped(port, header, sizeof(header));
    out_escaped(port, data, n);
    port->out[port->out_bytes++] = FRAME_END;
    port_flush(port);
}

static void port_send_failed(struct port *port, int error, const char *what)
{
    uint8_t data[256];
    int n;

    put_u32(data, error);
    n = snprintf((char *)data + 4, sizeof(data) - 4, "%s: %s", what, strerror(error));
    port_send(port, FAILED, data,
              4 + ((size_t)n < sizeof(data) - 4 ? (size_t)n : sizeof(data) - 5));
    port->session = 0;
}

/* --- commands --- */

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

/** End the session of `port`: its client has gone, or another one has come. */
static void session_end(struct port *port)
{
    struct command *command = port->command;

    if (command) {
        kill(-command->pid, SIGTERM);
        command->kill_at_ms = now_ms() + TERM_GRACE_MS;
        command->port = NULL;
        port->command = NULL;
        close_fd(&command->input);
    }
    port->session = 0;
    port->out_bytes = 0;
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

/** Start a command on `port`. @return 0 or -errno. */
static int command_start(struct port *port, const char *folder, char **argv, char **envp)
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

static void reap(void)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (int i = 0; i < MAX_COMMANDS; i++)
            if (commands[i].pid == pid)
                command_ended(&commands[i], status);
}

/* --- frames from the host --- */

/** Split the strings of a RUN frame. @return 0 or -EINVAL; *argv and *envp are to be freed. */
static int parse_run(char *data, size_t n, char **folder, char ***argv, char ***envp)
{
    size_t n_strings = 0, n_args = 0, n_env = 0;
    char *end = data + n;

    *argv = *envp = NULL;
    if (n < 2 || end[-1] != '\0')
        return -EINVAL;
    for (char *at = data; at < end; at += strlen(at) + 1)
        n_strings++;
    *argv = calloc(n_strings + 1, sizeof(char *));
    *envp = calloc(n_strings + 1, sizeof(char *));
    if (!*argv || !*envp)
        return -ENOMEM;
    *folder = data;
    for (char *at = data + strlen(data) + 1; at < end; at += strlen(at) + 1) {
        if (*at == 'a')
            (*argv)[n_args++] = at + 1;
        else if (*at == 'e')
            (*envp)[n_env++] = at + 1;
        else
            return -EINVAL;
    }
    return n_args > 0 ? 0 : -EINVAL;
}

static void handle_run(struct port *port, char *data, size_t n)
{
    char **argv = NULL, **envp = NULL, *folder = NULL;
    uint8_t started[4];
    int error = parse_run(data, n, &folder, &argv, &envp);

    if (error == 0)
        error = command_start(port, folder, argv, envp);
    if (error == 0) {
        put_u32(started, port->command->pid);
        port_send(port, STARTED, started, sizeof(started));
    } else {
        port_send_failed(port, -error, argv && argv[0] ? argv[0] : "request");
    }
    free(argv);
    free(envp);
}

/**
 * Set the clock, which stood still in a snapshot, and make the random numbers differ from those of
 * every other machine that was started from it.
 */
static void handle_sync(struct port *port, const uint8_t *data, size_t n)
{
    struct {
        struct rand_pool_info info;
        uint8_t bytes[32];
    } pool = {.info = {.entropy_count = 8 * 32, .buf_size = 32}};
    uint64_t time_ns;
    struct timespec time;
    int random, error = 0;

    if (n != 8 + sizeof(pool.bytes)) {
        port_send_failed(port, EINVAL, "sync");
        return;
    }
    time_ns = get_u32(data) | (uint64_t)get_u32(data + 4) << 32;
    time.tv_sec = time_ns / 1000000000;
    time.tv_nsec = time_ns % 1000000000;
    if (clock_settime(CLOCK_REALTIME, &time) < 0)
        error = errno;
    memcpy(pool.info.buf, data + 8, sizeof(pool.bytes));
    random = open("/dev/random", O_RDWR | O_CLOEXEC);
    if (random < 0 || ioctl(random, RNDADDENTROPY, &pool) < 0 || ioctl(random, RNDRESEEDCRNG) < 0)
        error = errno;
    if (random >= 0)
        close(random);
    if (error) {
        port_send_failed(port, error, "sync");
    } else {
        port_send(port, DONE, (uint8_t[]){0, 0}, 2);
        port->session = 0;
    }
}

static void handle_input(struct port *port, const uint8_t *data, size_t n)
{
    struct command *command = port->command;

    if (!command)
        return;
    if (command->input < 0) {
        command->credit += n;
        command_credit(command);
        return;
    }
    if (command->pending_from + command->pending_bytes + n > sizeof(command->pending)) {
        memmove(command->pending, command->pending + command->pending_from, command->pending_bytes);
        command->pending_from = 0;
    }
    if (command->pending_bytes + n > sizeof(command->pending)) {
        session_end(port); /* it sent more than it had credit for */
        return;
    }
    memcpy(command->pending + command->pending_from + command->pending_bytes, data, n);
    command->pending_bytes += n;
    command_write(command);
}

static void handle_frame(struct port *port, uint8_t *frame, size_t n)
{
    uint32_t session;
    uint8_t type;

    if (n < 5)
        return; /* the delimiter that a client sends first, or the rest of one that died */
    session = get_u32(frame);
    type = frame[4];
    frame += 5;
    n -= 5;
    if (type == RUN || type == SYNC) {
        session_end(port);
        port->out[port->out_bytes++] = FRAME_END;
        port->session = session;
        if (type == RUN)
            handle_run(port, (char *)frame, n);
        else
            handle_sync(port, frame, n);
        return;
    }
    if (session != port->session || session == 0)
        return;
    switch (type) {
    case INPUT:
        handle_input(port, frame, n);
        break;
    case INPUT_END:
        if (port->command) {
            port->command->input_ended = true;
            command_write(port->command);
        }
        break;
    case SIGNAL:
        if (port->command && n == 1)
            kill(-port->command->pid, frame[0]);
        break;
    }
}

static void handle_byte(struct port *port, uint8_t byte)
{
    if (byte == FRAME_END) {
        if (!port->in_overflow && !port->in_escape)
            handle_frame(port, port->in, port->in_bytes);
        port->in_bytes = 0;
        port->in_escape = port->in_overflow = false;
    } else if (byte == ESCAPE) {
        port->in_escape = true;
    } else {
        if (port->in_bytes == sizeof(port->in))
            port->in_overflow = true;
        else
            port->in[port->in_bytes++] = port->in_escape ? byte + 0x20 : byte;
        port->in_escape = false;
    }
}

/** Take what has come on a port, until it has no more or the host has gone. */
static void port_event(struct port *port)
{
    uint8_t data[4096];
    ssize_t n;

    port_flush(port);
    while ((n = read(port->fd, data, sizeof(data))) > 0)
        for (ssize_t i = 0; i < n; i++)
            handle_byte(port, data[i]);
    if (n == 0) {
        session_end(port);
        port->in_bytes = 0;
    }
}

/* --- ports --- */

/** Serve the port /dev/`name`, if it is one and not served yet. Port 0 is the kernel's console. */
static void port_add(const char *name)
{
    struct port *port = &ports[n_ports];
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLHUP | EPOLLET};
    unsigned int device, number;
    char path[300];
    int end = 0;

    if (sscanf(name, "vport%up%u%n", &device, &number, &end) != 2 || name[end] || number == 0)
        return;
    for (size_t i = 0; i < n_ports; i++)
        if (strcmp(port_names[i], name) == 0)
            return;
    if (n_ports == MAX_PORTS)
        return;
    snprintf(path, sizeof(path), "/dev/%s", name);
    port->fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (port->fd < 0)
        die(path);
    port_names[n_ports] = strdup(name);
    if (!port_names[n_ports])
        die("strdup");
    event.data.u32 = n_ports++;
    if (epoll_ctl(ports_epoll, EPOLL_CTL_ADD, port->fd, &event) < 0)
        die("epoll_ctl");
}

static void ports_scan(void)
{
    DIR *dev = opendir("/dev");
    struct dirent *entry;

    if (!dev)
        die("/dev");
    while ((entry = readdir(dev)))
        port_add(entry->d_name);
    closedir(dev);
}

/** Kill what outlived its client and SIGTERM. @return ms until the next is due, or -1. */
static int kill_overdue(void)
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

int main(void)
{
    struct pollfd fds[3 + MAX_COMMANDS * (N_STREAMS + 1)];
    struct {
        struct command *command;
        int stream; /* -1: its input */
    } owner[3 + MAX_COMMANDS * (N_STREAMS + 1)];
    struct epoll_event events[MAX_PORTS];
    char drain[4096];
    sigset_t child;
    int signals, watch;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    signals = signalfd(-1, &child, SFD_NONBLOCK | SFD_CLOEXEC);
    ports_epoll = epoll_create1(EPOLL_CLOEXEC);
    watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (signals < 0 || ports_epoll < 0 || watch < 0 ||
        inotify_add_watch(watch, "/dev", IN_CREATE) < 0)
        die("start");
    ports_scan();

    for (;;) {
        nfds_t n = 3;

        fds[0] = (struct pollfd){.fd = ports_epoll, .events = POLLIN};
        fds[1] = (struct pollfd){.fd = signals, .events = POLLIN};
        fds[2] = (struct pollfd){.fd = watch, .events = POLLIN};
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
        if (poll(fds, n, kill_overdue()) < 0 && errno != EINTR)
            die("poll");

        for (nfds_t i = 3; i < n; i++) {
            if (!fds[i].revents)
                continue;
            if (owner[i].stream < 0)
                command_write(owner[i].command);
            else
                command_read(owner[i].command, owner[i].stream);
        }
        if (fds[1].revents) {
            while (read(signals, drain, sizeof(drain)) > 0)
                ;
            reap();
        }
        if (fds[2].revents) {
            while (read(watch, drain, sizeof(drain)) > 0)
                ;
            ports_scan();
        }
        if (fds[0].revents) {
            int n_events = epoll_wait(ports_epoll, events, MAX_PORTS, 0);

            for (int i = 0; i < n_events; i++)
                port_event(&ports[events[i].data.u32]);
        }
    }
}
