#include "auth/authres_read.h"
#include "auth/authres_lex.h"

struct reading {
    struct span rest;
    struct arena *arena;
    enum sd_err err; /* sticky; the first one */
};

static void failed(struct reading *r, enum sd_err err) {
    if (r->err == SD_OK)
        r->err = err;
    r->rest = SPAN_NONE;
}

static void skip(struct reading *r) {
    if (!authres_skip_cfws(&r->rest))
        failed(r, SD_ERR_PARSE);
}

static bool at(const struct reading *r, uint8_t byte) {
    return r->rest.n && r->rest.p[0] == byte;
}

static bool take(struct reading *r, uint8_t byte) {
    bool there = at(r, byte);
    r->rest = span_from(r->rest, there ? 1 : 0);
    return there;
}

/* One line of text: a fold is CRLF and white space (RFC 5322 §2.2.3), and a fold of white space alone ends a header for some.
 */
static bool readable(struct span body) {
    for (size_t i = 0; i < body.n; i++) {
        uint8_t c = body.p[i];
        bool folds = c == '\r' && i + 2 < body.n && body.p[i + 1] == '\n' && (body.p[i + 2] == ' ' || body.p[i + 2] == '\t');
        if (folds)
            i++;
        else if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return span_is_utf8(body);
}

static bool is_keyword_byte(uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Keyword of RFC 5321 §4.1.2 (Ldh-str); "_" occurs in experimental names. */
static struct span take_keyword(struct reading *r) {
    size_t n = 0;
    while (n < r->rest.n && is_keyword_byte(r->rest.p[n]))
        n++;
    struct span word = span_sub(r->rest, 0, n);
    if (n == 0 || word.p[n - 1] == '-')
        failed(r, SD_ERR_PARSE);
    r->rest = span_from(r->rest, n);
    return word;
}

/* The only version there is (§2.2). */
static void take_version(struct reading *r) {
    size_t n = 0;
    while (n < r->rest.n && r->rest.p[n] >= '0' && r->rest.p[n] <= '9')
        n++;
    if (!span_eq(span_sub(r->rest, 0, n), SPAN("1")))
        failed(r, SD_ERR_PARSE);
    r->rest = span_from(r->rest, n);
}

/* Behind a value comes white space, a comment, ";" or the end: nothing else may touch it. */
static void end_word(struct reading *r) {
    if (r->rest.n && !authres_is_fws(r->rest.p[0]) && !at(r, '(') && !at(r, ';'))
        failed(r, SD_ERR_PARSE);
}

static bool is_plain(uint8_t c) {
    return c > 0x20 && c != 0x7f && c != ';' && c != '(' && c != ')' && c != '"' && c != '\\';
}

/*
 * pvalue = value / [ [ local-part ] "@" ] domain-name, and what else is printable and ends where white space begins. Behind
 * white space a further "=" makes it unclear whether the value is empty and this the next property.
 */
static struct span take_pvalue(struct reading *r) {
    size_t before = r->rest.n;
    skip(r);
    struct span start = r->rest;
    bool apart = start.n < before;
    struct span value = SPAN_NONE;
    size_t n = authres_quoted(start).n;
    size_t quoted = n;
    while (n < start.n && is_plain(start.p[n]))
        n++;
    bool unclear = apart && span_find(span_sub(start, quoted, n - quoted), '=') < n - quoted;
    if (n == 0 || unclear || (n > quoted && quoted && start.p[quoted] != '@')) {
        failed(r, SD_ERR_PARSE);
    } else if (n == quoted) {
        enum sd_err err = authres_take_value(&r->rest, r->arena, &value);
        if (err)
            failed(r, err);
    } else {
        value = span_sub(start, 0, n);
        r->rest = span_from(start, n);
    }
    end_word(r);
    return value;
}

/* One propspec or reasonspec. */
static struct authres_property take_property(struct reading *r) {
    struct authres_property p = {.name = take_keyword(r)};
    skip(r);
    if (take(r, '.')) {
        skip(r);
        p.type = p.name;
        p.name = take_keyword(r);
        skip(r);
    }
    if (!take(r, '='))
        failed(r, SD_ERR_PARSE);
    p.value = take_pvalue(r);
    skip(r);
    return p;
}

static bool is_known(const struct authres_property *p, const struct authres_property *list, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (span_ieq(p->type, list[i].type) && span_ieq(p->name, list[i].name))
            return true;
    return false;
}

static void keep_properties(struct reading *r, const struct authres_property *list, size_t count,
                            struct authres_result *result) {
    struct authres_property *kept = count ? arena_array(r->arena, count, sizeof *kept) : NULL;
    if (count && !kept) {
        failed(r, SD_ERR_NOMEM);
        return;
    }
    for (size_t i = 0; i < count; i++)
        kept[i] = list[i];
    result->properties = kept;
    result->property_count = count;
}

static void take_properties(struct reading *r, struct authres_result *result) {
    struct authres_property list[AUTHRES_MAX_PROPERTIES];
    size_t count = 0;
    bool has_reason = false;
    while (r->rest.n && !at(r, ';')) {
        struct authres_property p = take_property(r);
        bool is_reason = p.type.n == 0 && span_ieq(p.name, SPAN("reason"));
        if (is_reason ? has_reason : is_known(&p, list, count))
            failed(r, SD_ERR_PARSE);
        else if (!is_reason && count == AUTHRES_MAX_PROPERTIES)
            failed(r, SD_ERR_LIMIT);
        else if (is_reason)
            result->reason = p.value;
        else
            list[count++] = p;
        has_reason = has_reason || is_reason;
    }
    if (r->err == SD_OK)
        keep_properties(r, list, count, result);
}

/* method [ "/" version ] "=" result, then its reason and properties. */
static struct authres_result take_result(struct reading *r) {
    struct authres_result result = {.method = take_keyword(r)};
    skip(r);
    if (take(r, '/')) {
        skip(r);
        take_version(r);
        skip(r);
    }
    if (!take(r, '='))
        failed(r, SD_ERR_PARSE);
    skip(r);
    result.result = take_keyword(r);
    end_word(r);
    skip(r);
    take_properties(r, &result);
    return result;
}

static struct span take_id(struct reading *r) {
    struct span id = SPAN_NONE;
    skip(r);
    enum sd_err err = r->err ? r->err : authres_take_value(&r->rest, r->arena, &id);
    if (err)
        failed(r, err);
    end_word(r);
    skip(r);
    if (r->rest.n && !at(r, ';'))
        take_version(r);
    skip(r);
    return id;
}

/* no-result = ";" "none" and nothing more */
static bool is_none(const struct reading *r) {
    struct span rest = r->rest;
    if (!span_istarts(rest, SPAN("none")))
        return false;
    rest = span_from(rest, 4);
    return authres_skip_cfws(&rest) && rest.n == 0;
}

/* resinfo, each behind its ";"; one more may end the last. */
static void take_results(struct reading *r, struct authres *to) {
    struct authres_result *results = arena_array(r->arena, AUTHRES_MAX_RESULTS, sizeof *results);
    if (!results) {
        failed(r, SD_ERR_NOMEM);
        return;
    }
    while (r->rest.n && to->count < AUTHRES_MAX_RESULTS) {
        results[to->count++] = take_result(r);
        if (r->rest.n && !take(r, ';'))
            failed(r, SD_ERR_PARSE);
        skip(r);
    }
    if (r->rest.n)
        failed(r, SD_ERR_LIMIT);
    to->results = results;
}

enum sd_err authres_read(struct span body, struct arena *arena, struct authres *ret) {
    struct reading r = {.rest = body, .arena = arena};
    struct authres read = {0};
    if (body.n > AUTHRES_MAX_BYTES)
        return SD_ERR_LIMIT;
    if (!readable(body))
        return SD_ERR_PARSE;
    read.id = take_id(&r);
    if (!take(&r, ';'))
        failed(&r, SD_ERR_PARSE);
    skip(&r);
    if (r.rest.n == 0)
        failed(&r, SD_ERR_PARSE); /* neither a result nor "none" */
    if (r.err == SD_OK && !is_none(&r))
        take_results(&r, &read);
    if (r.err == SD_OK)
        *ret = read;
    return r.err;
}

struct span authres_value(const struct authres_result *result, struct span type, struct span name) {
    for (size_t i = 0; i < result->property_count; i++)
        if (span_ieq(result->properties[i].type, type) && span_ieq(result->properties[i].name, name))
            return result->properties[i].value;
    return SPAN_NONE;
}
