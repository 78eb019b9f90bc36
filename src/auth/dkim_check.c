/*
 * RFC 6376 §6.1 with RFC 8301 and RFC 8463. Results as RFC 8601 §2.7.1 has them: fail when hash or signature is wrong,
 * permerror when the signature or its key cannot be used (that includes rsa-sha1 and RSA below 1024 bits), temperror when the
 * key is unknown.
 */
#include "auth/dkim_check.h"
#include "auth/name.h"

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

const char *dkim_unusable(const struct dkim_signature *s, struct span domain, struct arena *arena, int64_t now_unix_ms) {
    if (domain.n == 0)
        return "d= is no domain";
    if (!name_is_dns(s->selector) || !name_is_domain(arena_printf(arena, "%.*s.d", SPAN_FMT(s->selector))))
        return "s= is no selector";
    if (s->algorithm == DKIM_RSA_SHA1)
        return "rsa-sha1 is not accepted (RFC 8301)";
    if (s->algorithm == DKIM_UNKNOWN)
        return "a= names an unknown algorithm";
    return times_wrong(s, now_unix_ms);
}

void dkim_candidate_fill(struct dkim_candidate *c, struct span domain, const char *why, struct arena *arena) {
    const struct dkim_signature *s = &c->signature;
    c->verdict = (struct dkim_verdict){
        .result = why ? AUTH_PERMERROR : AUTH_NONE,
        .domain = domain,
        .selector = name_is_dns(s->selector) ? s->selector : SPAN_NONE,
        .algorithm = algorithm_text(s->algorithm),
        .reason = span_cstr(why),
    };
    if (!why)
        c->key_name = arena_printf(arena, "%.*s._domainkey.%.*s", SPAN_FMT(s->selector), SPAN_FMT(domain));
}

static enum sd_err hash_body(struct dkim_check *w, const struct dkim_signature *s, const struct dkim_body_hash **ret) {
    uint64_t limit = s->has_length ? s->length : UINT64_MAX;
    for (size_t i = 0; i < w->body_count; i++)
        if (w->bodies[i].relaxed == s->body_relaxed && w->bodies[i].limit == limit) {
            *ret = &w->bodies[i];
            return SD_OK;
        }
    if (w->body_count == DKIM_MAX_BODY_HASHES)
        return SD_ERR_LIMIT;
    enum sd_err err = w->stream ? SD_OK : hash_stream_new(&w->stream);
    if (err)
        return err;
    struct dkim_body_hash *body = &w->bodies[w->body_count];
    struct dkim_sink sink = {.hash = w->stream, .limit = limit};
    *body = (struct dkim_body_hash){.relaxed = s->body_relaxed, .limit = limit};
    dkim_canon_body(w->message->body_bytes, s->body_relaxed, &sink);
    body->total = sink.total;
    err = sink.err ? sink.err : hash_stream_end(w->stream, &body->hash);
    if (err == SD_OK) {
        w->body_count++;
        *ret = body;
    }
    return err;
}

void dkim_conclude(struct dkim_verdict *v, enum auth_result result, const char *why) {
    v->result = result;
    v->reason = span_cstr(why);
}

enum sd_err dkim_check_body(struct dkim_check *w, const struct dkim_signature *s, struct dkim_verdict *v) {
    const struct dkim_body_hash *body = NULL;
    struct buf wanted SD_CLEANUP(buf_free) = buf_new(DKIM_MAX_SIGNATURE_BYTES);
    enum sd_err err = hash_body(w, s, &body);
    if (err == SD_ERR_LIMIT) {
        dkim_conclude(v, AUTH_PERMERROR, "the signatures hash the body in too many ways");
        return SD_OK;
    }
    if (err)
        return err;
    v->partial = body->total > body->limit;
    if (s->has_length && s->length > body->total)
        dkim_conclude(v, AUTH_PERMERROR, "l= is longer than the body");
    else if (dkim_base64(s->body_hash, &wanted))
        dkim_conclude(v, AUTH_PERMERROR, "bh= is no base64");
    else if (!span_eq(buf_span(&wanted), span_of(body->hash.b, sizeof body->hash.b)))
        dkim_conclude(v, AUTH_FAIL, "the body was changed");
    return SD_OK;
}

enum sd_err dkim_signed_data(const struct dkim_candidate *c, const struct mail_header *header, struct buf *to,
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
        dkim_conclude(v, AUTH_PERMERROR, "the RSA key is shorter than 1024 bits (RFC 8301)");
        return SD_OK;
    }
    if (dkim_base64(s->signature.value, &signature)) {
        dkim_conclude(v, AUTH_PERMERROR, "b= is no base64");
        return SD_OK;
    }
    enum sd_err err = SD_OK;
    if (s->algorithm == DKIM_ED25519_SHA256) {
        err = crypt_sha256(data, &digest);
        data = span_of(digest.b, sizeof digest.b);
    }
    err = err ? err : verify_signature(key, data, buf_span(&signature));
    if (err == SD_OK)
        dkim_conclude(v, AUTH_PASS,
                      v->bits < DKIM_WEAK_RSA_BITS && s->algorithm == DKIM_RSA_SHA256 ? "the RSA key is shorter than 2048 bits"
                                                                                      : "");
    else if (sd_err_fault(err) == SD_FAULT_PEER)
        dkim_conclude(v, AUTH_FAIL, "the signature does not match");
    return sd_err_fault(err) == SD_FAULT_PEER ? SD_OK : err;
}

/* One TXT record at the selector. Verdict stays AUTH_NONE when the record is no key record at all. */
static enum sd_err try_key(struct span record, const struct dkim_candidate *c, struct span data, struct dkim_verdict *v) {
    struct dkim_key key;
    struct verify_key *parsed = NULL;
    struct buf bytes SD_CLEANUP(buf_free) = buf_new(4096);
    enum sd_err err = dkim_key_parse(record, &key);
    if (err == SD_ERR_UNSUPPORTED)
        dkim_conclude(v, AUTH_PERMERROR, "the key is of an unknown type");
    if (err)
        return SD_OK;
    const char *why = key_unusable(&key, &c->signature, c->verdict.domain);
    if (why) {
        dkim_conclude(v, AUTH_PERMERROR, why);
        return SD_OK;
    }
    err = dkim_base64(key.public_key, &bytes);
    err = err ? err : verify_key_recent(key.is_ed25519 ? SIGN_ED25519 : SIGN_RSA_SHA256, buf_span(&bytes), &parsed);
    if (err) {
        dkim_conclude(v, AUTH_PERMERROR, "the key cannot be read");
        return sd_err_fault(err) == SD_FAULT_PEER ? SD_OK : err;
    }
    v->bits = verify_key_bits(parsed);
    err = verify(parsed, &c->signature, data, v);
    verify_key_free(&parsed);
    return err;
}

enum sd_err dkim_check_key(struct dkim_check *check, struct span key_name, struct dns_answer *ret,
                           struct dkim_verdict *verdict) {
    enum sd_err err = dns_ask(check->dns, key_name, DNS_TXT, check->deadline, check->arena, ret);
    if (err)
        return err;
    if (ret->outcome == DNS_TEMPFAIL)
        dkim_conclude(verdict, AUTH_TEMPERROR, "no DNS answer for the key");
    else if (ret->outcome != DNS_FOUND)
        dkim_conclude(verdict, AUTH_PERMERROR, "there is no key at the selector");
    return SD_OK;
}

enum sd_err dkim_check_signature(const struct dkim_check *check, const struct dns_answer *keys, const struct dkim_candidate *c,
                                 struct span data, struct dkim_verdict *verdict) {
    enum sd_err err = SD_OK;
    for (size_t i = 0; i < keys->count && i < DKIM_MAX_KEY_RECORDS && !err && verdict->result != AUTH_PASS; i++)
        err = try_key(dns_txt_joined(keys->records[i], check->arena), c, data, verdict);
    if (verdict->result == AUTH_NONE)
        dkim_conclude(verdict, AUTH_PERMERROR, "there is no key record at the selector");
    return err;
}

void dkim_check_end(struct dkim_check *check) {
    hash_stream_free(&check->stream);
}
