/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cfg.h"

#define EVENT_CHANNELS_DEFAULT 127     /* xl's 1023 is for guests with many devices */
#define MEMORY_MIB_MAX         1048576 /* 1 TiB */

/* XEN_DOMCTL_settscinfo's modes, as xl.cfg(5) names them. */
enum { TSC_DEFAULT, TSC_ALWAYS_EMULATE, TSC_NATIVE };

struct word {
    const char *word;
    int meaning;
};

static const struct word actions[] = {{"destroy", ACTION_DESTROY},
                                      {"restart", ACTION_RESTART},
                                      {"preserve", ACTION_PRESERVE},
                                      {NULL, 0}};
static const struct word tsc_modes[] = {{"default", TSC_DEFAULT},
                                        {"always_emulate", TSC_ALWAYS_EMULATE},
                                        {"native", TSC_NATIVE},
                                        {NULL, 0}};

/* "LINE:COLUMN: KEY what" */
static int refuse(const struct cfg_setting *setting, struct fail *fail, const char *what)
{
    return fail_set(fail, EINVAL, "%u:%u: %s %s", setting->value.line, setting->value.column,
                    setting->key, what);
}

static int take_text(const struct cfg_setting *setting, char *text, size_t size, struct fail *fail)
{
    if (setting->value.type != CFG_STRING)
        return refuse(setting, fail, "is a string: put it in quotes");
    if (strlen(setting->value.string) >= size)
        return refuse(setting, fail, "is too long");
    strcpy(text, setting->value.string);
    return 0;
}

static int take_number(const struct cfg_setting *setting, int64_t least, int64_t most,
                       int64_t *number, struct fail *fail)
{
    const struct cfg_value *value = &setting->value;
    if (value->type != CFG_NUMBER)
        return refuse(setting, fail, "is a number, without quotes");
    if (value->number < least || value->number > most)
        return fail_set(fail, EINVAL, "%u:%u: %s is from %" PRId64 " to %" PRId64, value->line,
                        value->column, setting->key, least, most);
    *number = value->number;
    return 0;
}

static int take_word(const struct cfg_setting *setting, const struct word *words, int *meaning,
                     struct fail *fail)
{
    char known[128] = "";

    if (setting->value.type != CFG_STRING)
        return refuse(setting, fail, "is a string: put it in quotes");
    for (; words->word; words++) {
        if (strcmp(words->word, setting->value.string) == 0) {
            *meaning = words->meaning;
            return 0;
        }
        size_t len = strlen(known);
        snprintf(known + len, sizeof(known) - len, "%s\"%s\"", *known ? ", " : "", words->word);
    }
    return fail_set(
        fail, EINVAL, "%u:%u: %s = \"%s\": the launcher knows %s; xl create may know it",
        setting->value.line, setting->value.column, setting->key, setting->value.string, known);
}

static int take_action(const struct cfg_setting *setting, enum config_action *action,
                       struct fail *fail)
{
    int meaning;
    int error = take_word(setting, actions, &meaning, fail);
    if (!error)
        *action = meaning;
    return error;
}

bool config_parse_uuid(const char *text, uint8_t uuid[16])
{
    size_t n = 0;

    for (size_t i = 0; i < 36; i += 2) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text[i++] != '-')
                return false;
        }
        if (!isxdigit((unsigned char)text[i]) || !isxdigit((unsigned char)text[i + 1]))
            return false;
        char digits[3] = {text[i], text[i + 1], 0};
        uuid[n++] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return text[36] == '\0';
}

void config_format_mac(const uint8_t mac[6], char *text)
{
    sprintf(text, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

void config_format_uuid(const uint8_t uuid[16], char *text)
{
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *text++ = '-';
        text += sprintf(text, "%02x", uuid[i]);
    }
}

int config_check_name(const char *name, struct fail *fail)
{
    if (!*name)
        return fail_set(fail, EINVAL, "a guest needs a name");
    if (strlen(name) >= CONFIG_NAME_MAX)
        return fail_set(fail, EINVAL, "the name %.20s... has more than %d bytes", name,
                        CONFIG_NAME_MAX - 1);
    if (name[strspn(name, "0123456789")] == '\0')
        return fail_set(fail, EINVAL, "the name %s is a number, which xl takes for a domain's id",
                        name);
    for (const char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("_.+-:", *c))
            return fail_set(
                fail, EINVAL,
                "the name %s has a character other than letters, digits and _.+-:", name);
    return 0;
}

/* "2-5,8,^3": the CPUs of a list, as xl.cfg(5) has it. */
static int take_cpus(const struct cfg_setting *setting, struct config *config, struct fail *fail)
{
    static const char what[] = "is a list of CPUs like \"0-3,5,^2\", each below 256";

    if (setting->value.type != CFG_STRING)
        return refuse(setting, fail, what);
    const char *at = setting->value.string;
    do {
        bool out = *at == '^';
        at += out;
        char *end;
        if (!isdigit((unsigned char)*at))
            return refuse(setting, fail, what);
        unsigned long first = strtoul(at, &end, 10), last = first;
        if (*end == '-') {
            at = end + 1;
            if (!isdigit((unsigned char)*at))
                return refuse(setting, fail, what);
            last = strtoul(at, &end, 10);
        }
        if (first > last || last >= CONFIG_CPUS_MAX || (*end && *end != ','))
            return refuse(setting, fail, what);
        for (unsigned long cpu = first; cpu <= last; cpu++) {
            uint8_t bit = (uint8_t)(1 << cpu % 8);
            if (out)
                config->cpus[cpu / 8] &= (uint8_t)~bit;
            else
                config->cpus[cpu / 8] |= bit;
        }
        at = end;
    } while (*at++ == ',');
    config->cpus_given = true;
    for (size_t i = 0; i < sizeof(config->cpus); i++)
        if (config->cpus[i])
            return 0;
    return refuse(setting, fail, "leaves no CPU");
}

static bool parse_mac(const char *text, uint8_t mac[6])
{
    for (int i = 0; i < 6; i++, text += 3) {
        if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1]) ||
            text[2] != (i == 5 ? '\0' : ':'))
            return false;
        mac[i] = (uint8_t)strtoul(text, NULL, 16);
    }
    return !(mac[0] & 1); /* a group's address is nobody's own */
}

/* One part "key=value" of a vif. @return NULL, or what is wrong with it. */
static const char *take_vif_part(struct config_vif *vif, const char *key, const char *value)
{
    const struct {
        const char *key;
        char *text;
        size_t size;
    } texts[] = {{"bridge", vif->bridge, sizeof(vif->bridge)}, {"ip", vif->ip, sizeof(vif->ip)}};

    if (strcmp(key, "mac") == 0) {
        vif->mac_given = true;
        return parse_mac(value, vif->mac) ? NULL
                                          : "is a single station's address like 02:00:00:00:00:01";
    }
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        if (strcmp(key, texts[i].key) != 0)
            continue;
        if (strlen(value) >= texts[i].size)
            return "is too long";
        strcpy(texts[i].text, value);
        return NULL;
    }
    if (strcmp(key, "script") == 0)
        return "is not run by the launcher, which joins bridges itself: leave it out";
    return "is not known to the launcher, which knows mac, bridge and ip; xl create may know it";
}

static int take_vif(const struct cfg_setting *setting, const struct cfg_value *spec,
                    struct config_vif *vif, struct fail *fail)
{
    char part[160];

    if (spec->type != CFG_STRING)
        return refuse(setting, fail, "is a list of strings");
    for (const char *at = spec->string; *at;) {
        size_t len = strcspn(at, ",");
        if (len >= sizeof(part))
            return refuse(setting, fail, "has a part that is too long");
        const char *from = at + strspn(at, " ");
        memcpy(part, from, len - (size_t)(from - at));
        part[len - (size_t)(from - at)] = '\0';
        char *value = strchr(part, '=');
        const char *wrong = "is no key=value";
        if (value) {
            *value++ = '\0';
            wrong = take_vif_part(vif, part, value);
        }
        if (wrong)
            return fail_set(fail, EINVAL, "%u:%u: vif: %s %s", spec->line, spec->column, part,
                            wrong);
        at += len + (at[len] == ',');
    }
    return 0;
}

static int take_vifs(const struct cfg_setting *setting, struct config *config, struct fail *fail)
{
    if (setting->value.type != CFG_LIST)
        return refuse(setting, fail, "is a list of strings");
    if (setting->value.n_items > CONFIG_VIFS_MAX)
        return refuse(setting, fail, "has more than 8 interfaces");
    for (size_t i = 0; i < setting->value.n_items; i++) {
        int error = take_vif(setting, &setting->value.items[i], &config->vifs[i], fail);
        if (error)
            return error;
    }
    config->n_vifs = (unsigned)setting->value.n_items;
    return 0;
}

static int take_disk(const struct cfg_setting *setting, const struct cfg_value *text,
                     struct config *config, struct fail *fail)
{
    struct diskspec *spec = &config->disks[config->n_disks];

    if (text->type != CFG_STRING)
        return refuse(setting, fail, "is a list of strings");
    int error = diskspec_parse(spec, text->string, fail);
    for (unsigned i = 0; !error && i < config->n_disks; i++)
        if (config->disks[i].number == spec->number)
            error = fail_set(fail, EINVAL, "%s is there twice: give each another vdev", spec->vdev);
    if (error) {
        fail_prefix(fail, "%u:%u: disk", text->line, text->column);
        return error;
    }
    config->n_disks++;
    return 0;
}

static int take_disks(const struct cfg_setting *setting, struct config *config, struct fail *fail)
{
    int error = 0;

    if (setting->value.type != CFG_LIST)
        return refuse(setting, fail, "is a list of strings");
    if (setting->value.n_items > CONFIG_DISKS_MAX)
        return refuse(setting, fail, "has more than 16 disks");
    for (size_t i = 0; i < setting->value.n_items && !error; i++)
        error = take_disk(setting, &setting->value.items[i], config, fail);
    return error;
}

static int take_setting(const struct cfg_setting *setting, struct config *config, struct fail *fail)
{
    const char *key = setting->key;
    int64_t number = 0;
    int error = 0, meaning = 0;

    if (strcmp(key, "name") == 0) {
        error = take_text(setting, config->name, sizeof(config->name), fail);
        return error ? error : config_check_name(config->name, fail);
    }
    if (strcmp(key, "kernel") == 0)
        return take_text(setting, config->kernel, sizeof(config->kernel), fail);
    if (strcmp(key, "ramdisk") == 0)
        return take_text(setting, config->ramdisk, sizeof(config->ramdisk), fail);
    if (strcmp(key, "extra") == 0 || strcmp(key, "cmdline") == 0) {
        if (*config->cmdline)
            return refuse(setting, fail, "beside the other of extra and cmdline: write one");
        return take_text(setting, config->cmdline, sizeof(config->cmdline), fail);
    }
    if (strcmp(key, "pool") == 0)
        return take_text(setting, config->pool, sizeof(config->pool), fail);
    if (strcmp(key, "cpus") == 0)
        return take_cpus(setting, config, fail);
    if (strcmp(key, "vif") == 0)
        return take_vifs(setting, config, fail);
    if (strcmp(key, "disk") == 0)
        return take_disks(setting, config, fail);
    if (strcmp(key, "on_poweroff") == 0)
        return take_action(setting, &config->on_poweroff, fail);
    if (strcmp(key, "on_reboot") == 0)
        return take_action(setting, &config->on_reboot, fail);
    if (strcmp(key, "on_crash") == 0)
        return take_action(setting, &config->on_crash, fail);
    if (strcmp(key, "type") == 0) {
        static const struct word types[] = {{"pv", 0}, {NULL, 0}};
        return take_word(setting, types, &meaning, fail);
    }
    if (strcmp(key, "tsc_mode") == 0) {
        error = take_word(setting, tsc_modes, &meaning, fail);
        config->tsc_mode = (uint32_t)meaning;
        return error;
    }
    if (strcmp(key, "uuid") == 0) {
        if (setting->value.type != CFG_STRING ||
            !config_parse_uuid(setting->value.string, config->uuid))
            return refuse(setting, fail, "is like \"01234567-89ab-cdef-0123-456789abcdef\"");
        config->uuid_given = true;
        return 0;
    }
    if (strcmp(key, "memory") == 0 || strcmp(key, "maxmem") == 0) {
        error = take_number(setting, 1, MEMORY_MIB_MAX, &number, fail);
        if (!error && config->memory_mib && config->memory_mib != number)
            return refuse(setting, fail,
                          "and the other of memory and maxmem differ: "
                          "the launcher makes guests of one size");
        config->memory_mib = (uint32_t)number;
        return error;
    }
    if (strcmp(key, "vcpus") == 0 || strcmp(key, "maxvcpus") == 0)
        return take_number(setting, 1, 1, &number, fail);
    if (strcmp(key, "max_grant_frames") == 0) {
        error = take_number(setting, 1, 65536, &number, fail);
        config->max_grant_frames = (int32_t)number;
        return error;
    }
    if (strcmp(key, "max_maptrack_frames") == 0) {
        error = take_number(setting, 0, 65536, &number, fail);
        config->max_maptrack_frames = (int32_t)number;
        return error;
    }
    if (strcmp(key, "max_event_channels") == 0) {
        error = take_number(setting, 3, 131071, &number, fail);
        config->max_event_channels = (uint32_t)number;
        return error;
    }
    return fail_set(fail, EINVAL, "%u:%u: the launcher does not know the key %s; xl create may",
                    setting->line, setting->column, key);
}

int config_parse(struct config *config, const char *text, size_t len, const char *file,
                 struct fail *fail)
{
    struct cfg cfg;

    *config = (struct config){
        .max_event_channels = EVENT_CHANNELS_DEFAULT,
        .max_grant_frames = 1,
        .max_maptrack_frames = 0,
        .on_poweroff = ACTION_DESTROY,
        .on_reboot = ACTION_RESTART,
        .on_crash = ACTION_DESTROY,
    };
    int error = cfg_parse(&cfg, text, len, fail);
    for (size_t i = 0; !error && i < cfg.n_settings; i++)
        error = take_setting(&cfg.settings[i], config, fail);
    cfg_free(&cfg);
    if (error) {
        struct fail where = *fail;
        return fail_set(fail, -error, "%s:%.400s", file, where.text);
    }
    if (!*config->name)
        return fail_set(fail, EINVAL, "%s: name is not set", file);
    if (!*config->kernel)
        return fail_set(fail, EINVAL, "%s: kernel is not set", file);
    if (!config->memory_mib)
        return fail_set(fail, EINVAL, "%s: memory is not set", file);
    return 0;
}

static const char *word_of(const struct word *words, int meaning)
{
    while (words->meaning != meaning)
        words++;
    return words->word;
}

const char *config_action_word(enum config_action action)
{
    return word_of(actions, (int)action);
}

const char *config_tsc_word(uint32_t tsc_mode)
{
    return word_of(tsc_modes, (int)tsc_mode);
}
