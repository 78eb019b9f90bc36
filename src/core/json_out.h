/*
 * json_out.h - writes JSON (RFC 8259) into a buf, one compact line. Commas and escapes are its business.
 *
 *   struct json_out j = json_out(&buf);
 *   json_begin_object(&j, NULL); json_text(&j, "name", span); json_int(&j, "n", 3); json_end(&j);
 *
 * key is NULL inside arrays and for the outermost value. Text that is not well-formed UTF-8 has its bad bytes replaced by
 * U+FFFD. Errors are those of the buf.
 */
#ifndef SD_CORE_JSON_OUT_H
#define SD_CORE_JSON_OUT_H

#include "core/buf.h"

#define JSON_OUT_DEPTH 32

struct json_out {
    struct buf *to;
    unsigned depth;
    bool is_array[JSON_OUT_DEPTH];
    bool has_items[JSON_OUT_DEPTH];
};

struct json_out json_out(struct buf *to);
void json_begin_object(struct json_out *j, const char *key);
void json_begin_array(struct json_out *j, const char *key);
void json_end(struct json_out *j); /* the innermost object or array */
void json_text(struct json_out *j, const char *key, struct span text);
void json_cstr(struct json_out *j, const char *key, const char *text); /* NULL gives null */
void json_int(struct json_out *j, const char *key, int64_t value);
void json_bool(struct json_out *j, const char *key, bool value);
void json_put_null(struct json_out *j, const char *key);
void json_time(struct json_out *j, const char *key, int64_t unix_ms); /* RFC 3339 UTC */
void json_hex(struct json_out *j, const char *key, struct span bytes);
/* Finished JSON, put in as it is: from another json_out or the keeper. */
void json_raw(struct json_out *j, const char *key, struct span json);

#endif
