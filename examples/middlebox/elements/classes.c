/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of all element classes, and other names for some of them. */
#include "../engine/router.h"

#define CLASS(name) extern const struct element_class class_##name;
#include "classes.h"
#undef CLASS

const struct element_class *const class_table[] = {
#define CLASS(name) &class_##name,
#include "classes.h"
#undef CLASS
};

const unsigned class_count = sizeof(class_table) / sizeof(*class_table);

static const struct {
    const char *alias;
    const struct element_class *cls;
} aliases[] = {
    {"PollDevice", &class_FromDevice},        {"SimpleQueue", &class_Queue},
    {"NotifierQueue", &class_Queue},          {"FullNoteQueue", &class_Queue},
    {"ThreadSafeQueue", &class_Queue},        {"QuickNoteQueue", &class_Queue},
    {"ToHostSniffers", &class_ToHost},        {"ClickyInfo", &class_AlignmentInfo},
    {"ICMPSendPings", &class_ICMPPingSource},
};

const struct element_class *class_find(struct str name)
{
    for (unsigned i = 0; i < class_count; i++) {
        if (str_is(name, class_table[i]->name))
            return class_table[i];
    }
    for (unsigned i = 0; i < sizeof(aliases) / sizeof(*aliases); i++) {
        if (str_is(name, aliases[i].alias))
            return aliases[i].cls;
    }
    return NULL;
}
