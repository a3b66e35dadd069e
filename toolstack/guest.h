/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * A guest's life: shell, launch, end. A shell is a domain that is built and has no identity; a
 * launch gives it one and lets it run. A domain bears the launcher's mark as its handle until it
 * has its own UUID, and again from when it is to go: whatever bears it when a launcher starts is
 * left over from one that was killed, and is removed.
 */
#ifndef SPRAT_TOOLSTACK_GUEST_H
#define SPRAT_TOOLSTACK_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "blob.h"
#include "build.h"
#include "config.h"
#include "console.h"
#include "fail.h"
#include "proxy.h"

struct host;

/* The handle of a domain that is not, or no longer, a guest: this and random bytes. */
#define GUEST_MARK       "Sprat-shell"
#define GUEST_MARK_BYTES 11

enum guest_state {
    GUEST_SHELL,
    GUEST_RUNNING,
    GUEST_ENDED, /* shut down and kept: on_... = "preserve" */
};

/*
 * How xenstored tells of changes that concern a guest whose xenstore is served here. It goes
 * through all watches with each change, so guests that have few changes share one, about all
 * domains. With an interface there are a hundred changes, of which two concern the launcher: that
 * guest has watches of its own, unless too many have.
 */
enum guest_heard { HEARD_NOT, HEARD_WITH_OTHERS, HEARD_ALONE };

/* What the parts of a creation took. A launch from the pool has the last four only. */
struct guest_times {
    uint64_t domain_ns;  /* hypercalls: an empty domain with its CPU and event channels */
    uint64_t build_ns;   /* memory, image, page tables */
    uint64_t console_ns; /* mapping, event channel, terminal */
    uint64_t store_ns;   /* xenstored's part */
    uint64_t vif_ns;     /* network interfaces: xenstored's part, and the kernel's */
    uint64_t disk_ns;    /* disks likewise */
    uint64_t start_ns;   /* command line, handle, unpause */
};

struct guest {
    uint32_t domid;
    enum guest_state state;
    char name[CONFIG_NAME_MAX];
    struct guest *next_name;
    uint8_t uuid[16];
    char *text, *file;   /* the configuration it was made from, and its name */
    uint32_t config_crc; /* of the text, which a record may be too short for */
    bool asked_to_end;   /* then its end is no failure: it is not restarted */
    bool ready;          /* a text that somebody waited for has come */
    enum config_action on_poweroff, on_reboot, on_crash;
    unsigned n_restarts; /* in a row, each soon after the one before */
    uint64_t started_ns;
    uint64_t active_ns; /* its last sign of life, and whether a look waits: see life_suspect() */
    bool look_waits;
    uint32_t memory_mib;
    bool has_cmdline; /* its own; a shell has none yet */
    struct image *image;
    struct blob *ramdisk; /* or NULL */
    uint64_t start_info_mfn, store_mfn, console_mfn;
    uint32_t store_port, console_port; /* the guest's ends; they may be one: image->one_channel */
    bool introduced;                   /* known to xenstored; else its xenstore is served here */
    enum guest_heard heard;
    uint64_t named_turn; /* the host's turn in which it was named, of which xenstored tells too */
    unsigned n_vifs, n_disks;
    bool is_suspended;
    bool given_devices; /* xl has attached some */
    bool known_to_xl;   /* see xlconfig.h */
    void *rings;        /* console's page; before it xenstore's, unless introduced */
    struct console console;
    struct proxy proxy;
    struct guest_times times;
};

/**
 * Build a domain as `config` says, up to the image: all but name, command line, UUID and
 * interfaces.
 *
 * @param cmdline  NULL: guest_launch() will give it.
 * @param guest    receives it.
 * @return 0 or -errno; then nothing is left of it.
 */
int guest_build(struct host *host, const struct config *config, const char *cmdline,
                struct guest **guest, struct fail *fail);

/**
 * Give a shell its identity and let it run.
 *
 * @param config      of the same shape as the one it was built with.
 * @param text, file  where the configuration came from: kept, for restarts.
 * @param paused      leave it paused.
 * @return 0 or -errno; then nothing is left of the guest, or of the shell.
 */
int guest_launch(struct host *host, struct guest *guest, const struct config *config,
                 const char *text, const char *file, bool paused, struct fail *fail);

/**
 * Remove a guest, or a shell, and all that belongs to it. The first failure is reported, all is
 * tried.
 *
 * @param announce  have xenstored tell those who wait for its end, like `xl shutdown -w`.
 */
int guest_destroy(struct host *host, struct guest *guest, bool announce, struct fail *fail);

/**
 * Serve a running guest that an earlier launcher made. All but its actions, its interfaces and its
 * console is set.
 *
 * @return 0 or -errno; then `guest` is freed and its domain left alone.
 */
int guest_adopt(struct host *host, struct guest *guest, struct fail *fail);

/**
 * A guest has suspended itself, as who saves it had asked, and waits for xenstored to tell, which
 * does not know the guest.
 *
 * @return 0 or -errno; then who saves it may not know, or guest_serve_again() is to be tried.
 */
int guest_tell_suspended(struct host *host, struct guest *guest, struct fail *fail);

/**
 * Serve the console and xenstore of a guest whose event channels could not be had again.
 *
 * @return 0, also when it is served; or -errno.
 */
int guest_serve_again(struct host *host, struct guest *guest, struct fail *fail);

/** Ask a guest to end, or to reboot. @return 0 or -errno. */
int guest_request(struct host *host, struct guest *guest, bool reboot, struct fail *fail);

#endif
