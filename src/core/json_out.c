#include "core/json_out.h"
#include "core/clock.h"
#include "core/codec.h"

struct json_out json_out(struct buf *to) {
    return (struct json_out){.to = to};
}

/* Length of a well-formed UTF-8 sequence at the start of s, or 0. */
static size_t utf8_length(struct span s) {
    for (size_t n = 1; n <= 4 && n <= s.n; n++)
        if (span_is_utf8(span_sub(s, 0, n)))
            return n;
    return 0;
}

static bool is_plain(uint8_t c) {
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* How much of the front of s stands as it is. */
static size_t plain_length(struct span s) {
    size_t n = 0;
    while (n < s.n && is_plain(s.p[n]))
        n++;
    return n;
}

static void put_escaped(struct buf *to, struct span s) {
    for (size_t n; s.n; s = span_from(s, n ? n : 1)) {
        uint8_t c = s.p[0];
        n = plain_length(s);
        if (n)
            buf_put(to, span_sub(s, 0, n));
        else if (c == '"' || c == '\\')
            buf_printf(to, "\\%c", c);
        else if (c == '\n')
            buf_text(to, "\\n");
        else if (c < 0x20 || c == 0x7f)
            buf_printf(to, "\\u%04x", c);
        else if ((n = utf8_length(s)) > 0)
            buf_put(to, span_sub(s, 0, n));
        else
            buf_text(to, "\\ufffd");
    }
}

static void put_string(struct buf *to, struct span s) {
    buf_byte(to, '"');
    put_escaped(to, s);
    buf_byte(to, '"');
}

static void item(struct json_out *j, const char *key) {
    if (j->depth) {
        if (j->has_items[j->depth - 1])
            buf_byte(j->to, ',');
        j->has_items[j->depth - 1] = true;
        if (!j->is_array[j->depth - 1] && key) {
            put_string(j->to, span_cstr(key));
            buf_byte(j->to, ':');
        }
    }
}

static void open_level(struct json_out *j, const char *key, bool array) {
    item(j, key);
    if (j->depth == JSON_OUT_DEPTH) {
        buf_fail(j->to, SD_ERR_BUG);
        return;
    }
    buf_byte(j->to, array ? '[' : '{');
    j->is_array[j->depth] = array;
    j->has_items[j->depth] = false;
    j->depth++;
}

void json_begin_object(struct json_out *j, const char *key) {
    open_level(j, key, false);
}

void json_begin_array(struct json_out *j, const char *key) {
    open_level(j, key, true);
}

void json_end(struct json_out *j) {
    if (j->depth == 0) {
        buf_fail(j->to, SD_ERR_BUG);
        return;
    }
    j->depth--;
    buf_byte(j->to, j->is_array[j->depth] ? ']' : '}');
}

void json_text(struct json_out *j, const char *key, struct span text) {
    item(j, key);
    put_string(j->to, text);
}

void json_cstr(struct json_out *j, const char *key, const char *text) {
    if (text)
        json_text(j, key, span_cstr(text));
    else
        json_put_null(j, key);
}

void json_int(struct json_out *j, const char *key, int64_t value) {
    item(j, key);
    buf_printf(j->to, "%lld", (long long)value);
}

void json_bool(struct json_out *j, const char *key, bool value) {
    item(j, key);
    buf_text(j->to, value ? "true" : "false");
}

void json_put_null(struct json_out *j, const char *key) {
    item(j, key);
    buf_text(j->to, "null");
}

void json_time(struct json_out *j, const char *key, int64_t unix_ms) {
    item(j, key);
    buf_byte(j->to, '"');
    put_rfc3339(j->to, unix_ms);
    buf_byte(j->to, '"');
}

void json_hex(struct json_out *j, const char *key, struct span bytes) {
    item(j, key);
    buf_byte(j->to, '"');
    put_hex(j->to, bytes);
    buf_byte(j->to, '"');
}

void json_raw(struct json_out *j, const char *key, struct span json) {
    item(j, key);
    buf_put(j->to, json);
}
