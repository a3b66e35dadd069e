/* SPDX-License-Identifier: BSD-2-Clause */
/* epoll, tested in a guest. */
#define _GNU_SOURCE /* pipe2() */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static int epoll, ends[2];
static struct epoll_event events[8];

static void watch(int operation, int fd, uint32_t wanted)
{
    struct epoll_event event = {.events = wanted, .data.fd = fd};

    CHECK(epoll_ctl(epoll, operation, fd, &event) == 0);
}

static void begin(void)
{
    CHECK((epoll = epoll_create1(0)) >= 0);
    CHECK(pipe2(ends, O_NONBLOCK) == 0);
}

static void end(void)
{
    CHECK(close(ends[0]) == 0 && close(ends[1]) == 0 && close(epoll) == 0);
}

static void what_is_ready_is_told_until_it_is_not(void)
{
    char byte;

    begin();
    watch(EPOLL_CTL_ADD, ends[0], EPOLLIN);
    CHECK(epoll_wait(epoll, events, 8, 0) == 0);
    CHECK(write(ends[1], "xy", 2) == 2);
    for (int i = 0; i < 3; i++) {
        CHECK(epoll_wait(epoll, events, 8, -1) == 1);
        CHECK(events[0].events == EPOLLIN && events[0].data.fd == ends[0]);
    }
    CHECK(read(ends[0], &byte, 1) == 1);
    CHECK(epoll_wait(epoll, events, 8, 0) == 1);
    CHECK(read(ends[0], &byte, 1) == 1);
    CHECK(epoll_wait(epoll, events, 8, 0) == 0);
    end();
}

static void edges_are_told_once(void)
{
    begin();
    watch(EPOLL_CTL_ADD, ends[0], EPOLLIN | EPOLLET);
    CHECK(write(ends[1], "x", 1) == 1);
    CHECK(epoll_wait(epoll, events, 8, -1) == 1);
    CHECK(epoll_wait(epoll, events, 8, 0) == 0);
    CHECK(write(ends[1], "y", 1) == 1);
    CHECK(epoll_wait(epoll, events, 8, -1) == 1);
    end();
}

static void one_shot_is_told_once_until_asked_again(void)
{
    begin();
    watch(EPOLL_CTL_ADD, ends[0], EPOLLIN | EPOLLONESHOT);
    CHECK(write(ends[1], "x", 1) == 1);
    CHECK(epoll_wait(epoll, events, 8, -1) == 1);
    CHECK(write(ends[1], "y", 1) == 1);
    CHECK(epoll_wait(epoll, events, 8, 0) == 0);
    watch(EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLONESHOT);
    CHECK(epoll_wait(epoll, events, 8, 0) == 1);
    end();
}

static void what_is_asked_for_can_be_changed_and_taken_back(void)
{
    begin();
    watch(EPOLL_CTL_ADD, ends[1], EPOLLIN);
    CHECK(epoll_wait(epoll, events, 8, 0) == 0);
    watch(EPOLL_CTL_MOD, ends[1], EPOLLOUT);
    CHECK(epoll_wait(epoll, events, 8, 0) == 1 && events[0].events == EPOLLOUT);
    CHECK(epoll_ctl(epoll, EPOLL_CTL_DEL, ends[1], NULL) == 0);
    CHECK(epoll_wait(epoll, events, 8, 0) == 0);
    end();
}

static void the_end_of_the_other_side_is_told_unasked(void)
{
    begin();
    watch(EPOLL_CTL_ADD, ends[0], 0);
    CHECK(epoll_wait(epoll, events, 8, 0) == 0);
    CHECK(close(ends[1]) == 0);
    CHECK(epoll_wait(epoll, events, 8, -1) == 1 && events[0].events == EPOLLHUP);
    CHECK(close(ends[0]) == 0 && close(epoll) == 0);
}

static void a_file_that_is_closed_is_forgotten(void)
{
    int copy;

    begin();
    watch(EPOLL_CTL_ADD, ends[1], EPOLLOUT);
    CHECK((copy = dup(ends[1])) >= 0);
    CHECK(close(ends[1]) == 0);
    CHECK(epoll_wait(epoll, events, 8, 0) == 1); /* as on Linux: the copy is the same file */
    CHECK(close(copy) == 0);
    CHECK(epoll_wait(epoll, events, 8, 0) == 0);
    CHECK(close(ends[0]) == 0 && close(epoll) == 0);
}

static void many_take_turns(void)
{
    int pipes[6][2], seen[64] = {0};

    begin();
    for (int i = 0; i < 6; i++) {
        CHECK(pipe(pipes[i]) == 0);
        watch(EPOLL_CTL_ADD, pipes[i][1], EPOLLOUT);
    }
    for (int round = 0; round < 3; round++) {
        CHECK(epoll_wait(epoll, events, 2, 0) == 2);
        seen[events[0].data.fd]++;
        seen[events[1].data.fd]++;
    }
    for (int i = 0; i < 6; i++) {
        CHECK(seen[pipes[i][1]] == 1);
        CHECK(close(pipes[i][0]) == 0 && close(pipes[i][1]) == 0);
    }
    end();
}

static void *write_later(void *arg)
{
    (void)arg;
    CHECK(write(ends[1], "x", 1) == 1);
    return NULL;
}

static void a_wait_ends_when_something_happens_and_when_its_time_is_over(void)
{
    struct timespec from, to;
    pthread_t writer;

    begin();
    watch(EPOLL_CTL_ADD, ends[0], EPOLLIN);
    clock_gettime(CLOCK_MONOTONIC, &from);
    CHECK(epoll_wait(epoll, events, 8, 20) == 0);
    clock_gettime(CLOCK_MONOTONIC, &to);
    CHECK((to.tv_sec - from.tv_sec) * 1000000000 + to.tv_nsec - from.tv_nsec >= 20000000);
    CHECK(pthread_create(&writer, NULL, write_later, NULL) == 0);
    CHECK(epoll_wait(epoll, events, 8, -1) == 1);
    CHECK(pthread_join(writer, NULL) == 0);
    end();
}

static void an_epoll_can_be_waited_for(void)
{
    struct pollfd fd;
    int outer;

    begin();
    watch(EPOLL_CTL_ADD, ends[0], EPOLLIN);
    fd = (struct pollfd){.fd = epoll, .events = POLLIN};
    CHECK(poll(&fd, 1, 0) == 0);
    CHECK((outer = epoll_create(1)) >= 0);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = 7};
    CHECK(epoll_ctl(outer, EPOLL_CTL_ADD, epoll, &event) == 0);
    CHECK(epoll_wait(outer, events, 8, 0) == 0);
    CHECK(write(ends[1], "x", 1) == 1);
    CHECK(poll(&fd, 1, -1) == 1);
    CHECK(epoll_wait(outer, events, 8, -1) == 1 && events[0].data.u64 == 7);
    CHECK(close(outer) == 0);
    end();
}

static void wrong_calls_fail_as_they_should(void)
{
    struct epoll_event event = {.events = EPOLLIN};

    begin();
    CHECK_FAILS(epoll_create(0), EINVAL);
    CHECK_FAILS(epoll_create1(1), EINVAL);
    CHECK_FAILS(epoll_ctl(-1, EPOLL_CTL_ADD, ends[0], &event), EBADF);
    CHECK_FAILS(epoll_ctl(ends[0], EPOLL_CTL_ADD, ends[1], &event), EINVAL);
    CHECK_FAILS(epoll_ctl(epoll, EPOLL_CTL_ADD, 99, &event), EBADF);
    CHECK_FAILS(epoll_ctl(epoll, EPOLL_CTL_ADD, epoll, &event), EINVAL);
    CHECK_FAILS(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], NULL), EFAULT);
    CHECK_FAILS(epoll_ctl(epoll, 9, ends[0], &event), EINVAL);
    CHECK_FAILS(epoll_ctl(epoll, EPOLL_CTL_MOD, ends[0], &event), ENOENT);
    CHECK_FAILS(epoll_ctl(epoll, EPOLL_CTL_DEL, ends[0], &event), ENOENT);
    CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event) == 0);
    CHECK_FAILS(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event), EEXIST);
    CHECK_FAILS(epoll_wait(epoll, events, 0, 0), EINVAL);
    CHECK_FAILS(epoll_wait(ends[0], events, 1, 0), EINVAL);
    end();
}

static void what_can_not_be_watched_is_refused(void)
{
    struct epoll_event event = {.events = EPOLLIN};
    int all[7], root = open("/", O_RDONLY);

    CHECK((epoll = epoll_create1(0)) >= 0 && root >= 0);
    CHECK_FAILS(epoll_ctl(epoll, EPOLL_CTL_ADD, root, &event), EPERM);
    for (int i = 0; i < 7; i++)
        CHECK((all[i] = epoll_create1(0)) >= 0);
    CHECK(epoll_ctl(all[0], EPOLL_CTL_ADD, all[1], &event) == 0);
    CHECK_FAILS(epoll_ctl(all[1], EPOLL_CTL_ADD, all[0], &event), ELOOP);
    CHECK(epoll_ctl(all[1], EPOLL_CTL_ADD, all[2], &event) == 0);
    CHECK_FAILS(epoll_ctl(all[2], EPOLL_CTL_ADD, all[0], &event), ELOOP);
    /* Five are in a row when 3 and 4 come to 0, 1 and 2: one more on either side is too many. */
    CHECK(epoll_ctl(all[3], EPOLL_CTL_ADD, all[4], &event) == 0);
    CHECK(epoll_ctl(all[2], EPOLL_CTL_ADD, all[3], &event) == 0);
    CHECK_FAILS(epoll_ctl(all[4], EPOLL_CTL_ADD, all[5], &event), ELOOP);
    CHECK_FAILS(epoll_ctl(all[6], EPOLL_CTL_ADD, all[0], &event), ELOOP);
    for (int i = 0; i < 7; i++)
        CHECK(close(all[i]) == 0);
    CHECK(close(epoll) == 0 && close(root) == 0);
}

static void select_takes_any_number_of_us(void)
{
    struct timeval longer = {.tv_usec = 1010000}, none = {.tv_sec = LONG_MAX, .tv_usec = 1000000};
    struct timespec before, after;
    fd_set reading;

    CHECK(clock_gettime(CLOCK_MONOTONIC, &before) == 0);
    CHECK(select(0, NULL, NULL, NULL, &longer) == 0);
    CHECK(clock_gettime(CLOCK_MONOTONIC, &after) == 0 && after.tv_sec > before.tv_sec);
    begin();
    CHECK(write(ends[1], "x", 1) == 1);
    FD_ZERO(&reading);
    FD_SET(ends[0], &reading);
    CHECK(select(ends[0] + 1, &reading, NULL, NULL, &none) == 1);
    end();
}

static void a_counter_is_read_and_made_zero(void)
{
    int fd = eventfd(3, EFD_NONBLOCK);
    eventfd_t value;
    char small[7] = "";

    CHECK(fd >= 0 && read(fd, &value, sizeof(value)) == 8 && value == 3);
    CHECK_FAILS(read(fd, &value, sizeof(value)), EAGAIN);
    CHECK(eventfd_write(fd, 4) == 0 && eventfd_write(fd, 5) == 0);
    CHECK_FAILS(read(fd, small, sizeof(small)), EINVAL);
    CHECK_FAILS(write(fd, small, sizeof(small)), EINVAL);
    CHECK(eventfd_read(fd, &value) == 0 && value == 9);
    CHECK_FAILS(eventfd_write(fd, UINT64_MAX), EINVAL);
    CHECK(eventfd_write(fd, UINT64_MAX - 1) == 0);
    CHECK_FAILS(eventfd_write(fd, 1), EAGAIN);
    CHECK(close(fd) == 0);
    CHECK_FAILS(eventfd(0, 2), EINVAL);
}

static void a_semaphore_is_taken_one_by_one(void)
{
    int fd = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC);
    eventfd_t value;

    CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
    for (int i = 0; i < 2; i++)
        CHECK(eventfd_read(fd, &value) == 0 && value == 1);
    CHECK_FAILS(eventfd_read(fd, &value), EAGAIN);
    CHECK(close(fd) == 0);
}

static int counter;

static void *count_up(void *value)
{
    CHECK(eventfd_write(counter, *(eventfd_t *)value) == 0);
    return NULL;
}

static void a_counter_wakes_who_polls_and_who_waits(void)
{
    eventfd_t one = 1, most = UINT64_MAX - 1, value;
    pthread_t thread;

    CHECK((epoll = epoll_create1(0)) >= 0 && (counter = eventfd(0, 0)) >= 0);
    watch(EPOLL_CTL_ADD, counter, EPOLLIN);
    CHECK(epoll_wait(epoll, events, 8, 0) == 0);
    CHECK(pthread_create(&thread, NULL, count_up, &one) == 0);
    CHECK(epoll_wait(epoll, events, 8, -1) == 1 && events[0].data.fd == counter);
    CHECK(pthread_join(thread, NULL) == 0 && eventfd_read(counter, &value) == 0 && value == 1);
    CHECK(epoll_wait(epoll, events, 8, 0) == 0);
    /* One that reads waits for a count, one that writes for room. */
    CHECK(pthread_create(&thread, NULL, count_up, &most) == 0);
    CHECK(eventfd_read(counter, &value) == 0 && value == most);
    CHECK(pthread_join(thread, NULL) == 0 && eventfd_write(counter, most) == 0);
    CHECK(pthread_create(&thread, NULL, count_up, &one) == 0 && sched_yield() == 0);
    CHECK(eventfd_read(counter, &value) == 0 && value == most);
    CHECK(pthread_join(thread, NULL) == 0 && eventfd_read(counter, &value) == 0 && value == 1);
    watch(EPOLL_CTL_MOD, counter, EPOLLOUT);
    CHECK(epoll_wait(epoll, events, 8, 0) == 1);
    CHECK(eventfd_write(counter, most) == 0 && epoll_wait(epoll, events, 8, 0) == 0);
    CHECK(close(counter) == 0 && close(epoll) == 0);
}

int main(void)
{
    RUN(what_is_ready_is_told_until_it_is_not);
    RUN(edges_are_told_once);
    RUN(one_shot_is_told_once_until_asked_again);
    RUN(what_is_asked_for_can_be_changed_and_taken_back);
    RUN(the_end_of_the_other_side_is_told_unasked);
    RUN(a_file_that_is_closed_is_forgotten);
    RUN(many_take_turns);
    RUN(a_wait_ends_when_something_happens_and_when_its_time_is_over);
    RUN(an_epoll_can_be_waited_for);
    RUN(wrong_calls_fail_as_they_should);
    RUN(what_can_not_be_watched_is_refused);
    RUN(select_takes_any_number_of_us);
    RUN(a_counter_is_read_and_made_zero);
    RUN(a_semaphore_is_taken_one_by_one);
    RUN(a_counter_wakes_who_polls_and_who_waits);
    puts("all passed");
    return 0;
}
