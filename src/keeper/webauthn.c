#include "keeper/webauthn.h"
#include "core/cbor.h"
#include "core/codec.h"
#include "crypt/crypt.h"

/* Flags of the authenticator data (§6.1). The other two bits are reserved and not looked at. */
enum { UP = 1, UV = 4, BE = 8, BS = 16, AT = 64, ED = 128 };

#define CHALLENGE_MAX 1024 /* bytes; ours have 32 */

static const struct {
    const char *word, *sentence;
} verdicts[] = {
#define X(name, number, word, sentence) [number] = {word, sentence},
    WEBAUTHN_VERDICT_LIST(X)
#undef X
};

const char *webauthn_word(enum webauthn_verdict verdict) {
    return (size_t)verdict < SD_COUNT(verdicts) ? verdicts[verdict].word : "unknown";
}

const char *webauthn_sentence(enum webauthn_verdict verdict) {
    return (size_t)verdict < SD_COUNT(verdicts) ? verdicts[verdict].sentence : verdicts[0].sentence;
}

/* Expectations under which anybody's answer could pass are ours to refuse. */
static enum sd_err check_expected(const struct webauthn_expected *expected) {
    bool safe = expected->challenge.n >= WEBAUTHN_CHALLENGE_MIN && expected->challenge.n <= CHALLENGE_MAX &&
                expected->rp_id.n && expected->origin_count;
    for (size_t i = 0; i < expected->origin_count; i++)
        safe = safe && expected->origins[i].n;
    return safe ? SD_OK : SD_ERR_BUG;
}

static enum sd_err is_challenge(struct span base64url, struct span challenge, bool *ret) {
    struct buf text SD_CLEANUP(buf_free) = buf_new(2 * CHALLENGE_MAX);
    put_base64url(&text, challenge);
    enum sd_err err = buf_err(&text);
    if (!err)
        *ret = span_eq_secret(buf_span(&text), base64url);
    return err;
}

static bool is_origin(struct span origin, const struct webauthn_expected *expected) {
    for (size_t i = 0; i < expected->origin_count; i++)
        if (span_eq(origin, expected->origins[i]))
            return true;
    return false;
}

/* What §7.1 and §7.2 ask of C, the client data. */
static enum sd_err judge_client_data(struct span json, struct span type, const struct webauthn_expected *expected,
                                     enum webauthn_verdict *ret) {
    struct client_data data;
    bool challenge_is_ours = false;
    if (client_data_read(json, &data) != SD_OK) {
        *ret = WEBAUTHN_CLIENT_DATA;
        return SD_OK;
    }
    enum sd_err err = is_challenge(data.challenge, expected->challenge, &challenge_is_ours);
    if (err)
        return err;
    if (!span_eq(data.type, type))
        *ret = WEBAUTHN_TYPE;
    else if (!challenge_is_ours)
        *ret = WEBAUTHN_CHALLENGE;
    else if (!is_origin(data.origin, expected))
        *ret = WEBAUTHN_ORIGIN;
    else if (!expected->cross_origin && (data.cross_origin || data.has_top_origin))
        *ret = WEBAUTHN_CROSS_ORIGIN;
    else
        *ret = data.has_token_binding ? WEBAUTHN_TOKEN_BINDING : WEBAUTHN_GOOD; /* Level 3 reserves it: no client sends it */
    return SD_OK;
}

struct auth_data {
    struct span rp_id_hash;
    uint8_t flags;
    uint32_t sign_count;
};

static struct auth_data read_auth_data(struct reader *r) {
    struct auth_data data = {.rp_id_hash = read_bytes(r, SHA256_BYTES), .flags = read_u8(r)};
    struct span count = read_bytes(r, 4); /* big endian */
    for (size_t i = 0; i < count.n; i++)
        data.sign_count = data.sign_count << 8 | count.p[i];
    return data;
}

/* What both sections ask of rpIdHash and the flags. */
static enum sd_err judge_auth_data(const struct auth_data *data, const struct webauthn_expected *expected,
                                   enum webauthn_verdict *ret) {
    struct sha256 rp_id_hash;
    enum sd_err err = crypt_sha256(expected->rp_id, &rp_id_hash);
    if (err)
        return err;
    if (!span_eq(data->rp_id_hash, span_of(rp_id_hash.b, SHA256_BYTES)))
        *ret = WEBAUTHN_RP_ID;
    else if (!(data->flags & UP))
        *ret = WEBAUTHN_NOT_PRESENT;
    else if (!(data->flags & UV) && !expected->unverified_user)
        *ret = WEBAUTHN_NOT_VERIFIED;
    else
        *ret = (data->flags & BS) && !(data->flags & BE) ? WEBAUTHN_BACKUP_FLAGS : WEBAUTHN_GOOD;
    return SD_OK;
}

/* The rest of the authenticator data: a map of extension identifiers when the flag ED says so, else nothing (§6.1, §9.3). */
static enum webauthn_verdict read_extensions(struct reader *r, uint8_t flags) {
    if (flags & ED) {
        struct cbor_map map = cbor_map(r);
        struct span key;
        while (cbor_map_next(r, &map, &key)) {
            if (key.p[0] >> 5 != 3) /* identifiers are text */
                reader_fail(r, SD_ERR_PARSE);
            (void)cbor_item(r);
        }
        if (r->err)
            return WEBAUTHN_EXTENSIONS;
    }
    return reader_end(r) == SD_OK ? WEBAUTHN_GOOD : WEBAUTHN_AUTH_DATA;
}

/* §6.4: {"fmt", "attStmt", "authData"}, in canonical order. */
struct attestation {
    struct span format, statement, auth_data;
};

static struct span read_member(struct reader *r, struct cbor_map *map, struct span key, struct span read(struct reader *)) {
    struct span got = SPAN_NONE;
    if (!cbor_map_next(r, map, &got) || !span_eq(got, key))
        reader_fail(r, SD_ERR_PARSE);
    return read(r);
}

static enum webauthn_verdict read_attestation(struct span object, struct attestation *ret) {
    struct reader r = reader_of(span_sub(object, 0, object.n <= WEBAUTHN_ATTESTATION_MAX ? object.n : 0));
    struct cbor_map map = cbor_map(&r);
    ret->format = read_member(&r, &map,
                              SPAN("\x63"
                                   "fmt"),
                              cbor_text);
    ret->statement = read_member(&r, &map,
                                 SPAN("\x67"
                                      "attStmt"),
                                 cbor_item);
    ret->auth_data = read_member(&r, &map,
                                 SPAN("\x68"
                                      "authData"),
                                 cbor_bytes);
    if (reader_end(&r) != SD_OK || map.left || ret->format.n == 0)
        return WEBAUTHN_ATTESTATION;
    if (span_eq(ret->format, SPAN("none")) && !span_eq(ret->statement, SPAN("\xa0"))) /* §8.7: the empty map */
        return WEBAUTHN_STATEMENT;
    return WEBAUTHN_GOOD;
}

/* §6.5.1; the key's end is found before it is read. */
static enum webauthn_verdict read_credential(struct reader *r, struct webauthn_credential *credential) {
    credential->aaguid = read_bytes(r, WEBAUTHN_AAGUID_BYTES);
    struct span length = read_bytes(r, 2); /* big endian */
    size_t id_bytes = length.n ? (size_t)length.p[0] << 8 | length.p[1] : 0;
    if (r->err)
        return WEBAUTHN_AUTH_DATA;
    if (id_bytes == 0 || id_bytes > WEBAUTHN_ID_MAX)
        return WEBAUTHN_CREDENTIAL_ID;
    credential->id = read_bytes(r, id_bytes);
    if (r->err)
        return WEBAUTHN_AUTH_DATA;
    credential->public_key = cbor_item(r);
    return r->err || credential->public_key.n > COSE_KEY_MAX ? WEBAUTHN_KEY : WEBAUTHN_GOOD;
}

/* Input's faults become verdicts; what is left is ours. */
static enum sd_err judge_key_error(enum sd_err err, enum webauthn_verdict *ret) {
    if (err == SD_ERR_NOMEM || err == SD_ERR_BUG)
        return err;
    *ret = err == SD_ERR_UNSUPPORTED ? WEBAUTHN_ALGORITHM : err ? WEBAUTHN_KEY : WEBAUTHN_GOOD;
    return SD_OK;
}

static enum sd_err judge_new_key(struct webauthn_credential *credential, enum webauthn_verdict *ret) {
    struct cose_key *key SD_CLEANUP(cose_key_free) = NULL;
    enum sd_err err = cose_key_new(credential->public_key, &key);
    if (!err)
        err = cose_key_check(key);
    if (!err)
        credential->algorithm = cose_key_algorithm(key);
    return judge_key_error(err, ret);
}

/* §7.1, from the authenticator data on. */
static enum sd_err judge_registration(struct span auth_data, const struct webauthn_expected *expected,
                                      struct webauthn_credential *credential, enum webauthn_verdict *ret) {
    struct reader r = reader_of(auth_data);
    struct auth_data data = read_auth_data(&r);
    enum webauthn_verdict verdict = WEBAUTHN_AUTH_DATA;
    enum sd_err err = r.err ? SD_OK : judge_auth_data(&data, expected, &verdict);
    if (err)
        return err;
    if (verdict == WEBAUTHN_GOOD)
        verdict = data.flags & AT ? read_credential(&r, credential) : WEBAUTHN_NO_CREDENTIAL;
    if (verdict == WEBAUTHN_GOOD)
        verdict = read_extensions(&r, data.flags);
    if (verdict == WEBAUTHN_GOOD)
        err = judge_new_key(credential, &verdict); /* last: it costs most */
    credential->sign_count = data.sign_count;
    credential->user_verified = data.flags & UV;
    credential->backup_eligible = data.flags & BE;
    credential->backed_up = data.flags & BS;
    *ret = verdict;
    return err;
}

enum sd_err webauthn_register(struct span client_data_json, struct span attestation_object,
                              const struct webauthn_expected *expected, struct webauthn_credential *ret,
                              enum webauthn_verdict *ret_verdict) {
    struct attestation attestation = {0};
    struct webauthn_credential credential = {0};
    enum webauthn_verdict verdict = WEBAUTHN_REFUSED;
    enum sd_err err = check_expected(expected);
    if (!err)
        err = judge_client_data(client_data_json, SPAN("webauthn.create"), expected, &verdict);
    if (err)
        return err;
    if (verdict == WEBAUTHN_GOOD)
        verdict = read_attestation(attestation_object, &attestation);
    if (verdict == WEBAUTHN_GOOD)
        err = judge_registration(attestation.auth_data, expected, &credential, &verdict);
    if (err)
        return err;
    if (verdict == WEBAUTHN_GOOD)
        *ret = credential;
    *ret_verdict = verdict;
    return SD_OK;
}

/* §7.2: over the authenticator data and the hash of the client data. */
static enum sd_err judge_signature(const struct webauthn_assertion *assertion, struct span public_key,
                                   enum webauthn_verdict *ret) {
    struct cose_key *key SD_CLEANUP(cose_key_free) = NULL;
    struct buf data SD_CLEANUP(buf_free) = buf_new(WEBAUTHN_AUTH_DATA_MAX + SHA256_BYTES);
    struct sha256 hash;
    enum sd_err err = crypt_sha256(assertion->client_data_json, &hash);
    if (err)
        return err;
    err = cose_key_new(public_key, &key);
    if (err)
        return judge_key_error(err, ret);
    buf_put(&data, assertion->authenticator_data);
    buf_put(&data, span_of(hash.b, SHA256_BYTES));
    err = buf_err(&data);
    if (!err)
        err = cose_verify(key, buf_span(&data), assertion->signature);
    *ret = err == SD_OK ? WEBAUTHN_GOOD : WEBAUTHN_SIGNATURE;
    return err == SD_ERR_FORGED ? SD_OK : err;
}

/* §6.1.1: an authenticator counts from the first use on, or never. */
static enum webauthn_verdict judge_counter(uint32_t now, uint32_t stored) {
    if (now == 0 && stored == 0)
        return WEBAUTHN_GOOD;
    return now > stored ? WEBAUTHN_GOOD : WEBAUTHN_CLONED;
}

static enum sd_err judge_assertion_data(const struct webauthn_assertion *assertion, const struct webauthn_stored *stored,
                                        const struct webauthn_expected *expected, struct webauthn_use *use,
                                        enum webauthn_verdict *ret) {
    struct reader r = reader_of(assertion->authenticator_data);
    struct auth_data data = read_auth_data(&r);
    enum webauthn_verdict verdict = WEBAUTHN_AUTH_DATA;
    enum sd_err err = r.err ? SD_OK : judge_auth_data(&data, expected, &verdict);
    if (err)
        return err;
    if (verdict == WEBAUTHN_GOOD && !(data.flags & BE) != !stored->backup_eligible)
        verdict = WEBAUTHN_BACKUP_CHANGED; /* §7.2, currentBe */
    if (verdict == WEBAUTHN_GOOD && data.flags & AT)
        verdict = WEBAUTHN_CREDENTIAL_IN_ASSERTION; /* §6.1: "For assertion signatures, the AT flag MUST NOT be set" */
    if (verdict == WEBAUTHN_GOOD)
        verdict = read_extensions(&r, data.flags);
    *use = (struct webauthn_use){data.sign_count, data.flags & UV, data.flags & BS};
    *ret = verdict;
    return SD_OK;
}

enum sd_err webauthn_assert(const struct webauthn_assertion *assertion, const struct webauthn_stored *stored,
                            const struct webauthn_expected *expected, struct webauthn_use *ret,
                            enum webauthn_verdict *ret_verdict) {
    struct webauthn_use use = {0};
    enum webauthn_verdict verdict = WEBAUTHN_REFUSED;
    enum sd_err err = check_expected(expected);
    if (!err)
        err = judge_client_data(assertion->client_data_json, SPAN("webauthn.get"), expected, &verdict);
    if (!err && verdict == WEBAUTHN_GOOD && assertion->authenticator_data.n > WEBAUTHN_AUTH_DATA_MAX)
        verdict = WEBAUTHN_AUTH_DATA;
    if (!err && verdict == WEBAUTHN_GOOD)
        err = judge_assertion_data(assertion, stored, expected, &use, &verdict);
    if (!err && verdict == WEBAUTHN_GOOD)
        err = judge_signature(assertion, stored->public_key, &verdict);
    if (err)
        return err;
    if (verdict == WEBAUTHN_GOOD)
        verdict = judge_counter(use.sign_count, stored->sign_count); /* last: only the key's holder moves it */
    if (verdict == WEBAUTHN_GOOD || verdict == WEBAUTHN_CLONED)
        *ret = use;
    *ret_verdict = verdict;
    return SD_OK;
}
