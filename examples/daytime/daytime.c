/* SPDX-License-Identifier: BSD-2-Clause */
/* The time of day, told to whoever connects (RFC 867), over IPv4 and IPv6. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <netinet/in.h>
#include <sys/socket.h>

#define PORT    13
#define BACKLOG 64

static int listener(void)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) || listen(fd, BACKLOG)) {
        perror("daytime");
        exit(EXIT_FAILURE);
    }
    return fd;
}

/* As most such servers have it: "Tue Nov 10 01:02:03 2026 UTC". strftime, which knows of other
 * ways and of time zones, would be a twentieth of the image. */
static void answer(int fd)
{
    char text[32];
    time_t now = time(NULL);
    struct tm utc;

    strcpy(strchr(asctime_r(gmtime_r(&now, &utc), text), '\n'), " UTC\r\n");
    if (send(fd, text, strlen(text), 0) < 0)
        perror("daytime");
}

int main(void)
{
    int fd = listener();

    puts("daytime: serving on port 13"); /* printf alone would be a tenth of the image */
    for (;;) {
        int peer = accept(fd, NULL, NULL);
        if (peer < 0) {
            perror("daytime");
            continue;
        }
        answer(peer);
        close(peer);
    }
}
