#include "auth/results.h"
#include "auth/idn.h"
#include "auth/name.h"

#define COMMENT_MAX_DEPTH 32

static bool is_fws(uint8_t c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* RFC 2045 token, which RFC 8601 §2.2 takes for values. */
static bool token_byte(uint8_t c) {
    struct span tspecials = SPAN("()<>@,;:\\\"/[]?=");
    return c > 0x20 && c < 0x7f && span_find(tspecials, c) == tspecials.n;
}

/* A comment with all inside it, rest at its "("; false when it does not end. */
static bool skip_comment(struct span *rest) {
    unsigned depth = 0;
    for (size_t i = 0; i < rest->n; i++) {
        if (rest->p[i] == '\\')
            i++;
        else if (rest->p[i] == '(' && ++depth > COMMENT_MAX_DEPTH)
            return false;
        else if (rest->p[i] == ')' && --depth == 0) {
            *rest = span_from(*rest, i + 1);
            return true;
        }
    }
    return false;
}

static bool skip_cfws(struct span *rest) {
    while (rest->n && (is_fws(rest->p[0]) || rest->p[0] == '(')) {
        if (is_fws(rest->p[0]))
            *rest = span_from(*rest, 1);
        else if (!skip_comment(rest))
            return false;
    }
    return true;
}

static enum sd_err take_quoted(struct span *rest, struct arena *arena, struct span *ret) {
    uint8_t *to = arena_alloc(arena, rest->n);
    size_t n = 0;
    if (!to)
        return SD_ERR_NOMEM;
    for (size_t i = 1; i < rest->n; i++) {
        if (rest->p[i] == '"') {
            *rest = span_from(*rest, i + 1);
            *ret = span_of(to, n);
            return SD_OK;
        }
        if (rest->p[i] == '\\' && i + 1 < rest->n)
            i++;
        to[n++] = rest->p[i];
    }
    return SD_ERR_PARSE;
}

/* value = token / quoted-string */
static enum sd_err take_value(struct span *rest, struct arena *arena, struct span *ret) {
    if (rest->n && rest->p[0] == '"')
        return take_quoted(rest, arena, ret);
    size_t n = 0;
    while (n < rest->n && token_byte(rest->p[n]))
        n++;
    *ret = span_sub(*rest, 0, n);
    *rest = span_from(*rest, n);
    return n ? SD_OK : SD_ERR_PARSE;
}

static void skip_version(struct span *rest) {
    while (rest->n && rest->p[0] >= '0' && rest->p[0] <= '9')
        *rest = span_from(*rest, 1);
}

/* Comments of the rest must end, or readers differ on what is inside one. */
static bool balanced(struct span rest) {
    while (rest.n) {
        if (rest.p[0] == '(') {
            if (!skip_comment(&rest))
                return false;
            continue;
        }
        if (rest.p[0] == '"') {
            size_t end = 1;
            while (end < rest.n && rest.p[end] != '"')
                end += rest.p[end] == '\\' ? 2 : 1;
            if (end >= rest.n)
                return false;
            rest = span_from(rest, end);
        } else if (rest.p[0] == ')') {
            return false;
        }
        rest = span_from(rest, 1);
    }
    return true;
}

/* authserv-id [ CFWS authres-version ] [CFWS] ";" (§2.2) */
enum sd_err results_authserv_id(struct span body, struct arena *arena, struct span *ret) {
    struct span rest = body;
    struct span id = SPAN_NONE;
    enum sd_err err = skip_cfws(&rest) ? take_value(&rest, arena, &id) : SD_ERR_PARSE;
    if (err)
        return err;
    if (!skip_cfws(&rest))
        return SD_ERR_PARSE;
    skip_version(&rest);
    if (!skip_cfws(&rest) || (rest.n && rest.p[0] != ';') || !balanced(rest))
        return SD_ERR_PARSE;
    *ret = id;
    return SD_OK;
}

static bool same_host(struct span a, struct span b, struct arena *arena) {
    struct span ascii_a = name_undot(span_trim(a));
    struct span ascii_b = name_undot(b);
    if (idn_to_ascii(ascii_a, arena, &ascii_a) || idn_to_ascii(ascii_b, arena, &ascii_b))
        return span_ieq(name_undot(span_trim(a)), name_undot(b));
    return span_ieq(ascii_a, ascii_b);
}

/* Without white space, quotes and escapes: what a careless reader might put together. */
static struct span squeezed(struct span s, struct arena *arena) {
    uint8_t *to = arena_alloc(arena, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; to && i < s.n; i++)
        if (!is_fws(s.p[i]) && s.p[i] != '"' && s.p[i] != '\\' && s.p[i] != 0)
            to[n++] = s.p[i];
    return span_of(to, n);
}

bool results_claims(struct span body, struct span authserv_id, struct arena *arena) {
    struct span id;
    if (results_authserv_id(body, arena, &id) == SD_OK)
        return same_host(id, authserv_id, arena);
    struct span loose = squeezed(body, arena);
    return authserv_id.n && span_isearch(loose, authserv_id) < loose.n;
}

enum sd_err results_cuts(const struct mail_header *header, struct span authserv_id, struct arena *arena,
                         const struct span **ret, size_t *ret_count) {
    size_t fields = mail_field_count(header, SPAN("Authentication-Results"));
    struct span *cuts = arena_array(arena, fields + 1, sizeof *cuts);
    size_t n = 0;
    if (!cuts)
        return SD_ERR_NOMEM;
    for (size_t i = 0; i < header->count && n < fields; i++) {
        const struct mail_field *field = &header->fields[i];
        if (span_ieq(field->name, SPAN("Authentication-Results")) && results_claims(field->body, authserv_id, arena))
            cuts[n++] = field->raw;
    }
    enum sd_err err = arena_err(arena);
    if (err)
        return err;
    *ret = cuts;
    *ret_count = n;
    return SD_OK;
}

static bool printable(struct span s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 0x20 || s.p[i] > 0x7e)
            return false;
    return s.n > 0;
}

static void put_quoted(struct span s, struct buf *to) {
    buf_byte(to, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            buf_byte(to, '\\');
        buf_byte(to, s.p[i]);
    }
    buf_byte(to, '"');
}

/* A property; left out when its value is not printable ASCII. */
static void put_property(const char *name, struct span value, struct buf *to) {
    if (!printable(value))
        return;
    buf_printf(to, " %s=", name);
    if (name_is_domain(value))
        buf_put(to, value);
    else
        put_quoted(value, to);
}

static void put_method(const char *method, enum auth_result result, struct span reason, struct buf *to) {
    buf_printf(to, ";\r\n\t%s=%s", method, auth_result_text(result));
    if (printable(reason)) {
        buf_text(to, " reason=");
        put_quoted(reason, to);
    }
}

static void put_spf(const struct spf_verdict *spf, struct buf *to) {
    if (spf->identity == SPF_NO_IDENTITY)
        return;
    put_method("spf", spf->result, SPAN_NONE, to);
    put_property(spf->identity == SPF_HELO ? "smtp.helo" : "smtp.mailfrom", spf->domain, to);
}

static void put_dkim(const struct auth_judgement *j, struct buf *to) {
    if (j->dkim_count == 0)
        put_method("dkim", AUTH_NONE, SPAN_NONE, to);
    for (size_t i = 0; i < j->dkim_count; i++) {
        const struct dkim_verdict *v = &j->dkim[i];
        /* §2.7.1 policy: good, but not by our rules (a tail or a second field is unsigned) */
        enum auth_result result = v->result == AUTH_PASS && (v->partial || v->repeated) ? AUTH_POLICY : v->result;
        put_method("dkim", result, v->reason, to);
        put_property("header.d", v->domain, to);
        put_property("header.s", v->selector, to);
        buf_printf(to, " header.a=%s", v->algorithm);
    }
}

static void put_dmarc(const struct auth_judgement *j, struct buf *to) {
    put_method("dmarc", j->dmarc.result, SPAN_NONE, to);
    if (j->dmarc.policy)
        buf_printf(to, " (p=%s)", dmarc_policy_text(j->dmarc.policy));
    put_property("header.from", j->trust_domain, to);
}

void results_write(const struct auth_judgement *judgement, struct span authserv_id, bool has_message, struct buf *to) {
    buf_text(to, "Authentication-Results: ");
    buf_put(to, authserv_id);
    put_spf(&judgement->spf, to);
    put_spf(&judgement->spf_helo, to);
    if (has_message) {
        put_dkim(judgement, to);
        put_dmarc(judgement, to);
    } else if (judgement->spf.identity == SPF_NO_IDENTITY && judgement->spf_helo.identity == SPF_NO_IDENTITY) {
        buf_text(to, "; none");
    }
    buf_text(to, "\r\n");
}
