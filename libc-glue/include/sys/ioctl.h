/* SPDX-License-Identifier: BSD-2-Clause */
/** Device control: the requests that files, pipes and sockets know. Numbers as on Linux. */
#ifndef _SYS_IOCTL_H
#define _SYS_IOCTL_H

#define FIONREAD   0x541b /**< int *: bytes that can be read now */
#define FIONBIO    0x5421 /**< int *: set or clear O_NONBLOCK */
#define TIOCGWINSZ 0x5413 /**< the console does not know its size: ENOTTY */

int ioctl(int fd, unsigned long request, ...);

#endif
