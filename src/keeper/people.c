/* people.c - somebody new with a password and an authenticator, at once: the command line, as root. */
#include "keeper/people.h"
#include "core/codec.h"

#include <stdlib.h>
#include <string.h>

struct adding {
    struct job job;
    struct ipc_call *call;
    struct keeper_user_add_req req; /* spans in the call's message */
    struct person_new person;
    struct password_cost cost;
    uint8_t email_bytes[LIMIT_ADDRESS_BYTES];
    struct buf encoded;
    bool break_glass;
    enum sd_err err;
};

static enum sd_err check_new(struct keeper *k, struct adding *adding, const char **problem) {
    struct asker root = {.root = true};
    const struct keeper_user_add_req *req = &adding->req;
    enum sd_err err = person_new_problem(k, &adding->person, problem);
    if (err == SD_OK && !*problem)
        *problem = password_unfit(k, req->password, req->email, req->name);
    if (err == SD_OK)
        err = is_break_glass(k, &root, adding->person.role, &adding->break_glass);
    if (err == SD_OK && !*problem && adding->break_glass && !is_reason(req->reason))
        *problem = PROBLEM_BREAK_GLASS;
    return err;
}

static struct leaf add_leaf(struct span person) {
    return (struct leaf){
        .actor = ACTOR_ROOT, .action = "user-add", .object = "person", .object_id = person, .outcome = OUTCOME_GRANTED};
}

static enum sd_err answer_problem(struct keeper *k, struct ipc_call *call, const char *problem) {
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct leaf leaf = add_leaf(SPAN_NONE);
    leaf.outcome = OUTCOME_FAILED;
    enum sd_err err = keeper_user_add_rep_encode(&out, &(struct keeper_user_add_rep){.problem = span_cstr(problem)});
    return err ? err : answer_recorded(k, call, &out, &leaf);
}

static enum sd_err encode_added(const struct adding *adding, struct span id, const struct secret *totp, struct ipc_out *out) {
    struct buf hex SD_CLEANUP(buf_free) = buf_new(64), uri SD_CLEANUP(buf_free) = buf_new(2048);
    put_hex(&hex, id);
    put_otpauth(&uri, adding->person.email, totp);
    enum sd_err err = buf_err(&uri);
    return err ? err
               : keeper_user_add_rep_encode(out,
                                            &(struct keeper_user_add_rep){.person = buf_span(&hex), .otpauth = buf_span(&uri)});
}

static enum sd_err add_rows(struct keeper *k, const struct adding *adding, struct span id, const struct secret *totp,
                            uint8_t note[ID_BYTES], struct records *records) {
    struct person_factors factors = {buf_span(&adding->encoded), totp};
    enum sd_err err = person_insert(k, &adding->person, id, PERSON_ACTIVE, &factors);
    return err || !adding->break_glass ? err : break_glass_raise(k, ALARM_ADMIN_MADE, id, adding->req.reason, note, records);
}

static enum sd_err add_person(struct keeper *k, struct adding *adding) {
    uint8_t id_bytes[ID_BYTES] = {0}, note[ID_BYTES] = {0};
    struct span id = span_of(id_bytes, sizeof id_bytes);
    struct secret totp SD_CLEANUP(secret_free) = {0};
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct records records SD_CLEANUP(records_free);
    records_start(&records, k);
    random_bytes(id_bytes, sizeof id_bytes);
    struct leaf leaf = add_leaf(id);
    leaf.detail = span_cstr(person_role_text(adding->person.role));
    enum sd_err err = adding->err ? adding->err : secret_random(TOTP_SECRET_BYTES, &totp);
    if (err == SD_OK)
        err = encode_added(adding, id, &totp, &out);
    if (err == SD_OK)
        err = db_begin(k->db);
    if (err)
        return err;
    err = add_rows(k, adding, id, &totp, note, &records);
    if (adding->break_glass)
        leaf.note = span_of(note, sizeof note);
    if (err == SD_OK)
        records_add_changed(&records, &leaf);
    err = db_end(k->db, err ? err : records.err);
    return err ? err : records_send(&records, adding->call, SD_OK, &out);
}

static void adding_free(struct adding *adding) {
    buf_free(&adding->encoded);
    free(adding);
}

static void hash_new(struct job *job) {
    struct adding *adding = (struct adding *)(void *)job;
    adding->err = password_hash(adding->req.password, adding->cost, &adding->encoded);
}

static void add_done(struct keeper *k, struct job *job) {
    struct adding *adding = (struct adding *)(void *)job;
    enum sd_err err = add_person(k, adding);
    if (err == SD_ERR_EXISTS) /* added by a second command while this one hashed */
        err = answer_problem(k, adding->call, "There is already a person with this address.");
    if (err)
        ipc_refuse(adding->call, err);
    adding_free(adding);
}

static enum sd_err start_adding(struct keeper *k, struct ipc_call *call, struct adding *adding, bool *ret_kept) {
    const char *problem = NULL;
    enum sd_err err = check_new(k, adding, &problem);
    if (err || problem)
        return err ? err : answer_problem(k, call, problem);
    adding->call = call;
    err = work_add(&k->sign_ins, &adding->job);
    *ret_kept = err == SD_OK;
    return err;
}

enum sd_err keeper_on_user_add(void *ctx, struct ipc_call *call, const struct keeper_user_add_req *req) {
    struct keeper *k = ctx;
    bool kept = false;
    struct adding *adding = calloc(1, sizeof *adding);
    if (!adding)
        return SD_ERR_NOMEM;
    adding->job = (struct job){.run = hash_new, .done = add_done};
    adding->req = *req;
    adding->cost = k->spec.cost;
    adding->encoded = buf_new(PASSWORD_HASH_MAX);
    adding->person = (struct person_new){.name = req->name, .role_text = req->role, .queues = req->queues};
    adding->person.email = span_of(adding->email_bytes, lower_case(req->email, adding->email_bytes, LIMIT_ADDRESS_BYTES));
    enum sd_err err = start_adding(k, call, adding, &kept);
    if (!kept)
        adding_free(adding);
    return err;
}
