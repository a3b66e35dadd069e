/* SPDX-License-Identifier: BSD-2-Clause */
/* Which devices of a kind there are. */
#include <sprat/front.h>

#include <errno.h>

#include <xen/io/xs_wire.h>

#include <sprat/decimal.h>

static int list(const char *kind, char *names, unsigned *numbers, size_t max)
{
    char path[FRONT_PATH_MAX];
    int len = xenstore_list(XENSTORE_NO_TX, xenstore_join(path, sizeof(path), "device", kind),
                            names, XENSTORE_PAYLOAD_MAX);
    size_t n = 0;

    if (len == -ENOENT)
        return 0;
    if (len < 0)
        return len;
    const char *name = NULL;
    while (n < max && (name = xenstore_next_name(names, (size_t)len, name))) {
        uint64_t number;
        if (decimal_parse(name, &number) && number <= UINT32_MAX)
            numbers[n++] = (unsigned)number;
    }
    return (int)n;
}

int front_list(const char *kind, unsigned *numbers, size_t max)
{
    char *names = port_alloc(XENSTORE_PAYLOAD_MAX);

    if (!names)
        return -ENOMEM;
    int n = list(kind, names, numbers, max);
    port_free(names);
    return n;
}
