/* SPDX-License-Identifier: BSD-2-Clause */
#include "command.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "config.h"
#include "guest.h"
#include "host.h"
#include "json.h"
#include "life.h"
#include "pool.h"
#include "wait.h"

#define TIMEOUT_S_DEFAULT 30
#define TIMEOUT_S_MAX     86400
#define XEN_OWN_PAGES     64 /* what Xen takes for a domain beside the guest's memory: 250 KiB */

/* What dom0 takes for a guest, more for each of its interfaces and disks, and what it shall keep:
 * Linux ends a process, be it this one, when nothing is left. */
#define DOM0_KIB      48
#define DOM0_VIF_KIB  300
#define DOM0_DISK_KIB 1300 /* blkback's requests for a queue, and a loop device's */
#define DOM0_KEPT_KIB 24576

struct request {
    struct host *host;
    struct client *client;
    const struct json *json;
    uint64_t since_ns;   /* when it came */
    struct json_out out; /* the answer, begun with "id" */
    bool deferred;       /* it comes later */
};

static bool stopped;

bool command_stopped(void)
{
    return stopped;
}

static void begin(struct json_out *out, const char *id)
{
    json_open(out, NULL, '{');
    if (id)
        json_put_json(out, "id", id);
}

void command_refuse(struct json_out *out, const char *id, const char *why)
{
    begin(out, id);
    json_put_bool(out, "ok", false);
    json_put_string(out, "error", why);
    json_close(out, '}');
}

/* A member that must be there. */
static int take_string(struct request *request, const char *key, const char **string,
                       struct fail *fail)
{
    *string = json_get_string(request->json, key, NULL);
    return *string ? 0 : fail_set(fail, EINVAL, "\"%s\" is missing, or no string", key);
}

static int take_guest(struct request *request, struct guest **guest, struct fail *fail)
{
    const char *name;
    int error = take_string(request, "name", &name, fail);

    if (error)
        return error;
    *guest = host_find(request->host, name);
    return *guest ? 0 : fail_set(fail, ENOENT, "there is no guest %.63s", name);
}

static int take_config(struct request *request, struct config *config, const char **text,
                       const char **file, struct fail *fail)
{
    int error = take_string(request, "config", text, fail);

    if (error)
        return error;
    *file = json_get_string(request->json, "file", "config");
    for (const char *c = *file; *c; c++)
        if (iscntrl((unsigned char)*c))
            return fail_set(fail, EINVAL, "\"file\" has a control character");
    error = config_parse(config, *text, strlen(*text), *file, fail);
    if (error)
        return error;
    const char *name = json_get_string(request->json, "name", NULL);
    if (name) {
        error = config_check_name(name, fail);
        if (error)
            return error;
        strcpy(config->name, name);
    }
    const char *cmdline = json_get_string(request->json, "cmdline", NULL);
    if (cmdline) {
        if (strlen(cmdline) >= sizeof(config->cmdline))
            return fail_set(fail, EINVAL, "\"cmdline\" has more than %zu bytes",
                            sizeof(config->cmdline) - 1);
        strcpy(config->cmdline, cmdline);
    }
    return 0;
}

static int take_timeout(struct request *request, uint64_t *deadline_ns, struct fail *fail)
{
    double timeout_s = json_get_number(request->json, "timeout_s", TIMEOUT_S_DEFAULT);

    if (!(timeout_s > 0) || timeout_s > TIMEOUT_S_MAX)
        return fail_set(fail, EINVAL, "\"timeout_s\" is from 0 to %d", TIMEOUT_S_MAX);
    *deadline_ns = request->since_ns + (uint64_t)(timeout_s * 1e9);
    return 0;
}

static void put_times(struct json_out *out, const struct guest_times *times, uint64_t total_ns)
{
    json_open(out, "ns", '{');
    json_put_number(out, "total", (int64_t)total_ns);
    json_put_number(out, "domain", (int64_t)times->domain_ns);
    json_put_number(out, "build", (int64_t)times->build_ns);
    json_put_number(out, "console", (int64_t)times->console_ns);
    json_put_number(out, "store", (int64_t)times->store_ns);
    json_put_number(out, "vif", (int64_t)times->vif_ns);
    json_put_number(out, "disk", (int64_t)times->disk_ns);
    json_put_number(out, "start", (int64_t)times->start_ns);
    json_close(out, '}');
}

static int serve_create(struct request *request, struct fail *fail)
{
    static struct config config;
    const char *text, *file, *ready = json_get_string(request->json, "ready", NULL);
    uint64_t deadline_ns;
    struct guest *guest;
    bool pooled;

    int error = take_timeout(request, &deadline_ns, fail);
    if (!error)
        error = take_config(request, &config, &text, &file, fail);
    if (!error)
        error = life_create(request->host, &config, text, file,
                            json_get_bool(request->json, "paused", false), &guest, &pooled, fail);
    if (error)
        return error;
    json_put_string(&request->out, "name", guest->name);
    json_put_number(&request->out, "domid", guest->domid);
    json_put_bool(&request->out, "pooled", pooled);
    put_times(&request->out, &guest->times, host_now_ns() - request->since_ns);
    if (ready) {
        error = wait_for(request->client, guest, ready, deadline_ns, &request->out, fail);
        request->deferred = !error;
    }
    return error;
}

static int serve_wait(struct request *request, struct fail *fail)
{
    struct guest *guest;
    const char *name, *ready = NULL;
    bool end = json_get_bool(request->json, "end", false);
    uint64_t deadline_ns;

    int error = take_string(request, "name", &name, fail);
    /* It may have been quicker than who asked it to end. */
    if (!error && end && !host_find(request->host, name) && !life_is_waiting(name))
        return 0;
    if (!error)
        error = take_guest(request, &guest, fail);
    if (!error && !end)
        error = take_string(request, "ready", &ready, fail);
    if (!error)
        error = take_timeout(request, &deadline_ns, fail);
    if (!error)
        error = wait_for(request->client, guest, ready, deadline_ns, &request->out, fail);
    request->deferred = !error;
    return error;
}

static int destroy(struct host *host, struct guest *guest, struct fail *fail)
{
    wait_guest_ended(guest, "destroyed by command");
    life_count_destroyed();
    return guest_destroy(host, guest, false, fail);
}

static int serve_destroy(struct request *request, struct fail *fail)
{
    uint64_t start_ns = host_now_ns();
    struct guest *guest;
    const char *name;

    int error = take_string(request, "name", &name, fail);
    if (error || life_cancel(name))
        return error;
    error = take_guest(request, &guest, fail);
    if (!error)
        error = destroy(request->host, guest, fail);
    if (!error)
        json_put_number(&request->out, "ns", (int64_t)(host_now_ns() - start_ns));
    return error;
}

static int serve_shutdown(struct request *request, struct fail *fail)
{
    struct guest *guest;
    int error = take_guest(request, &guest, fail);

    if (!error)
        error = guest_request(request->host, guest, json_get_bool(request->json, "reboot", false),
                              fail);
    return error;
}

static int serve_log(struct request *request, struct fail *fail)
{
    struct guest *guest;
    int error = take_guest(request, &guest, fail);

    if (!error)
        json_put_bytes(&request->out, "console", guest->console.log, guest->console.log_len);
    return error;
}

static int serve_list(struct request *request, struct fail *fail)
{
    static const char *const states[] = {
        [GUEST_SHELL] = "shell", [GUEST_RUNNING] = "running", [GUEST_ENDED] = "ended"};
    struct host *host = request->host;
    char uuid[37];

    json_open(&request->out, "guests", '[');
    for (uint32_t domid = 0; domid < HOST_DOMAINS; domid++) {
        const struct guest *guest = host->by_domid[domid];
        if (!guest || guest->state == GUEST_SHELL)
            continue;
        config_format_uuid(guest->uuid, uuid);
        json_open(&request->out, NULL, '{');
        json_put_string(&request->out, "name", guest->name);
        json_put_number(&request->out, "domid", domid);
        json_put_string(&request->out, "uuid", uuid);
        json_put_string(&request->out, "state",
                        guest->is_suspended ? "suspended" : states[guest->state]);
        json_put_number(&request->out, "memory_mib", guest->memory_mib);
        json_put_number(&request->out, "restarts", guest->n_restarts);
        json_put_number(&request->out, "config_crc", guest->config_crc);
        json_put_bool(&request->out, "ready", guest->ready);
        json_put_number(&request->out, "console_bytes", (int64_t)guest->console.n_output);
        json_close(&request->out, '}');
    }
    life_report(&request->out);
    json_close(&request->out, ']');
    json_open(&request->out, "others", '[');
    int error = host_learn_foreign(host, fail);
    for (size_t i = 0; !error && i < host->n_foreign; i++)
        json_put_string(&request->out, NULL, host->foreign[i].name);
    json_close(&request->out, ']');
    return error;
}

static int serve_pool(struct request *request, struct fail *fail)
{
    static struct config config;
    const char *text, *file;
    double size = json_get_number(request->json, "size", -1);
    double low = json_get_number(request->json, "low", size);

    if (!(size >= 0 && size <= POOL_MAX && low >= 0 && low <= POOL_MAX) || size != (unsigned)size ||
        low != (unsigned)low)
        return fail_set(fail, EINVAL, "\"size\" and \"low\" are whole numbers from 0 to %d",
                        POOL_MAX);
    int error = take_config(request, &config, &text, &file, fail);
    return error ? error : pool_set(&config, (unsigned)size, (unsigned)low, fail);
}

/* How many guests of this kind dom0's memory takes. */
static uint64_t room_in_dom0(const struct config *config)
{
    static const char key[] = "MemAvailable:";
    FILE *file = fopen("/proc/meminfo", "re");
    uint64_t available_kib = UINT64_MAX; /* it is not known */
    char line[128];

    while (file && fgets(line, sizeof(line), file))
        if (strncmp(line, key, strlen(key)) == 0)
            available_kib = strtoull(line + strlen(key), NULL, 10);
    if (file)
        fclose(file);
    if (available_kib <= DOM0_KEPT_KIB)
        return 0;
    return (available_kib - DOM0_KEPT_KIB) /
           (DOM0_KIB + config->n_vifs * DOM0_VIF_KIB + config->n_disks * DOM0_DISK_KIB);
}

/* How many guests of this kind the free memory takes: for a person to know before it is tried. */
static int serve_fits(struct request *request, struct fail *fail)
{
    static struct config config;
    const char *text, *file;
    xc_physinfo_t physical = {0};

    int error = take_config(request, &config, &text, &file, fail);
    if (error)
        return error;
    if (xc_physinfo(request->host->hyper.control, &physical) < 0)
        return fail_errno(fail, "Xen does not tell its free memory");
    uint64_t each = (uint64_t)config.memory_mib * 256 + XEN_OWN_PAGES;
    uint64_t in_xen = physical.free_pages / each, in_dom0 = room_in_dom0(&config);
    json_put_number(&request->out, "count", (int64_t)(in_dom0 < in_xen ? in_dom0 : in_xen));
    return 0;
}

/* The CPU time of dom0, and of all other domains together. */
static int put_cpu_times(struct request *request, struct fail *fail)
{
    enum { BATCH = 256 };
    static xc_domaininfo_t infos[BATCH];
    uint64_t dom0_ns = 0, others_ns = 0;
    uint32_t next = 0;
    int n;

    do {
        n = xc_domain_getinfolist(request->host->hyper.control, next, BATCH, infos);
        if (n < 0)
            return fail_errno(fail, "cannot list the domains");
        for (int i = 0; i < n; i++) {
            *(infos[i].domain ? &others_ns : &dom0_ns) += infos[i].cpu_time;
            next = infos[i].domain + 1u;
        }
    } while (n == BATCH);
    json_put_number(&request->out, "dom0_cpu_ns", (int64_t)dom0_ns);
    json_put_number(&request->out, "guests_cpu_ns", (int64_t)others_ns);
    return 0;
}

static int serve_stats(struct request *request, struct fail *fail)
{
    xc_physinfo_t physical = {0};

    if (xc_physinfo(request->host->hyper.control, &physical) < 0)
        return fail_errno(fail, "Xen does not tell its free memory");
    int error = put_cpu_times(request, fail);
    if (error)
        return error;
    json_put_number(&request->out, "domains", request->host->n_guests);
    json_put_number(&request->out, "xen_free_kib", (int64_t)physical.free_pages * 4);
    life_report_counts(&request->out, "guests");
    pool_report(&request->out, "pools");
    return 0;
}

static int serve_stop(struct request *request, struct fail *fail)
{
    struct host *host = request->host;
    int error = 0;

    if (json_get_bool(request->json, "destroy", false))
        for (uint32_t domid = 0; domid < HOST_DOMAINS; domid++)
            if (host->by_domid[domid] && host->by_domid[domid]->state != GUEST_SHELL) {
                int one = destroy(host, host->by_domid[domid], fail);
                error = error ? error : one;
            }
    stopped = !error;
    return error;
}

static const struct {
    const char *op;
    int (*serve)(struct request *request, struct fail *fail);
} ops[] = {
    {"create", serve_create}, {"destroy", serve_destroy}, {"shutdown", serve_shutdown},
    {"wait", serve_wait},     {"log", serve_log},         {"list", serve_list},
    {"pool", serve_pool},     {"fits", serve_fits},       {"stats", serve_stats},
    {"stop", serve_stop},
};

static int serve(struct request *request, struct fail *fail)
{
    const char *op;
    int error = take_string(request, "op", &op, fail);

    if (error)
        return error;
    for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++)
        if (strcmp(ops[i].op, op) == 0)
            return ops[i].serve(request, fail);
    return fail_set(fail, EINVAL, "there is no op \"%.20s\"", op);
}

/* An "id" is echoed: a whole number or a short string. */
static const char *read_id(const struct json *json, char *id, size_t size)
{
    const struct json *member = json_get(json, "id");
    struct json_out out = {0};

    if (!member || (member->type != JSON_NUMBER && member->type != JSON_STRING))
        return NULL;
    if (member->type == JSON_NUMBER)
        snprintf(id, size, "%.15g", member->number);
    else {
        json_put_string(&out, NULL, member->string);
        snprintf(id, size, "%s", !out.failed && out.len < size ? out.text : "null");
    }
    free(out.text);
    return id;
}

void command_serve(struct host *host, struct client *client, const char *line, size_t len,
                   uint64_t since_ns)
{
    struct request request = {.host = host, .client = client, .since_ns = since_ns};
    struct json *json = NULL;
    struct fail fail;
    char id_text[128];
    const char *id = NULL;

    int error = json_parse(line, len, &json, &fail);
    if (!error && json->type != JSON_OBJECT)
        error = fail_set(&fail, EINVAL, "a request is an object");
    if (!error) {
        id = read_id(json, id_text, sizeof(id_text));
        request.json = json;
        begin(&request.out, id);
        error = serve(&request, &fail);
        if (error == -EAGAIN && host_now_ns() - since_ns < LIFE_AGAIN_NS) {
            error = wait_again(client, line, len, since_ns, &fail);
            request.deferred = !error;
        }
    }
    json_free(json);
    if (error) {
        request.out.len = 0;
        request.out.comma = false;
        command_refuse(&request.out, id, fail.text);
    } else if (!request.deferred) {
        json_put_bool(&request.out, "ok", true);
        json_close(&request.out, '}');
    }
    if (!request.deferred)
        client_send(client, &request.out);
    free(request.out.text);
}
