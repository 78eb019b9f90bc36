/*
 * enrol.c - a person sets up their own password and factors, by a link and a code. The link alone changes nothing. Guessing is
 * bounded twice: five wrong codes end the link, and addresses wait.
 */
#include "keeper/attempts.h"
#include "keeper/enrolment.h"
#include "keeper/passkey.h"
#include "keeper/people.h"
#include "keeper/recovery.h"

#include <stdlib.h>
#include <string.h>

#define REASON_THROTTLED "throttled"
#define REASON_FAILED "failed"

static struct leaf enrol_leaf(const struct enrolment *enrolment, struct span origin, const char *action) {
    struct leaf leaf = {.actor = ACTOR_PERSON, .action = action, .outcome = OUTCOME_REFUSED, .origin = origin};
    if (enrolment->verdict == ENROLMENT_LIVE) {
        leaf.actor_id = span_of(enrolment->person.id, ID_BYTES);
        leaf.object = "person";
        leaf.object_id = leaf.actor_id;
    }
    return leaf;
}

/* ---- the beginning ---- */

static enum sd_err answer_start(struct keeper *k, struct ipc_call *call, const struct keeper_enrol_start_rep *rep,
                                const struct leaf *leaf) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    enum sd_err err = keeper_enrol_start_rep_encode(&out, rep);
    return err ? err : attempt_answer(k, call, &out, leaf, rep->outcome == ENROL_THROTTLED);
}

static enum sd_err start_live(struct keeper *k, struct ipc_call *call, const struct enrolment *enrolment, struct leaf *leaf) {
    struct buf uri SD_CLEANUP(buf_free) = buf_new(2048);
    const struct person *person = &enrolment->person;
    put_otpauth(&uri, buf_span(&person->email), &enrolment->totp);
    struct keeper_enrol_start_rep rep = {.outcome = ENROL_OK,
                                         .email = buf_span(&person->email),
                                         .name = buf_span(&person->name),
                                         .role = (uint8_t)person->role,
                                         .passkey_needed = role_needs_passkey(k, person->role),
                                         .otpauth = buf_span(&uri)};
    leaf->outcome = OUTCOME_GRANTED;
    return answer_start(k, call, &rep, leaf);
}

enum sd_err keeper_on_enrol_start(void *ctx, struct ipc_call *call, const struct keeper_enrol_start_req *req) {
    struct keeper *k = ctx;
    struct enrolment enrolment SD_CLEANUP(enrolment_free) = {0};
    int64_t wait_ms = 0;
    enum sd_err err = address_charge(k, req->origin, &wait_ms);
    if (err == SD_OK && wait_ms == 0)
        err = enrolment_check(k, req->link, req->code, &enrolment);
    if (err == SD_OK && enrolment.verdict == ENROLMENT_LIVE)
        err = address_forgive(k, req->origin);
    if (err)
        return err;
    struct leaf leaf = enrol_leaf(&enrolment, req->origin, "enrol-start");
    if (enrolment.verdict == ENROLMENT_LIVE)
        return start_live(k, call, &enrolment, &leaf);
    leaf.reason = wait_ms ? REASON_THROTTLED : REASON_FAILED;
    struct keeper_enrol_start_rep rep = {.outcome = wait_ms ? ENROL_THROTTLED : ENROL_NO,
                                         .retry_after_s = (uint32_t)((wait_ms + 999) / 1000)};
    return answer_start(k, call, &rep, &leaf);
}

/* ---- the end ---- */

struct finishing {
    struct job job;
    struct ipc_call *call;
    struct keeper_enrol_finish_req req; /* spans in the call's message */
    struct enrolment enrolment;
    struct passkey_offered offered; /* of req; good: there is one */
    bool has_totp;
    struct totp_used used;
    struct password_cost cost;
    struct buf encoded;
    enum sd_err err;
};

static void finishing_free(struct finishing *f) {
    enrolment_free(&f->enrolment);
    buf_free(&f->encoded);
    free(f);
}

static enum sd_err answer_problem(struct keeper *k, struct ipc_call *call, const struct finishing *f, const char *reason,
                                  const char *sentence) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct leaf leaf = enrol_leaf(&f->enrolment, f->req.origin, "enrol");
    leaf.reason = reason;
    enum sd_err err = keeper_enrol_finish_rep_encode(&out, &(struct keeper_enrol_finish_rep){.problem = span_cstr(sentence)});
    return err ? err : attempt_answer(k, call, &out, &leaf, strcmp(reason, REASON_THROTTLED) == 0);
}

struct why_not {
    const char *reason, *sentence; /* NULL: nothing against it */
};

static enum sd_err check_totp(struct keeper *k, struct finishing *f, struct why_not *ret) {
    enum totp_verdict verdict = TOTP_REFUSED;
    if (f->req.totp.n == 0)
        return SD_OK;
    enum sd_err err = totp_check(secret_span(&f->enrolment.totp), f->req.totp, k->spec.now_ms(), &f->used, &verdict);
    f->has_totp = err == SD_OK && verdict == TOTP_GOOD;
    if (err == SD_OK && verdict != TOTP_GOOD)
        *ret = (struct why_not){"code", "The one-time code is not right. Is the clock of the authenticator?"};
    return err;
}

static struct passkey_offer offer_of(const struct finishing *f) {
    return (struct passkey_offer){f->req.challenge, f->req.client_data, f->req.attestation};
}

static enum sd_err check_passkey(struct keeper *k, struct finishing *f, struct why_not *ret) {
    struct challenge_bound bound = {.purpose = CHALLENGE_ENROL, .to = span_of(f->enrolment.hash.b, SHA256_BYTES)};
    struct passkey_offer offer = offer_of(f);
    struct passkey_owner other = {0};
    if (offer.challenge.n + offer.client_data.n + offer.attestation.n == 0)
        return SD_OK;
    enum sd_err err = passkey_judge_offer(k, &bound, &offer, &f->offered);
    if (err == SD_OK && f->offered.good)
        err = passkey_find(k, f->offered.credential.id, &other);
    if (err)
        return err;
    if (!f->offered.good)
        *ret = (struct why_not){f->offered.reason, f->offered.sentence};
    else if (other.there && !span_eq(span_of(other.person, ID_BYTES), span_of(f->enrolment.person.id, ID_BYTES)))
        *ret = (struct why_not){"already-there", "This passkey is already there."};
    else if (!passkey_name_fits(f->req.passkey_name))
        *ret = (struct why_not){"name", "The name has control characters."};
    return SD_OK;
}

static enum sd_err check_all(struct keeper *k, struct finishing *f, struct why_not *ret) {
    const struct person *person = &f->enrolment.person;
    const char *unfit = password_unfit(k, f->req.password, buf_span(&person->email), buf_span(&person->name));
    if (unfit)
        *ret = (struct why_not){"password", unfit};
    enum sd_err err = unfit ? SD_OK : check_totp(k, f, ret);
    if (err == SD_OK && !ret->reason)
        err = check_passkey(k, f, ret);
    if (err || ret->reason)
        return err;
    if (role_needs_passkey(k, person->role) && !f->offered.good)
        *ret = (struct why_not){"passkey-required", "Your role signs in with a passkey: add one."};
    else if (!f->offered.good && !f->has_totp)
        *ret = (struct why_not){"no-factor", "Set up an authenticator app or a passkey besides the password."};
    return SD_OK;
}

static enum sd_err put_factors(struct keeper *k, const struct finishing *f, struct span id) {
    struct buf password SD_CLEANUP(buf_free) = buf_new(1024), totp SD_CLEANUP(buf_free) = buf_new(256);
    struct person_factors factors = {buf_span(&f->encoded), f->has_totp ? &f->enrolment.totp : NULL};
    enum sd_err err = person_wrap_factors(k, id, &factors, &password, &totp);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_PERSON_ENROLLED);
    query_blob(&q, buf_span(&password));
    query_blob(&q, buf_span(&totp));
    query_int(&q, (int64_t)f->used.last);
    query_blob(&q, id);
    return query_run(&q);
}

/* Within a transaction: what there was goes, what is new comes, the link is spent. */
static enum sd_err enrol(struct keeper *k, const struct finishing *f, struct buf *raw, struct ipc_list *recovery) {
    struct span id = span_of(f->enrolment.person.id, ID_BYTES);
    struct passkey_offer offer = offer_of(f);
    enum sd_err err = person_shut_out(k, id);
    if (err == SD_OK)
        err = person_drop_factors(k, id);
    if (err == SD_OK)
        err = put_factors(k, f, id);
    if (err == SD_OK && f->offered.good)
        err = passkey_add(k, id, f->req.passkey_name, &offer, &f->offered.credential);
    if (err == SD_OK && f->has_totp && !role_needs_passkey(k, f->enrolment.person.role))
        err = recovery_renew(k, id, raw, recovery);
    return err;
}

static const char *factors_text(const struct finishing *f) {
    if (f->has_totp)
        return f->offered.good ? "password, one-time codes, passkey" : "password, one-time codes";
    return "password, passkey";
}

static enum sd_err finish_live(struct keeper *k, struct finishing *f) {
    struct buf raw SD_CLEANUP(buf_free) = buf_new(1024);
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct keeper_enrol_finish_rep rep = {0};
    struct records records SD_CLEANUP(records_free);
    records_start(&records, k);
    struct leaf leaf = enrol_leaf(&f->enrolment, f->req.origin, "enrol");
    leaf.outcome = OUTCOME_GRANTED;
    leaf.reason = factors_text(f);
    enum sd_err err = db_begin(k->db);
    if (err)
        return err;
    err = enrol(k, f, &raw, &rep.recovery);
    if (err == SD_OK)
        err = keeper_enrol_finish_rep_encode(&out, &rep);
    if (err == SD_OK)
        records_add_changed(&records, &leaf);
    err = db_end(k->db, err ? err : records.err);
    rules_forget(k); /* the person is active now */
    return err ? err : records_send(&records, f->call, SD_OK, &out);
}

#define SENTENCE_NO_LINK "This link cannot be used: it is not known, was used, has run out, or the code is not right."

/* While the password was hashed, the link may have been used, replaced or taken back. */
static enum sd_err finish(struct keeper *k, struct finishing *f) {
    bool live = false;
    enum sd_err err = f->err ? f->err : enrolment_again(k, &f->enrolment, &live);
    if (err)
        return err;
    return live ? finish_live(k, f) : answer_problem(k, f->call, f, REASON_FAILED, SENTENCE_NO_LINK);
}

static void hash_password(struct job *job) {
    struct finishing *f = (struct finishing *)(void *)job;
    f->err = password_hash(f->req.password, f->cost, &f->encoded);
}

static void hashed(struct keeper *k, struct job *job) {
    struct finishing *f = (struct finishing *)(void *)job;
    enum sd_err err = finish(k, f);
    if (err)
        ipc_refuse(f->call, err);
    finishing_free(f);
}

static enum sd_err start_hashing(struct keeper *k, struct ipc_call *call, struct finishing *f, bool *ret_kept) {
    struct why_not why_not = {0};
    enum sd_err err = address_forgive(k, f->req.origin);
    if (err == SD_OK)
        err = check_all(k, f, &why_not);
    if (err || why_not.reason)
        return err ? err : answer_problem(k, call, f, why_not.reason, why_not.sentence);
    f->call = call;
    err = work_add(&k->sign_ins, &f->job);
    *ret_kept = err == SD_OK;
    return err;
}

static enum sd_err start_finishing(struct keeper *k, struct ipc_call *call, struct finishing *f, bool *ret_kept) {
    int64_t wait_ms = 0;
    if (work_full(&k->sign_ins))
        return SD_ERR_BUSY;
    enum sd_err err = address_charge(k, f->req.origin, &wait_ms);
    if (err == SD_OK && wait_ms == 0)
        err = enrolment_check(k, f->req.link, f->req.code, &f->enrolment);
    if (err)
        return err;
    if (wait_ms)
        return answer_problem(k, call, f, REASON_THROTTLED, "Too many attempts. Wait a while, then try again.");
    if (f->enrolment.verdict != ENROLMENT_LIVE)
        return answer_problem(k, call, f, REASON_FAILED, SENTENCE_NO_LINK);
    return start_hashing(k, call, f, ret_kept);
}

enum sd_err keeper_on_enrol_finish(void *ctx, struct ipc_call *call, const struct keeper_enrol_finish_req *req) {
    struct keeper *k = ctx;
    bool kept = false;
    struct finishing *f = calloc(1, sizeof *f);
    if (!f)
        return SD_ERR_NOMEM;
    f->job = (struct job){.run = hash_password, .done = hashed};
    f->req = *req;
    f->cost = k->spec.cost;
    f->encoded = buf_new(PASSWORD_HASH_MAX);
    enum sd_err err = start_finishing(k, call, f, &kept);
    if (!kept)
        finishing_free(f);
    return err;
}
