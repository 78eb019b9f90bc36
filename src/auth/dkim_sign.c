/* RFC 6376 §5: one signature over a finished message. */
#include "auth/dkim.h"
#include "core/codec.h"
#include "core/limits.h"

#include <string.h>

#define FOLD_AT 72
#define SIGN_ARENA_BYTES ((size_t)1024 * 1024) /* the table of LIMIT_HEADER_FIELDS fields */

/* Each is named once more than it occurs, so that none can be added (§8.15). */
static const char *const signed_names[] = {"From",          "To",           "Cc",           "Subject",
                                           "Date",          "Message-ID",   "Reply-To",     "In-Reply-To",
                                           "References",    "MIME-Version", "Content-Type", "Content-Transfer-Encoding",
                                           "Auto-Submitted"};

static void put_names(const struct mail_header *header, struct buf *to) {
    const char *separator = "";
    size_t column = 0;
    for (size_t i = 0; i < SD_COUNT(signed_names); i++) {
        size_t occurs = mail_field_count(header, span_cstr(signed_names[i]));
        for (size_t k = 0; k <= occurs; k++) {
            size_t n = strlen(signed_names[i]) + 1;
            buf_text(to, separator);
            if (column + n > FOLD_AT)
                buf_text(to, "\r\n\t ");
            column = column + n > FOLD_AT ? n : column + n;
            buf_text(to, signed_names[i]);
            separator = ":";
        }
    }
}

static void put_folded(struct span s, struct buf *to) {
    for (; s.n > FOLD_AT; s = span_from(s, FOLD_AT)) {
        buf_put(to, span_sub(s, 0, FOLD_AT));
        buf_text(to, "\r\n\t ");
    }
    buf_put(to, s);
}

static enum sd_err hash_body(struct span body, struct sha256 *ret) {
    struct dkim_sink sink = {.limit = UINT64_MAX};
    enum sd_err err = hash_stream_new(&sink.hash);
    if (err)
        return err;
    dkim_canon_body(body, true, &sink);
    err = sink.err ? sink.err : hash_stream_end(sink.hash, ret);
    hash_stream_free(&sink.hash);
    return err;
}

/* The field up to and with "b=". */
static void put_unsigned(const struct mail_header *header, const struct dkim_sign_key *key, int64_t now_unix_ms,
                         const struct sha256 *body, struct buf *to) {
    buf_printf(to, "DKIM-Signature: v=1; a=%s; c=relaxed/relaxed;\r\n\td=", key->is_ed25519 ? "ed25519-sha256" : "rsa-sha256");
    buf_put(to, key->domain);
    buf_text(to, "; s=");
    buf_put(to, key->selector);
    buf_printf(to, "; t=%lld;\r\n\th=", (long long)(now_unix_ms / 1000));
    put_names(header, to);
    buf_text(to, ";\r\n\tbh=");
    put_base64(to, span_of(body->b, sizeof body->b));
    buf_text(to, ";\r\n\tb=");
}

/* What is signed: the named fields and this one with its empty b= (§3.7). RFC 8463 §3: Ed25519 signs the SHA-256 of that. */
static enum sd_err sign_data(const struct mail_header *header, const struct dkim_sign_key *key, struct span field,
                             struct buf *signature) {
    struct buf names SD_CLEANUP(buf_free) = buf_new(LIMIT_HEADER_BYTES);
    struct buf data SD_CLEANUP(buf_free) = buf_new(2 * LIMIT_HEADER_BYTES);
    struct sha256 digest;
    bool repeated;
    put_names(header, &names);
    enum sd_err err = buf_err(&names);
    err = err ? err : dkim_canon_fields(header, buf_span(&names), true, &data, &repeated);
    dkim_canon_header(field, true, false, &data);
    err = err ? err : buf_err(&data);
    if (err)
        return err;
    if (!key->is_ed25519)
        return signer_sign(key->signer, buf_span(&data), signature);
    err = crypt_sha256(buf_span(&data), &digest);
    return err ? err : signer_sign(key->signer, span_of(digest.b, sizeof digest.b), signature);
}

static enum sd_err sign_split(const struct mail_header *header, struct span body, const struct dkim_sign_key *key,
                              int64_t now_unix_ms, struct buf *to) {
    struct buf field SD_CLEANUP(buf_free) = buf_new(LIMIT_HEADER_BYTES);
    struct buf signature SD_CLEANUP(buf_free) = buf_new(DKIM_MAX_SIGNATURE_BYTES);
    struct buf base64 SD_CLEANUP(buf_free) = buf_new(2 * DKIM_MAX_SIGNATURE_BYTES);
    struct sha256 body_digest;
    enum sd_err err = hash_body(body, &body_digest);
    if (err)
        return err;
    put_unsigned(header, key, now_unix_ms, &body_digest, &field);
    err = buf_err(&field);
    err = err ? err : sign_data(header, key, buf_span(&field), &signature);
    if (err)
        return err;
    put_base64(&base64, buf_span(&signature));
    put_folded(buf_span(&base64), &field);
    buf_text(&field, "\r\n");
    err = buf_err(&field) ? buf_err(&field) : buf_err(&base64);
    if (err)
        return err;
    buf_put(to, buf_span(&field));
    return buf_err(to);
}

enum sd_err dkim_sign(struct span message, const struct dkim_sign_key *key, int64_t now_unix_ms, struct buf *to) {
    struct arena *arena = arena_new(SIGN_ARENA_BYTES);
    struct mail_header header;
    struct span body = SPAN_NONE;
    mail_ambiguities ambiguities = 0;
    if (!arena)
        return SD_ERR_NOMEM;
    enum sd_err err = mail_parse_header(message, arena, &header, &body, &ambiguities);
    if (err == SD_OK && mail_ambiguity_severe(ambiguities))
        err = SD_ERR_PARSE; /* we sign what has one reading */
    err = err ? err : sign_split(&header, body, key, now_unix_ms, to);
    arena_free(&arena);
    return err;
}
