/* SPDX-License-Identifier: BSD-2-Clause */
#include "vif.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>

#include "device.h"
#include "host.h"
#include "log.h"
#include "store.h"

#define APPEAR_NS 5000000000ull /* netback takes milliseconds */

/* Tells when interfaces come; what it says is not read, only that it says something. */
static int open_link_news(struct fail *fail)
{
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

    if (fd < 0)
        return fail_errno(fail, "vif: no netlink socket");
    if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        int error = fail_errno(fail, "vif: no news of interfaces");
        close(fd);
        return error;
    }
    return fd;
}

static int choose_mac(const struct config_vif *vif, char *text, struct fail *fail)
{
    uint8_t mac[6] = {0x00, 0x16, 0x3e}; /* Xen's own range, as xl chooses */

    if (vif->mac_given)
        memcpy(mac, vif->mac, sizeof(mac));
    else if (getrandom(mac + 3, 3, GRND_NONBLOCK) != 3)
        return fail_errno(fail, "vif: no random numbers for a MAC address; set mac");
    config_format_mac(mac, text);
    return 0;
}

/*
 * No more nodes than netback, the guest and xl read: about each of the backend's, Linux asks
 * xenstored once more. That the interface has joined its bridge is said before it has: it matters
 * when the guest connects, which does not run yet.
 */
static int write_nodes(struct host *host, uint32_t domid, unsigned index, bool introduced,
                       const struct config_vif *vif, struct fail *fail)
{
    const struct device device = {"vif", domid, index};
    char mac[18], handle[12];
    int error = choose_mac(vif, mac, fail);

    if (error)
        return error;
    snprintf(handle, sizeof(handle), "%u", index);
    device_begin(host, &device, introduced);
    device_note(host, &device, "handle", handle);
    device_note(host, &device, "mac", mac);
    device_say_front(host, &device, "mac", mac);
    device_say_back(host, &device, "handle", handle);
    device_say_back(host, &device, "type", "vif"); /* for xl */
    device_say_back(host, &device, "mac", mac);
    device_say_back(host, &device, "script", "/bin/true"); /* netback refuses to be without one */
    if (*vif->ip)
        device_say_back(host, &device, "ip", vif->ip);
    device_say_back(host, &device, "hotplug-status", "connected");
    device_offer(host, &device);
    return 0;
}

static int wait_for(const char *name, int news, uint64_t deadline_ns, unsigned *index,
                    struct fail *fail)
{
    char bytes[8192];

    while (!(*index = if_nametoindex(name))) {
        struct pollfd poll_fd = {.fd = news, .events = POLLIN};
        uint64_t now_ns = host_now_ns();
        if (now_ns >= deadline_ns)
            return fail_set(fail, ETIMEDOUT, "vif: the kernel makes no %s: is xen-netback loaded?",
                            name);
        poll(&poll_fd, 1, (int)((deadline_ns - now_ns) / 1000000) + 1);
        while (recv(news, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
            ;
    }
    return 0;
}

/* Dom0 shall have no address there: it would look for routers and report groups, for each guest. */
static void refuse_ipv6(const char *name)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return; /* this kernel has no IPv6 */
    if (write(fd, "1", 1) != 1)
        log_line("%s: %s", path, strerror(errno));
    close(fd);
}

static int join_bridge(int fd, const char *name, unsigned index, const char *bridge,
                       struct fail *fail)
{
    struct ifreq request = {.ifr_ifindex = (int)index};

    refuse_ipv6(name);
    strcpy(request.ifr_name, bridge);
    if (ioctl(fd, SIOCBRADDIF, &request) < 0) {
        if (errno == EXFULL)
            return fail_set(fail, EXFULL, "vif: the bridge %s has its 1024 ports: use another one",
                            bridge);
        return fail_errno(fail, "vif: %s cannot join the bridge %s", name, bridge);
    }
    return 0;
}

static int bring_up(int fd, const char *name, struct fail *fail)
{
    struct ifreq request = {0};

    strcpy(request.ifr_name, name);
    if (ioctl(fd, SIOCGIFFLAGS, &request) < 0)
        return fail_errno(fail, "vif: %s has gone again", name);
    request.ifr_flags |= IFF_UP;
    if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
        return fail_errno(fail, "vif: %s does not come up", name);
    return 0;
}

static int connect_vif(uint32_t domid, unsigned number, const struct config_vif *vif, int news,
                       uint64_t deadline_ns, struct fail *fail)
{
    char name[IFNAMSIZ];
    unsigned index;

    snprintf(name, sizeof(name), "vif%" PRIu32 ".%u", domid, number);
    int error = wait_for(name, news, deadline_ns, &index, fail);
    if (error)
        return error;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fail_errno(fail, "vif: no socket");
    if (*vif->bridge)
        error = join_bridge(fd, name, index, vif->bridge, fail);
    if (!error)
        error = bring_up(fd, name, fail);
    close(fd);
    return error;
}

int vif_plug(struct host *host, uint32_t domid, bool introduced, const struct config_vif *vifs,
             unsigned n_vifs, struct fail *fail)
{
    for (unsigned i = 0; i < n_vifs; i++)
        if (*vifs[i].bridge && !if_nametoindex(vifs[i].bridge))
            return fail_set(fail, ENODEV, "vif: there is no bridge %s", vifs[i].bridge);
    host_make_room_for_vif(host);
    int news = open_link_news(fail); /* before the nodes: nothing is missed */
    if (news < 0)
        return news;
    int error = 0;
    for (unsigned i = 0; i < n_vifs && !error; i++)
        error = write_nodes(host, domid, i, introduced, &vifs[i], fail);
    if (!error)
        error = store_flush(host->store, fail);
    uint64_t deadline_ns = host_now_ns() + APPEAR_NS;
    for (unsigned i = 0; i < n_vifs && !error; i++)
        error = connect_vif(domid, i, &vifs[i], news, deadline_ns, fail);
    close(news);
    return error;
}

void vif_unplug(struct host *host, uint32_t domid)
{
    device_remove_all(host, "vif", domid);
}

void vif_watch(struct host *host, uint32_t domid, unsigned n_vifs)
{
    for (unsigned i = 0; i < n_vifs; i++)
        device_watch(host, &(struct device){"vif", domid, i});
}

void vif_unwatch(struct host *host, uint32_t domid, unsigned n_vifs)
{
    for (unsigned i = 0; i < n_vifs; i++)
        device_unwatch(host, &(struct device){"vif", domid, i});
}

int vif_count(struct host *host, uint32_t domid, unsigned *n_vifs, struct fail *fail)
{
    uint32_t *numbers;
    int error = device_list(host, "vif", domid, &numbers, n_vifs, fail);

    free(numbers);
    return error;
}
