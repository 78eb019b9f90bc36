/* RFC 6376 §6: the DKIM-Signature fields of a message; what ARC does alike is in dkim_check.c. */
#include "auth/dkim_verify.h"
#include "auth/dns_memo.h"
#include "auth/idn.h"
#include "auth/name.h"
#include "core/limits.h"

/* §6.1.1, after the syntax. */
static const char *unusable(const struct dkim_signature *s, struct span domain, struct arena *arena, int64_t now_unix_ms) {
    struct span identity = domain;
    const char *why = dkim_unusable(s, domain, arena, now_unix_ms);
    if (why)
        return why;
    if (s->identity_domain.n && idn_to_ascii(s->identity_domain, arena, &identity))
        return "i= has no domain";
    if (!name_is_under(identity, domain))
        return "i= is not in d=";
    return dkim_list_has(s->names, SPAN("From")) ? NULL : "From is not signed";
}

static enum sd_err examine(const struct mail_field *field, int64_t now_unix_ms, struct arena *arena, struct dkim_candidate *c) {
    struct span domain = SPAN_NONE;
    c->field = field;
    const char *why = dkim_signature_parse(field->body, &c->signature);
    if (c->signature.domain.n && idn_to_ascii(c->signature.domain, arena, &domain))
        domain = SPAN_NONE;
    if (!why)
        why = unusable(&c->signature, domain, arena, now_unix_ms);
    dkim_candidate_fill(c, domain, why, arena);
    return arena_err(arena);
}

enum sd_err dkim_collect(const struct mail_message *message, int64_t now_unix_ms, struct arena *arena,
                         struct dkim_candidates *ret) {
    *ret = (struct dkim_candidates){.message = message};
    for (size_t i = 0; i < message->header.count && ret->count < DKIM_MAX_SIGNATURES; i++) {
        const struct mail_field *field = &message->header.fields[i];
        if (!span_ieq(field->name, SPAN("DKIM-Signature")))
            continue;
        enum sd_err err = examine(field, now_unix_ms, arena, &ret->items[ret->count]);
        if (err)
            return err;
        ret->count++;
    }
    return SD_OK;
}

static enum sd_err check_signature(struct dkim_check *check, const struct dns_answer *keys, const struct dkim_candidate *c,
                                   struct dkim_verdict *v) {
    struct buf data SD_CLEANUP(buf_free) = buf_new(2 * LIMIT_HEADER_BYTES);
    bool repeated = false;
    enum sd_err err = dkim_signed_data(c, &check->message->header, &data, &repeated);
    if (err == SD_ERR_PARSE || err == SD_ERR_LIMIT) {
        dkim_conclude(v, AUTH_PERMERROR, "h= cannot be used");
        return SD_OK;
    }
    v->repeated = repeated;
    return err ? err : dkim_check_signature(check, keys, c, buf_span(&data), v);
}

/* The message has the field, and the signature does not cover it. */
static bool leaves_out(const struct mail_header *header, const struct dkim_candidate *c, struct span name) {
    return mail_field_first(header, name) && !dkim_list_has(c->signature.names, name);
}

static void note_left_out(const struct mail_header *header, const struct dkim_candidate *c, struct dkim_verdict *v) {
    v->subject_unsigned |= leaves_out(header, c, SPAN("Subject"));
    v->answers_unsigned |= leaves_out(header, c, SPAN("Reply-To"));
    v->format_unsigned |= leaves_out(header, c, SPAN("Content-Type")) ||
                          leaves_out(header, c, SPAN("Content-Transfer-Encoding"));
}

static enum sd_err decide(struct dkim_check *check, const struct dkim_candidate *c, struct dkim_verdict *v) {
    struct dns_answer keys;
    *v = c->verdict;
    if (v->result != AUTH_NONE)
        return SD_OK;
    enum sd_err err = dkim_check_key(check, c->key_name, &keys, v);
    if (err == SD_OK && v->result == AUTH_NONE)
        err = dkim_check_body(check, &c->signature, v);
    if (err == SD_OK && v->result == AUTH_NONE)
        err = check_signature(check, &keys, c, v);
    note_left_out(&check->message->header, c, v);
    return err;
}

enum sd_err dkim_decide(const struct dkim_candidates *candidates, const struct dns_source *dns, struct deadline deadline,
                        struct arena *arena, const struct dkim_verdict **ret, size_t *ret_count) {
    struct dkim_check check = {.message = candidates->message, .dns = dns, .deadline = deadline, .arena = arena};
    struct dkim_verdict *verdicts = arena_array(arena, candidates->count + 1, sizeof *verdicts);
    enum sd_err err = verdicts ? SD_OK : SD_ERR_NOMEM;
    for (size_t i = 0; i < candidates->count && err == SD_OK; i++)
        err = decide(&check, &candidates->items[i], &verdicts[i]);
    dkim_check_end(&check);
    if (err)
        return err;
    *ret = verdicts;
    *ret_count = candidates->count;
    return SD_OK;
}

/* The fields are only chosen here; what they say was signed is for whoever verified it. */
static enum sd_err add_coverage(const struct dkim_candidates *candidates, const struct dkim_candidate *c,
                                struct dkim_verdict *found) {
    struct buf data SD_CLEANUP(buf_free) = buf_new(2 * LIMIT_HEADER_BYTES);
    const struct mail_header *header = &candidates->message->header;
    bool repeated = true;
    enum sd_err err = dkim_canon_fields(header, c->signature.names, true, &data, &repeated);
    found->partial |= c->signature.has_length;
    found->repeated |= repeated;
    note_left_out(header, c, found);
    return sd_err_fault(err) == SD_FAULT_PEER ? SD_OK : err;
}

enum sd_err dkim_cover(const struct dkim_candidates *candidates, struct dkim_verdict *found) {
    bool any = false;
    enum sd_err err = SD_OK;
    for (size_t i = 0; i < candidates->count && err == SD_OK; i++) {
        const struct dkim_verdict *v = &candidates->items[i].verdict;
        if (!span_ieq(v->domain, found->domain) || (found->selector.n && !span_ieq(v->selector, found->selector)))
            continue;
        err = add_coverage(candidates, &candidates->items[i], found);
        any = true;
    }
    found->partial |= !any;
    return err;
}

static void fetch_ahead(const struct dkim_candidates *candidates, struct dns_memo *memo) {
    for (size_t i = 0; i < candidates->count; i++)
        if (candidates->items[i].key_name.n)
            dns_memo_ahead(memo, candidates->items[i].key_name, DNS_TXT);
}

enum sd_err dkim_verify(const struct mail_message *message, int64_t now_unix_ms, const struct dns_source *dns,
                        struct deadline deadline, struct arena *arena, const struct dkim_verdict **ret, size_t *ret_count) {
    struct dkim_candidates candidates;
    struct dns_memo *memo = NULL;
    enum sd_err err = dkim_collect(message, now_unix_ms, arena, &candidates);
    err = err ? err : dns_memo_new(dns, deadline, arena, &memo);
    if (err)
        return err;
    struct dns_source ahead = dns_memo_source(memo);
    fetch_ahead(&candidates, memo);
    err = dkim_decide(&candidates, &ahead, deadline, arena, ret, ret_count);
    dns_memo_finish(&memo);
    return err;
}
