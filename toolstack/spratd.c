/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spratd: creates and serves PV guests, many of them, quickly.
 *
 *     spratd [--socket PATH] [--lock PATH] [--no-terminals] [--introduce] [--ready-fd N]
 *
 * One process, one thread; everything waits in one epoll. It serves its guests' consoles and
 * carries out their on_... actions. When it ends, by whatever signal, its guests go on; the next
 * one takes them over, and removes what was half-made. spratctl talks to it; command.h tells the
 * protocol.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client.h"
#include "command.h"
#include "guest.h"
#include "host.h"
#include "life.h"
#include "log.h"
#include "pool.h"
#include "record.h"
#include "store.h"
#include "wait.h"
#include "xlrest.h"

#define SOCKET_DEFAULT "/run/sprat/spratd.socket"
#define LOCK_DEFAULT   "/run/sprat/spratd.lock"
#define DESCRIPTORS    65536 /* one a guest and a few more; Linux' default is 1024 */
#define EVENTS_MAX     256

struct options {
    const char *socket, *lock;
    bool terminals, introduce;
    int ready_fd;
};

static struct host host;

/* Guests whose xenstore requests were more than one turn's, by domain; they come next turn. */
static struct turn {
    uint32_t domids[HOST_DOMAINS];
    unsigned n;
} turns[2], *next_turn = &turns[0];

static void usage(FILE *to)
{
    fputs(
        "usage: spratd [--socket PATH] [--lock PATH] [--no-terminals] [--introduce]\n"
        "              [--ready-fd N]\n\n"
        "Creates and serves Xen PV guests; spratctl talks to it.\n\n"
        "  --socket PATH    where clients connect (default: " SOCKET_DEFAULT ")\n"
        "  --lock PATH      held while it runs (default: " LOCK_DEFAULT ")\n"
        "  --no-terminals   no terminal for each guest: saves dom0 memory, `xl console` does not "
        "work\n"
        "  --introduce      let xenstored know all guests, as xl does\n"
        "  --ready-fd N     write a line to this descriptor when clients may come, and close it\n",
        to);
}

static int parse_options(int argc, char **argv, struct options *options)
{
    static const struct option longs[] = {
        {"socket", required_argument, NULL, 's'},
        {"lock", required_argument, NULL, 'l'},
        {"no-terminals", no_argument, NULL, 't'},
        {"ready-fd", required_argument, NULL, 'r'},
        {"introduce", no_argument, NULL, 'i'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int option;

    *options = (struct options){
        .socket = SOCKET_DEFAULT, .lock = LOCK_DEFAULT, .terminals = true, .ready_fd = -1};
    while ((option = getopt_long(argc, argv, "h", longs, NULL)) >= 0) {
        switch (option) {
        case 's':
            options->socket = optarg;
            break;
        case 'l':
            options->lock = optarg;
            break;
        case 't':
            options->terminals = false;
            break;
        case 'i':
            options->introduce = true;
            break;
        case 'r':
            if (!isdigit((unsigned char)*optarg))
                return -EINVAL;
            options->ready_fd = (int)strtol(optarg, NULL, 10);
            break;
        case 'h':
            usage(stdout);
            exit(0);
        default:
            return -EINVAL;
        }
    }
    return optind == argc ? 0 : -EINVAL;
}

/* Two of them would take each other's shells for left over. The kernel frees the lock, however we
 * end. */
static int take_lock(const char *path, struct fail *fail)
{
    char folder[256];

    snprintf(folder, sizeof(folder), "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash && slash != folder) {
        *slash = '\0';
        mkdir(folder, 0700);
    }
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_errno(fail, "cannot open %s", path);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return fail_errno(fail, "another spratd runs: it holds %s", path);
    return 0;
}

static int take_signals(int *fd, struct fail *fail)
{
    sigset_t set;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    *fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (*fd < 0)
        return fail_errno(fail, "signalfd");
    return host_poll(&host, *fd, SOURCE_SIGNAL, 0, EPOLLIN, fail);
}

static void raise_descriptors(void)
{
    struct rlimit limit = {DESCRIPTORS, DESCRIPTORS};

    if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
        return;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/*
 * Each answer and each event wakes us. As a batch process we do not take the CPU from xenstored for
 * it, and find all that it had to say at once: half as many switches between the two.
 */
static void wait_for_others(void)
{
    struct sched_param param = {0};

    if (sched_setscheduler(0, SCHED_BATCH, &param) < 0)
        log_line("no batch scheduling: %s", strerror(errno));
}

/* A guest has asked its xenstore for something. */
static void work_for(struct guest *guest)
{
    if (proxy_work(&guest->proxy, &host) && next_turn->n < HOST_DOMAINS)
        next_turn->domids[next_turn->n++] = guest->domid;
}

/* @return whether there was something. */
static bool work_for_busy(void)
{
    struct turn *turn = next_turn;
    unsigned n = turn->n;

    next_turn = turn == &turns[0] ? &turns[1] : &turns[0];
    next_turn->n = 0;
    for (unsigned i = 0; i < n; i++) {
        struct guest *guest = host.by_domid[turn->domids[i]];
        if (guest && guest->proxy.ring)
            work_for(guest);
    }
    return n > 0;
}

/* The descriptor gives the numbers of channels with events; writing them back unmasks them. */
static void take_events(void)
{
    static bool complained;
    evtchn_port_t ports[EVENTS_MAX];
    int fd = xenevtchn_fd(host.hyper.events);
    ssize_t n = read(fd, ports, sizeof(ports));

    if (n <= 0)
        return;
    if (write(fd, ports, (size_t)n) != n && !complained) {
        log_line("cannot unmask event channels: %s", strerror(errno));
        complained = true;
    }
    for (size_t i = 0; i < (size_t)n / sizeof(*ports); i++) {
        struct guest *guest = ports[i] < host.n_ports ? host.by_port[ports[i]] : NULL;
        if (!guest)
            continue;
        life_suspect(guest);
        if (ports[i] == (evtchn_port_t)guest->proxy.port)
            work_for(guest);
        if (ports[i] != (evtchn_port_t)guest->console.port)
            continue;
        if (console_drain(&guest->console, &host.hyper))
            wait_guest_wrote(guest);
        console_type(&guest->console, &host.hyper); /* it may have made room */
    }
}

static int take_source(const struct epoll_event *event, bool *stop, struct fail *fail)
{
    uint32_t number = (uint32_t)event->data.u64;

    switch ((enum host_source)(event->data.u64 >> 32)) {
    case SOURCE_EVENTS:
        take_events();
        break;
    case SOURCE_STORE:
        return store_receive(host.store, fail);
    case SOURCE_LISTEN:
        client_accept(&host);
        break;
    case SOURCE_CLIENT:
        client_ready(&host, number, event->events);
        break;
    case SOURCE_TERMINAL:
        if (host.by_domid[number])
            console_type(&host.by_domid[number]->console, &host.hyper);
        break;
    case SOURCE_SIGNAL:
        *stop = true;
        break;
    }
    return 0;
}

static int wait_ms(uint64_t deadline_ns)
{
    uint64_t now_ns = host_now_ns();

    if (deadline_ns == UINT64_MAX)
        return -1;
    if (deadline_ns <= now_ns)
        return 0;
    uint64_t ms = (deadline_ns - now_ns + 999999) / 1000000;
    return ms > 3600000 ? 3600000 : (int)ms;
}

/* What is done only when nothing else is: one step at a time. */
static bool idle_work(void)
{
    return pool_work(&host);
}

static int serve(struct fail *fail)
{
    static struct epoll_event events[EVENTS_MAX];
    bool stop = false, more = true;

    while (!stop && !command_stopped()) {
        uint64_t now_ns = host_now_ns();
        uint64_t due_ns = client_deadlines(&host, now_ns), life_ns = life_work(&host, now_ns);
        if (life_ns < due_ns)
            due_ns = life_ns;
        more |= client_has_answers() || host.domains_ended;
        int n = epoll_wait(host.epoll, events, EVENTS_MAX, more ? 0 : wait_ms(due_ns));
        if (n < 0 && errno != EINTR)
            return fail_errno(fail, "epoll_wait");
        for (int i = 0; i < n; i++) {
            int error = take_source(&events[i], &stop, fail);
            if (error)
                return error;
        }
        more = client_work(&host);
        more |= work_for_busy();
        host_take_store_events(&host, life_suspect);
        life_look(&host);
        if (n <= 0 && !more)
            more = idle_work();
        else if (n > 0)
            more = true;
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct options options;
    struct fail fail;
    int signals;
    unsigned n_removed, n_adopted;

    if (parse_options(argc, argv, &options) < 0) {
        usage(stderr);
        return 2;
    }
    setvbuf(stderr, NULL, _IOLBF, 0);
    int error = take_lock(options.lock, &fail);
    if (error)
        goto err_lock;
    raise_descriptors();
    wait_for_others();
    error = host_open(&host, &fail);
    if (error)
        goto err_lock;
    host.make_terminals = options.terminals;
    host.introduce_all = options.introduce;
    host.domains_appeared = true;
    error = take_signals(&signals, &fail);
    if (!error)
        error = record_adopt_all(&host, &n_removed, &n_adopted, &fail);
    if (!error)
        error = client_listen(&host, options.socket, &fail);
    if (error)
        goto err_host;
    if (n_removed || n_adopted)
        log_line("%u guests taken over, %u left-overs removed", n_adopted, n_removed);
    if (options.ready_fd >= 0) {
        if (write(options.ready_fd, "ready\n", 6) != 6)
            log_line("--ready-fd %d: %s", options.ready_fd, strerror(errno));
        close(options.ready_fd);
    }
    error = serve(&fail);
    pool_close(&host);
    client_close_all(&host);
    xlrest_end(&host);

err_host:
    host_close(&host);
err_lock:
    if (error)
        log_line("%s", fail.text);
    return error ? 1 : 0;
}
