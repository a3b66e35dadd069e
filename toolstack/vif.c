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
    sprintf(text, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
    return 0;
}

/* With xenstored, the frontend's nodes are the guest's to write, the backend's to read. */
static void permit_nodes(struct host *host, uint32_t domid, const char *front, const char *back)
{
    char readable[32], own[32];

    snprintf(readable, sizeof(readable), "n0 r%" PRIu32, domid);
    snprintf(own, sizeof(own), "n%" PRIu32 " r0", domid);
    store_mkdir(host->store, "%s", front);
    store_permit(host->store, own, "%s", front);
    store_mkdir(host->store, "%s", back);
    store_permit(host->store, readable, "%s", back);
}

/*
 * The two ends of a device. No more nodes than netback and the guest read: about each of the
 * backend's, Linux asks xenstored once more. That the interface has joined its bridge is said
 * before it has: it matters when the guest connects, which does not run yet.
 */
static int write_nodes(struct host *host, uint32_t domid, unsigned index, bool introduced,
                       const struct config_vif *vif, struct fail *fail)
{
    char back[64], front[64], mac[18], number[12], handle[12];
    int error = choose_mac(vif, mac, fail);

    if (error)
        return error;
    snprintf(back, sizeof(back), VIF_BACKENDS "/%" PRIu32 "/%u", domid, index);
    snprintf(front, sizeof(front), "/local/domain/%" PRIu32 "/device/vif/%u", domid, index);
    snprintf(number, sizeof(number), "%" PRIu32, domid);
    snprintf(handle, sizeof(handle), "%u", index);
    if (introduced)
        permit_nodes(host, domid, front, back);
    store_write(host->store, back, "%s/backend", front);
    store_write(host->store, "0", "%s/backend-id", front);
    store_write(host->store, mac, "%s/mac", front);
    store_write(host->store, "1", "%s/state", front); /* XenbusStateInitialising */
    store_write(host->store, front, "%s/frontend", back);
    store_write(host->store, number, "%s/frontend-id", back);
    store_write(host->store, handle, "%s/handle", back);
    store_write(host->store, mac, "%s/mac", back);
    store_write(host->store, "/bin/true", "%s/script",
                back); /* netback refuses to be without one */
    if (*vif->ip)
        store_write(host->store, vif->ip, "%s/ip", back);
    store_write(host->store, "1", "%s/online", back);
    store_write(host->store, "connected", "%s/hotplug-status", back);
    store_write(host->store, "1", "%s/state", back);
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
    store_remove(host->store, VIF_BACKENDS "/%" PRIu32, domid);
}

static void state_path(uint32_t domid, unsigned index, char path[80])
{
    snprintf(path, 80, VIF_BACKENDS "/%" PRIu32 "/%u/state", domid, index);
}

void vif_watch(struct host *host, uint32_t domid, unsigned n_vifs)
{
    char path[80];

    for (unsigned i = 0; i < n_vifs; i++) {
        state_path(domid, i, path);
        store_watch(host->store, path, HOST_TOKEN_CHANGED);
    }
}

void vif_unwatch(struct host *host, uint32_t domid, unsigned n_vifs)
{
    char path[80];

    for (unsigned i = 0; i < n_vifs; i++) {
        state_path(domid, i, path);
        store_unwatch(host->store, path, HOST_TOKEN_CHANGED);
    }
}

int vif_count(struct host *host, uint32_t domid, unsigned *n_vifs, struct fail *fail)
{
    char path[80], **names;

    snprintf(path, sizeof(path), VIF_BACKENDS "/%" PRIu32, domid);
    int error = store_list(host->store, path, &names, fail);
    *n_vifs = 0;
    if (error)
        return error == -ENOENT ? 0 : error;
    while (names[*n_vifs])
        ++*n_vifs;
    free(names);
    return 0;
}
