/* people.c - adding people and listing them: the command line, as root. */
#include "core/codec.h"
#include "core/json_out.h"
#include "keeper/handlers.h"
#include "keeper/totp.h"

#include <stdlib.h>
#include <string.h>

struct adding {
    struct job job;
    struct ipc_call *call;
    struct keeper_user_add_req req; /* spans in the call's message */
    enum person_role role;
    struct password_cost cost;
    uint8_t email_bytes[LIMIT_ADDRESS_BYTES];
    struct span email;
    struct buf encoded;
    enum sd_err err;
};

static bool is_name(struct span s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 0x20 || s.p[i] == 0x7f)
            return false;
    return span_trim(s).n > 0;
}

static enum sd_err check_queues(struct keeper *k, struct ipc_list queues, const char **problem) {
    struct ipc_list_iter iter = ipc_list_start(queues);
    struct queue_row row;
    struct span name;
    enum sd_err err = SD_OK;
    while (err == SD_OK && ipc_list_next(&iter, &name)) {
        err = queue_find(k, name, &row);
        if (err == SD_OK && (!row.there || !row.active))
            *problem = "There is no such queue.";
    }
    return err;
}

static enum sd_err check_new(struct keeper *k, struct adding *adding, const char **problem) {
    const struct keeper_user_add_req *req = &adding->req;
    const char *password = password_problem_for(req->password, req->email, &req->name, 1);
    if (!is_address(req->email))
        *problem = "This is not an e-mail address.";
    else if (!is_name(req->name))
        *problem = "The name is empty or has control characters.";
    else if (!person_role_from(req->role, &adding->role) || adding->role == ROLE_NOBODY)
        *problem = "The role is none of agent, supervisor, security, privacy, admin, auditor.";
    else if (password)
        *problem = password;
    if (*problem)
        return SD_OK;
    enum sd_err err = check_queues(k, req->queues, problem);
    if (err || *problem)
        return err;
    struct query q = db_query(k->db, SQL_PERSON_ID_BY_EMAIL);
    query_text(&q, adding->email);
    if (query_row(&q))
        *problem = "There is already a person with this address.";
    return query_end(&q);
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

/* ---- the rows ---- */

static enum sd_err add_row(struct keeper *k, const struct adding *adding, struct span id, const struct secret *totp) {
    struct buf password SD_CLEANUP(buf_free) = buf_new(1024), wrapped SD_CLEANUP(buf_free) = buf_new(256);
    enum sd_err err = vault_wrap(&k->vault, "person.password", id, buf_span(&adding->encoded), &password);
    if (err == SD_OK)
        err = vault_wrap(&k->vault, "person.totp", id, secret_span(totp), &wrapped);
    if (err)
        return err;
    struct query q = db_query(k->db, SQL_PERSON_ADD);
    query_blob(&q, id);
    query_text(&q, adding->email);
    query_text(&q, span_trim(adding->req.name));
    query_int(&q, adding->role);
    query_blob(&q, buf_span(&password));
    query_blob(&q, buf_span(&wrapped));
    query_int(&q, k->spec.now_ms());
    return query_run(&q);
}

static enum sd_err add_queues(struct keeper *k, const struct adding *adding, struct span id) {
    struct ipc_list_iter iter = ipc_list_start(adding->req.queues);
    struct span queue;
    enum sd_err err = SD_OK;
    while (err == SD_OK && ipc_list_next(&iter, &queue)) {
        struct query q = db_query(k->db, SQL_PERSON_QUEUE_ADD);
        query_blob(&q, id);
        query_text(&q, queue);
        err = query_run(&q);
    }
    return err;
}

/* The key URI format that authenticators read; a space or a sign in the address is percent-encoded. */
static void put_otpauth(struct buf *to, struct span email, const struct secret *totp) {
    buf_text(to, "otpauth://totp/Sealdesk:");
    for (size_t i = 0; i < email.n; i++) {
        uint8_t c = email.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || memchr("@.-_~", c, 5);
        if (plain)
            buf_byte(to, c);
        else
            buf_printf(to, "%%%02X", c);
    }
    buf_text(to, "?secret=");
    put_base32(to, secret_span(totp));
    buf_printf(to, "&issuer=Sealdesk&algorithm=SHA1&digits=%d&period=%d", TOTP_DIGITS, TOTP_STEP_S);
}

static enum sd_err encode_added(const struct adding *adding, struct span id, const struct secret *totp, struct ipc_out *out) {
    struct buf hex SD_CLEANUP(buf_free) = buf_new(64), uri SD_CLEANUP(buf_free) = buf_new(2048);
    put_hex(&hex, id);
    put_otpauth(&uri, adding->email, totp);
    enum sd_err err = buf_err(&uri);
    return err ? err
               : keeper_user_add_rep_encode(out,
                                            &(struct keeper_user_add_rep){.person = buf_span(&hex), .otpauth = buf_span(&uri)});
}

static enum sd_err add_person(struct keeper *k, struct adding *adding) {
    uint8_t id_bytes[ID_BYTES] = {0};
    struct span id = span_of(id_bytes, sizeof id_bytes);
    struct secret totp SD_CLEANUP(secret_free) = {0};
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct records records SD_CLEANUP(records_free);
    records_start(&records, k);
    random_bytes(id_bytes, sizeof id_bytes);
    struct leaf leaf = add_leaf(id);
    leaf.detail = span_cstr(person_role_text(adding->role));
    enum sd_err err = adding->err ? adding->err : secret_random(TOTP_SECRET_BYTES, &totp);
    if (err == SD_OK)
        err = encode_added(adding, id, &totp, &out);
    if (err == SD_OK)
        err = db_begin(k->db);
    if (err)
        return err;
    err = add_row(k, adding, id, &totp);
    if (err == SD_OK)
        err = add_queues(k, adding, id);
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
    adding->email = span_of(adding->email_bytes, lower_case(req->email, adding->email_bytes, sizeof adding->email_bytes));
    enum sd_err err = start_adding(k, call, adding, &kept);
    if (!kept)
        adding_free(adding);
    return err;
}

/* ---- listing ---- */

static enum sd_err put_person(struct keeper *k, struct query *row, struct buf *line) {
    uint8_t id[ID_BYTES];
    struct json_out j = json_out(line);
    query_get_fixed(row, 0, id, sizeof id);
    json_begin_object(&j, NULL);
    json_hex(&j, "id", span_of(id, sizeof id));
    json_text(&j, "email", query_get(row, 1));
    json_text(&j, "name", query_get(row, 2));
    json_cstr(&j, "role", person_role_text((unsigned)query_get_int(row, 3)));
    json_begin_array(&j, "queues");
    struct query q = db_query(k->db, SQL_PERSON_QUEUES);
    query_blob(&q, span_of(id, sizeof id));
    while (query_row(&q))
        json_text(&j, NULL, query_get(&q, 0));
    json_end(&j);
    json_end(&j);
    enum sd_err err = query_end(&q);
    return err ? err : buf_err(line);
}

#define LIST_BYTES ((size_t)32 * 1024) /* of one answer, before its last line */
#define LIST_MAX 200

/* Lines as far as they fit one answer; the next one begins behind the last address. */
static enum sd_err list_people(struct keeper *k, struct span after, struct buf *raw, struct ipc_list *ret, struct buf *next) {
    struct buf line SD_CLEANUP(buf_free) = buf_new(16384);
    enum sd_err err = SD_OK;
    bool full = false;
    struct query q = db_query(k->db, SQL_PERSON_AFTER);
    query_text(&q, after);
    while (err == SD_OK && !full && query_row(&q)) {
        buf_reset(&line);
        err = put_person(k, &q, &line);
        ipc_list_add(ret, raw, buf_span(&line));
        full = raw->n > LIST_BYTES || ret->count == LIST_MAX;
        if (full)
            buf_put(next, query_get(&q, 1));
    }
    enum sd_err end = query_end(&q);
    err = err ? err : end;
    return err ? err : buf_err(raw);
}

enum sd_err keeper_on_user_list(void *ctx, struct ipc_call *call, const struct keeper_user_list_req *req) {
    struct keeper *k = ctx;
    struct buf raw SD_CLEANUP(buf_free) = buf_new(LIMIT_IPC_INLINE_BYTES), next SD_CLEANUP(buf_free) = buf_new(512);
    struct ipc_out out SD_CLEANUP(ipc_out_free) = ipc_out_new();
    struct keeper_user_list_rep rep = {0};
    enum sd_err err = list_people(k, req->after, &raw, &rep.people, &next);
    rep.next = buf_span(&next);
    if (err == SD_OK)
        err = keeper_user_list_rep_encode(&out, &rep);
    if (err)
        return err;
    struct leaf leaf = {.actor = ACTOR_ROOT, .action = "user-list", .object = "people", .outcome = OUTCOME_GRANTED};
    return answer_recorded(k, call, &out, &leaf);
}
