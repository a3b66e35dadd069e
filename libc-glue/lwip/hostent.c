/* SPDX-License-Identifier: BSD-2-Clause */
/* A host's address by the older calls, above getaddrinfo(). */
#define _GNU_SOURCE /* gethostbyname_r() */
#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sprat/compiler.h>

#define TEXT_BYTES 256 /* of a name that gethostbyname2() keeps */

/* What the caller's buffer begins with. */
struct kept {
    char *aliases[1], *addresses[2];
    struct in6_addr address;
    char name[];
};

static void fill(struct hostent *entry, struct kept *kept, const char *name,
                 const struct addrinfo *found)
{
    bool v6 = found->ai_family == AF_INET6;
    const void *address = v6 ? (void *)&((struct sockaddr_in6 *)(void *)found->ai_addr)->sin6_addr
                             : (void *)&((struct sockaddr_in *)(void *)found->ai_addr)->sin_addr;

    *entry = (struct hostent){.h_name = kept->name,
                              .h_aliases = kept->aliases,
                              .h_addrtype = found->ai_family,
                              .h_length = v6 ? 16 : 4,
                              .h_addr_list = kept->addresses};
    kept->aliases[0] = kept->addresses[1] = NULL;
    kept->addresses[0] = (char *)&kept->address;
    memcpy(&kept->address, address, (size_t)entry->h_length);
    strcpy(kept->name, name);
}

SPRAT_API int gethostbyname2_r(const char *name, int family, struct hostent *entry, char *buffer,
                               size_t size, struct hostent **result, int *h_error)
{
    const struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM};
    size_t skipped = -(uintptr_t)buffer % _Alignof(struct kept);
    struct addrinfo *found;

    *result = NULL;
    *h_error = NO_RECOVERY;
    if (family != AF_INET && family != AF_INET6)
        return EINVAL;
    if (size < skipped + sizeof(struct kept) + strlen(name) + 1)
        return ERANGE;
    int error = getaddrinfo(name, NULL, &hints, &found);
    if (error) {
        *h_error = error == EAI_NONAME  ? HOST_NOT_FOUND
                   : error == EAI_AGAIN ? TRY_AGAIN
                                        : NO_RECOVERY;
        return error == EAI_NONAME ? 0 : EAGAIN;
    }
    fill(entry, (struct kept *)(void *)(buffer + skipped), name, found);
    freeaddrinfo(found);
    *result = entry;
    return 0;
}

SPRAT_API int gethostbyname_r(const char *name, struct hostent *entry, char *buffer, size_t size,
                              struct hostent **result, int *h_error)
{
    return gethostbyname2_r(name, AF_INET, entry, buffer, size, result, h_error);
}

SPRAT_API struct hostent *gethostbyname2(const char *name, int family)
{
    static char buffer[sizeof(struct kept) + TEXT_BYTES + _Alignof(struct kept)];
    static struct hostent entry;
    struct hostent *result;
    int error = gethostbyname2_r(name, family, &entry, buffer, sizeof(buffer), &result, &h_errno);

    if (error && error != EAGAIN)
        errno = error;
    if (error == ERANGE)
        h_errno = HOST_NOT_FOUND; /* no host has so long a name */
    return result;
}

SPRAT_API struct hostent *gethostbyname(const char *name)
{
    return gethostbyname2(name, AF_INET);
}

SPRAT_API void herror(const char *text)
{
    dprintf(STDERR_FILENO, "%s%s%s\n", text && *text ? text : "", text && *text ? ": " : "",
            hstrerror(h_errno));
}
