/* SPDX-License-Identifier: BSD-2-Clause */
#include "life.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "disk.h"
#include "guest.h"
#include "host.h"
#include "json.h"
#include "log.h"
#include "pool.h"
#include "wait.h"
#include "xlconfig.h"
#include "xlrest.h"

#define SOON_NS 10000000000ull /* a guest that ends so soon after its start is in a loop */
#define DELAY_FIRST_NS                                                                             \
    100000000ull /* and is held back: so long at first, twice as long each time */
#define DELAY_MAX_NS 30000000000ull

#define AGAIN_NS 2000000ull /* before another try, when a disk is still being let go */

#define SWEEP_NS 2000000000ull /* between two looks at all guests that xenstored does not know */

/* Looks at a guest after a sign of life: how long after it, and after the look before. */
static const uint64_t look_after_ns[] = {4000000, 60000000, 1000000000};
#define LOOKS (sizeof(look_after_ns) / sizeof(*look_after_ns))

/* A look that is due at a time. All of one kind wait equally long, so each kind is a queue. */
struct look {
    struct look *next;
    uint32_t domid;
    uint64_t due_ns, since_ns;
};

struct look_queue {
    struct look *first, **last;
};

/* A guest without a domain, which will have one again. */
struct restart {
    struct restart *next;
    char name[CONFIG_NAME_MAX];
    uint8_t uuid[16];
    char *text, *file;
    unsigned n_restarts, n_tries; /* tries that failed, of this restart */
    char *trouble;                /* why the last one did, or NULL */
    uint64_t due_ns;
    uint64_t held_ns; /* since then by a disk; 0: it is not */
};

static struct restart *restarts;
static struct look_queue looks[LOOKS];
static uint64_t sweep_due_ns = UINT64_MAX;
static struct {
    uint64_t n_created, n_destroyed, n_poweroff, n_reboot, n_crash, n_gone;
} counts;

int life_create(struct host *host, const struct config *config, const char *text, const char *file,
                bool paused, struct guest **result, bool *pooled, struct fail *fail)
{
    int error = host_check_name(host, config->name, fail);
    if (error)
        return error;
    if (life_is_waiting(config->name))
        return fail_set(fail, EEXIST, "the guest %s waits to be restarted; destroy it first",
                        config->name);
    error = disk_check_left(host, config->disks, config->n_disks, fail);
    if (error)
        return error;
    struct guest *guest = pool_take(host, config);
    if (pooled)
        *pooled = guest != NULL;
    if (guest)
        guest->times = (struct guest_times){0};
    else
        error = guest_build(host, config, config->cmdline, &guest, fail);
    if (!error)
        error = guest_launch(host, guest, config, text, file, paused, fail);
    if (error) {
        fail_prefix(fail, "guest %s", config->name);
        return error;
    }
    counts.n_created++;
    *result = guest;
    return 0;
}

static void restart_free(struct restart *restart)
{
    free(restart->trouble);
    free(restart->text);
    free(restart->file);
    free(restart);
}

/* How long what has failed so many times before is held back. */
static uint64_t delay_after(unsigned n_before)
{
    uint64_t delay_ns = DELAY_FIRST_NS << (n_before < 10 ? n_before : 10);

    return delay_ns > DELAY_MAX_NS ? DELAY_MAX_NS : delay_ns;
}

static void restart_add(struct restart *restart, uint64_t due_ns)
{
    restart->due_ns = due_ns;
    restart->next = restarts;
    restarts = restart;
}

static void plan_restart(struct guest *guest)
{
    uint64_t now_ns = host_now_ns(), delay_ns = 0;
    struct restart *restart = calloc(1, sizeof(*restart));

    if (!restart || !*guest->text) {
        log_line("%s cannot be restarted: %s", guest->name,
                 restart ? "its configuration is not known" : "no memory");
        free(restart);
        return;
    }
    if (now_ns - guest->started_ns < SOON_NS) {
        restart->n_restarts = guest->n_restarts + 1;
        delay_ns = delay_after(guest->n_restarts);
        log_line("%s ended soon after its start, %u times now: restart in %.1f s", guest->name,
                 restart->n_restarts, (double)delay_ns / 1e9);
    }
    strcpy(restart->name, guest->name);
    memcpy(restart->uuid, guest->uuid, sizeof(restart->uuid));
    restart->text = guest->text;
    restart->file = guest->file;
    guest->text = guest->file = NULL;
    restart_add(restart, now_ns + delay_ns);
}

static void end(struct host *host, struct guest *guest, enum config_action action, bool is_shutdown,
                const char *how)
{
    struct fail fail;

    console_drain(&guest->console, &host->hyper);
    wait_guest_ended(guest, how);
    if (guest->state == GUEST_SHELL)
        pool_lose(guest);
    if (action == ACTION_PRESERVE) {
        guest->state = GUEST_ENDED;
        return;
    }
    if (action == ACTION_RESTART && guest->state == GUEST_RUNNING && !guest->asked_to_end)
        plan_restart(guest);
    /* One that another destroys is dying: xenstored could not be told its page any more. */
    if (guest_destroy(host, guest, is_shutdown, &fail) < 0)
        log_line("%s", fail.text);
    counts.n_destroyed++;
}

/* Of a guest that crashes again and again, the first time. */
static void report_crash(struct host *host, struct guest *guest, unsigned reason)
{
    if (guest->n_restarts)
        return;
    console_drain(&guest->console, &host->hyper);
    log_line("%s crashed (reason %u); it said last:", guest->name, reason);
    log_last_words(guest->name, guest->console.log, guest->console.log_len);
}

/* Whoever saves it destroys it then, or lets it go on. */
static void suspended(struct host *host, struct guest *guest)
{
    struct fail fail;

    if (!guest->is_suspended && guest_tell_suspended(host, guest, &fail) < 0)
        log_line("%s is suspended: %s", guest->name, fail.text);
    guest->is_suspended = true;
}

/* It runs, and may have been suspended. */
static void goes_on(struct host *host, struct guest *guest)
{
    struct fail fail;

    if (guest_serve_again(host, guest, &fail) < 0 && guest->is_suspended)
        log_line("%s goes on, and is not served: %s; it is tried again", guest->name, fail.text);
    guest->is_suspended = false;
}

static void look_at(struct host *host, struct guest *guest, const xc_domaininfo_t *info)
{
    unsigned reason = info->flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;

    if (info->flags & XEN_DOMINF_dying) {
        counts.n_gone++;
        end(host, guest, ACTION_DESTROY, false, "destroyed by another");
    } else if (info->flags & XEN_DOMINF_shutdown && guest->state != GUEST_ENDED) {
        switch (reason) {
        case SHUTDOWN_suspend:
            suspended(host, guest);
            break;
        case SHUTDOWN_poweroff:
            counts.n_poweroff++;
            end(host, guest, guest->on_poweroff, true, "poweroff");
            break;
        case SHUTDOWN_reboot:
            counts.n_reboot++;
            end(host, guest, guest->on_reboot, true, "reboot");
            break;
        default:
            counts.n_crash++;
            report_crash(host, guest, reason);
            end(host, guest, guest->on_crash, true, "crash");
        }
    } else if (!(info->flags & XEN_DOMINF_shutdown)) {
        goes_on(host, guest);
    }
}

void life_look(struct host *host)
{
    enum { BATCH = 256 };
    static xc_domaininfo_t infos[BATCH];
    static bool complained;
    uint32_t next = 1;
    int n;

    if (!host->domains_ended)
        return;
    host->domains_ended = false;
    do {
        n = xc_domain_getinfolist(host->hyper.control, next, BATCH, infos);
        if (n < 0) {
            if (!complained)
                log_line("cannot list the domains: %s", strerror(errno));
            complained = true;
            return;
        }
        complained = false;
        for (int i = 0; i <= n; i++) {
            /* Those between two that Xen lists, and behind the last one, are gone. */
            uint32_t domid = i < n ? infos[i].domain : HOST_DOMAINS;
            if (i == n && n == BATCH)
                break;
            for (; next < domid && next < HOST_DOMAINS; next++) {
                if (host->by_domid[next]) {
                    counts.n_gone++;
                    end(host, host->by_domid[next], ACTION_DESTROY, false, "destroyed by another");
                }
            }
            if (i < n && domid < HOST_DOMAINS && host->by_domid[domid])
                look_at(host, host->by_domid[domid], &infos[i]);
            next = domid + 1;
        }
    } while (n == BATCH);
    disk_settle(host);
}

/* It could not be done, and is tried again. Told once, as long as the reason is the same. */
static void restart_later(struct restart *restart, const char *trouble)
{
    uint64_t delay_ns = delay_after(restart->n_tries++);

    if (!restart->trouble || strcmp(restart->trouble, trouble) != 0) {
        log_line("restart: %s; it is tried again", trouble);
        free(restart->trouble);
        restart->trouble = strdup(trouble);
    }
    restart_add(restart, host_now_ns() + delay_ns);
}

/* It is tried again soon, and nobody need be told. @return false: it was, for too long. */
static bool wait_for_disk(struct restart *restart)
{
    uint64_t now_ns = host_now_ns();

    if (!restart->held_ns)
        restart->held_ns = now_ns;
    if (now_ns - restart->held_ns >= LIFE_AGAIN_NS)
        return false;
    restart_add(restart, now_ns + AGAIN_NS);
    return true;
}

static void restart_now(struct host *host, struct restart *restart)
{
    static struct config config;
    struct guest *guest;
    struct fail fail;

    int error = config_parse(&config, restart->text, strlen(restart->text), restart->file, &fail);
    if (!error) {
        strcpy(config.name, restart->name);
        memcpy(config.uuid, restart->uuid, sizeof(config.uuid));
        config.uuid_given = true;
        error =
            life_create(host, &config, restart->text, restart->file, false, &guest, NULL, &fail);
    }
    if (error == -EAGAIN && wait_for_disk(restart))
        return;
    if (error && error != -EEXIST) {
        restart_later(restart, fail.text);
        return;
    }
    if (error)
        log_line("no restart: %s", fail.text);
    else
        guest->n_restarts = restart->n_restarts;
    restart_free(restart);
}

static void look_append(struct look *look, unsigned kind, uint64_t now_ns)
{
    struct look_queue *queue = &looks[kind];

    look->next = NULL;
    look->due_ns = now_ns + look_after_ns[kind];
    if (!queue->first)
        queue->last = &queue->first;
    *queue->last = look;
    queue->last = &look->next;
}

void life_sweep(void)
{
    if (sweep_due_ns == UINT64_MAX)
        sweep_due_ns = host_now_ns() + SWEEP_NS;
}

void life_suspect(struct guest *guest)
{
    if (guest->introduced)
        return;
    guest->active_ns = host_now_ns();
    life_sweep();
    if (guest->look_waits)
        return;
    struct look *look = malloc(sizeof(*look));
    if (!look)
        return; /* the sweep will find it */
    guest->look_waits = true;
    *look = (struct look){.domid = guest->domid, .since_ns = guest->active_ns};
    look_append(look, 0, guest->active_ns);
}

static void look_now(struct host *host, struct look *look, unsigned kind, uint64_t now_ns)
{
    struct guest *guest = host->by_domid[look->domid];
    xc_domaininfo_t info;

    if (!guest || !guest->look_waits) {
        free(look);
        return;
    }
    if (hyper_domain_info(&host->hyper, look->domid, &info) < 0 ||
        info.flags & (XEN_DOMINF_dying | XEN_DOMINF_shutdown)) {
        host->domains_ended = true;
    } else if (guest->active_ns > look->since_ns) {
        look->since_ns = guest->active_ns;
        look_append(look, 0, now_ns);
        return;
    } else if (kind + 1 < LOOKS) {
        look_append(look, kind + 1, now_ns);
        return;
    }
    guest->look_waits = false;
    free(look);
}

/* @return when the next look is due. */
static uint64_t look_at_suspects(struct host *host, uint64_t now_ns)
{
    uint64_t next_ns = UINT64_MAX;

    for (unsigned kind = 0; kind < LOOKS; kind++) {
        struct look_queue *queue = &looks[kind];
        while (queue->first && queue->first->due_ns <= now_ns) {
            struct look *look = queue->first;
            queue->first = look->next;
            look_now(host, look, kind, now_ns);
        }
    }
    for (unsigned kind = 0; kind < LOOKS; kind++)
        if (looks[kind].first && looks[kind].first->due_ns < next_ns)
            next_ns = looks[kind].first->due_ns;
    if (sweep_due_ns <= now_ns) {
        host->domains_ended = true;
        sweep_due_ns = host->n_guests || host->disks ? now_ns + SWEEP_NS : UINT64_MAX;
    }
    return sweep_due_ns < next_ns ? sweep_due_ns : next_ns;
}

static uint64_t restart_due(struct host *host, uint64_t now_ns)
{
    uint64_t next_ns = UINT64_MAX;

    for (struct restart **at = &restarts; *at;) {
        struct restart *restart = *at;
        if (restart->due_ns <= now_ns) {
            *at = restart->next;
            restart_now(host, restart);
            at = &restarts; /* a restart may have changed the list */
            next_ns = UINT64_MAX;
            continue;
        }
        if (restart->due_ns < next_ns)
            next_ns = restart->due_ns;
        at = &restart->next;
    }
    return next_ns;
}

uint64_t life_work(struct host *host, uint64_t now_ns)
{
    const uint64_t due_ns[] = {restart_due(host, now_ns), look_at_suspects(host, now_ns),
                               xlconfig_work(host, now_ns), xlrest_work(host, now_ns)};
    uint64_t next_ns = UINT64_MAX;

    for (size_t i = 0; i < sizeof(due_ns) / sizeof(*due_ns); i++)
        if (due_ns[i] < next_ns)
            next_ns = due_ns[i];
    return next_ns;
}

bool life_is_waiting(const char *name)
{
    for (struct restart *restart = restarts; restart; restart = restart->next)
        if (strcmp(restart->name, name) == 0)
            return true;
    return false;
}

bool life_cancel(const char *name)
{
    for (struct restart **at = &restarts; *at; at = &(*at)->next) {
        struct restart *restart = *at;
        if (strcmp(restart->name, name) == 0) {
            *at = restart->next;
            restart_free(restart);
            return true;
        }
    }
    return false;
}

void life_report(struct json_out *out)
{
    char uuid[37];

    for (struct restart *restart = restarts; restart; restart = restart->next) {
        config_format_uuid(restart->uuid, uuid);
        json_open(out, NULL, '{');
        json_put_string(out, "name", restart->name);
        json_put_string(out, "uuid", uuid);
        json_put_string(out, "state", "waiting");
        json_put_number(out, "restarts", restart->n_restarts);
        if (restart->trouble)
            json_put_string(out, "trouble", restart->trouble);
        json_close(out, '}');
    }
}

void life_count_destroyed(void)
{
    counts.n_destroyed++;
}

void life_report_counts(struct json_out *out, const char *key)
{
    json_open(out, key, '{');
    json_put_number(out, "created", (int64_t)counts.n_created);
    json_put_number(out, "destroyed", (int64_t)counts.n_destroyed);
    json_put_number(out, "poweroff", (int64_t)counts.n_poweroff);
    json_put_number(out, "reboot", (int64_t)counts.n_reboot);
    json_put_number(out, "crash", (int64_t)counts.n_crash);
    json_put_number(out, "gone", (int64_t)counts.n_gone);
    json_close(out, '}');
}
