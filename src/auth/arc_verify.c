/*
 * RFC 8617 §5.2: verifies the newest message signature, then every seal from the newest to the first. What DKIM calls permerror
 * is fail here: a chain passes or it does not.
 */
#include "auth/arc.h"
#include "core/limits.h"

/* The chain in canonical form, and where each seal's part of it ends. */
struct seal_data {
    struct buf bytes;
    size_t ends[ARC_MAX_INSTANCE];
};

struct verifying {
    const struct arc_candidates *candidates;
    struct dkim_check check;
    struct arc_verdict *verdict;
    size_t passed; /* signatures */
};

/* A fail is final; temperror waits for what else is found. */
static void note(struct verifying *w, const char *what, size_t instance, const struct dkim_verdict *found) {
    struct arc_verdict *v = w->verdict;
    if (found->result == AUTH_PASS)
        w->passed++;
    if (found->result == AUTH_PASS || v->result == AUTH_FAIL)
        return;
    v->result = found->result == AUTH_TEMPERROR ? AUTH_TEMPERROR : AUTH_FAIL;
    v->reason = arena_printf(w->check.arena, "the %s of instance %zu: %.*s", what, instance, SPAN_FMT(found->reason));
}

/* A key's answer may be missing: then the signature is temperror, and only then. */
static enum sd_err check_data(struct verifying *w, const struct dkim_candidate *c, struct span data, struct dkim_verdict *v) {
    struct dns_answer keys;
    enum sd_err err = dkim_check_key(&w->check, c->key_name, &keys, v);
    if (err || v->result != AUTH_NONE)
        return err;
    return dkim_check_signature(&w->check, &keys, c, data, v);
}

static enum sd_err check_newest(struct verifying *w) {
    const struct dkim_candidate *c = &w->candidates->newest;
    struct buf data SD_CLEANUP(buf_free) = buf_new(2 * LIMIT_HEADER_BYTES);
    struct dkim_verdict v = c->verdict;
    bool repeated = false;
    enum sd_err err = dkim_check_body(&w->check, &c->signature, &v);
    if (err)
        return err;
    if (v.result == AUTH_NONE) {
        err = dkim_signed_data(c, &w->candidates->message->header, &data, &repeated);
        if (err == SD_ERR_PARSE || err == SD_ERR_LIMIT) {
            dkim_conclude(&v, AUTH_PERMERROR, "h= cannot be used");
            err = SD_OK;
        }
    }
    if (err == SD_OK && v.result == AUTH_NONE)
        err = check_data(w, c, buf_span(&data), &v);
    w->verdict->partial = v.partial || repeated || !dkim_list_has(c->signature.names, SPAN("From"));
    note(w, "message signature", w->candidates->count, &v);
    return err;
}

/* §5.1.1: results, signature and seal of each instance in ascending order, always relaxed. */
static enum sd_err put_chain(const struct arc_candidates *candidates, struct seal_data *to) {
    for (size_t i = 0; i < candidates->count; i++) {
        const struct arc_link *link = &candidates->links[i];
        dkim_canon_header(link->results->raw, true, true, &to->bytes);
        dkim_canon_header(link->signature->raw, true, true, &to->bytes);
        to->ends[i] = to->bytes.n;
        dkim_canon_header(link->seal.field->raw, true, true, &to->bytes);
    }
    return buf_err(&to->bytes);
}

/* Its own field comes last, with b= emptied and without its line end; what stood there belongs to newer seals, done before. */
static enum sd_err check_seal(struct verifying *w, struct seal_data *data, size_t at) {
    const struct dkim_candidate *c = &w->candidates->links[at].seal;
    struct dkim_verdict v = c->verdict;
    data->bytes.n = data->ends[at];
    dkim_canon_signature(c->field->raw, c->signature.signature.extent, true, &data->bytes);
    enum sd_err err = buf_err(&data->bytes);
    err = err ? err : check_data(w, c, buf_span(&data->bytes), &v);
    if (err == SD_OK)
        note(w, "seal", at + 1, &v);
    return err;
}

static enum sd_err check_seals(struct verifying *w) {
    struct seal_data data = {.bytes = buf_new(2 * LIMIT_HEADER_BYTES)};
    enum sd_err err = put_chain(w->candidates, &data);
    for (size_t i = w->candidates->count; i > 0 && err == SD_OK && w->verdict->result != AUTH_FAIL; i--)
        err = check_seal(w, &data, i - 1);
    buf_free(&data.bytes);
    return err;
}

static enum sd_err put_sets(const struct arc_candidates *candidates, struct arena *arena, struct arc_verdict *v) {
    struct arc_set *sets = arena_array(arena, candidates->count, sizeof *sets);
    if (!sets)
        return SD_ERR_NOMEM;
    for (size_t i = 0; i < candidates->count; i++)
        sets[i] = (struct arc_set){candidates->links[i].seal.verdict.domain, candidates->links[i].results_body};
    v->sets = sets;
    v->set_count = candidates->count;
    return SD_OK;
}

enum sd_err arc_decide(const struct arc_candidates *candidates, const struct dns_source *dns, struct deadline deadline,
                       struct arena *arena, struct arc_verdict *ret) {
    struct arc_verdict verdict = candidates->verdict;
    struct verifying w = {.candidates = candidates,
                          .check = {.message = candidates->message, .dns = dns, .deadline = deadline, .arena = arena},
                          .verdict = &verdict};
    enum sd_err err = SD_OK;
    if (candidates->count) {
        err = check_newest(&w);
        err = err ? err : check_seals(&w);
        dkim_check_end(&w.check);
    }
    if (err == SD_OK && candidates->count && w.passed == candidates->count + 1) {
        verdict.result = AUTH_PASS;
        err = put_sets(candidates, arena, &verdict);
    }
    err = err ? err : arena_err(arena);
    if (err == SD_OK)
        *ret = verdict;
    return err;
}

void arc_ahead(const struct arc_candidates *candidates, struct dns_memo *memo) {
    if (candidates->count == 0)
        return;
    dns_memo_ahead(memo, candidates->newest.key_name, DNS_TXT);
    for (size_t i = 0; i < candidates->count; i++)
        dns_memo_ahead(memo, candidates->links[i].seal.key_name, DNS_TXT);
}

enum sd_err arc_verify(const struct mail_message *message, int64_t now_unix_ms, const struct dns_source *dns,
                       struct deadline deadline, struct arena *arena, struct arc_verdict *ret) {
    struct arc_candidates candidates;
    struct dns_memo *memo = NULL;
    enum sd_err err = arc_collect(message, now_unix_ms, arena, &candidates);
    if (err == SD_OK && candidates.count == 0)
        return arc_decide(&candidates, dns, deadline, arena, ret);
    err = err ? err : dns_memo_new(dns, deadline, arena, &memo);
    if (err)
        return err;
    struct dns_source ahead = dns_memo_source(memo);
    arc_ahead(&candidates, memo);
    err = arc_decide(&candidates, &ahead, deadline, arena, ret);
    dns_memo_finish(&memo);
    return err;
}
