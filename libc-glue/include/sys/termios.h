/* SPDX-License-Identifier: BSD-2-Clause */
/** The console's settings, POSIX: <termios.h>. They are what they are. */
#ifndef _SYS_TERMIOS_H
#define _SYS_TERMIOS_H

typedef unsigned char cc_t;
typedef unsigned speed_t;
typedef unsigned tcflag_t;

#define NCCS 32

struct termios {
    tcflag_t c_iflag, c_oflag, c_cflag, c_lflag;
    cc_t c_cc[NCCS];
};

/* c_cc */
#define VINTR  0
#define VQUIT  1
#define VERASE 2
#define VKILL  3
#define VEOF   4
#define VTIME  5
#define VMIN   6
#define VSTART 8
#define VSTOP  9
#define VSUSP  10
#define VEOL   11

/* c_iflag */
#define IGNBRK 0x0001
#define BRKINT 0x0002
#define IGNPAR 0x0004
#define PARMRK 0x0008
#define INPCK  0x0010
#define ISTRIP 0x0020
#define INLCR  0x0040
#define IGNCR  0x0080
#define ICRNL  0x0100
#define IXON   0x0400
#define IXANY  0x0800
#define IXOFF  0x1000

/* c_oflag */
#define OPOST 0x01
#define ONLCR 0x04

/* c_cflag */
#define CSIZE  0x0030
#define CS5    0x0000
#define CS6    0x0010
#define CS7    0x0020
#define CS8    0x0030
#define CSTOPB 0x0040
#define CREAD  0x0080
#define PARENB 0x0100
#define PARODD 0x0200
#define HUPCL  0x0400
#define CLOCAL 0x0800

/* c_lflag */
#define ISIG   0x0001
#define ICANON 0x0002
#define ECHO   0x0008
#define ECHOE  0x0010
#define ECHOK  0x0020
#define ECHONL 0x0040
#define NOFLSH 0x0080
#define TOSTOP 0x0100
#define IEXTEN 0x8000

#define TCSANOW   0
#define TCSADRAIN 1
#define TCSAFLUSH 2

/** Input as it is typed, but for Enter, which is a line's end; no echo, no keys with a meaning. */
int tcgetattr(int fd, struct termios *settings);

/** As POSIX allows, it says 0 when some of what is asked for is so, and changes nothing. */
int tcsetattr(int fd, int when, const struct termios *settings);

/** Bytes as they come, in the settings alone. */
void cfmakeraw(struct termios *settings);

#endif
