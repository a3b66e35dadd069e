/* SPDX-License-Identifier: BSD-2-Clause */
/** @file What FromDump and ToDump know of pcap files. Source: pcap-savefile(5). */
#ifndef SPRAT_MIDDLEBOX_DUMP_H
#define SPRAT_MIDDLEBOX_DUMP_H

#include <stdint.h>

#define DUMP_MAGIC_MICRO  0xa1b2c3d4u /* timestamps in microseconds */
#define DUMP_MAGIC_NANO   0xa1b23c4du
#define DUMP_HEADER_BYTES 24 /* of a file */
#define DUMP_RECORD_BYTES 16 /* in front of each packet */
#define DUMP_PACKET_MAX   65535

/** What ENCAP and the handler of that name call a link type, and its number, by index. */
enum { DUMP_ETHER, DUMP_IP, DUMP_NULL, DUMP_ENCAPS };
extern const char *const dump_encap_words[];
extern const uint8_t dump_encap_types[DUMP_ENCAPS];

#endif
