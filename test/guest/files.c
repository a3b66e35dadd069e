/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptors, pipes, poll() and select(), tested in a guest. */
#define _GNU_SOURCE /* pipe2() */
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static void a_copy_of_a_descriptor_is_the_same_file(void)
{
    int copy = dup(STDOUT_FILENO);

    CHECK(copy == 3);
    CHECK(write(copy, "copy\n", 5) == 5);
    CHECK(fcntl(copy, F_DUPFD, 40) == 40);
    CHECK(close(40) == 0);
    CHECK_FAILS(close(40), EBADF);
    CHECK(dup2(copy, 100) == 100);
    CHECK(close(100) == 0 && close(copy) == 0);
    CHECK_FAILS(dup(copy), EBADF);
    CHECK_FAILS(dup2(1, -1), EBADF);
    CHECK_FAILS(dup2(1, 70000), EBADF);
    CHECK(dup2(1, 1) == 1);
}

static void a_new_descriptor_is_the_lowest_that_is_free(void)
{
    for (int fd = 3; fd < 100; fd++)
        CHECK(dup(1) == fd);
    CHECK(close(70) == 0 && close(9) == 0 && close(40) == 0);
    CHECK(fcntl(1, F_DUPFD, 20) == 40);
    CHECK(dup2(1, 9) == 9);
    CHECK(dup(1) == 70);
    CHECK(dup(1) == 100);
    CHECK(fcntl(1, F_DUPFD, 300) == 300);
    CHECK(dup(1) == 101);
    CHECK(close(300) == 0);
    for (int fd = 101; fd >= 3; fd--)
        CHECK(close(fd) == 0);
    CHECK(dup(1) == 3 && close(3) == 0);
}

static void the_console_is_a_terminal_without_a_position(void)
{
    struct stat st;

    CHECK(fstat(0, &st) == 0 && S_ISCHR(st.st_mode));
    CHECK(isatty(1) == 1);
    CHECK_FAILS(lseek(1, 0, SEEK_SET), ESPIPE);
    CHECK_FAILS(ioctl(1, TIOCGWINSZ, NULL), ENOTTY);
    struct pollfd fd = {.fd = 0, .events = POLLIN | POLLOUT};
    CHECK(poll(&fd, 1, 0) == 1 && fd.revents == POLLOUT);
    fd.events = POLLIN;
    CHECK(poll(&fd, 1, 20) == 0);
    int on = 1;
    char c;
    CHECK(ioctl(0, FIONBIO, &on) == 0);
    CHECK_FAILS(read(0, &c, 1), EAGAIN);
    on = 0;
    CHECK(ioctl(0, FIONBIO, &on) == 0);
}

static void a_pipe_keeps_order_and_ends(void)
{
    int fds[2], n;
    char buffer[8] = "";

    CHECK(pipe(fds) == 0);
    struct iovec parts[] = {{"ab", 2}, {"", 0}, {"cde", 3}};
    CHECK(writev(fds[1], parts, 3) == 5);
    CHECK(ioctl(fds[0], FIONREAD, &n) == 0 && n == 5);
    struct iovec into[] = {{buffer, 1}, {buffer + 1, 7}};
    CHECK(readv(fds[0], into, 2) == 5);
    CHECK(memcmp(buffer, "abcde", 5) == 0);
    CHECK_FAILS(read(fds[1], buffer, 1), EBADF);
    CHECK_FAILS(write(fds[0], buffer, 1), EBADF);
    CHECK(fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0);
    CHECK(fcntl(fds[0], F_GETFL) == (O_RDONLY | O_NONBLOCK));
    CHECK_FAILS(read(fds[0], buffer, 1), EAGAIN);
    CHECK(close(fds[1]) == 0);
    CHECK(read(fds[0], buffer, 1) == 0);
    CHECK(close(fds[0]) == 0);
}

static void a_full_pipe_takes_no_more(void)
{
    static char block[500];
    int fds[2];
    size_t total = 0;
    ssize_t n;

    CHECK(pipe2(fds, O_NONBLOCK) == 0);
    while ((n = write(fds[1], block, sizeof(block))) > 0)
        total += (size_t)n;
    CHECK(errno == EAGAIN &&
          total == 4000); /* a write of less than PIPE_BUF is whole or not at all */
    struct pollfd fd = {.fd = fds[1], .events = POLLOUT};
    CHECK(poll(&fd, 1, 0) == 0);
    while (total && (n = read(fds[0], block, sizeof(block))) > 0)
        total -= (size_t)n;
    CHECK(poll(&fd, 1, 0) == 1 && fd.revents == POLLOUT);
    CHECK(close(fds[0]) == 0);
    CHECK_FAILS(write(fds[1], block, 1), EPIPE);
    CHECK(poll(&fd, 1, 0) == 1 && fd.revents & POLLERR);
    CHECK(close(fds[1]) == 0);
}

static void poll_and_select_name_what_is_ready(void)
{
    int fds[2];
    fd_set set;
    struct timeval moment = {.tv_usec = 10000};
    struct timespec before, after;

    CHECK(pipe(fds) == 0);
    struct pollfd all[] = {{.fd = fds[0], .events = POLLIN}, {.fd = -1}, {.fd = 99}};
    CHECK(poll(all, 2, 0) == 0);
    CHECK(poll(all, 3, 1000) == 1 && all[2].revents == POLLNVAL);
    clock_gettime(CLOCK_MONOTONIC, &before);
    FD_ZERO(&set);
    FD_SET(fds[0], &set);
    CHECK(select(fds[0] + 1, &set, NULL, NULL, &moment) == 0 && !FD_ISSET(fds[0], &set));
    clock_gettime(CLOCK_MONOTONIC, &after);
    CHECK((after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec >= 10000000);
    CHECK(write(fds[1], "x", 1) == 1);
    FD_SET(fds[0], &set);
    CHECK(select(fds[0] + 1, &set, NULL, NULL, NULL) == 1 && FD_ISSET(fds[0], &set));
    CHECK(poll(all, 2, -1) == 1 && all[0].revents == POLLIN);
    FD_SET(60, &set);
    CHECK_FAILS(select(61, &set, NULL, NULL, NULL), EBADF);
    close(fds[0]);
    close(fds[1]);
}

static void many_descriptors_are_possible(void)
{
    int fds[2], first = -1, last = -1;

    for (int i = 0; i < 50; i++) {
        CHECK(pipe(fds) == 0);
        if (first < 0)
            first = fds[0];
        last = fds[1];
    }
    CHECK(first == 3 && last == 102);
    while (last >= first)
        CHECK(close(last--) == 0);
}

int main(void)
{
    RUN(a_copy_of_a_descriptor_is_the_same_file);
    RUN(a_new_descriptor_is_the_lowest_that_is_free);
    RUN(the_console_is_a_terminal_without_a_position);
    RUN(a_pipe_keeps_order_and_ends);
    RUN(a_full_pipe_takes_no_more);
    RUN(poll_and_select_name_what_is_ready);
    RUN(many_descriptors_are_possible);
    puts("all passed");
    return EXIT_SUCCESS;
}
