/*
 * config.h - a role's settings: the lines "section.key=value" that the supervisor sent, looked up by name. The file itself is
 * read and checked by the supervisor only (sealdesk/config_file.h), so every key of config.def that this role may know is
 * there, with its default, and has the right type. Immutable after config_new: any thread may read.
 */
#ifndef SD_CORE_CONFIG_H
#define SD_CORE_CONFIG_H

#include "core/buf.h"

struct config;

enum sd_err config_new(struct span lines, struct config **ret) SD_MUST_CHECK;
void config_free(struct config **config);

/* NUL-terminated, owned by the config. A key this role may not know is a bug: aborts, so that a test finds it. */
const char *config_text(const struct config *config, const char *key);
int64_t config_int(const struct config *config, const char *key);
bool config_bool(const struct config *config, const char *key);

/* Queues in file order: name and address (lower case). False past the last. */
bool config_queue(const struct config *config, size_t i, const char **ret_name, const char **ret_address);
/* What kind of mail comes to a queue: "normal", "confidential", "special"; the roles that know queues know it. */
const char *config_queue_category(const struct config *config, const char *name);
/* main.domains as spans, at most max; the count. */
size_t config_domains(const struct config *config, struct span *to, size_t max);

#endif
