/*
 * RFC 6376 §6.1 with RFC 8301 and RFC 8463. Results as RFC 8601 §2.7.1 has them: fail when hash or signature is wrong,
 * permerror when the signature or its key cannot be used (that includes rsa-sha1 and RSA below 1024 bits), temperror when the
 * key is unknown.
 */
#include "auth/dkim_verify.h"
#include "auth/dns_memo.h"
#include "auth/idn.h"
#include "auth/name.h"
#include "core/limits.h"

static const char *algorithm_text(enum dkim_algorithm algorithm) {
    return algorithm == DKIM_RSA_SHA256       ? "rsa-sha256"
           : algorithm == DKIM_ED25519_SHA256 ? "ed25519-sha256"
           : algorithm == DKIM_RSA_SHA1       ? "rsa-sha1"
                                              : "unknown";
}

static const char *times_wrong(const struct dkim_signature *s, int64_t now_unix_ms) {
    uint64_t now_s = now_unix_ms > 0 ? (uint64_t)now_unix_ms / 1000 : 0;
    if (s->has_expiry && s->has_time && s->expiry_s <= s->time_s)
        return "it expires before it was made";
    if (s->has_expiry && s->expiry_s < now_s)
        return "it has expired";
    if (s->has_time && s->time_s > now_s + DKIM_FUTURE_S)
        return "it was made in the future";
    return NULL;
}

/* §6.1.1, after the syntax. */
static const char *unusable(const struct dkim_signature *s, struct span domain, struct arena *arena, int64_t now_unix_ms) {
    struct span identity = domain;
    if (domain.n == 0)
        return "d= is no domain";
    if (!name_is_dns(s->selector) || !name_is_domain(arena_printf(arena, "%.*s.d", SPAN_FMT(s->selector))))
        return "s= is no selector";
    if (s->identity_domain.n && idn_to_ascii(s->identity_domain, arena, &identity))
        return "i= has no domain";
    if (!name_is_under(identity, domain))
        return "i= is not in d=";
    if (!dkim_list_has(s->names, SPAN("From")))
        return "From is not signed";
    if (s->algorithm == DKIM_RSA_SHA1)
        return "rsa-sha1 is not accepted (RFC 8301)";
    if (s->algorithm == DKIM_UNKNOWN)
        return "a= names an unknown algorithm";
    return times_wrong(s, now_unix_ms);
}

static enum sd_err examine(const struct mail_field *field, int64_t now_unix_ms, struct arena *arena, struct dkim_candidate *c) {
    struct span domain = SPAN_NONE;
    c->field = field;
    const char *why = dkim_signature_parse(field->body, &c->signature);
    if (c->signature.domain.n && idn_to_ascii(c->signature.domain, arena, &domain))
        domain = SPAN_NONE;
    if (!why)
        why = unusable(&c->signature, domain, arena, now_unix_ms);
    c->verdict = (struct dkim_verdict){
        .result = why ? AUTH_PERMERROR : AUTH_NONE,
        .domain = domain,
        .selector = name_is_dns(c->signature.selector) ? c->signature.selector : SPAN_NONE,
        .algorithm = algorithm_text(c->signature.algorithm),
        .reason = span_cstr(why),
    };
    if (!why)
        c->key_name = arena_printf(arena, "%.*s._domainkey.%.*s", SPAN_FMT(c->signature.selector), SPAN_FMT(domain));
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

/* A body's hash for one way of canonicalisation; signatures of one message mostly share it. */
struct body_hash {
    bool relaxed;
    uint64_t limit;
    uint64_t total;
    struct sha256 hash;
};

struct work {
    const struct dkim_candidates *candidates;
    const struct dns_source *dns;
    struct deadline deadline;
    struct arena *arena;
    struct hash_stream *stream;
    struct body_hash bodies[DKIM_MAX_SIGNATURES];
    size_t body_count;
};

static enum sd_err hash_body(struct work *w, const struct dkim_signature *s, const struct body_hash **ret) {
    uint64_t limit = s->has_length ? s->length : UINT64_MAX;
    for (size_t i = 0; i < w->body_count; i++)
        if (w->bodies[i].relaxed == s->body_relaxed && w->bodies[i].limit == limit) {
            *ret = &w->bodies[i];
            return SD_OK;
        }
    enum sd_err err = w->stream ? SD_OK : hash_stream_new(&w->stream);
    if (err)
        return err;
    struct body_hash *body = &w->bodies[w->body_count];
    struct dkim_sink sink = {.hash = w->stream, .limit = limit};
    *body = (struct body_hash){.relaxed = s->body_relaxed, .limit = limit};
    dkim_canon_body(w->candidates->message->body_bytes, s->body_relaxed, &sink);
    body->total = sink.total;
    err = sink.err ? sink.err : hash_stream_end(w->stream, &body->hash);
    if (err == SD_OK) {
        w->body_count++;
        *ret = body;
    }
    return err;
}

static void conclude(struct dkim_verdict *v, enum auth_result result, const char *why) {
    v->result = result;
    v->reason = span_cstr(why);
}

/* §6.1.3 steps 2 and 3; a wrong body concludes. */
static enum sd_err check_body(struct work *w, const struct dkim_signature *s, struct dkim_verdict *v) {
    const struct body_hash *body = NULL;
    struct buf wanted SD_CLEANUP(buf_free) = buf_new(DKIM_MAX_SIGNATURE_BYTES);
    enum sd_err err = hash_body(w, s, &body);
    if (err)
        return err;
    v->partial = body->total > body->limit;
    if (s->has_length && s->length > body->total)
        conclude(v, AUTH_PERMERROR, "l= is longer than the body");
    else if (dkim_base64(s->body_hash, &wanted))
        conclude(v, AUTH_PERMERROR, "bh= is no base64");
    else if (!span_eq(buf_span(&wanted), span_of(body->hash.b, sizeof body->hash.b)))
        conclude(v, AUTH_FAIL, "the body was changed");
    return SD_OK;
}

/* What the signature covers: the chosen fields, then its own field with b= emptied (§3.7). */
static enum sd_err signed_data(const struct dkim_candidate *c, const struct mail_header *header, struct buf *to,
                               bool *ret_repeated) {
    const struct dkim_signature *s = &c->signature;
    enum sd_err err = dkim_canon_fields(header, s->names, s->header_relaxed, to, ret_repeated);
    dkim_canon_signature(c->field->raw, s->signature.extent, s->header_relaxed, to);
    return err ? err : buf_err(to);
}

/* RFC 6376 §3.6.1 and §6.1.2: may this key verify this signature? */
static const char *key_unusable(const struct dkim_key *key, const struct dkim_signature *s, struct span domain) {
    if (key->public_key.n == 0)
        return "the key has been revoked";
    if (key->is_ed25519 != (s->algorithm == DKIM_ED25519_SHA256))
        return "the key is of another type";
    if (key->hashes.n && !dkim_list_has(key->hashes, SPAN("sha256")))
        return "the key is not for sha256";
    if (key->services.n && !dkim_list_has(key->services, SPAN("email")) && !dkim_list_has(key->services, SPAN("*")))
        return "the key is not for e-mail";
    if (key->strict && s->identity_domain.n && !span_ieq(s->identity_domain, domain))
        return "the key allows no subdomain in i=";
    return NULL;
}

static enum sd_err verify(const struct verify_key *key, const struct dkim_signature *s, struct span data,
                          struct dkim_verdict *v) {
    struct buf signature SD_CLEANUP(buf_free) = buf_new(DKIM_MAX_SIGNATURE_BYTES);
    struct sha256 digest; /* RFC 8463 §3: Ed25519 signs the hash */
    if (s->algorithm == DKIM_RSA_SHA256 && v->bits < DKIM_MIN_RSA_BITS) {
        conclude(v, AUTH_PERMERROR, "the RSA key is shorter than 1024 bits (RFC 8301)");
        return SD_OK;
    }
    if (dkim_base64(s->signature.value, &signature)) {
        conclude(v, AUTH_PERMERROR, "b= is no base64");
        return SD_OK;
    }
    enum sd_err err = SD_OK;
    if (s->algorithm == DKIM_ED25519_SHA256) {
        err = crypt_sha256(data, &digest);
        data = span_of(digest.b, sizeof digest.b);
    }
    err = err ? err : verify_signature(key, data, buf_span(&signature));
    if (err == SD_OK)
        conclude(v, AUTH_PASS,
                 v->bits < DKIM_WEAK_RSA_BITS && s->algorithm == DKIM_RSA_SHA256 ? "the RSA key is shorter than 2048 bits"
                                                                                 : "");
    else if (sd_err_fault(err) == SD_FAULT_PEER)
        conclude(v, AUTH_FAIL, "the signature does not match");
    return sd_err_fault(err) == SD_FAULT_PEER ? SD_OK : err;
}

/* One TXT record at the selector. Verdict stays AUTH_NONE when the record is no key record at all. */
static enum sd_err try_key(struct span record, const struct dkim_candidate *c, struct span data, struct dkim_verdict *v) {
    struct dkim_key key;
    struct verify_key *parsed = NULL;
    struct buf bytes SD_CLEANUP(buf_free) = buf_new(4096);
    enum sd_err err = dkim_key_parse(record, &key);
    if (err == SD_ERR_UNSUPPORTED)
        conclude(v, AUTH_PERMERROR, "the key is of an unknown type");
    if (err)
        return SD_OK;
    const char *why = key_unusable(&key, &c->signature, c->verdict.domain);
    if (why) {
        conclude(v, AUTH_PERMERROR, why);
        return SD_OK;
    }
    err = dkim_base64(key.public_key, &bytes);
    err = err ? err : verify_key_new(key.is_ed25519 ? SIGN_ED25519 : SIGN_RSA_SHA256, buf_span(&bytes), &parsed);
    if (err) {
        conclude(v, AUTH_PERMERROR, "the key cannot be read");
        return sd_err_fault(err) == SD_FAULT_PEER ? SD_OK : err;
    }
    v->bits = verify_key_bits(parsed);
    err = verify(parsed, &c->signature, data, v);
    verify_key_free(&parsed);
    return err;
}

static enum sd_err try_keys(const struct dns_answer *keys, struct work *w, const struct dkim_candidate *c,
                            struct dkim_verdict *v) {
    struct buf data SD_CLEANUP(buf_free) = buf_new(2 * LIMIT_HEADER_BYTES);
    bool repeated = false;
    enum sd_err err = signed_data(c, &w->candidates->message->header, &data, &repeated);
    if (err == SD_ERR_PARSE || err == SD_ERR_LIMIT) {
        conclude(v, AUTH_PERMERROR, "h= cannot be used");
        return SD_OK;
    }
    v->repeated = repeated;
    for (size_t i = 0; i < keys->count && i < DKIM_MAX_KEY_RECORDS && !err && v->result != AUTH_PASS; i++)
        err = try_key(dns_txt_joined(keys->records[i], w->arena), c, buf_span(&data), v);
    if (v->result == AUTH_NONE)
        conclude(v, AUTH_PERMERROR, "there is no key record at the selector");
    return err;
}

static enum sd_err decide(struct work *w, const struct dkim_candidate *c, struct dkim_verdict *v) {
    struct dns_answer keys;
    *v = c->verdict;
    if (v->result != AUTH_NONE)
        return SD_OK;
    enum sd_err err = dns_ask(w->dns, c->key_name, DNS_TXT, w->deadline, w->arena, &keys);
    if (err)
        return err;
    if (keys.outcome == DNS_TEMPFAIL)
        conclude(v, AUTH_TEMPERROR, "no DNS answer for the key");
    else if (keys.outcome != DNS_FOUND)
        conclude(v, AUTH_PERMERROR, "there is no key at the selector");
    else
        err = check_body(w, &c->signature, v);
    if (err == SD_OK && v->result == AUTH_NONE)
        err = try_keys(&keys, w, c, v);
    v->subject_unsigned = mail_field_count(&w->candidates->message->header, SPAN("Subject")) > 0 &&
                          !dkim_list_has(c->signature.names, SPAN("Subject"));
    return err;
}

enum sd_err dkim_decide(const struct dkim_candidates *candidates, const struct dns_source *dns, struct deadline deadline,
                        struct arena *arena, const struct dkim_verdict **ret, size_t *ret_count) {
    struct work w = {.candidates = candidates, .dns = dns, .deadline = deadline, .arena = arena};
    struct dkim_verdict *verdicts = arena_array(arena, candidates->count + 1, sizeof *verdicts);
    enum sd_err err = verdicts ? SD_OK : SD_ERR_NOMEM;
    for (size_t i = 0; i < candidates->count && err == SD_OK; i++)
        err = decide(&w, &candidates->items[i], &verdicts[i]);
    hash_stream_free(&w.stream);
    if (err)
        return err;
    *ret = verdicts;
    *ret_count = candidates->count;
    return SD_OK;
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
