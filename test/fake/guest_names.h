/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * For guest sources on the host that stand above the kernel: they are compiled against newlib's
 * headers, and what they define and the host's C library has as well gets another name. Included
 * by the compiler before anything else.
 */
#ifndef FAKE_GUEST_NAMES_H
#define FAKE_GUEST_NAMES_H

/* Memory that is counted, and that can be made to fail: guest_libc.h. */
#define malloc  fake_malloc
#define calloc  fake_calloc
#define realloc fake_realloc
#define free    fake_free

#define accept           guest_accept
#define accept4          guest_accept4
#define bind             guest_bind
#define close            guest_close
#define connect          guest_connect
#define dup              guest_dup
#define dup2             guest_dup2
#define dup3             guest_dup3
#define fcntl            guest_fcntl
#define freeaddrinfo     guest_freeaddrinfo
#define fstat            guest_fstat
#define gai_strerror     guest_gai_strerror
#define getaddrinfo      guest_getaddrinfo
#define gethostbyname    guest_gethostbyname
#define getnameinfo      guest_getnameinfo
#define getpeername      guest_getpeername
#define getsockname      guest_getsockname
#define getsockopt       guest_getsockopt
#define freeifaddrs      guest_freeifaddrs
#define getifaddrs       guest_getifaddrs
#define if_freenameindex guest_if_freenameindex
#define if_indextoname   guest_if_indextoname
#define if_nameindex     guest_if_nameindex
#define if_nametoindex   guest_if_nametoindex
#define in6addr_any      guest_in6addr_any
#define in6addr_loopback guest_in6addr_loopback
#define inet_addr        guest_inet_addr
#define inet_aton        guest_inet_aton
#define inet_ntoa        guest_inet_ntoa
#define inet_ntop        guest_inet_ntop
#define inet_pton        guest_inet_pton
#define ioctl            guest_ioctl
#define isatty           guest_isatty
#define listen           guest_listen
#define lseek            guest_lseek
#define poll             guest_poll
#define ppoll            guest_ppoll
#define pread            guest_pread
#define pselect          guest_pselect
#define pthread_sigmask  guest_pthread_sigmask
#define read             guest_read
#define readv            guest_readv
#define recv             guest_recv
#define recvfrom         guest_recvfrom
#define recvmsg          guest_recvmsg
#define select           guest_select
#define send             guest_send
#define sendmsg          guest_sendmsg
#define sendto           guest_sendto
#define setsockopt       guest_setsockopt
#define shutdown         guest_shutdown
#define socket           guest_socket
#define write            guest_write
#define writev           guest_writev

#endif
