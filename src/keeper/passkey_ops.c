/* passkey_ops.c - one's own passkeys: adding one, seeing them, removing one. */
#include "core/codec.h"
#include "core/json_out.h"
#include "keeper/own_factors.h"

#include <string.h>

/* ---- adding ---- */

struct adding {
    struct who who;
    struct leaf leaf;
    struct records records;
};

static void adding_free(struct adding *a) {
    who_free(&a->who);
    records_free(&a->records);
}

static enum sd_err answer_problem(struct keeper *k, struct ipc_call *call, struct adding *a, const char *reason,
                                  const char *sentence) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    a->leaf.reason = reason;
    enum sd_err err = keeper_passkey_add_rep_encode(&out, &(struct keeper_passkey_add_rep){.problem = span_cstr(sentence)});
    return err ? err : answer_recorded(k, call, &out, &a->leaf);
}

static enum sd_err refuse(struct keeper *k, struct ipc_call *call, struct adding *a, enum sd_err status, const char *reason) {
    a->leaf.reason = reason;
    return refuse_recorded(k, call, status, &a->leaf);
}

/* The row, and the session that it makes whole. */
static enum sd_err add_rows(struct keeper *k, const struct keeper_passkey_add_req *req, struct adding *a,
                            const struct webauthn_credential *credential, uint8_t token[SESSION_TOKEN_BYTES]) {
    struct passkey_offer offer = {req->challenge, req->client_data, req->attestation};
    enum sd_err err = passkey_add(k, span_of(a->who.person, ID_BYTES), req->name, &offer, credential);
    return err || !a->who.limited ? err : session_make_whole(k, &a->who, token);
}

static enum sd_err add(struct keeper *k, struct ipc_call *call, const struct keeper_passkey_add_req *req, struct adding *a,
                       const struct webauthn_credential *credential) {
    uint8_t token[SESSION_TOKEN_BYTES] = {0};
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct keeper_passkey_add_rep rep = {.passkey = credential->id};
    a->leaf.outcome = OUTCOME_GRANTED;
    enum sd_err err = db_begin(k->db);
    if (err)
        return err;
    err = add_rows(k, req, a, credential, token);
    if (a->who.limited)
        rep.new_token = span_of(token, sizeof token);
    if (err == SD_OK)
        err = keeper_passkey_add_rep_encode(&out, &rep);
    if (err == SD_OK)
        records_add_changed(&a->records, &a->leaf);
    err = db_end(k->db, err ? err : a->records.err);
    explicit_bzero(token, sizeof token);
    return err ? err : records_send(&a->records, call, SD_OK, &out);
}

static enum sd_err judge_and_add(struct keeper *k, struct ipc_call *call, const struct keeper_passkey_add_req *req,
                                 struct adding *a) {
    struct challenge_bound bound = {.purpose = CHALLENGE_ADD, .to = span_of(a->who.session, ID_BYTES)};
    struct passkey_offer offer = {req->challenge, req->client_data, req->attestation};
    struct passkey_offered offered;
    struct passkey_owner other = {0};
    enum sd_err err = passkey_judge_offer(k, &bound, &offer, &offered);
    if (err == SD_OK && offered.good)
        err = passkey_find(k, offered.credential.id, &other);
    if (err)
        return err;
    if (!offered.good)
        return answer_problem(k, call, a, offered.reason, offered.sentence);
    if (other.there)
        return answer_problem(k, call, a, "already-there", "This passkey is already there.");
    return add(k, call, req, a, &offered.credential);
}

enum sd_err keeper_on_passkey_add(void *ctx, struct ipc_call *call, const struct keeper_passkey_add_req *req) {
    struct keeper *k = ctx;
    struct adding a SD_CLEANUP(adding_free) = {0};
    struct passkey_numbers numbers = {0};
    struct permission permission = {.status = SD_ERR_DENIED};
    const char *reason = NULL;
    records_start(&a.records, k);
    enum sd_err err = own_session(k, req->token, req->origin, &a.who, &reason);
    if (err)
        return err;
    a.leaf = leaf_by(&a.who, req->origin, "passkey-add");
    if (reason)
        return refuse(k, call, &a, SD_ERR_DENIED, reason);
    a.leaf.object = "person";
    a.leaf.object_id = span_of(a.who.person, ID_BYTES);
    err = passkey_count(k, span_of(a.who.person, ID_BYTES), &numbers);
    if (err)
        return err;
    if (numbers.all >= PASSKEYS_MAX)
        return answer_problem(k, call, &a, "too-many", "You have 32 passkeys already. Remove one first.");
    if (!passkey_name_fits(req->name))
        return answer_problem(k, call, &a, "name", "The name has control characters.");
    err = own_proof(k, &a.who, req->totp, req->origin, &permission);
    if (err)
        return err;
    if (permission.status)
        return refuse(k, call, &a, permission.status, permission.reason);
    a.leaf.reason = permission.reason;
    return judge_and_add(k, call, req, &a);
}

/* ---- seeing ---- */

static void put_passkey(struct query *q, struct buf *line) {
    struct buf id SD_CLEANUP(buf_free) = buf_new(2048);
    struct json_out j = json_out(line);
    put_base64url(&id, query_get(q, 0));
    json_begin_object(&j, NULL);
    json_text(&j, "id", buf_span(&id));
    json_text(&j, "name", query_get(q, 1));
    json_time(&j, "created_at", query_get_int(q, 2));
    if (query_get_int(q, 3))
        json_time(&j, "used_at", query_get_int(q, 3));
    else
        json_put_null(&j, "used_at");
    json_bool(&j, "backed_up", (query_get_int(q, 4) & PASSKEY_BACKED_UP) != 0);
    json_bool(&j, "suspended", query_get_int(q, 5) != 0);
    json_end(&j);
}

static enum sd_err list_passkeys(struct keeper *k, struct span person, struct buf *raw, struct ipc_list *ret) {
    struct buf line SD_CLEANUP(buf_free) = buf_new(4096);
    struct query q = db_query(k->db, SQL_PASSKEY_OF);
    query_blob(&q, person);
    while (ret->count < PASSKEYS_MAX && query_row(&q)) {
        buf_reset(&line);
        put_passkey(&q, &line);
        ipc_list_add(ret, raw, buf_span(&line));
    }
    enum sd_err err = query_end(&q);
    if (err == SD_OK)
        err = buf_err(&line);
    return err ? err : buf_err(raw);
}

static enum sd_err may_see(struct keeper *k, const struct who *who, bool own, const char **reason) {
    bool may = own;
    enum sd_err err = own || *reason ? SD_OK : permit_peek(k, who, &(struct demand){.verb = VERB_PEOPLE}, &may);
    if (err == SD_OK && !*reason && !may)
        *reason = REASON_NOT_YOURS;
    return err;
}

enum sd_err keeper_on_passkey_list(void *ctx, struct ipc_call *call, const struct keeper_passkey_list_req *req) {
    struct keeper *k = ctx;
    struct who who SD_CLEANUP(who_free) = {0};
    struct buf raw SD_CLEANUP(buf_free) = buf_new(LIMIT_IPC_INLINE_BYTES);
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct keeper_passkey_list_rep rep = {0};
    uint8_t other[ID_BYTES];
    const char *reason = NULL;
    if (req->person.n && hex_to_bytes(req->person, other, sizeof other) != SD_OK)
        return SD_ERR_PARSE;
    enum sd_err err = own_session(k, req->token, req->origin, &who, &reason);
    bool own = req->person.n == 0 || span_eq(span_of(other, ID_BYTES), span_of(who.person, ID_BYTES));
    if (err == SD_OK)
        err = may_see(k, &who, own, &reason);
    if (err)
        return err;
    struct leaf leaf = leaf_by(&who, req->origin, "list-passkeys");
    leaf.object = "person";
    leaf.object_id = own ? leaf.actor_id : span_of(other, ID_BYTES);
    leaf.reason = reason;
    if (reason && own)
        return SD_ERR_DENIED; /* nothing of anybody's was asked for: no record */
    if (reason)
        return refuse_recorded(k, call, SD_ERR_DENIED, &leaf);
    err = list_passkeys(k, leaf.object_id, &raw, &rep.passkeys);
    if (err == SD_OK)
        err = keeper_passkey_list_rep_encode(&out, &rep);
    if (err)
        return err;
    leaf.outcome = OUTCOME_GRANTED;
    if (!own)
        return answer_recorded(k, call, &out, &leaf);
    ipc_answer(call, &out);
    return SD_OK;
}

/* ---- removing ---- */

/* Without this one, could they still get in? */
static enum sd_err is_last(struct keeper *k, const struct who *who, const struct passkey_owner *one, bool *ret) {
    struct passkey_numbers numbers = {0};
    struct person person SD_CLEANUP(person_free) = {0};
    enum sd_err err = passkey_count(k, span_of(who->person, ID_BYTES), &numbers);
    if (err == SD_OK)
        err = person_by_id(k, span_of(who->person, ID_BYTES), &person);
    if (err)
        return err;
    bool others = numbers.live > (one->suspended ? 0u : 1u);
    *ret = !others && (role_needs_passkey(k, who->role) || person.totp.n == 0);
    return SD_OK;
}

static enum sd_err remove_recorded(struct keeper *k, struct ipc_call *call, const struct keeper_passkey_remove_req *req,
                                   struct leaf *leaf) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct records records SD_CLEANUP(records_free);
    records_start(&records, k);
    leaf->outcome = OUTCOME_GRANTED;
    enum sd_err err = keeper_passkey_remove_rep_encode(&out, &(struct keeper_passkey_remove_rep){});
    if (err == SD_OK)
        err = db_begin(k->db);
    if (err)
        return err;
    err = passkey_remove(k, req->passkey);
    if (err == SD_OK)
        records_add_changed(&records, leaf);
    err = db_end(k->db, err ? err : records.err);
    return err ? err : records_send(&records, call, SD_OK, &out);
}

static enum sd_err refuse_last(struct keeper *k, struct ipc_call *call, struct leaf *leaf) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    leaf->reason = "last-factor";
    enum sd_err err = keeper_passkey_remove_rep_encode(
        &out, &(struct keeper_passkey_remove_rep){
                  .problem = SPAN("This is what you sign in with. Add another passkey before you remove it.")});
    return err ? err : answer_recorded(k, call, &out, leaf);
}

static enum sd_err remove_own(struct keeper *k, struct ipc_call *call, const struct keeper_passkey_remove_req *req,
                              const struct who *who, const struct passkey_owner *one, struct leaf *leaf) {
    uint8_t object[ID_BYTES] = {0};
    struct permission permission;
    bool last = true;
    enum sd_err err = passkey_object(req->passkey, object);
    leaf->object = "passkey";
    leaf->object_id = span_of(object, ID_BYTES);
    if (err == SD_OK)
        err = is_last(k, who, one, &last);
    if (err)
        return err;
    if (last)
        return refuse_last(k, call, leaf);
    struct demand demand = {.verb = VERB_FACTORS, .object = span_of(object, ID_BYTES)};
    err = permit(k, who, &demand, &permission);
    if (err)
        return err;
    if (permission.status)
        return refuse_permission(k, call, &permission, leaf);
    leaf->reason = permission.reason;
    return remove_recorded(k, call, req, leaf);
}

enum sd_err keeper_on_passkey_remove(void *ctx, struct ipc_call *call, const struct keeper_passkey_remove_req *req) {
    struct keeper *k = ctx;
    struct who who SD_CLEANUP(who_free) = {0};
    struct passkey_owner one = {0};
    const char *reason = NULL;
    enum sd_err err = own_session(k, req->token, req->origin, &who, &reason);
    if (err == SD_OK)
        err = passkey_find(k, req->passkey, &one);
    if (err)
        return err;
    struct leaf leaf = leaf_by(&who, req->origin, "passkey-remove");
    if (!reason && (!one.there || !span_eq(span_of(one.person, ID_BYTES), span_of(who.person, ID_BYTES))))
        reason = REASON_NOT_YOURS;
    if (!reason)
        return remove_own(k, call, req, &who, &one, &leaf);
    leaf.reason = reason;
    return refuse_recorded(k, call, SD_ERR_DENIED, &leaf);
}
