/* SPDX-License-Identifier: BSD-2-Clause */
#include <sys/termios.h>

#include <unistd.h>

#include <sprat/compiler.h>

#include "fail.h"

SPRAT_API int tcgetattr(int fd, struct termios *settings)
{
    if (!isatty(fd))
        return -1;
    *settings = (struct termios){
        .c_iflag = ICRNL,
        .c_oflag = OPOST | ONLCR,
        .c_cflag = CS8 | CREAD | CLOCAL,
        .c_cc[VMIN] = 1,
    };
    return 0;
}

SPRAT_API int tcsetattr(int fd, int when, const struct termios *settings)
{
    (void)settings;
    if (!isatty(fd))
        return -1;
    return when < TCSANOW || when > TCSAFLUSH ? fail(EINVAL) : 0;
}

SPRAT_API void cfmakeraw(struct termios *settings)
{
    settings->c_iflag &=
        ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    settings->c_oflag &= ~(tcflag_t)OPOST;
    settings->c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
    settings->c_cflag = (settings->c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8;
}
