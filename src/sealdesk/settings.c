#include "sealdesk/settings.h"

#include "core/ipc/states.h"

#include <confuse.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum value_type { TYPE_TEXT, TYPE_INT, TYPE_BOOL };

static const struct key {
    const char *section, *name, *fallback, *doc;
    enum value_type type;
    unsigned roles;
} keys[] = {
#define NONE FOR_NONE
#define EDGE FOR_EDGE
#define DNS FOR_DNS
#define INSPECT FOR_INSPECT
#define KEEPER FOR_KEEPER
#define CLERK FOR_CLERK
#define COURIER FOR_COURIER
#define DESK FOR_DESK
#define RENDER FOR_RENDER
#define ALL FOR_ALL
#define X(section, name, type, fallback, roles, doc) {#section, #name, fallback, doc, TYPE_##type, roles},
#include "core/config.def"
#undef X
};

static const struct key *find_key(struct span section, struct span name, size_t *ret_index) {
    for (size_t i = 0; i < SD_COUNT(keys); i++)
        if (span_eq(section, span_cstr(keys[i].section)) && span_eq(name, span_cstr(keys[i].name))) {
            *ret_index = i;
            return &keys[i];
        }
    return NULL;
}

void settings_free(struct settings **settings) {
    struct settings *s = *settings;
    if (!s)
        return;
    for (size_t i = 0; s->values && i < SD_COUNT(keys); i++)
        free(s->values[i]);
    for (size_t i = 0; i < s->queue_count; i++) {
        free(s->queues[i].name);
        free(s->queues[i].address);
        free(s->queues[i].category);
    }
    free(s->values);
    free(s->path);
    free(s->data_dir);
    free(s);
    *settings = NULL;
}

/* ---- values ---- */

static bool good_int(const char *text) {
    uint64_t v;
    return span_to_u64(span_cstr(text), &v) == SD_OK && v <= INT64_MAX;
}

/* "yes" or "no", or NULL. */
static const char *bool_word(const char *text) {
    if (!strcasecmp(text, "yes") || !strcasecmp(text, "true") || !strcasecmp(text, "on"))
        return "yes";
    if (!strcasecmp(text, "no") || !strcasecmp(text, "false") || !strcasecmp(text, "off"))
        return "no";
    return NULL;
}

/* Stores a checked copy; the message says what was expected. */
static enum sd_err set_value(struct settings *s, size_t index, const char *text, const char *where) {
    const struct key *key = &keys[index];
    const char *kept = text;
    if (key->type == TYPE_BOOL)
        kept = bool_word(text);
    if (!kept || (key->type == TYPE_INT && !good_int(text)) || strchr(text, '\n')) {
        (void)fprintf(stderr, "%s: %s.%s = \"%s\": expected %s\n", where, key->section, key->name, text,
                      key->type == TYPE_INT    ? "a number"
                      : key->type == TYPE_BOOL ? "yes or no"
                                               : "one line of text");
        return SD_ERR_CONFIG;
    }
    char *copy = strdup(kept);
    if (!copy)
        return SD_ERR_NOMEM;
    free(s->values[index]);
    s->values[index] = copy;
    return SD_OK;
}

static enum sd_err set_override(struct settings *s, const char *text) {
    struct span all = span_cstr(text);
    size_t equals = span_find(all, '=');
    struct span name = span_sub(all, 0, equals);
    size_t dot = span_find(name, '.');
    size_t index;
    if (equals == all.n || !find_key(span_sub(name, 0, dot), span_from(name, dot + 1), &index)) {
        (void)fprintf(stderr, "-o %s: expected section.key=value with a key that `sealdesk check --keys` lists\n", text);
        return SD_ERR_CONFIG;
    }
    return set_value(s, index, text + equals + 1, "-o");
}

/* ---- the file ---- */

#define SECTION_KEYS_MAX 24
#define SECTIONS_MAX 24

/* One libconfuse section per section of config.def; every value is text here and typed by set_value. */
struct schema {
    cfg_opt_t sections[SECTIONS_MAX + 2]; /* queue and the end */
    cfg_opt_t options[SECTIONS_MAX][SECTION_KEYS_MAX];
    cfg_opt_t queue[3];
};

static void build_schema(struct schema *schema) {
    static const cfg_opt_t end = CFG_END();
    size_t sections = 0;
    for (size_t i = 0; i < SD_COUNT(keys);) {
        cfg_opt_t *options = schema->options[sections];
        const char *section = keys[i].section;
        size_t n = 0;
        for (; i < SD_COUNT(keys) && strcmp(keys[i].section, section) == 0; i++)
            options[n++] = (cfg_opt_t)CFG_STR((char *)(uintptr_t)keys[i].name, NULL, CFGF_NODEFAULT);
        options[n] = end;
        schema->sections[sections++] = (cfg_opt_t)CFG_SEC((char *)(uintptr_t)section, options, CFGF_NONE);
    }
    schema->queue[0] = (cfg_opt_t)CFG_STR((char *)(uintptr_t) "address", NULL, CFGF_NODEFAULT);
    schema->queue[1] = (cfg_opt_t)CFG_STR((char *)(uintptr_t) "category", NULL, CFGF_NODEFAULT);
    schema->queue[2] = end;
    schema->sections[sections++] = (cfg_opt_t)CFG_SEC((char *)(uintptr_t) "queue", schema->queue,
                                                      CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES);
    schema->sections[sections] = end;
}

/* libconfuse knows the line everywhere, but inside a section not the file. */
static const char *file_being_read;

static void print_problem(cfg_t *cfg, const char *format, va_list args) {
    (void)fprintf(stderr, "%s:%d: ", file_being_read, cfg ? cfg->line : 0);
    (void)vfprintf(stderr, format, args);
    (void)fprintf(stderr, " (`sealdesk check --keys` lists all keys)\n");
}

static enum sd_err add_queue(struct settings *s, cfg_t *section) {
    const char *address = cfg_getstr(section, "address"), *kind = cfg_getstr(section, "category");
    kind = kind ? kind : "normal";
    if (s->queue_count == SETTINGS_QUEUES_MAX || !address || !strchr(address, '@') || !*cfg_title(section)) {
        (void)fprintf(stderr, "%s:%d: queue \"%s\" needs address = \"name@domain\" (at most %d queues)\n", s->path,
                      section->line, cfg_title(section), SETTINGS_QUEUES_MAX);
        return SD_ERR_CONFIG;
    }
    enum category category;
    if (!category_from(span_cstr(kind), &category)) {
        (void)fprintf(stderr, "%s:%d: queue \"%s\": category \"%s\" is none of normal, confidential, special\n", s->path,
                      section->line, cfg_title(section), kind);
        return SD_ERR_CONFIG;
    }
    struct settings_queue *queue = &s->queues[s->queue_count];
    *queue = (struct settings_queue){strdup(cfg_title(section)), strdup(address), strdup(kind)};
    if (!queue->name || !queue->address || !queue->category)
        return SD_ERR_NOMEM;
    for (char *c = queue->address; *c; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
    s->queue_count++;
    return SD_OK;
}

static enum sd_err take_file(struct settings *s, cfg_t *cfg) {
    enum sd_err err = SD_OK;
    for (size_t i = 0; i < SD_COUNT(keys) && err == SD_OK; i++) {
        cfg_t *section = cfg_getsec(cfg, keys[i].section);
        const char *text = section ? cfg_getstr(section, keys[i].name) : NULL;
        err = set_value(s, i, text ? text : keys[i].fallback, s->path);
    }
    for (unsigned q = 0; q < cfg_size(cfg, "queue") && err == SD_OK; q++)
        err = add_queue(s, cfg_getnsec(cfg, "queue", q));
    return err;
}

/* libconfuse counts a line with a comment several times (3.3), and an error must name the right line: comments become spaces.
 */
static void blank_comments(uint8_t *text, size_t n) {
    bool quoted = false, comment = false;
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\n')
            comment = false;
        else if (text[i] == '"' && !comment && !(i && text[i - 1] == '\\'))
            quoted = !quoted;
        else if (text[i] == '#' && !quoted)
            comment = true;
        if (comment)
            text[i] = ' ';
    }
}

/* The whole file as one string. */
static enum sd_err read_text(const char *path, struct buf *to) {
    FILE *f = fopen(path, "re");
    size_t n = 0;
    enum sd_err err = f ? SD_OK : errno == EACCES ? SD_ERR_DENIED : SD_ERR_CONFIG;
    if (err == SD_ERR_DENIED)
        (void)fprintf(stderr, "%s: %s: only root, or the user who runs Sealdesk, may read it\n", path, strerror(errno));
    else if (err)
        (void)fprintf(stderr, "%s: %s\n", path, strerror(errno));
    do {
        uint8_t *p = err ? NULL : buf_reserve(to, 4096);
        n = p ? fread(p, 1, 4096, f) : 0;
        if (n)
            buf_grew(to, n);
    } while (n);
    if (err == SD_OK && ferror(f)) {
        (void)fprintf(stderr, "%s: %s\n", path, strerror(errno)); /* a folder opens, and cannot be read */
        err = SD_ERR_CONFIG;
    }
    if (f)
        (void)fclose(f);
    blank_comments(to->p, to->n);
    buf_byte(to, 0);
    if (err == SD_OK && (buf_err(to) || strlen((const char *)to->p) + 1 != to->n)) {
        (void)fprintf(stderr, "%s: not a text file of at most %zu bytes\n", path, to->max);
        err = SD_ERR_CONFIG;
    }
    return err;
}

static enum sd_err read_file(struct settings *s) {
    struct buf text SD_CLEANUP(buf_free) = buf_new((size_t)256 * 1024);
    struct schema *schema = calloc(1, sizeof *schema);
    if (!schema)
        return SD_ERR_NOMEM;
    build_schema(schema);
    cfg_t *cfg = cfg_init(schema->sections, CFGF_NONE);
    enum sd_err err = cfg ? read_text(s->path, &text) : SD_ERR_NOMEM;
    if (err == SD_OK) {
        file_being_read = s->path;
        (void)cfg_set_error_function(cfg, print_problem);
        err = cfg_parse_buf(cfg, (const char *)text.p) == CFG_SUCCESS ? take_file(s, cfg) : SD_ERR_CONFIG;
    }
    if (cfg)
        (void)cfg_free(cfg);
    free(schema);
    return err;
}

/* data_dir: what the file says, else the folder it is in; always absolute. */
static enum sd_err find_data_dir(struct settings *s) {
    size_t index;
    (void)find_key(SPAN("main"), SPAN("data_dir"), &index);
    char *full = NULL;
    if (*s->values[index]) {
        full = realpath(s->values[index], NULL);
    } else {
        char *file = realpath(s->path, NULL);
        char *slash = file ? strrchr(file, '/') : NULL;
        if (slash)
            *(slash == file ? slash + 1 : slash) = 0;
        full = file;
    }
    if (!full) {
        (void)fprintf(stderr, "%s: main.data_dir \"%s\": %s\n", s->path, s->values[index], strerror(errno));
        return SD_ERR_CONFIG;
    }
    s->data_dir = full;
    return set_value(s, index, full, s->path);
}

/* Where people reach the desk, unless that is set: by its name when it has a certificate, else on this machine, by the one name
 * that browsers take for safe without TLS. A port that is the scheme's own is left out, as browsers do. */
static enum sd_err find_origin(struct settings *s) {
    size_t index;
    char origin[300];
    struct span listen = span_cstr(settings_text(s, "desk.listen"));
    bool tls = *settings_text(s, "desk.tls_cert") != 0;
    listen = span_sub(listen, 0, span_find(listen, ','));
    struct span port = span_trim(span_from(listen, span_rfind(listen, ':') + 1));
    if (!find_key(SPAN("desk"), SPAN("origin"), &index) || s->values[index][0])
        return SD_OK;
    bool usual = port.n == 0 || span_eq(port, tls ? SPAN("443") : SPAN("80"));
    int n = snprintf(origin, sizeof origin, "%s%s%s%.*s", tls ? "https://" : "http://",
                     tls ? settings_text(s, "main.hostname") : "localhost", usual ? "" : ":", usual ? 0 : (int)port.n,
                     port.n ? (const char *)port.p : "");
    return n > 0 && n < (int)sizeof origin ? set_value(s, index, origin, s->path) : SD_ERR_CONFIG;
}

enum sd_err settings_load(const char *path, const char *const *overrides, size_t override_count, struct settings **ret) {
    struct settings *s = calloc(1, sizeof *s);
    enum sd_err err = s ? SD_OK : SD_ERR_NOMEM;
    if (err == SD_OK) {
        s->path = strdup(path);
        s->values = calloc(SD_COUNT(keys), sizeof *s->values);
        err = s->path && s->values ? read_file(s) : SD_ERR_NOMEM;
    }
    for (size_t i = 0; i < override_count && err == SD_OK; i++)
        err = set_override(s, overrides[i]);
    if (err == SD_OK)
        err = find_data_dir(s);
    if (err == SD_OK)
        err = find_origin(s);
    if (err)
        settings_free(&s);
    else
        *ret = s;
    return err;
}

const char *settings_text(const struct settings *settings, const char *key) {
    struct span all = span_cstr(key);
    size_t dot = span_find(all, '.');
    size_t index;
    if (!find_key(span_sub(all, 0, dot), span_from(all, dot + 1), &index))
        abort();
    return settings->values[index];
}

int64_t settings_int(const struct settings *settings, const char *key) {
    return strtoll(settings_text(settings, key), NULL, 10);
}

bool settings_bool(const struct settings *settings, const char *key) {
    return strcmp(settings_text(settings, key), "yes") == 0;
}

void settings_lines(const struct settings *settings, unsigned role, struct buf *to) {
    for (size_t i = 0; i < SD_COUNT(keys); i++)
        if (keys[i].roles & role)
            buf_printf(to, "%s.%s=%s\n", keys[i].section, keys[i].name, settings->values[i]);
    if (role & (FOR_EDGE | FOR_KEEPER | FOR_DESK))
        for (size_t i = 0; i < settings->queue_count; i++)
            buf_printf(to, "queue.%s=%s\ncategory.%s=%s\n", settings->queues[i].name, settings->queues[i].address,
                       settings->queues[i].name, settings->queues[i].category);
}

void settings_describe(FILE *to) {
    for (size_t i = 0; i < SD_COUNT(keys); i++)
        (void)fprintf(to, "%s.%s\n    default \"%s\"\n    %s\n", keys[i].section, keys[i].name, keys[i].fallback, keys[i].doc);
    (void)fprintf(to, "queue \"NAME\" { address = \"NAME@DOMAIN\" category = \"normal\" }\n"
                      "    one per queue; category: what new tickets there are: normal, confidential or special\n");
}
