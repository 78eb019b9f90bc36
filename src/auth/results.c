#include "auth/results.h"
#include "auth/authres_lex.h"
#include "auth/idn.h"
#include "auth/name.h"

static void skip_version(struct span *rest) {
    while (rest->n && rest->p[0] >= '0' && rest->p[0] <= '9')
        *rest = span_from(*rest, 1);
}

/* authserv-id [ CFWS authres-version ] [CFWS] ";" (§2.2) */
enum sd_err results_authserv_id(struct span body, struct arena *arena, struct span *ret) {
    struct span rest = body;
    struct span id = SPAN_NONE;
    enum sd_err err = authres_skip_cfws(&rest) ? authres_take_value(&rest, arena, &id) : SD_ERR_PARSE;
    if (err)
        return err;
    if (!authres_skip_cfws(&rest))
        return SD_ERR_PARSE;
    skip_version(&rest);
    if (!authres_skip_cfws(&rest) || (rest.n && rest.p[0] != ';') || !authres_balanced(rest))
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
        if (!authres_is_fws(s.p[i]) && s.p[i] != '"' && s.p[i] != '\\' && s.p[i] != 0)
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

static bool to_cut(const struct mail_field *field, struct span authserv_id, const struct results_believed *believed,
                   struct arena *arena) {
    if (!span_ieq(field->name, SPAN("Authentication-Results")) || field == believed->field)
        return false;
    return results_claims(field->body, authserv_id, arena) ||
           (believed->id.n && results_claims(field->body, believed->id, arena));
}

enum sd_err results_cuts(const struct mail_header *header, struct span authserv_id, const struct results_believed *believed,
                         struct arena *arena, const struct span **ret, size_t *ret_count) {
    size_t fields = mail_field_count(header, SPAN("Authentication-Results"));
    struct span *cuts = arena_array(arena, fields + 1, sizeof *cuts);
    size_t n = 0;
    if (!cuts)
        return SD_ERR_NOMEM;
    for (size_t i = 0; i < header->count && n < fields; i++)
        if (to_cut(&header->fields[i], authserv_id, believed, arena))
            cuts[n++] = header->fields[i].raw;
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

static void put_arc(const struct arc_verdict *arc, struct buf *to) {
    if (arc->result == AUTH_NONE)
        return;
    put_method("arc", arc->result, arc->reason, to);
    put_property("header.d", arc->domain, to);
}

/* §2.7.3: the property is the address. */
static void put_iprev(const struct auth_judgement *j, const uint8_t ip[16], struct buf *to) {
    char text[IP_TEXT_BYTES];
    if (j->iprev.result == AUTH_NONE || j->upstream)
        return;
    put_method("iprev", j->iprev.result, SPAN_NONE, to);
    put_property("policy.iprev", span_cstr(ip_text(ip, text)), to);
}

void results_write(const struct auth_judgement *judgement, const struct auth_envelope *envelope, struct span authserv_id,
                   bool has_message, struct buf *to) {
    buf_text(to, "Authentication-Results: ");
    buf_put(to, authserv_id);
    put_spf(&judgement->spf, to);
    put_spf(&judgement->spf_helo, to);
    if (has_message) {
        put_dkim(judgement, to);
        put_dmarc(judgement, to);
        put_arc(&judgement->arc, to);
    } else if (judgement->spf.identity == SPF_NO_IDENTITY && judgement->spf_helo.identity == SPF_NO_IDENTITY) {
        buf_text(to, "; none");
        buf_text(to, "\r\n");
        return;
    }
    put_iprev(judgement, envelope->ip, to);
    buf_text(to, "\r\n");
}
