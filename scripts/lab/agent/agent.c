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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "channel.h"
#include "command.h"

enum { MAX_PORTS = MAX_COMMANDS / 2 };

static struct port ports[MAX_PORTS];
static char *port_names[MAX_PORTS];
static size_t n_ports;
static int ports_epoll;

static void die(const char *what)
{
    fprintf(stderr, "sprat-agent: %s: %s\n", what, strerror(errno));
    exit(1);
}

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
        put_u32(started, command_pid(port->command));
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

/** End the session of `port`: its client has gone, or another one has come. */
static void session_end(struct port *port)
{
    if (port->command)
        command_abandon(port->command);
    port->session = 0;
    port->out_bytes = 0;
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
        port_begin(port, session);
        if (type == RUN)
            handle_run(port, (char *)frame, n);
        else
            handle_sync(port, frame, n);
        return;
    }
    if (session != port->session || !port->command)
        return;
    switch (type) {
    case INPUT:
        if (!command_input(port->command, frame, n))
            session_end(port);
        break;
    case INPUT_END:
        command_input_end(port->command);
        break;
    case SIGNAL:
        if (n == 1)
            command_signal(port->command, frame[0]);
        break;
    }
}

static void port_event(struct port *port)
{
    if (!port_receive(port, handle_frame))
        session_end(port);
}

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

int main(void)
{
    struct pollfd fds[3 + COMMAND_FDS];
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
        n += commands_poll(fds + n);
        if (poll(fds, n, commands_kill_overdue()) < 0 && errno != EINTR)
            die("poll");

        commands_move(fds + 3, n - 3);
        if (fds[1].revents) {
            while (read(signals, drain, sizeof(drain)) > 0)
                ;
            commands_reap();
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
