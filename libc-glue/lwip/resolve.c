/* SPDX-License-Identifier: BSD-2-Clause */
/* Names to addresses, and back as far as numbers go. */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lwip/dns.h"
#include "lwip/prot/dns.h"
#include "lwip/udp.h"

#include <sprat/compiler.h>
#include <sprat/decimal.h>
#include <sprat/thread.h>

#include "ifname.h"
#include "net.h"
#include "services.h"
#include "socket.h"

/* A message's code: what became of the question. */
#define CODE_AT   3
#define CODE_MASK 15
enum { CODE_DONE = 0, CODE_NO_NAME = 3 };

/* A question to the name server that has no answer yet. */
struct question {
    struct port_queue asking;
    bool answered;
    int error; /* EAI_* */
    ip_addr_t address;
};

/* What it means that a name has no address: while no message is looked at, that none came. */
static int no_address = EAI_AGAIN;

static void answered(const char *name, const ip_addr_t *address, void *arg)
{
    struct question *question = arg;

    (void)name;
    question->answered = true;
    question->error = address ? 0 : no_address;
    if (address)
        question->address = *address;
    thread_wake(&question->asking);
}

/* lwIP looks at who answers, but not at the port: RFC 5452, 9.1. */
static udp_recv_fn names_received; /* lwIP's */

static void answer_received(void *arg, struct udp_pcb *udp, struct pbuf *p, const ip_addr_t *from,
                            u16_t port)
{
    if (port == DNS_SERVER_PORT) {
        unsigned code = pbuf_get_at(p, CODE_AT) & CODE_MASK;
        no_address = code == CODE_DONE || code == CODE_NO_NAME ? EAI_NONAME : EAI_AGAIN;
        names_received(arg, udp, p, from, port);
        no_address = EAI_AGAIN;
    } else {
        pbuf_free(p);
    }
}

/* lwIP gives up by itself, after some tries. @return 0 or EAI_*. */
static int ask(const char *name, u8_t type, ip_addr_t *address)
{
    struct question question = {0};

    net_wait_names();
    net_enter();
    const struct udp_pcb *newest = udp_pcbs;
    err_t error = dns_gethostbyname_addrtype(name, address, answered, &question, type);
    if (udp_pcbs != newest) { /* each question has a port of its own */
        names_received = udp_pcbs->recv;
        udp_pcbs->recv = answer_received;
    }
    net_leave();
    if (error == ERR_OK)
        return 0;
    if (error == ERR_MEM)
        return EAI_AGAIN;
    if (error != ERR_INPROGRESS)
        return error == ERR_VAL ? EAI_AGAIN : EAI_NONAME; /* no server is known, or no name */
    net_names_pending(1, dns_tmr);
    while (!question.answered)
        thread_wait(&question.asking, PORT_FOREVER);
    net_names_pending(-1, dns_tmr);
    *address = question.address;
    return question.error;
}

static int find_port(const char *service, int type, bool numeric, u16_t *port)
{
    uint64_t number;

    *port = 0;
    if (!service)
        return 0;
    if (decimal_parse(service, &number)) {
        *port = (u16_t)number;
        return number > 0xffff ? EAI_SERVICE : 0;
    }
    const struct service *known = numeric ? NULL : service_find(service, 0);
    if (!known)
        return numeric ? EAI_NONAME : EAI_SERVICE;
    if ((type == SOCK_STREAM && !known->tcp) || (type == SOCK_DGRAM && !known->udp))
        return EAI_SERVICE;
    *port = known->port;
    return 0;
}

/* One answer, its address and its canonical name in one block. */
static struct addrinfo *make_answer(const ip_addr_t *ip, u16_t port, int type, int protocol,
                                    const char *name)
{
    struct answer {
        struct addrinfo info;
        struct sockaddr_storage address;
        char name[];
    };
    size_t name_len = name ? strlen(name) + 1 : 0;
    struct answer *answer = calloc(1, sizeof(*answer) + name_len);

    if (!answer)
        return NULL;
    int family = IP_IS_V6(ip) ? AF_INET6 : AF_INET;
    socklen_t len = sizeof(answer->address);
    address_give(family, ip, port, (struct sockaddr *)&answer->address, &len);
    answer->info = (struct addrinfo){
        .ai_family = family,
        .ai_socktype = type,
        .ai_protocol = protocol,
        .ai_addrlen = len,
        .ai_addr = (struct sockaddr *)&answer->address,
        .ai_canonname = name ? strcpy(answer->name, name) : NULL,
    };
    return &answer->info;
}

/* An interface's name or number, behind an address. @return 0: there is none such. */
static u8_t find_scope(const char *text)
{
    const struct netif *netif = NULL;
    uint64_t number;

    net_wait_ready();
    if (!decimal_parse(text, &number))
        netif = ifname_find(text);
    else if (number <= UINT8_MAX)
        netif = netif_get_by_index((u8_t)number);
    return netif ? netif_get_index(netif) : 0;
}

/* An address as a text, with %INTERFACE behind it where it is an interface's own.
 * @return 1, 0: it is none, EAI_NONAME: there is no such interface. */
static int take_numeric(const char *host, ip_addr_t *ip)
{
    char text[INET6_ADDRSTRLEN];
    size_t len = strcspn(host, "%");

    if (len >= sizeof(text))
        return 0;
    memcpy(text, host, len);
    text[len] = '\0';
    IP_SET_TYPE(ip, IPADDR_TYPE_V4);
    if (!(strchr(text, ':') ? address_parse(AF_INET6, text, ip)
                            : inet_aton(text, (struct in_addr *)ip_2_ip4(ip))))
        return 0;
    if (!host[len])
        return 1;
    u8_t scope = find_scope(host + len + 1);
    if (!scope || !IP_IS_V6(ip) || !ip6_addr_has_scope(ip_2_ip6(ip), IP6_UNKNOWN))
        return EAI_NONAME;
    ip6_addr_set_zone(ip_2_ip6(ip), scope);
    return 1;
}

/* Up to two addresses of a host, or what to bind to. @return how many, or EAI_*. */
static int find_addresses(const char *host, int family, int flags, ip_addr_t found[2])
{
    ip_addr_t any6 = *IP6_ADDR_ANY, any4 = *IP4_ADDR_ANY;
    ip_addr_t self6 = IPADDR6_INIT_HOST(0, 0, 0, 1), self4 = IPADDR4_INIT_BYTES(127, 0, 0, 1);
    int n = 0;

    if (!host || strcmp(host, "localhost") == 0) {
        bool passive = !host && flags & AI_PASSIVE;
        if (family != AF_INET)
            found[n++] = passive ? any6 : self6;
        if (family != AF_INET6)
            found[n++] = passive ? any4 : self4;
        return n;
    }
    int numeric = take_numeric(host, &found[0]);
    if (numeric > 0) {
        bool v6 = IP_IS_V6_VAL(found[0]);
        return (family == AF_INET && v6) || (family == AF_INET6 && !v6) ? EAI_NONAME : 1;
    }
    if (numeric || flags & AI_NUMERICHOST)
        return EAI_NONAME;
    int error4 = family == AF_INET6 ? EAI_NONAME : ask(host, LWIP_DNS_ADDRTYPE_IPV4, &found[n]);
    n += error4 == 0;
    int error6 = family == AF_INET ? EAI_NONAME : ask(host, LWIP_DNS_ADDRTYPE_IPV6, &found[n]);
    n += error6 == 0;
    return n ? n : error4 == EAI_NONAME ? error6 : error4;
}

static const struct kind {
    int type, protocol; /* 0: any */
} kinds[] = {{SOCK_STREAM, IPPROTO_TCP}, {SOCK_DGRAM, IPPROTO_UDP}, {SOCK_RAW, 0}};

/* The next kind that a program asks for; raw ones only by their name. NULL: there is none. */
static const struct kind *find_kind(const struct kind *from, const struct addrinfo *hints)
{
    for (; from < kinds + ARRAY_LEN(kinds); from++)
        if ((hints->ai_socktype ? hints->ai_socktype == from->type : from->protocol) &&
            (!hints->ai_protocol || !from->protocol || hints->ai_protocol == from->protocol))
            return from;
    return NULL;
}

SPRAT_API int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                          struct addrinfo **list)
{
    const struct addrinfo none = {0};
    ip_addr_t found[2];
    u16_t port;

    *list = NULL;
    hints = hints ? hints : &none;
    if (!host && !service)
        return EAI_NONAME;
    if (hints->ai_family != AF_UNSPEC && hints->ai_family != AF_INET &&
        hints->ai_family != AF_INET6)
        return EAI_FAMILY;
    const struct kind *kind = find_kind(kinds, hints);
    if (!kind)
        return EAI_SOCKTYPE;
    int type = find_kind(kind + 1, hints) ? 0 : kind->type;
    int error = find_port(service, type, hints->ai_flags & AI_NUMERICSERV, &port);
    if (error)
        return error;
    int n = find_addresses(host, hints->ai_family, hints->ai_flags, found);
    if (n < 0)
        return n;
    struct addrinfo **last = list;
    for (int i = 0; i < n; i++) {
        for (const struct kind *at = kind; at; at = find_kind(at + 1, hints)) {
            const char *name = hints->ai_flags & AI_CANONNAME && last == list ? host : NULL;
            int protocol = at->protocol ? at->protocol : hints->ai_protocol;
            *last = make_answer(&found[i], port, at->type, protocol, name);
            if (!*last) {
                freeaddrinfo(*list);
                *list = NULL;
                return EAI_MEMORY;
            }
            last = &(*last)->ai_next;
        }
    }
    return 0;
}

SPRAT_API void freeaddrinfo(struct addrinfo *list)
{
    while (list) {
        struct addrinfo *next = list->ai_next;
        free(list);
        list = next;
    }
}

SPRAT_API const char *gai_strerror(int error)
{
    switch (error) {
    case 0:
        return "no error";
    case EAI_BADFLAGS:
        return "bad flags";
    case EAI_NONAME:
        return "no such name";
    case EAI_AGAIN:
        return "no name server answers";
    case EAI_FAMILY:
        return "no such address family";
    case EAI_SOCKTYPE:
        return "no such kind of socket";
    case EAI_SERVICE:
        return "no such service";
    case EAI_MEMORY:
        return "out of memory";
    case EAI_SYSTEM:
        return strerror(errno);
    case EAI_OVERFLOW:
        return "the room for the text is too small";
    default:
        return "the name server can't tell";
    }
}

/* Behind the address: its interface's name, or its number where there is none such (any more).
 * @return false: there is no room. */
static bool append_scope(char *host, socklen_t host_size, uint32_t scope)
{
    const struct netif *netif = scope <= UINT8_MAX ? netif_get_by_index((u8_t)scope) : NULL;
    size_t used = strlen(host), room = host_size - used;
    char name[IF_NAMESIZE];

    if (netif)
        ifname_of(netif, name);
    else
        snprintf(name, sizeof(name), "%u", (unsigned)scope);
    return (size_t)snprintf(host + used, room, "%%%s", name) < room;
}

SPRAT_API int getnameinfo(const struct sockaddr *address, socklen_t len, char *host,
                          socklen_t host_size, char *service, socklen_t service_size, int flags)
{
    const void *ip;
    uint32_t scope = 0;
    in_port_t port;

    if (len >= sizeof(struct sockaddr_in) && address->sa_family == AF_INET) {
        ip = &((const struct sockaddr_in *)address)->sin_addr;
        port = ((const struct sockaddr_in *)address)->sin_port;
    } else if (len >= sizeof(struct sockaddr_in6) && address->sa_family == AF_INET6) {
        ip = &((const struct sockaddr_in6 *)address)->sin6_addr;
        port = ((const struct sockaddr_in6 *)address)->sin6_port;
        scope = ((const struct sockaddr_in6 *)address)->sin6_scope_id;
    } else {
        return EAI_FAMILY;
    }
    if (flags & NI_NAMEREQD)
        return EAI_NONAME;
    if (host && host_size && !inet_ntop(address->sa_family, ip, host, host_size))
        return EAI_OVERFLOW;
    if (host && host_size && scope && !append_scope(host, host_size, scope))
        return EAI_OVERFLOW;
    if (service && service_size &&
        (socklen_t)snprintf(service, service_size, "%u", ntohs(port)) >= service_size)
        return EAI_OVERFLOW;
    return 0;
}

SPRAT_API int h_errno;

SPRAT_API const char *hstrerror(int error)
{
    return gai_strerror(error == HOST_NOT_FOUND ? EAI_NONAME
                        : error == TRY_AGAIN    ? EAI_AGAIN
                                                : error);
}

/* Nobody is asked for an address' name, as in getnameinfo(). */
SPRAT_API struct hostent *gethostbyaddr(const void *address, socklen_t len, int family)
{
    (void)address;
    (void)len;
    (void)family;
    h_errno = HOST_NOT_FOUND;
    return NULL;
}
