/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of protocols, ports, ICMP types and TCP flags, as Click knows them. */
#include "ipexpr.h"

const struct ipname ipname_protos[] = {
    {"icmp", 1}, {"igmp", 2}, {"ipip", 4},  {"tcp", 6},   {"udp", 17},   {"rsvp", 46}, {"gre", 47},
    {"esp", 50}, {"ah", 51},  {"ospf", 89}, {"pim", 103}, {"sctp", 132}, {NULL, 0},
};

const struct ipname ipname_ports[] = {
    {"echo", 7},          {"discard", 9}, {"daytime", 13},     {"chargen", 19},
    {"ftp-data", 20},     {"ftp", 21},    {"ssh", 22},         {"telnet", 23},
    {"smtp", 25},         {"domain", 53}, {"dns", 53},         {"bootps", 67},
    {"bootpc", 68},       {"tftp", 69},   {"finger", 79},      {"www", 80},
    {"http", 80},         {"pop3", 110},  {"sunrpc", 111},     {"auth", 113},
    {"nntp", 119},        {"ntp", 123},   {"netbios-ns", 137}, {"netbios-dgm", 138},
    {"netbios-ssn", 139}, {"snmp", 161},  {"snmp-trap", 162},  {"irc", 194},
    {"imap3", 220},       {"https", 443}, {"rip", 520},        {"route", 520},
    {"imaps", 993},       {"pop3s", 995}, {NULL, 0},
};

const struct ipname ipname_icmp_types[] = {
    {"echo-reply", 0},
    {"unreachable", 3},
    {"sourcequench", 4},
    {"redirect", 5},
    {"echo", 8},
    {"routeradvert", 9},
    {"routersolicit", 10},
    {"timeexceeded", 11},
    {"parameterproblem", 12},
    {"timestamp", 13},
    {"timestamp-reply", 14},
    {"inforeq", 15},
    {"inforeq-reply", 16},
    {"maskreq", 17},
    {"maskreq-reply", 18},
    {NULL, 0},
};

const struct ipname ipname_tcp_options[] = {
    {"fin", 1}, {"syn", 2}, {"rst", 4}, {"psh", 8}, {"ack", 16}, {"urg", 32}, {NULL, 0},
};

bool ipname_find(const struct ipname *names, struct str s, uint64_t *out)
{
    for (; names->name; names++) {
        if (str_is(s, names->name)) {
            *out = names->value;
            return true;
        }
    }
    return false;
}

bool ipname_proto(struct str s, uint64_t *out)
{
    return ipname_find(ipname_protos, s, out) || value_uint(s, out);
}

bool ipname_port(struct str s, uint64_t *out)
{
    return ipname_find(ipname_ports, s, out) || value_uint(s, out);
}

bool ipname_icmp_type(struct str s, uint64_t *out)
{
    return ipname_find(ipname_icmp_types, s, out) || value_uint(s, out);
}
