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

static void put(char *at, int n_digits, int value)
{
    while (n_digits-- > 0) {
        at[n_digits] = (char)('0' + value % 10);
        value /= 10;
    }
}

/* As most such servers have it, without what the C library needs for other ways and time zones: a
 * tenth of the image, and more time than all else that this program does. */
static void answer(int fd)
{
    static const char days[] = "SunMonTueWedThuFriSat",
                      months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char text[] = "Tue Nov 10 01:02:03 2026 UTC\r\n";
    time_t now = time(NULL);
    struct tm utc;

    gmtime_r(&now, &utc);
    memcpy(text, days + 3 * (size_t)utc.tm_wday, 3);
    memcpy(text + 4, months + 3 * (size_t)utc.tm_mon, 3);
    put(text + 8, 2, utc.tm_mday);
    if (text[8] == '0')
        text[8] = ' ';
    put(text + 11, 2, utc.tm_hour);
    put(text + 14, 2, utc.tm_min);
    put(text + 17, 2, utc.tm_sec);
    put(text + 20, 4, 1900 + utc.tm_year);
    if (send(fd, text, sizeof(text) - 1, 0) < 0)
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
