#include "keeper/passkey.h"

#include <string.h>

/* ---- rows ---- */

enum sd_err passkey_count(struct keeper *k, struct span person, struct passkey_numbers *ret) {
    struct query q = db_query(k->db, SQL_PASSKEY_COUNT);
    struct passkey_numbers numbers = {0};
    query_blob(&q, person);
    if (query_row(&q))
        numbers = (struct passkey_numbers){(unsigned)query_get_int(&q, 0), (unsigned)query_get_int(&q, 1)};
    enum sd_err err = query_end(&q);
    if (err == SD_OK)
        *ret = numbers;
    return err;
}

enum sd_err passkey_ids(struct keeper *k, struct span person, bool live, struct buf *raw, struct ipc_list *ret) {
    struct query q = db_query(k->db, SQL_PASSKEY_OF);
    query_blob(&q, person);
    while (ret->count < PASSKEYS_MAX && query_row(&q))
        if (!live || query_get_int(&q, 5) == 0)
            ipc_list_add(ret, raw, query_get(&q, 0));
    enum sd_err err = query_end(&q);
    return err ? err : buf_err(raw);
}

enum sd_err passkey_object(struct span credential, uint8_t ret[ID_BYTES]) {
    struct sha256 hash;
    enum sd_err err = crypt_sha256(credential, &hash);
    if (err == SD_OK)
        memcpy(ret, hash.b, ID_BYTES);
    return err;
}

enum sd_err passkey_remove(struct keeper *k, struct span credential) {
    struct query q = db_query(k->db, SQL_PASSKEY_REMOVE);
    query_blob(&q, credential);
    return query_run(&q);
}

enum sd_err passkey_remove_all(struct keeper *k, struct span person) {
    struct query q = db_query(k->db, SQL_PASSKEY_REMOVE_OF);
    query_blob(&q, person);
    return query_run(&q);
}

/* What the key is sealed to. */
static enum sd_err row_of(struct span credential, const uint8_t person[ID_BYTES], struct buf *to) {
    struct sha256 hash;
    enum sd_err err = crypt_sha256(credential, &hash);
    if (err)
        return err;
    buf_put(to, span_of(hash.b, SHA256_BYTES));
    buf_put(to, span_of(person, ID_BYTES));
    return buf_err(to);
}

struct stored {
    struct passkey_owner owner;
    struct buf key;
    uint32_t count;
    int64_t flags;
};

static void stored_free(struct stored *stored) {
    buf_free(&stored->key);
}

static enum sd_err read_stored(struct keeper *k, struct span credential, struct query *q, struct stored *stored) {
    struct buf row SD_CLEANUP(buf_free) = buf_new(128);
    stored->owner.there = true;
    stored->owner.suspended = query_get_int(q, 4) != 0;
    query_get_fixed(q, 0, stored->owner.person, ID_BYTES);
    stored->count = (uint32_t)query_get_int(q, 2);
    stored->flags = query_get_int(q, 3);
    enum sd_err err = row_of(credential, stored->owner.person, &row);
    return err ? err : vault_unwrap_buf(&k->vault, "passkey", buf_span(&row), query_get(q, 1), &stored->key);
}

static enum sd_err find_stored(struct keeper *k, struct span credential, struct stored *ret) {
    struct query q = db_query(k->db, SQL_PASSKEY_GET);
    *ret = (struct stored){.key = buf_new(COSE_KEY_MAX + 64)};
    query_blob(&q, credential);
    enum sd_err err = query_row(&q) ? read_stored(k, credential, &q, ret) : SD_OK, end = query_end(&q);
    return end ? end : err;
}

enum sd_err passkey_find(struct keeper *k, struct span credential, struct passkey_owner *ret) {
    struct stored stored SD_CLEANUP(stored_free) = {0};
    enum sd_err err = find_stored(k, credential, &stored);
    if (err == SD_OK)
        *ret = stored.owner;
    return err;
}

/* ---- a new one ---- */

bool passkey_name_fits(struct span name) {
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] < 0x20 || name.p[i] == 0x7f)
            return false;
    return name.n <= PASSKEY_NAME_MAX;
}

static struct webauthn_expected expected(const struct keeper *k, struct span challenge, const struct span *origin) {
    return (struct webauthn_expected){
        .challenge = challenge, .rp_id = span_cstr(k->access.rp_id), .origins = origin, .origin_count = 1};
}

enum sd_err passkey_judge_offer(struct keeper *k, const struct challenge_bound *bound, const struct passkey_offer *offer,
                                struct passkey_offered *ret) {
    enum challenge_verdict fresh = CHALLENGE_REFUSED;
    enum webauthn_verdict verdict = WEBAUTHN_REFUSED;
    struct span origin = span_cstr(k->access.origin);
    struct webauthn_expected asked = expected(k, offer->challenge, &origin);
    *ret = (struct passkey_offered){.reason = "challenge",
                                    .sentence = "This took too long, or was done before. Please begin again."};
    enum sd_err err = challenge_check(k, bound, offer->challenge, &fresh);
    if (err || fresh != CHALLENGE_FRESH)
        return err;
    err = webauthn_register(offer->client_data, offer->attestation, &asked, &ret->credential, &verdict);
    if (err)
        return err;
    ret->good = verdict == WEBAUTHN_GOOD;
    ret->reason = webauthn_word(verdict);
    ret->sentence = webauthn_sentence(verdict);
    return SD_OK;
}

enum sd_err passkey_add(struct keeper *k, struct span person, struct span name, const struct passkey_offer *offer,
                        const struct webauthn_credential *credential) {
    struct buf row SD_CLEANUP(buf_free) = buf_new(128), sealed SD_CLEANUP(buf_free) = buf_new(COSE_KEY_MAX + 64);
    enum sd_err err = row_of(credential->id, person.p, &row);
    if (err == SD_OK)
        err = vault_wrap(&k->vault, "passkey", buf_span(&row), credential->public_key, &sealed);
    if (err == SD_OK)
        err = challenge_spend(k, offer->challenge);
    if (err)
        return err;
    name = span_trim(name);
    struct query q = db_query(k->db, SQL_PASSKEY_ADD);
    query_blob(&q, credential->id);
    query_blob(&q, person);
    query_text(&q, name.n ? name : SPAN("Passkey"));
    query_blob(&q, buf_span(&sealed));
    query_int(&q, credential->algorithm);
    query_int(&q, credential->sign_count);
    query_int(&q, (credential->backup_eligible ? PASSKEY_ELIGIBLE : 0) | (credential->backed_up ? PASSKEY_BACKED_UP : 0));
    query_int(&q, k->spec.now_ms());
    return query_run(&q);
}

/* ---- one that is used ---- */

static enum sd_err judge_stored(struct keeper *k, const struct passkey_proof *proof, const struct stored *stored,
                                struct passkey_judged *ret) {
    enum webauthn_verdict verdict = WEBAUTHN_REFUSED;
    struct span origin = span_cstr(k->access.origin);
    struct webauthn_expected asked = expected(k, proof->challenge, &origin);
    struct webauthn_assertion assertion = {proof->client_data, proof->authenticator_data, proof->signature};
    struct webauthn_stored known = {buf_span(&stored->key), stored->count, (stored->flags & PASSKEY_ELIGIBLE) != 0};
    enum sd_err err = webauthn_assert(&assertion, &known, &asked, &ret->use, &verdict);
    if (err)
        return err;
    ret->verdict = verdict == WEBAUTHN_GOOD ? PASSKEY_GOOD : verdict == WEBAUTHN_CLONED ? PASSKEY_CLONED : PASSKEY_REFUSED;
    ret->reason = webauthn_word(verdict);
    return SD_OK;
}

enum sd_err passkey_judge(struct keeper *k, const struct challenge_bound *bound, const struct passkey_proof *proof,
                          struct passkey_judged *ret) {
    struct stored stored SD_CLEANUP(stored_free) = {0};
    enum challenge_verdict fresh = CHALLENGE_REFUSED;
    *ret = (struct passkey_judged){.reason = "challenge"};
    enum sd_err err = challenge_check(k, bound, proof->challenge, &fresh);
    if (err || fresh != CHALLENGE_FRESH)
        return err;
    err = find_stored(k, proof->credential, &stored);
    if (err)
        return err;
    ret->there = stored.owner.there;
    memcpy(ret->person, stored.owner.person, ID_BYTES);
    ret->reason = !stored.owner.there ? "unknown-passkey" : "suspended";
    return stored.owner.there && !stored.owner.suspended ? judge_stored(k, proof, &stored, ret) : SD_OK;
}

enum sd_err passkey_used(struct keeper *k, const struct passkey_proof *proof, const struct passkey_judged *judged) {
    enum sd_err err = challenge_spend(k, proof->challenge);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_PASSKEY_USED);
    query_int(&q, judged->use.sign_count);
    query_int(&q, judged->use.backed_up ? PASSKEY_BACKED_UP : 0);
    query_int(&q, k->spec.now_ms());
    query_blob(&q, proof->credential);
    return query_run(&q);
}

enum sd_err passkey_suspend(struct keeper *k, const struct passkey_proof *proof, const struct passkey_judged *judged,
                            const struct leaf *leaf, struct records *records) {
    struct alarm_new alarm = {.kind = ALARM_CLONED, .person = span_of(judged->person, ID_BYTES)};
    enum sd_err err = db_begin(k->db);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_PASSKEY_SUSPEND);
    query_blob(&q, proof->credential);
    err = query_run(&q);
    if (err == SD_OK)
        err = challenge_spend(k, proof->challenge);
    if (err == SD_OK)
        err = alarm_raise(k, &alarm, records);
    if (err == SD_OK)
        records_add_changed(records, leaf);
    return db_end(k->db, err ? err : records->err);
}
