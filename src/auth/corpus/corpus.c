#include "auth/corpus/corpus.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define FILE_MAX_BYTES ((size_t)64 * 1024 * 1024)

static void path_of(const char *dir, const char *name, char *to, size_t n) {
    if (snprintf(to, n, "%s/%s", dir, name) >= (int)n)
        exit(2);
}

json_t *corpus_load(const char *dir, const char *name) {
    char path[4096];
    struct stat st;
    json_error_t error;
    path_of(dir, name, path, sizeof path);
    if (stat(path, &st) != 0)
        return NULL;
    json_t *root = json_load_file(path, JSON_ALLOW_NUL, &error);
    if (!root) {
        printf("%s:%d: %s\n", path, error.line, error.text);
        exit(1);
    }
    return root;
}

struct span corpus_file(const char *dir, const char *name, struct arena *arena) {
    char path[4096];
    path_of(dir, name, path, sizeof path);
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        exit(1);
    }
    uint8_t *bytes = malloc(FILE_MAX_BYTES);
    size_t n = bytes ? fread(bytes, 1, FILE_MAX_BYTES, f) : 0;
    struct span s = arena_span(arena, span_of(bytes, n));
    free(bytes);
    (void)fclose(f);
    return s;
}

struct span corpus_octets(const json_t *string, struct arena *arena) {
    struct span utf8 = span_of(json_string_value(string), json_string_length(string));
    uint8_t *to = arena_alloc(arena, utf8.n + 1);
    size_t n = 0;
    for (size_t i = 0; to && i < utf8.n; i++) {
        uint8_t c = utf8.p[i];
        if (c >= 0xc0 && i + 1 < utf8.n) { /* U+0080 to U+00FF: two bytes */
            i++;
            c = (uint8_t)(c << 6 | (utf8.p[i] & 0x3f));
        }
        to[n++] = c;
    }
    return span_of(to, n);
}

struct span corpus_get(const json_t *object, const char *key, struct arena *arena) {
    return corpus_octets(json_object_get(object, key), arena);
}

void corpus_case(struct tally *t, const char *id, bool ok, const char *format, ...) {
    t->cases++;
    if (ok)
        return;
    t->deviations++;
    va_list args;
    va_start(args, format);
    printf("%s %s: ", t->suite, id);
    vprintf(format, args);
    printf("\n");
    va_end(args);
}

bool corpus_allows(const json_t *expected, const char *text) {
    size_t i;
    json_t *one;
    if (json_is_string(expected))
        return span_eq(span_cstr(json_string_value(expected)), span_cstr(text));
    json_array_foreach(expected, i, one) if (span_eq(span_cstr(json_string_value(one)), span_cstr(text))) return true;
    return false;
}

void corpus_check(enum sd_err err, const char *what) {
    if (err == SD_OK)
        return;
    printf("%s: %s\n", what, sd_err_text(err));
    exit(1);
}

struct dns_script *corpus_script(void) {
    struct dns_script *script = NULL;
    corpus_check(dns_script_new(&script), "scripted DNS");
    return script;
}

static void add_txt(struct dns_script *script, struct span name, const json_t *value, struct arena *arena) {
    struct span strings[64];
    size_t n = 0;
    size_t i;
    json_t *part;
    if (json_is_string(value))
        strings[n++] = corpus_octets(value, arena);
    json_array_foreach(value, i, part) if (n < SD_COUNT(strings)) strings[n++] = corpus_octets(part, arena);
    corpus_check(dns_script_add_txt(script, name, strings, n), "TXT");
}

static void add_record(struct dns_script *script, struct span name, const char *type, const json_t *value,
                       struct arena *arena) {
    static const struct {
        const char *text;
        enum dns_type type;
    } types[] = {{"A", DNS_A}, {"AAAA", DNS_AAAA}, {"MX", DNS_MX}, {"PTR", DNS_PTR}, {"CNAME", DNS_CNAME}};
    if (span_eq(span_cstr(type), SPAN("TXT"))) {
        add_txt(script, name, value, arena);
        return;
    }
    for (size_t i = 0; i < SD_COUNT(types); i++) {
        if (!span_eq(span_cstr(type), span_cstr(types[i].text)))
            continue;
        struct span text = corpus_octets(value, arena);
        if (types[i].type == DNS_MX) {
            struct span host = corpus_octets(json_array_get(value, 1), arena);
            text = arena_printf(arena, "%lld %.*s", json_integer_value(json_array_get(value, 0)), SPAN_FMT(host));
        }
        corpus_check(dns_script_add_text(script, name, types[i].type, text), type);
    }
}

static void add_name(struct dns_script *script, struct span name, json_t *types, struct arena *arena) {
    const char *type;
    json_t *values;
    if (json_is_string(types)) {
        corpus_check(dns_script_add_failure(script, name), "failure");
        return;
    }
    json_object_foreach(types, type, values) {
        size_t i;
        json_t *value;
        if (json_is_string(values))
            add_record(script, name, type, values, arena);
        json_array_foreach(values, i, value) add_record(script, name, type, value, arena);
    }
}

void corpus_zone(struct dns_script *script, const json_t *zone, struct arena *arena) {
    const char *name;
    json_t *types;
    json_object_foreach((json_t *)zone, name, types) add_name(script, span_cstr(name), types, arena);
}
