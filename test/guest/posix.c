/* SPDX-License-Identifier: BSD-2-Clause */
/* What ordinary programs ask of a system besides files, threads and sockets; tested in a guest. */
#define _GNU_SOURCE
#include <byteswap.h>
#include <dirent.h>
#include <dlfcn.h>
#include <endian.h>
#include <err.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <glob.h>
#include <grp.h>
#include <libgen.h>
#include <pwd.h>
#include <regex.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <sys/syslog.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

/* The first that the program does with a stream. */
static void a_stream_is_locked_before_it_is_used(void)
{
    CHECK(ftrylockfile(stdout) == 0);
    flockfile(stderr);
    funlockfile(stderr);
    funlockfile(stdout);
}

static void there_is_one_process(void)
{
    int status;

    CHECK(getpid() == 1 && getppid() == 0 && getpgrp() == 1);
    CHECK(getpgid(0) == 1 && getsid(1) == 1 && setpgid(0, 0) == 0);
    CHECK_FAILS(getpgid(2), ESRCH);
    CHECK_FAILS(setsid(), EPERM);
    CHECK_FAILS(fork(), ENOSYS);
    CHECK_FAILS(vfork(), ENOSYS);
    CHECK_FAILS(daemon(0, 0), ENOSYS);
    CHECK_FAILS(execl("/bin/sh", "sh", NULL), ENOSYS);
    CHECK_FAILS(execvp("sh", (char *[]){"sh", NULL}), ENOSYS);
    CHECK_FAILS(wait(&status), ECHILD);
    CHECK_FAILS(waitpid(-1, &status, WNOHANG), ECHILD);
    CHECK(system(NULL) == 0);
    CHECK_FAILS(system("true"), ENOSYS);
    errno = 0;
    CHECK(!popen("true", "r") && errno == ENOSYS);
}

/* Programs name them in a switch: none may be there twice, or not at all. */
static const char *name_of(int error)
{
    switch (error) {
    case ESHUTDOWN:
        return "ESHUTDOWN";
    case ENONET:
        return "ENONET";
    case ESOCKTNOSUPPORT:
        return "ESOCKTNOSUPPORT";
    case EAGAIN:
        return "EAGAIN";
    case EOPNOTSUPP:
        return "EOPNOTSUPP";
    }
    return "";
}

static void errors_have_all_their_names(void)
{
    CHECK(strcmp(name_of(ESHUTDOWN), "ESHUTDOWN") == 0);
    CHECK(strcmp(name_of(EWOULDBLOCK), "EAGAIN") == 0);
}

static void there_is_one_user(void)
{
    struct passwd user, *found;
    struct group group, *found_group;
    gid_t zero = 0, one = 1;
    char buffer[8];

    CHECK(strcmp(getlogin(), "root") == 0 && !issetugid() && !secure_getenv("NONE"));
    CHECK(getuid() == 0 && setuid(0) == 0 && setgid(0) == 0);
    CHECK_FAILS(setuid(1), EPERM);
    CHECK_FAILS(setgroups(1, &one), EPERM);
    CHECK(setgroups(1, &zero) == 0 && getgroups(1, &one) == 0 && initgroups("root", 0) == 0);
    CHECK(strcmp(getpwuid(0)->pw_name, "root") == 0 && getpwnam("root")->pw_uid == 0);
    CHECK(strcmp(getgrgid(0)->gr_name, "root") == 0 && getgrnam("root")->gr_gid == 0);
    errno = 0;
    CHECK(!getpwuid(1) && !getpwnam("nobody") && !getgrgid(1) && !getgrnam("nobody") && !errno);
    CHECK(getpwnam_r("root", &user, buffer, sizeof(buffer), &found) == 0 && found == &user);
    CHECK(strcmp(user.pw_dir, "/") == 0);
    CHECK(getpwuid_r(1, &user, buffer, sizeof(buffer), &found) == 0 && !found);
    CHECK(getgrnam_r("root", &group, buffer, sizeof(buffer), &found_group) == 0 && found_group);
    CHECK(getgrgid_r(7, &group, buffer, sizeof(buffer), &found_group) == 0 && !found_group);
}

static void the_machine_has_a_name(void)
{
    struct utsname names;
    char name[UTSNAME_MAX + 1];

    CHECK(uname(&names) == 0);
    CHECK(strcmp(names.sysname, "Sprat") == 0 && strcmp(names.machine, "x86_64") == 0);
    CHECK(gethostname(name, sizeof(name)) == 0 && strcmp(name, names.nodename) == 0);
    CHECK(strncmp(name, "test-posix", 10) == 0); /* the domain's: more, or the image's */
    size_t len = strlen(name);
    CHECK(gethostname(name, len + 1) == 0);
    CHECK_FAILS(gethostname(name, len), ENAMETOOLONG);
    CHECK(sysconf(_SC_OPEN_MAX) == getdtablesize() && sysconf(_SC_NPROCESSORS_ONLN) == 1);
    CHECK(sysconf(_SC_HOST_NAME_MAX) == UTSNAME_MAX && sysconf(_SC_IOV_MAX) > 0);
    CHECK_FAILS(sysconf(-1), EINVAL);
}

static void names_and_texts_match_patterns(void)
{
    regex_t regex;
    regmatch_t part[2];
    char text[64], path[] = "/a/b/c.txt";

    CHECK(regcomp(&regex, "^([a-z]+)=[0-9]{2,3}$", REG_EXTENDED) == 0);
    CHECK(regexec(&regex, "port=443", 2, part, 0) == 0);
    CHECK(part[1].rm_so == 0 && part[1].rm_eo == 4);
    CHECK(regexec(&regex, "port=4", 2, part, 0) == REG_NOMATCH);
    regfree(&regex);
    int error = regcomp(&regex, "(", REG_EXTENDED);
    CHECK(error && regerror(error, &regex, text, sizeof(text)) > 1 && text[0]);
    CHECK(fnmatch("*.[ch]", "posix.c", 0) == 0);
    CHECK(fnmatch("*.[ch]", "posix.o", 0) == FNM_NOMATCH);
    CHECK(fnmatch("*", "a/b", FNM_PATHNAME) == FNM_NOMATCH);
    CHECK(strcmp(dirname(path), "/a/b") == 0);
}

static void words_are_taken_off_a_text_to_the_last_one(void)
{
    char text[] = "a,,b;", *rest = text, none[] = "", *left = none;

    CHECK(strcmp(strsep(&rest, ",;"), "a") == 0 && strcmp(rest, ",b;") == 0);
    CHECK(strcmp(strsep(&rest, ",;"), "") == 0 && strcmp(strsep(&rest, ",;"), "b") == 0);
    CHECK(rest && strcmp(strsep(&rest, ",;"), "") == 0 && !rest && !strsep(&rest, ",;"));
    CHECK(strsep(&left, ",") == none && !left);
}

static int is_text(const struct dirent *entry)
{
    return fnmatch("*.txt", entry->d_name, 0) == 0;
}

static void directories_are_listed_whole(void)
{
    struct dirent **entries;
    glob_t found;

    int n = scandir("/", &entries, is_text, alphasort);
    CHECK(n == 2);
    CHECK(strcmp(entries[0]->d_name, "hello.txt") == 0);
    CHECK(strcmp(entries[1]->d_name, "link.txt") == 0);
    while (n)
        free(entries[--n]);
    free(entries);
    CHECK_FAILS(scandir("/nowhere", &entries, NULL, NULL), ENOENT);
    CHECK(glob("/*.txt", 0, NULL, &found) == 0 && found.gl_pathc == 2);
    CHECK(strcmp(found.gl_pathv[1], "/link.txt") == 0);
    globfree(&found);
    CHECK(glob("/*.none", 0, NULL, &found) == 0 && found.gl_pathc == 0); /* as in the BSDs */
    globfree(&found);
}

static void the_root_is_the_working_directory(void)
{
    char path[8];

    CHECK(chdir("/") == 0 && chdir("sub/..") == 0 && strcmp(getcwd(path, 8), "/") == 0);
    CHECK_FAILS(chdir("/sub"), ENOSYS);
    CHECK_FAILS(chdir("/hello.txt"), ENOTDIR);
    CHECK_FAILS(chdir("/nowhere"), ENOENT);
}

static void temporary_files_need_a_disk(void)
{
    CHECK(!tmpfile() && errno == ENOENT); /* /tmp */
    CHECK_FAILS(remove("/hello.txt"), EROFS);
}

static void bytes_are_turned_round(void)
{
    CHECK(htobe16(0x1234) == 0x3412 && be32toh(0x12345678) == 0x78563412);
    CHECK(htole64(1) == 1 && bswap_64(1) == 1ull << 56 && BYTE_ORDER == LITTLE_ENDIAN);
}

static void random_bytes_are_as_many_as_wanted(void)
{
    char a[300] = {0}, b[300] = {0};

    CHECK(getrandom(a, sizeof(a), GRND_NONBLOCK) == sizeof(a));
    CHECK(getentropy(b, 256) == 0 && memcmp(a, b, 256) != 0);
    CHECK(memcmp(a, a + 100, 100) != 0);
    CHECK_FAILS(getentropy(b, 257), EIO);
}

/* The test looks for these lines. */
static void the_log_is_the_console(void)
{
    openlog("named", LOG_PID, LOG_DAEMON);
    errno = ENOENT;
    syslog(LOG_ERR, "%d%% of it: %m", 50);
    CHECK(setlogmask(LOG_UPTO(LOG_ERR)) == LOG_UPTO(LOG_DEBUG));
    syslog(LOG_INFO, "never shown");
    setlogmask(LOG_UPTO(LOG_DEBUG));
    closelog();
    syslog(LOG_INFO, "plain\n");
    errno = EACCES;
    warn("can't open %s", "it");
    warnx("no reason");
}

static void a_stream_is_locked_as_often_as_wanted(void)
{
    flockfile(stdout);
    CHECK(ftrylockfile(stdout) == 0);
    funlockfile(stdout);
    funlockfile(stdout);
}

static void limits_are_what_the_guest_is_made_of(void)
{
    struct rlimit limit;

    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    CHECK(limit.rlim_cur == (rlim_t)sysconf(_SC_OPEN_MAX) && limit.rlim_max == limit.rlim_cur);
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_max++;
    CHECK_FAILS(setrlimit(RLIMIT_NOFILE, &limit), EPERM);
    rlim_t most = limit.rlim_cur;
    limit = (struct rlimit){4, most};
    int fd = open("/", O_RDONLY); /* the fourth */
    CHECK(fd == 3 && setrlimit(RLIMIT_NOFILE, &limit) == 0);
    CHECK_FAILS(open("/", O_RDONLY), EMFILE);
    CHECK_FAILS(dup(fd), EMFILE);
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == 4 && limit.rlim_max == most);
    limit.rlim_cur = most;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0 && dup(fd) == 4);
    CHECK(close(3) == 0 && close(4) == 0);
    CHECK(getrlimit(RLIMIT_DATA, &limit) == 0);
    limit.rlim_cur--;
    CHECK_FAILS(setrlimit(RLIMIT_DATA, &limit), EINVAL);
    limit = (struct rlimit){11, 10};
    CHECK_FAILS(setrlimit(RLIMIT_NOFILE, &limit), EINVAL);
    CHECK(getrlimit(RLIMIT_AS, &limit) == 0);
    CHECK(limit.rlim_cur == (rlim_t)sysconf(_SC_PHYS_PAGES) * (rlim_t)sysconf(_SC_PAGESIZE));
    CHECK(getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur == 0);
    CHECK(getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur == 64 * 1024);
    CHECK(getrlimit(RLIMIT_CPU, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY);
    CHECK(setrlimit(RLIMIT_CPU, &limit) == 0);
    CHECK_FAILS(getrlimit(RLIM_NLIMITS, &limit), EINVAL);
    CHECK_FAILS(getrlimit(-1, &limit), EINVAL);
    CHECK_FAILS(setrlimit(RLIM_NLIMITS, &limit), EINVAL);
}

static void nothing_is_loaded(void)
{
    CHECK(!dlerror());
    CHECK(!dlopen("module.so", RTLD_NOW));
    CHECK(strstr(dlerror(), "nothing can be loaded") && !dlerror());
    CHECK(!dlsym(NULL, "main") && dlerror());
    CHECK(dlclose(NULL) != 0 && dlerror());
}

static void the_console_is_as_it_is(void)
{
    struct termios settings;
    int ends[2];

    CHECK(tcgetattr(STDIN_FILENO, &settings) == 0);
    CHECK(!(settings.c_lflag & (ECHO | ICANON)) && settings.c_cc[VMIN] == 1);
    CHECK(tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings) == 0);
    CHECK_FAILS(tcsetattr(STDIN_FILENO, TCSAFLUSH + 1, &settings), EINVAL);
    cfmakeraw(&settings);
    CHECK(!settings.c_iflag && !(settings.c_oflag & OPOST) &&
          settings.c_cflag == (CS8 | CREAD | CLOCAL));
    CHECK(pipe(ends) == 0);
    CHECK_FAILS(tcgetattr(ends[0], &settings), ENOTTY);
    CHECK_FAILS(tcsetattr(ends[0], TCSANOW, &settings), ENOTTY);
    CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
    CHECK_FAILS(tcgetattr(ends[0], &settings), EBADF);
}

static void memory_stays(void)
{
    CHECK(mlockall(MCL_CURRENT | MCL_FUTURE) == 0 && munlockall() == 0);
    CHECK(mlock(&memory_stays, 1) == 0 && munlock(&memory_stays, 1) == 0);
    CHECK(msync(NULL, 0, MS_SYNC | MS_INVALIDATE) == 0);
    CHECK_FAILS(msync(NULL, 0, 8), EINVAL);
    CHECK(madvise(NULL, 0, MADV_WILLNEED) == 0 && madvise(NULL, 0, MADV_DONTDUMP) == 0);
    CHECK_FAILS(madvise(NULL, 0, MADV_DONTNEED), EINVAL); /* it would be zeros afterwards */
    CHECK_FAILS(madvise(NULL, 0, -1), EINVAL);
    CHECK(posix_madvise(NULL, 0, POSIX_MADV_DONTNEED) == 0);
    CHECK(posix_madvise(NULL, 0, POSIX_MADV_DONTNEED + 1) == EINVAL);
    CHECK(posix_madvise(NULL, 0, -1) == EINVAL);
}

static void lines_are_as_long_as_they_are(void)
{
    char text[3000], *line = NULL;
    size_t size = 0;

    memset(text, 'x', sizeof(text));
    memcpy(text, "one\n\ntwo:", 9);
    FILE *stream = fmemopen(text, sizeof(text), "r");
    CHECK(stream && getline(&line, &size, stream) == 4 && strcmp(line, "one\n") == 0);
    CHECK(getline(&line, &size, stream) == 1 && strcmp(line, "\n") == 0);
    CHECK(getdelim(&line, &size, ':', stream) == 4 && strcmp(line, "two:") == 0);
    CHECK(getline(&line, &size, stream) == (ssize_t)sizeof(text) - 9 && size > sizeof(text) - 9);
    CHECK(strlen(line) == sizeof(text) - 9 && line[sizeof(text) - 10] == 'x');
    CHECK(getline(&line, &size, stream) == -1 && feof(stream));
    CHECK_FAILS(getline(NULL, &size, stream), EINVAL);
    CHECK_FAILS(getline(&line, NULL, stream), EINVAL);
    free(line);
    CHECK(fclose(stream) == 0);
}

static time_t time_of(int year, int month, int day, int hour, int minute, int second)
{
    struct tm date = {.tm_year = year - 1900,
                      .tm_mon = month - 1,
                      .tm_mday = day,
                      .tm_hour = hour,
                      .tm_min = minute,
                      .tm_sec = second,
                      .tm_isdst = 1};

    return timegm(&date);
}

static void a_date_is_a_time(void)
{
    struct tm date = {.tm_year = 124, .tm_mon = 13, .tm_mday = 29, .tm_hour = -1}, back;

    CHECK(time_of(1970, 1, 1, 0, 0, 0) == 0 && time_of(2000, 2, 29, 12, 0, 1) == 951825601);
    CHECK(time_of(2000, 3, 1, 0, 0, 0) - time_of(2000, 2, 28, 0, 0, 0) == 2 * 86400);
    CHECK(time_of(1900, 3, 1, 0, 0, 0) - time_of(1900, 2, 28, 0, 0, 0) == 86400);
    CHECK(time_of(1969, 12, 31, 23, 59, 59) == -1 && time_of(1, 1, 1, 0, 0, 0) == -62135596800);
    CHECK(time_of(2026, -24, 0, 0, 0, 0) == time_of(2023, 11, 30, 0, 0, 0));
    /* The 29th of the 14th month, an hour before. */
    CHECK(timegm(&date) == time_of(2025, 2, 28, 23, 0, 0));
    CHECK(date.tm_year == 125 && date.tm_mon == 1 && date.tm_mday == 28 && date.tm_hour == 23);
    CHECK(date.tm_wday == 5 && date.tm_yday == 58 && date.tm_isdst == 0);
    for (time_t time = -70000000000; time < 70000000000; time += 86400 * 123 + 4567) {
        CHECK(gmtime_r(&time, &back) && timegm(&back) == time);
    }
    date = (struct tm){.tm_year = INT32_MAX, .tm_mon = 11, .tm_mday = 31};
    CHECK(timegm(&date) == 67768036191590400 && date.tm_year == INT32_MAX);
    date.tm_mday = 32;
    CHECK_FAILS(timegm(&date), EOVERFLOW);
    date = (struct tm){.tm_year = INT32_MIN, .tm_mday = 1};
    CHECK(timegm(&date) == -67768040609740800);
    date = (struct tm){.tm_year = INT32_MIN, .tm_mday = 0};
    CHECK_FAILS(timegm(&date), EOVERFLOW);
}

static void an_environment_can_be_emptied(void)
{
    CHECK(setenv("ONE", "1", 1) == 0 && setenv("TWO", "2", 1) == 0 && clearenv() == 0);
    CHECK(!getenv("ONE") && !getenv("TWO") && !*environ);
    CHECK(setenv("THREE", "3", 1) == 0 && strcmp(getenv("THREE"), "3") == 0);
    CHECK(strcmp(environ[0], "THREE=3") == 0 && !environ[1]);
}

static void the_user_is_in_one_group(void)
{
    gid_t groups[2] = {9, 9};
    int n = 2;

    CHECK(getgrouplist("root", 5, groups, &n) == 1 && n == 1 && groups[0] == 5 && groups[1] == 9);
    n = 0;
    CHECK(getgrouplist("root", 6, groups, &n) == -1 && n == 1 && groups[0] == 5);
    CHECK(getloadavg(NULL, 0) == -1);
}

static void limits_of_paths_are_told(void)
{
    CHECK(pathconf("/", _PC_NAME_MAX) == 255 && fpathconf(STDIN_FILENO, _PC_PIPE_BUF) >= 512);
    CHECK(pathconf("/", _PC_PATH_MAX) >= 256 && pathconf("/", _PC_NO_TRUNC) == 1);
    CHECK(pathconf("/", _PC_VDISABLE) == 0 && pathconf("/", _PC_FILESIZEBITS) == 64);
    errno = 0;
    CHECK(pathconf("/", _PC_SYMLINK_MAX) == -1 && pathconf("/", _PC_ASYNC_IO) == -1 && !errno);
    CHECK_FAILS(pathconf("/", 1000), EINVAL);
    CHECK_FAILS(pathconf("/none", _PC_NAME_MAX), ENOENT);
    CHECK_FAILS(fpathconf(99, _PC_NAME_MAX), EBADF);
}

int main(void)
{
    RUN(a_stream_is_locked_before_it_is_used);
    RUN(there_is_one_process);
    RUN(errors_have_all_their_names);
    RUN(there_is_one_user);
    RUN(the_machine_has_a_name);
    RUN(names_and_texts_match_patterns);
    RUN(words_are_taken_off_a_text_to_the_last_one);
    RUN(directories_are_listed_whole);
    RUN(the_root_is_the_working_directory);
    RUN(temporary_files_need_a_disk);
    RUN(bytes_are_turned_round);
    RUN(random_bytes_are_as_many_as_wanted);
    RUN(the_log_is_the_console);
    RUN(a_stream_is_locked_as_often_as_wanted);
    RUN(limits_are_what_the_guest_is_made_of);
    RUN(nothing_is_loaded);
    RUN(the_console_is_as_it_is);
    RUN(memory_stays);
    RUN(lines_are_as_long_as_they_are);
    RUN(a_date_is_a_time);
    RUN(limits_of_paths_are_told);
    RUN(an_environment_can_be_emptied);
    RUN(the_user_is_in_one_group);
    puts("all passed");
    return EXIT_SUCCESS;
}
