/*
 * settings.h - the configuration file as the supervisor and the command line see it: parsed by libconfuse, keys and defaults
 * from core/config.def, `-o section.key=value` on top, checked as a whole. Errors go to stderr with file and line and say what
 * to do.
 */
#ifndef SD_SEALDESK_SETTINGS_H
#define SD_SEALDESK_SETTINGS_H

#include "core/buf.h"

#include <stdio.h>

/* Which roles a key is for: bits of enum settings_role. */
enum settings_role {
    FOR_NONE = 0, /* the supervisor only */
    FOR_EDGE = 1 << 0,
    FOR_DNS = 1 << 1,
    FOR_INSPECT = 1 << 2,
    FOR_KEEPER = 1 << 3,
    FOR_CLERK = 1 << 4,
    FOR_COURIER = 1 << 5,
    FOR_DESK = 1 << 6,
    FOR_RENDER = 1 << 7,
    FOR_ALL = 0xff,
};

#define SETTINGS_QUEUES_MAX 64

struct settings_queue {
    char *name;
    char *address;
    char *category; /* of what comes in there, until somebody says otherwise */
};

struct settings {
    char *path; /* of the file */
    char *data_dir;
    char **values; /* in the order of config.def */
    struct settings_queue queues[SETTINGS_QUEUES_MAX];
    size_t queue_count;
};

/* SD_ERR_CONFIG after having said what is wrong on stderr. overrides: "section.key=value". */
enum sd_err settings_load(const char *path, const char *const *overrides, size_t override_count,
                          struct settings **ret) SD_MUST_CHECK;
void settings_free(struct settings **settings);

const char *settings_text(const struct settings *settings, const char *key); /* "section.key"; aborts on an unknown one */
int64_t settings_int(const struct settings *settings, const char *key);
bool settings_bool(const struct settings *settings, const char *key);

/* The lines for one role (core/config.h): what it may know and the queues. */
void settings_lines(const struct settings *settings, unsigned role, struct buf *to);

/* Checks values against each other and against this machine; every problem as a line on `to`. The count. */
unsigned settings_check(const struct settings *settings, FILE *to);

/* Every key with default and meaning, for the manual. */
void settings_describe(FILE *to);

#endif
