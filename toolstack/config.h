/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * What one guest shall be: the keys of an xl configuration file that the launcher knows. Each other
 * key is refused by name, so that nothing that a file asks for is silently left out.
 */
#ifndef SPRAT_TOOLSTACK_CONFIG_H
#define SPRAT_TOOLSTACK_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "diskspec.h"
#include "fail.h"

#define CONFIG_NAME_MAX    64   /* bytes, with the NUL */
#define CONFIG_CMDLINE_MAX 1024 /* MAX_GUEST_CMDLINE, with the NUL */
#define CONFIG_VIFS_MAX    8
#define CONFIG_DISKS_MAX   16
#define CONFIG_CPUS_MAX    256

enum config_action { ACTION_DESTROY, ACTION_RESTART, ACTION_PRESERVE };

struct config_vif {
    uint8_t mac[6];
    bool mac_given;
    char bridge[16]; /* IFNAMSIZ; empty: the interface is made and left alone */
    char ip[128];    /* for the backend's node; addresses separated by blanks */
};

struct config {
    char name[CONFIG_NAME_MAX];
    char kernel[256];
    char ramdisk[256]; /* or empty */
    char cmdline[CONFIG_CMDLINE_MAX];
    char pool[32]; /* cpu pool; empty: Pool-0 */
    uint8_t uuid[16];
    bool uuid_given;
    uint32_t memory_mib;
    uint32_t tsc_mode; /* of XEN_DOMCTL_settscinfo */
    uint32_t max_event_channels;
    int32_t max_grant_frames;
    int32_t max_maptrack_frames;
    bool cpus_given;
    uint8_t cpus[CONFIG_CPUS_MAX / 8]; /* bit map of the CPUs that the guest may run on */
    enum config_action on_poweroff, on_reboot, on_crash;
    struct config_vif vifs[CONFIG_VIFS_MAX];
    unsigned n_vifs;
    struct diskspec disks[CONFIG_DISKS_MAX];
    unsigned n_disks;
};

/**
 * Read a configuration.
 *
 * @param text  the file's text.
 * @param file  its name, for messages: "FILE:LINE:COLUMN: ...".
 * @return 0, -EINVAL or -ENOMEM.
 */
int config_parse(struct config *config, const char *text, size_t len, const char *file,
                 struct fail *fail);

/** Check a guest's name. @return 0 or -EINVAL. */
int config_check_name(const char *name, struct fail *fail);

/** Read a UUID as "01234567-89ab-cdef-0123-456789abcdef". */
bool config_parse_uuid(const char *text, uint8_t uuid[16]);

/** Write a MAC address as "00:16:3e:01:02:03", with a NUL: 18 bytes. */
void config_format_mac(const uint8_t mac[6], char *text);

/** Write a UUID that way, with a NUL: 37 bytes. */
void config_format_uuid(const uint8_t uuid[16], char *text);

/** An action, or a tsc_mode, as a configuration has it. */
const char *config_action_word(enum config_action action);
const char *config_tsc_word(uint32_t tsc_mode);

#endif
