#include "desk/form.h"
#include "core/codec.h"
#include "core/json_out.h"
#include "desk/timeline.h"

#define CURSOR_TEXT_MAX 1024
#define WAIT_S 30 /* a one-time code lives as long */

void form_free(struct form *form) {
    in_free(&form->body);
}

bool form_read(struct exchange *x, const char *const *known, size_t known_count, struct form *form) {
    struct span name;
    *form = (struct form){.arena = x->arena};
    if (in_body(x->request, &form->body) != SD_OK) {
        respond_problem(x, PROBLEM_MALFORMED, SPAN("The body is not a JSON object."));
        return false;
    }
    if (!in_unknown(form->body, known, known_count, &name))
        return true;
    field_wrong(&form->errors, name, "unexpected", "This address takes no such member.");
    respond_invalid(x, &form->errors);
    return false;
}

bool form_wrong(struct exchange *x, const struct form *form) {
    if (form->errors.count)
        respond_invalid(x, &form->errors);
    return form->errors.count > 0;
}

static void wrong(struct form *form, const char *name, const char *code, const char *detail) {
    field_wrong(&form->errors, span_cstr(name), code, detail);
}

bool form_has(const struct form *form, const char *name) {
    enum in_kind kind = in_kind(in_member(form->body, name));
    return kind != IN_ABSENT && kind != IN_NULL;
}

struct span form_text(struct form *form, const char *name, size_t max, enum form_need need) {
    struct span text = in_text(in_member(form->body, name));
    if (form_has(form, name) && in_kind(in_member(form->body, name)) != IN_TEXT)
        wrong(form, name, "type", "A text.");
    else if (need == FORM_NEEDED && text.n == 0)
        wrong(form, name, "missing", "This is needed.");
    else if (text.n > max)
        wrong(form, name, "too-long", "This is too long.");
    else if (!span_is_utf8(text))
        wrong(form, name, "type", "A text without control characters.");
    else
        return text;
    return SPAN_NONE;
}

struct span form_bytes(struct form *form, const char *name, size_t max, enum form_need need) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(max);
    struct span text = form_text(form, name, max * 4 / 3 + 4, need);
    if (text.n == 0)
        return SPAN_NONE;
    if (base64url_decode(text, &raw) == SD_OK && buf_err(&raw) == SD_OK)
        return arena_span(form->arena, buf_span(&raw));
    wrong(form, name, "encoding", "base64url without padding (RFC 4648 section 5).");
    return SPAN_NONE;
}

struct span form_id(struct form *form, const char *name, enum form_need need) {
    struct object_id id;
    struct span text = form_text(form, name, 64, need);
    if (text.n == 0)
        return SPAN_NONE;
    if (id_from_text(text, &id) == SD_OK)
        return arena_span(form->arena, object_id_span(&id));
    wrong(form, name, "unknown", "An id: 32 hexadecimal digits.");
    return SPAN_NONE;
}

int64_t form_number(struct form *form, const char *name, int64_t min, int64_t max, enum form_need need) {
    if (!form_has(form, name) && need == FORM_OPTIONAL)
        return 0;
    int64_t value = in_int(in_member(form->body, name), INT64_MIN);
    if (value >= min && value <= max)
        return value;
    wrong(form, name, "range", "A whole number within its limits.");
    return 0;
}

int64_t form_time(struct form *form, const char *name, enum form_need need) {
    int64_t ms = 0;
    struct span text = form_text(form, name, 32, need);
    if (text.n && rfc3339_to_ms(text, &ms) != SD_OK)
        wrong(form, name, "time", "A time in UTC, as in 2026-11-23T10:00:00Z.");
    return ms;
}

struct ipc_list form_list(struct form *form, const char *name, size_t max_count, size_t max_each, struct buf *raw) {
    struct ipc_list list = {0};
    const struct json_in *value = in_member(form->body, name);
    if (form_has(form, name) && in_kind(value) != IN_LIST)
        wrong(form, name, "type", "A list of texts.");
    if (in_kind(value) != IN_LIST)
        return list;
    if (in_count(value) > max_count)
        wrong(form, name, "too-many", "There are too many.");
    for (size_t i = 0; i < in_count(value) && i < max_count; i++) {
        struct span text = in_text(in_item(value, i));
        if (text.n == 0 || text.n > max_each || !span_is_utf8(text))
            wrong(form, name, "type", "A list of texts, none empty or too long.");
        else
            ipc_list_add(&list, raw, text);
    }
    return list;
}

enum verb form_verb(struct form *form, const char *name) {
    enum verb verb = VERB_NONE;
    struct span text = form_text(form, name, 32, FORM_NEEDED);
    if (text.n && (!verb_from(text, &verb) || verb == VERB_NONE))
        wrong(form, name, "unknown", "Not the name of an act.");
    return verb;
}

uint32_t form_verbs(struct form *form, const struct json_in *list, const char *name) {
    uint32_t bits = 0;
    for (size_t i = 0; i < in_count(list); i++) {
        enum verb verb = VERB_NONE;
        if (!verb_from(in_text(in_item(list, i)), &verb) || verb == VERB_NONE)
            wrong(form, name, "unknown", "Not the name of an act.");
        else
            bits |= UINT32_C(1) << verb;
    }
    if (in_kind(list) != IN_LIST || in_count(list) == 0)
        wrong(form, name, "missing", "A list of acts, at least one.");
    return bits;
}

uint8_t form_categories(struct form *form, const struct json_in *list, const char *name, uint8_t none) {
    unsigned bits = 0;
    for (size_t i = 0; in_kind(list) == IN_LIST && i < in_count(list); i++) {
        enum category category = CATEGORY_NORMAL;
        if (category_from(in_text(in_item(list, i)), &category))
            bits |= 1u << category;
        else
            wrong(form, name, "unknown", "One of normal, confidential, special.");
    }
    if (in_kind(list) != IN_ABSENT && in_kind(list) != IN_LIST)
        wrong(form, name, "type", "A list of categories.");
    return bits ? (uint8_t)bits : none;
}

/* ---- query parameters ---- */

static bool refuse_cursor(struct exchange *x) {
    struct field_errors errors = {0};
    field_wrong(&errors, SPAN("cursor"), "unknown", "Not a cursor that a list here gave.");
    respond_invalid(x, &errors);
    return false;
}

bool cursor_param(struct exchange *x, size_t max, struct span *ret) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(max);
    struct span text = SPAN_NONE;
    *ret = SPAN_NONE;
    if (!http_param(x->request, "cursor", &text) || text.n == 0)
        return true;
    if (text.n > CURSOR_TEXT_MAX || base64url_decode(text, &raw) != SD_OK || buf_err(&raw) != SD_OK)
        return refuse_cursor(x);
    *ret = arena_span(x->arena, buf_span(&raw));
    return true;
}

bool cursor_number(struct exchange *x, uint64_t *ret) {
    struct span raw;
    *ret = 0;
    if (!cursor_param(x, 8, &raw))
        return false;
    if (raw.n == 0)
        return true;
    struct reader r = reader_of(raw);
    *ret = read_u64(&r);
    return reader_end(&r) == SD_OK || refuse_cursor(x);
}

bool path_number(const struct exchange *x, uint64_t *ret) {
    return span_to_u64(x->id, ret) == SD_OK && *ret > 0;
}

/* ---- answers of lists ---- */

void json_items(struct json_out *j, struct ipc_list items) {
    struct ipc_list_iter iter = ipc_list_start(items);
    struct span item;
    json_begin_array(j, "items");
    while (ipc_list_next(&iter, &item))
        json_raw(j, NULL, item);
    json_end(j);
}

static void json_next(struct json_out *j, struct span next) {
    struct buf cursor SD_CLEANUP(buf_free) = buf_new(CURSOR_TEXT_MAX);
    put_base64url(&cursor, next);
    if (next.n)
        json_text(j, "next", buf_span(&cursor));
    else
        json_put_null(j, "next");
}

void json_next_number(struct json_out *j, uint64_t next) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(8);
    if (next)
        buf_u64(&raw, next);
    json_next(j, buf_span(&raw));
}

void respond_items(struct exchange *x, struct ipc_list items, struct span next) {
    struct json_out j = respond_json(x, 200);
    json_begin_object(&j, NULL);
    json_items(&j, items);
    json_next(&j, next);
    json_end(&j);
}

void respond_items_numbered(struct exchange *x, struct ipc_list items, uint64_t next) {
    struct json_out j = respond_json(x, 200);
    json_begin_object(&j, NULL);
    json_items(&j, items);
    json_next_number(&j, next);
    json_end(&j);
}

void respond_refused(struct exchange *x, struct span problem) {
    respond_problem(x, PROBLEM_REFUSED, problem);
}

void respond_codes(struct exchange *x, struct ipc_list codes) {
    struct ipc_list_iter iter = ipc_list_start(codes);
    struct span code;
    struct json_out j = respond_json(x, 200);
    json_begin_object(&j, NULL);
    json_begin_array(&j, "recovery_codes");
    while (ipc_list_next(&iter, &code))
        json_text(&j, NULL, code);
    json_end(&j);
    json_end(&j);
}

bool respond_wait(struct exchange *x, enum sd_err err) {
    if (err != SD_ERR_BUSY)
        return false;
    respond_problem(x, PROBLEM_THROTTLED, SPAN_NONE);
    x->response.retry_after_s = WAIT_S;
    return true;
}
