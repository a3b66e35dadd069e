/* SPDX-License-Identifier: BSD-2-Clause */
/** Names and addresses: POSIX, <netdb.h>. */
#ifndef _NETDB_H
#define _NETDB_H

#include <netinet/in.h>

struct addrinfo {
    int ai_flags, ai_family, ai_socktype, ai_protocol;
    socklen_t ai_addrlen;
    struct sockaddr *ai_addr;
    char *ai_canonname;
    struct addrinfo *ai_next;
};

#define AI_PASSIVE     0x01
#define AI_CANONNAME   0x02
#define AI_NUMERICHOST 0x04
#define AI_V4MAPPED    0x08
#define AI_ALL         0x10
#define AI_ADDRCONFIG  0x20
#define AI_NUMERICSERV 0x400

#define NI_NUMERICHOST 0x01
#define NI_NUMERICSERV 0x02
#define NI_NOFQDN      0x04
#define NI_NAMEREQD    0x08
#define NI_DGRAM       0x10
#define NI_MAXHOST     1025
#define NI_MAXSERV     32

#define EAI_BADFLAGS (-1)
#define EAI_NONAME   (-2)
#define EAI_AGAIN    (-3)
#define EAI_FAIL     (-4)
#define EAI_FAMILY   (-6)
#define EAI_SOCKTYPE (-7)
#define EAI_SERVICE  (-8)
#define EAI_MEMORY   (-10)
#define EAI_SYSTEM   (-11)
#define EAI_OVERFLOW (-12)

/** The result is the caller's: freeaddrinfo(). Waits for the network and for an answer. */
int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **list);
void freeaddrinfo(struct addrinfo *list);
const char *gai_strerror(int error);

/** Numbers only: nothing is asked. */
int getnameinfo(const struct sockaddr *address, socklen_t len, char *host, socklen_t host_size,
                char *service, socklen_t service_size, int flags);

struct hostent {
    char *h_name;
    char **h_aliases;
    int h_addrtype;
    int h_length;
    char **h_addr_list;
#define h_addr h_addr_list[0]
};

/** The first IPv4 address; the result is overwritten by the next call. NULL: h_errno says why. */
struct hostent *gethostbyname(const char *name);

/** Of another family, or into the caller's room. @return 0 (and *result NULL when there is no such
 * host), EAGAIN, EINVAL, or ERANGE when the room is too small. */
struct hostent *gethostbyname2(const char *name, int family);
int gethostbyname_r(const char *name, struct hostent *entry, char *buffer, size_t size,
                    struct hostent **result, int *h_error);
int gethostbyname2_r(const char *name, int family, struct hostent *entry, char *buffer, size_t size,
                     struct hostent **result, int *h_error);

/** No address has a name here. */
struct hostent *gethostbyaddr(const void *address, socklen_t len, int family);

#define HOST_NOT_FOUND 1
#define TRY_AGAIN      2
#define NO_RECOVERY    3
#define NO_DATA        4

extern int h_errno;
const char *hstrerror(int error);
/** What h_errno says, behind the text, to stderr. */
void herror(const char *text);

struct servent {
    char *s_name, **s_aliases;
    int s_port; /**< as in packets */
    char *s_proto;
};

struct protoent {
    char *p_name, **p_aliases;
    int p_proto;
};

/* Those that are known without a file: a dozen services, and the protocols that there are. NULL: it
 * is not known. The result of the first two is overwritten by the next call. */
struct servent *getservbyname(const char *name, const char *protocol);
struct servent *getservbyport(int port, const char *protocol);
struct protoent *getprotobyname(const char *name);
struct protoent *getprotobynumber(int number);

#endif
