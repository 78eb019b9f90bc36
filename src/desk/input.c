#include "desk/input.h"
#include "core/codec.h"
#include "core/secret.h"

#include <jansson.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#define IDEMPOTENCY_KEY_MAX 255

static void wiping_free(void *p) {
    if (p)
        explicit_bzero(p, malloc_usable_size(p));
    free(p);
}

void input_setup(void) {
    size_t seed;
    random_bytes(&seed, sizeof seed);
    json_set_alloc_funcs(malloc, wiping_free);
    json_object_seed(seed | 1); /* 0 would make the library look for its own */
}

/* Brackets outside strings; whether they pair is the parser's business. */
static bool depth_within(struct span text, unsigned max) {
    unsigned depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];
        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string && (c == '{' || c == '[') && ++depth > max)
            return false;
        else if (!in_string && (c == '}' || c == ']') && depth > 0)
            depth--;
    }
    return true;
}

/* struct json_in is the library's json_t under another name. */
static json_t *library(const struct json_in *value) {
    return (json_t *)(uintptr_t)value;
}

static struct json_in *ours(json_t *value) {
    return (struct json_in *)(void *)value;
}

enum sd_err in_read(struct span text, struct json_in **ret) {
    json_error_t where;
    if (text.n == 0 || !depth_within(text, JSON_DEPTH_MAX))
        return SD_ERR_PARSE;
    json_t *value = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &where);
    if (!value)
        return SD_ERR_PARSE;
    *ret = ours(value);
    return SD_OK;
}

enum sd_err in_body(const struct http_request *request, struct json_in **ret) {
    struct json_in *value = NULL;
    enum sd_err err = in_read(request->body, &value);
    if (err == SD_OK && in_kind(value) != IN_OBJECT) {
        in_free(&value);
        return SD_ERR_PARSE;
    }
    if (err == SD_OK)
        *ret = value;
    return err;
}

void in_free(struct json_in **value) {
    json_decref(library(*value));
    *value = NULL;
}

enum in_kind in_kind(const struct json_in *value) {
    if (!value)
        return IN_ABSENT;
    switch (json_typeof(library(value))) {
    case JSON_NULL:
        return IN_NULL;
    case JSON_STRING:
        return IN_TEXT;
    case JSON_ARRAY:
        return IN_LIST;
    case JSON_OBJECT:
        return IN_OBJECT;
    default:
        return IN_OTHER;
    }
}

struct span in_text(const struct json_in *value) {
    const json_t *v = library(value);
    return json_is_string(v) ? span_of(json_string_value(v), json_string_length(v)) : SPAN_NONE;
}

bool in_true(const struct json_in *value) {
    return json_is_true(library(value));
}

int64_t in_int(const struct json_in *value, int64_t otherwise) {
    return json_is_integer(library(value)) ? json_integer_value(library(value)) : otherwise;
}

size_t in_count(const struct json_in *value) {
    return in_kind(value) == IN_LIST ? json_array_size(library(value)) : json_object_size(library(value));
}

const struct json_in *in_item(const struct json_in *list, size_t i) {
    return ours(json_array_get(library(list), i));
}

const struct json_in *in_member(const struct json_in *object, const char *name) {
    return ours(json_object_get(library(object), name));
}

bool in_unknown(const struct json_in *object, const char *const *known, size_t known_count, struct span *ret_name) {
    const char *name;
    json_t *value;
    json_object_foreach(library(object), name, value) {
        size_t i = 0;
        while (i < known_count && strcmp(name, known[i]) != 0)
            i++;
        if (i == known_count) {
            *ret_name = span_cstr(name);
            return true;
        }
    }
    return false;
}

enum sd_err id_from_text(struct span text, struct object_id *ret) {
    struct object_id id;
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] >= 'A' && text.p[i] <= 'F')
            return SD_ERR_PARSE;
    if (hex_to_bytes(text, id.b, sizeof id.b) != SD_OK)
        return SD_ERR_PARSE;
    *ret = id;
    return SD_OK;
}

struct if_match if_match_of(struct span field) {
    struct if_match condition = {IF_MATCH_NEVER, 0};
    field = span_trim(field);
    if (field.n == 0)
        return (struct if_match){IF_MATCH_ABSENT, 0};
    if (span_eq(field, SPAN("*")))
        return (struct if_match){IF_MATCH_ANY, 0};
    if (field.n > 2 && field.p[0] == '"' && field.p[field.n - 1] == '"' &&
        span_to_u64(span_sub(field, 1, field.n - 2), &condition.revision) == SD_OK)
        condition.kind = IF_MATCH_REVISION;
    return condition;
}

bool if_match_permits(struct if_match condition, uint64_t revision) {
    switch (condition.kind) {
    case IF_MATCH_ABSENT:
    case IF_MATCH_ANY:
        return true;
    case IF_MATCH_REVISION:
        return condition.revision == revision;
    default:
        return false;
    }
}

bool idempotency_key_valid(struct span key) {
    for (size_t i = 0; i < key.n; i++)
        if (key.p[i] < 0x21 || key.p[i] > 0x7e)
            return false;
    return key.n > 0 && key.n <= IDEMPOTENCY_KEY_MAX;
}
