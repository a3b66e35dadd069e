/* SPDX-License-Identifier: BSD-2-Clause */
#include "wait.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "command.h"
#include "guest.h"
#include "host.h"

#define AGAIN_NS 2000000ull /* before a request is served again */

struct wait {
    struct wait *next;
    struct client *client;
    struct guest *guest;
    char *text;
    uint64_t since_ns, deadline_ns;
    struct json_out answer;
};

/* A request that is served again. */
struct again {
    struct again *next;
    struct client *client;
    uint64_t since_ns, due_ns;
    size_t len;
    char line[];
};

static struct wait *waits;
static struct again *agains;

static void wait_free(struct wait *wait)
{
    client_let_go(wait->client);
    free(wait->text);
    free(wait->answer.text);
    free(wait);
}

static void again_free(struct again *again)
{
    client_let_go(again->client);
    free(again);
}

void wait_drop(const struct client *client)
{
    for (struct again **at = &agains; *at;) {
        struct again *again = *at;
        if (again->client == client) {
            *at = again->next;
            again_free(again);
        } else {
            at = &again->next;
        }
    }
    for (struct wait **at = &waits; *at;) {
        struct wait *wait = *at;
        if (wait->client == client) {
            *at = wait->next;
            wait_free(wait);
        } else {
            at = &wait->next;
        }
    }
}

int wait_again(struct client *client, const char *line, size_t len, uint64_t since_ns,
               struct fail *fail)
{
    struct again *again = malloc(sizeof(*again) + len);

    if (!again)
        return fail_set(fail, ENOMEM, "no memory to wait");
    *again = (struct again){.next = agains,
                            .client = client,
                            .since_ns = since_ns,
                            .due_ns = host_now_ns() + AGAIN_NS,
                            .len = len};
    memcpy(again->line, line, len);
    agains = again;
    client_hold(client);
    return 0;
}

/* @return when the next one is due. */
static uint64_t serve_again(struct host *host, uint64_t now_ns)
{
    uint64_t next_ns = UINT64_MAX;

    for (struct again **at = &agains; *at;) {
        struct again *again = *at;
        if (again->due_ns <= now_ns) {
            *at = again->next;
            command_serve(host, again->client, again->line, again->len, again->since_ns);
            again_free(again);
            at = &agains; /* there may be others */
            next_ns = UINT64_MAX;
            continue;
        }
        if (again->due_ns < next_ns)
            next_ns = again->due_ns;
        at = &again->next;
    }
    return next_ns;
}

int wait_for(struct client *client, struct guest *guest, const char *text, uint64_t deadline_ns,
             struct json_out *answer, struct fail *fail)
{
    struct wait *wait = calloc(1, sizeof(*wait));

    if (wait && text)
        wait->text = strdup(text);
    if (!wait || (text && !wait->text)) {
        free(wait);
        return fail_set(fail, ENOMEM, "no memory to wait");
    }
    wait->client = client;
    wait->guest = guest;
    wait->since_ns = host_now_ns();
    wait->deadline_ns = deadline_ns;
    wait->answer = *answer;
    *answer = (struct json_out){0};
    wait->next = waits;
    waits = wait;
    client_hold(client);
    wait_guest_wrote(guest); /* it may be there already */
    return 0;
}

/* @param trouble  NULL: what was waited for has come. */
static void answer_wait(struct wait *wait, const char *trouble)
{
    if (wait->text && !trouble)
        wait->guest->ready = true;
    json_put_bool(&wait->answer, "ok", !trouble);
    json_put_number(&wait->answer, "wait_ns", (int64_t)(host_now_ns() - wait->since_ns));
    if (trouble) {
        char text[200];
        snprintf(text, sizeof(text), "guest %s %s", wait->guest->name, trouble);
        json_put_string(&wait->answer, "error", text);
        json_put_bytes(&wait->answer, "console", wait->guest->console.log,
                       wait->guest->console.log_len);
    }
    json_close(&wait->answer, '}');
    client_send(wait->client, &wait->answer);
}

void wait_guest_wrote(struct guest *guest)
{
    for (struct wait **at = &waits; *at;) {
        struct wait *wait = *at;
        if (wait->guest == guest && wait->text && console_has(&guest->console, wait->text)) {
            *at = wait->next;
            answer_wait(wait, NULL);
            wait_free(wait);
        } else {
            at = &wait->next;
        }
    }
}

void wait_guest_ended(struct guest *guest, const char *how)
{
    char trouble[80];

    snprintf(trouble, sizeof(trouble), "ended before it was ready: %.40s", how);
    wait_guest_wrote(guest);
    for (struct wait **at = &waits; *at;) {
        struct wait *wait = *at;
        if (wait->guest == guest) {
            *at = wait->next;
            answer_wait(wait, wait->text ? trouble : NULL);
            wait_free(wait);
        } else {
            at = &wait->next;
        }
    }
}

uint64_t wait_due(struct host *host, uint64_t now_ns)
{
    uint64_t next_ns = serve_again(host, now_ns);

    for (struct wait **at = &waits; *at;) {
        struct wait *wait = *at;
        if (wait->deadline_ns <= now_ns) {
            *at = wait->next;
            answer_wait(wait, wait->text ? "is not ready in time" : "has not ended in time");
            wait_free(wait);
            continue;
        }
        if (wait->deadline_ns < next_ns)
            next_ns = wait->deadline_ns;
        at = &wait->next;
    }
    return next_ns;
}
