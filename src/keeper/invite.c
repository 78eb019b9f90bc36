/* invite.c - somebody new, who sets up their own factors by a link and a code. Nobody else ever knows them. */
#include "core/codec.h"
#include "keeper/enrolment.h"
#include "keeper/enrolment_code.h"
#include "keeper/people.h"

struct inviting {
    struct asker asker;
    struct person_new person;
    uint8_t email_bytes[LIMIT_ADDRESS_BYTES], id[ID_BYTES], note[ID_BYTES];
    struct leaf leaf;
    struct records records;
    struct buf code, hex;
    struct enrolment_made made;
    bool break_glass;
};

static void inviting_free(struct inviting *i) {
    asker_free(&i->asker);
    records_free(&i->records);
    buf_free(&i->code);
    buf_free(&i->hex);
    explicit_bzero(i->made.link, sizeof i->made.link);
}

static enum sd_err answer_problem(struct keeper *k, struct ipc_call *call, struct inviting *i, const char *problem) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    i->leaf.outcome = OUTCOME_FAILED;
    enum sd_err err = keeper_person_invite_rep_encode(&out, &(struct keeper_person_invite_rep){.problem = span_cstr(problem)});
    return err ? err : answer_recorded(k, call, &out, &i->leaf);
}

static enum sd_err check(struct keeper *k, const struct keeper_person_invite_req *req, struct inviting *i,
                         const char **problem) {
    enum sd_err err = person_new_problem(k, &i->person, problem);
    if (err == SD_OK)
        err = is_break_glass(k, &i->asker, i->person.role, &i->break_glass);
    if (err == SD_OK && !*problem && i->break_glass && !is_reason(req->reason))
        *problem = PROBLEM_BREAK_GLASS;
    return err;
}

static enum sd_err add_rows(struct keeper *k, const struct keeper_person_invite_req *req, struct inviting *i) {
    struct sha256 code;
    struct span id = span_of(i->id, ID_BYTES);
    random_bytes(i->id, ID_BYTES);
    enum sd_err err = enrolment_code_make(k, &i->code, &code);
    if (err == SD_OK)
        err = person_insert(k, &i->person, id, PERSON_INVITED, &(struct person_factors){0});
    if (err == SD_OK)
        err = enrolment_make(k, id, &code, &i->made);
    if (err == SD_OK && i->break_glass)
        err = break_glass_raise(k, ALARM_ADMIN_MADE, id, req->reason, i->note, &i->records);
    return err;
}

static enum sd_err encode(struct inviting *i, struct ipc_out *out) {
    put_hex(&i->hex, span_of(i->id, ID_BYTES));
    return keeper_person_invite_rep_encode(out,
                                           &(struct keeper_person_invite_rep){.person = buf_span(&i->hex),
                                                                              .link = span_of(i->made.link, ENROL_LINK_BYTES),
                                                                              .code = buf_span(&i->code),
                                                                              .expires_ms = i->made.expires_ms});
}

/* Within a transaction, which a refusal undoes: it costs nobody a gesture. */
static enum sd_err invite(struct keeper *k, const struct keeper_person_invite_req *req, struct inviting *i,
                          struct permission *permission, struct ipc_out *out) {
    enum sd_err err = asker_permit(k, &i->asker, &(struct demand){.verb = VERB_PEOPLE}, permission);
    if (err || permission->status)
        return err;
    err = add_rows(k, req, i);
    if (err == SD_OK)
        err = encode(i, out);
    i->leaf.outcome = OUTCOME_GRANTED;
    i->leaf.object_id = span_of(i->id, ID_BYTES);
    i->leaf.reason = person_role_text(i->person.role);
    i->leaf.detail = permission->by_totp ? SPAN("with a one-time code") : SPAN_NONE;
    i->leaf.note = i->break_glass ? span_of(i->note, ID_BYTES) : SPAN_NONE;
    if (err == SD_OK)
        records_add_changed(&i->records, &i->leaf);
    return err ? err : i->records.err;
}

static enum sd_err invite_or_refuse(struct keeper *k, struct ipc_call *call, const struct keeper_person_invite_req *req,
                                    struct inviting *i) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct permission permission = {.status = SD_ERR_DENIED};
    enum sd_err err = db_begin(k->db);
    if (err)
        return err;
    err = invite(k, req, i, &permission, &out);
    if (err == SD_OK && permission.status) {
        db_rollback(k->db);
        return refuse_permission(k, call, &permission, &i->leaf);
    }
    err = db_end(k->db, err);
    return err ? err : records_send(&i->records, call, SD_OK, &out);
}

enum sd_err keeper_on_person_invite(void *ctx, struct ipc_call *call, const struct keeper_person_invite_req *req) {
    struct keeper *k = ctx;
    struct inviting i SD_CLEANUP(inviting_free) = {.code = buf_new(32), .hex = buf_new(64)};
    const char *problem = NULL;
    bool may = false;
    records_start(&i.records, k);
    i.person = (struct person_new){.name = req->name, .role_text = req->role, .queues = req->queues};
    i.person.email = span_of(i.email_bytes, lower_case(req->email, i.email_bytes, sizeof i.email_bytes));
    enum sd_err err = asker_find(k, call, req->token, req->origin, &i.asker);
    if (err == SD_OK)
        err = asker_may(k, &i.asker, VERB_PEOPLE, &may);
    if (err == SD_OK && may)
        err = check(k, req, &i, &problem);
    if (err)
        return err;
    i.leaf = asker_leaf(&i.asker, req->origin, "invite");
    i.leaf.object = "person";
    return problem ? answer_problem(k, call, &i, problem) : invite_or_refuse(k, call, req, &i);
}
