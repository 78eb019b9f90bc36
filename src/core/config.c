#include "core/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES_MAX 512

struct entry {
    const char *key;
    const char *value;
};

struct config {
    char *text;
    size_t text_bytes;
    size_t count;
    struct entry entries[ENTRIES_MAX];
};

static enum sd_err split_lines(struct config *c) {
    for (char *line = c->text; *line;) {
        char *end = strchr(line, '\n');
        char *equals = strchr(line, '=');
        if (!end || !equals || equals > end || c->count == ENTRIES_MAX)
            return SD_ERR_CONFIG;
        *end = *equals = 0;
        c->entries[c->count++] = (struct entry){line, equals + 1};
        line = end + 1;
    }
    return SD_OK;
}

enum sd_err config_new(struct span lines, struct config **ret) {
    struct config *c = calloc(1, sizeof *c);
    if (c)
        c->text = malloc(lines.n + 1);
    if (!c || !c->text) {
        free(c);
        return SD_ERR_NOMEM;
    }
    if (lines.n)
        memcpy(c->text, lines.p, lines.n);
    c->text[lines.n] = 0;
    enum sd_err err = strlen(c->text) == lines.n ? split_lines(c) : SD_ERR_CONFIG;
    if (err)
        config_free(&c);
    else
        *ret = c;
    return err;
}

void config_free(struct config **config) {
    if (*config)
        free((*config)->text);
    free(*config);
    *config = NULL;
}

const char *config_text(const struct config *config, const char *key) {
    for (size_t i = 0; i < config->count; i++)
        if (strcmp(config->entries[i].key, key) == 0)
            return config->entries[i].value;
    (void)fprintf(stderr, "config: this role may not know %s\n", key);
    abort();
}

int64_t config_int(const struct config *config, const char *key) {
    return strtoll(config_text(config, key), NULL, 10);
}

bool config_bool(const struct config *config, const char *key) {
    return strcmp(config_text(config, key), "yes") == 0;
}

bool config_queue(const struct config *config, size_t i, const char **ret_name, const char **ret_address) {
    for (size_t k = 0; k < config->count; k++) {
        if (strncmp(config->entries[k].key, "queue.", 6) != 0)
            continue;
        if (i-- == 0) {
            *ret_name = config->entries[k].key + 6;
            *ret_address = config->entries[k].value;
            return true;
        }
    }
    return false;
}

const char *config_queue_category(const struct config *config, const char *name) {
    for (size_t k = 0; k < config->count; k++)
        if (strncmp(config->entries[k].key, "category.", 9) == 0 && strcmp(config->entries[k].key + 9, name) == 0)
            return config->entries[k].value;
    return "normal";
}

size_t config_domains(const struct config *config, struct span *to, size_t max) {
    return span_list(span_cstr(config_text(config, "main.domains")), to, max);
}
