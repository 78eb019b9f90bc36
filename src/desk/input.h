/*
 * input.h - what clients send, read strictly: JSON bodies, ids, conditional headers. The JSON library stays behind this header.
 */
#ifndef SD_DESK_INPUT_H
#define SD_DESK_INPUT_H

#include "crypt/seal.h"
#include "desk/http.h"

#define JSON_DEPTH_MAX 8 /* our bodies need two; the library recurses, and threads have small stacks */

/* Once, before threads: seeds the library's hash tables and makes it wipe what it frees, because passwords pass through it. */
void input_setup(void);

/* A JSON value (RFC 8259), no member twice. Only the outermost one is owned, and freed with in_free. */
struct json_in;
enum in_kind { IN_ABSENT, IN_NULL, IN_TEXT, IN_LIST, IN_OBJECT, IN_OTHER };
enum sd_err in_read(struct span text, struct json_in **ret) SD_MUST_CHECK;
/* The body, if it is an object. */
enum sd_err in_body(const struct http_request *request, struct json_in **ret) SD_MUST_CHECK;
void in_free(struct json_in **value);

/* All take NULL, which is absent, and values of other kinds, which have nothing in them. */
enum in_kind in_kind(const struct json_in *value);
struct span in_text(const struct json_in *value); /* UTF-8; may contain NUL */
bool in_true(const struct json_in *value);        /* the word true */
int64_t in_int(const struct json_in *value, int64_t otherwise);
size_t in_count(const struct json_in *value); /* of a list's items or an object's members */
const struct json_in *in_item(const struct json_in *list, size_t i);
const struct json_in *in_member(const struct json_in *object, const char *name);
/* True when the object has a member that is none of the known ones; its name lives as long as the value. */
bool in_unknown(const struct json_in *object, const char *const *known, size_t known_count, struct span *ret_name);

/* 32 lower-case hexadecimal digits, as our answers write them. */
enum sd_err id_from_text(struct span text, struct object_id *ret) SD_MUST_CHECK;

/* What If-Match asks for (RFC 9110 §13.1.1): at most one strong tag, a revision. */
enum if_match_kind {
    IF_MATCH_NEVER, /* weak, or no tag of ours: matches nothing */
    IF_MATCH_ABSENT,
    IF_MATCH_ANY,
    IF_MATCH_REVISION,
};
struct if_match {
    enum if_match_kind kind;
    uint64_t revision;
};
struct if_match if_match_of(struct span field);
bool if_match_permits(struct if_match condition, uint64_t revision);

/* 1 to 255 visible ASCII characters. */
bool idempotency_key_valid(struct span key);

#endif
