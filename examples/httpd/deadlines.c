/* SPDX-License-Identifier: BSD-2-Clause */
#include "deadlines.h"

#include <stdlib.h>

#define ROOM_FIRST 16

/* The one at i is no later than those at 2i + 1 and 2i + 2. */
static struct connection **heap;
static size_t n, room;

static void put(struct connection *connection, size_t at)
{
    heap[at] = connection;
    connection->index = at;
}

void deadlines_changed(struct connection *connection)
{
    size_t at = connection->index;

    for (; at && connection->deadline_s < heap[(at - 1) / 2]->deadline_s; at = (at - 1) / 2)
        put(heap[(at - 1) / 2], at);
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && heap[child + 1]->deadline_s < heap[child]->deadline_s)
            child++;
        if (connection->deadline_s <= heap[child]->deadline_s)
            break;
        put(heap[child], at);
    }
    put(connection, at);
}

bool deadlines_add(struct connection *connection)
{
    if (n == room) {
        size_t bigger = room ? room * 2 : ROOM_FIRST;
        struct connection **more = realloc(heap, bigger * sizeof(struct connection *));
        if (!more)
            return false;
        heap = more;
        room = bigger;
    }
    put(connection, n++);
    deadlines_changed(connection);
    return true;
}

void deadlines_remove(struct connection *connection)
{
    struct connection *last = heap[--n];

    if (last == connection)
        return;
    put(last, connection->index);
    deadlines_changed(last);
}

struct connection *deadlines_first(void)
{
    return n ? heap[0] : NULL;
}

size_t deadlines_count(void)
{
    return n;
}
